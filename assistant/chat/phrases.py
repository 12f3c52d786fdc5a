"""Which atoms the words of an answer point at: named groups, elements, rings, atom numbers.

"an ester and a benzene ring, at atom 3" ─► ester: 2, 3, 4 │ benzene ring: 5 … 10 │ atom 3: 3
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from rdkit import Chem

from assistant.chat.claims.lexicon import Term, find_terms
from assistant.chat.claims.structures import find_structures
from assistant.chat.claims.text import normalise, split_sentences
from assistant.chem.groups import GroupMatch, groups_called
from assistant.chem.molecule import Molecule

_NUMBERS = re.compile(r"\batoms?\s+(\d{1,3}(?:\s*(?:,\s*and|,|and|to|&|–|-)\s*\d{1,3})*)", re.I)
_RANGE = re.compile(r"(\d+)\s*(?:to|–|-)\s*(\d+)")
# Words wider than a row of the table of groups.
_BROAD = {
    "carbonyl": "[CX3]=[OX1]",
    "hydroxyl": "[OX2H]",
    "phenyl": "c1ccccc1",
    "benzene ring": "c1ccccc1",
    "halogen": "[F,Cl,Br,I]",
    "methyl": "[CX4H3]",
    "methoxy": "[CX4H3][OX2][#6]",
    "heteroatom": "[!#6;!#1]",
    "alkene": "[CX3]=[CX3]",
    "triple bond": "*#*",
    "amine": "[NX3;!$(N[#6]=[O,S,N]);!$(N[S,P]=O);!$([N+])]",
}


@dataclass(frozen=True)
class Phrase:
    """Words that point at atoms.

    Attributes:
        start: First character in the text.
        end: Behind the last.
        atoms: Atom numbers, from 1, as on the drawing.
    """

    start: int
    end: int
    atoms: tuple[int, ...]


def phrases(text: str, molecule: Molecule, groups: Iterable[GroupMatch]) -> tuple[Phrase, ...]:
    """The words of an answer that point at atoms of a molecule, in order, without overlap.

    Args:
        text: The answer.
        molecule: What it is read as being about.
        groups: The molecule's named groups, from its facts.
    """
    plain, mol = normalise(text), molecule.rdmol()
    found = [
        Phrase(match.start(), match.end(), numbers)
        for match in _NUMBERS.finditer(plain)
        if (numbers := _numbered(match[1], mol.GetNumAtoms()))
    ]
    known = tuple(groups)
    protected = sorted((one.start, one.end) for one in find_structures(plain))
    for sentence in split_sentences(plain, protected):
        for match in find_terms(sentence.tokens):
            first, last = sentence.tokens[match.first], sentence.tokens[match.behind - 1]
            if atoms := _atoms_of(match.term, mol, known):
                found.append(Phrase(first.start, last.end, atoms))
    kept: list[Phrase] = []
    for phrase in sorted(found, key=lambda one: (one.start, -one.end)):
        if not kept or phrase.start >= kept[-1].end:
            kept.append(phrase)
    return tuple(kept)


def _numbered(words: str, n_atoms: int) -> tuple[int, ...]:
    numbers = {int(number) for number in re.findall(r"\d+", words)}
    for first, last in _RANGE.findall(words):
        numbers |= set(range(int(first), min(int(last), n_atoms) + 1))
    return tuple(sorted(number for number in numbers if 1 <= number <= n_atoms))


def _atoms_of(term: Term, mol: Chem.Mol, groups: tuple[GroupMatch, ...]) -> tuple[int, ...]:
    if term.family == "group" and term.key in _BROAD:
        matches = mol.GetSubstructMatches(_pattern(term.key))
        return tuple(sorted({index + 1 for match in matches for index in match}))
    if term.family == "group":
        names = {group.name for group in groups_called(term.key)}
        places = [place for group in groups if group.name in names for place in group.atoms]
        return tuple(sorted({number for place in places for number in place}))
    if term.family == "element":
        return tuple(a.GetIdx() + 1 for a in mol.GetAtoms() if a.GetSymbol() == term.key)
    if term.family == "count" and term.key in ("rings", "ring_systems", "aromatic_rings"):
        wanted = (
            (lambda a: a.GetIsAromatic()) if term.key == "aromatic_rings" else Chem.Atom.IsInRing
        )
        return tuple(atom.GetIdx() + 1 for atom in mol.GetAtoms() if wanted(atom))
    if term.family == "count" and term.key == "stereocentres":
        centres = Chem.FindMolChiralCenters(
            mol, includeUnassigned=True, useLegacyImplementation=False
        )
        return tuple(index + 1 for index, _ in centres)
    return ()


@functools.cache
def _pattern(word: str) -> Chem.Mol:
    return Chem.MolFromSmarts(_BROAD[word])
