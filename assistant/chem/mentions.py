"""Molecules that a sentence is about: "What is the logP of caffeine?", "Is CCO heavier than CCC?".

    words ─► names of the table, SMILES, CAS numbers ─► less those that are something else there

A name is not always a subject: "soluble in water" names a medium, "a phenol" and "the pyridine
ring" a group, "water solubility" a property. Rather one too few than one too many: what is not
found stays a word, and can be put into the box above the sketcher.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assistant.chem.groups import GROUPS
from assistant.chem.limits import MAX_SMILES_CHARS
from assistant.chem.molecule import Molecule
from assistant.chem.names import CAS_NUMBER, NameEntry, NameTable
from assistant.errors import AssistantError

MAX_MENTIONS = 4
_MAX_WORDS = 5  # of a name
_SHORTEST_NAME = 5  # shorter ones must be written letter by letter: CAN is a reagent, can is not
_LEAST_ATOMS = 3  # of a SMILES: C=C and N-H are bonds that are spoken of

_WORD = re.compile(r"\S+")
_OPENING, _CLOSING = "\"'(“‘`*", "\"')”’`*?!.,;:"
_SIGNS = re.compile(r"[\[\]()=#@\\/]|[A-Za-z]\d+[A-Za-z(=#]")
_CHAIN = re.compile(r"(?:Br|Cl|[BCNOPSFI])*CC(?:Br|Cl|[BCNOPSFI])*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KINDS = _words("a an any some no one two three four five many few several another other")
_HOLDS = _words("contain contains containing have has had having with without bears bear")
_MEDIA = _words("in into by using via on under through per within as like against for")
_OWNERS = _words("its their my your our his her")
_AMOUNTS = _words("% mm µm um m n eq equiv equivalents mg g ml mmol mol percent aq")
_BESIDE = _words("from with to")
_SUBJECTS = _words("of about is are was has have and or compare vs vs.") | {""}
_SMALLEST = 3  # heavy atoms: water, hydrogen and HCl are mostly something else than the subject
_COMPARES = re.compile(
    r"\b(?:compare[ds]?|comparison|differ\w*|similar\w*|same|versus|vs|relative|contrast)\b",
    re.IGNORECASE,
)
_MORE_OF_A_NAME = _words(
    "ester ether oxime hydrochloride hydrobromide sodium potassium calcium acetate sulfate sulphate"
    " phosphate chloride bromide iodide nitrate salt hydrate monohydrate dihydrate anhydride oxide"
    " amide acid dimer mesylate citrate tartrate maleate fumarate succinate methyl ethyl propyl"
    " isopropyl butyl tert-butyl phenyl benzyl acetyl chloro bromo fluoro iodo nitro amino hydroxy"
    " dimethyl diethyl deuterated protonated"
)
_PARTS = _words(
    "ring rings group groups moiety moieties unit units core cores derivative derivatives scaffold"
    " scaffolds fragment fragments substructure substructures motif motifs skeleton nucleus side"
    " bond bonds double triple substituent substituents functionality nitrogen oxygen carbon"
    " solubility soluble solution solutions partition content bath free layer phase like atom atoms"
    " type types system systems linkage bridge stock buffer column protons proton signal"
    " signals"
)
_GROUP_NAMES = frozenset(name.lower() for g in GROUPS for name in (g.name, g.plural))
_PRONOUN = re.compile(r"\b(?:it|its|they|them|their)\b", re.IGNORECASE)
_POINTER = re.compile(
    r"\b(?:this|these|those|both|all|molecules?|compounds?|structures?|drawn|previous|first|other"
    r"|here)\b|@\d",
    re.IGNORECASE,
)
_THAN = re.compile(r"\bthan\b", re.IGNORECASE)


@dataclass(frozen=True)
class Mention:
    """A molecule that is named in a text.

    Attributes:
        start: Its first character.
        end: Behind its last one.
        molecule: Which one, with its name where it was named.
    """

    start: int
    end: int
    molecule: Molecule


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    ends_part: bool
    """Whether a comma or a full stop stands behind it."""


def mentions_in(text: str, names: NameTable, *, has_subject: bool = False) -> tuple[Mention, ...]:
    """The molecules a sentence is about, in order, at most `MAX_MENTIONS`.

    Args:
        text: What a person wrote.
        names: Of molecules.
        has_subject: Whether there is a molecule that "it" can mean. Then one that is named after
            it, without a comparison, is what it reacts with or dissolves in.
    """
    tokens = list(_tokens(text))
    compares = _COMPARES.search(text) is not None
    beside = has_subject and not compares and not _THAN.search(text)
    found: list[Mention] = []
    skipped_at = -2  # a list goes on as it begins: "in water or ethanol"
    place = 0
    while place < len(tokens) and len(found) < MAX_MENTIONS:
        read = _read_at(tokens, place, text, names)
        if read is None:
            place += 1
            continue
        mention, n_words, is_reagent = read
        refers_to = text if is_reagent or found else text[: mention.start]
        is_beside = beside and not found and _refers(refers_to)
        goes_on = _goes_on(tokens, place, skipped_at)
        said = text[mention.start : mention.end]
        is_other = _is_something_else(tokens, place, n_words, said, compares=compares)
        before = tokens[place - 1].text.lower() if place else ""
        n_atoms = mention.molecule.rdmol().GetNumHeavyAtoms()
        if is_beside or goes_on or is_other or (n_atoms < _SMALLEST and before not in _SUBJECTS):
            skipped_at = place + n_words - 1
        else:
            found.append(mention)
        place += n_words
    return tuple(found)


def is_only_about(text: str, mentions: Sequence[Mention]) -> bool:
    """Whether a sentence is about the molecules it names and no other: it refers to none.

    "Is it heavier than caffeine?" and "Compare with caffeine" are about another one too.
    """
    if not mentions:
        return False
    rest = text
    for mention in reversed(mentions):
        rest = rest[: mention.start] + "·" + rest[mention.end :]
    if _PRONOUN.search(text[: mentions[0].start]) or _POINTER.search(rest):
        return False
    alone = len(mentions) == 1
    return not (alone and (_COMPARES.search(rest) or _THAN.search(rest)))


def _refers(text: str) -> bool:
    return bool(_PRONOUN.search(text) or _POINTER.search(text))


def _tokens(text: str) -> Iterator[_Token]:
    for match in _WORD.finditer(text):
        word = match[0]
        bare = word.lstrip(_OPENING) if not word.startswith("InChI=") else word
        start = match.start() + len(word) - len(bare)
        bare = bare.rstrip("\"'”’`*?!.,;:")
        if bare.count(")") > bare.count("("):
            bare = bare.rstrip(_CLOSING)
        if bare:
            end = start + len(bare)
            yield _Token(start, end, bare, any(c in ",;.:?!" for c in text[end : match.end()]))


def _read_at(
    tokens: Sequence[_Token], place: int, text: str, names: NameTable
) -> tuple[Mention, int, bool] | None:
    """The longest name at a word, or the structure that it is; its words; whether a reagent."""
    first = tokens[place]
    for n_words in range(min(_MAX_WORDS, len(tokens) - place), 0, -1):
        some = tokens[place : place + n_words]
        if any(token.ends_part for token in some[:-1]):
            continue
        said = text[first.start : some[-1].end]
        if (entry := _named(said, names)) is not None:
            mention = Mention(first.start, some[-1].end, entry.molecule())
            return mention, n_words, entry.kind in ("reagent", "solvent")
    molecule = _structure(first.text)
    return None if molecule is None else (Mention(first.start, first.end, molecule), 1, False)


def _named(said: str, names: NameTable) -> NameEntry | None:
    if CAS_NUMBER.fullmatch(said):
        entry = names.find(said)
    elif len(said) < _SHORTEST_NAME or said.isupper():
        entry = None if said.islower() else names.find_exactly(said)
    else:
        entry = names.find(said)
    try:
        return entry if entry is not None and entry.molecule() else None
    except AssistantError:
        return None


def _structure(word: str) -> Molecule | None:
    """A SMILES or InChI that can be nothing else."""
    if len(word) > MAX_SMILES_CHARS or not (_SIGNS.search(word) or _CHAIN.fullmatch(word)):
        return None
    if word.startswith("InChI="):
        return None  # a line of its own, which `inputs` reads
    try:
        molecule = Molecule.parse(word)
    except AssistantError:
        return None
    return molecule if molecule.rdmol().GetNumHeavyAtoms() >= _LEAST_ATOMS else None


def _goes_on(tokens: Sequence[_Token], place: int, skipped_at: int) -> bool:
    before = tokens[place - 1] if place else None
    if before is None or skipped_at < 0:
        return False
    joined = before.text.lower() in ("and", "or", "nor") and skipped_at == place - 2
    return joined or (skipped_at == place - 1 and before.ends_part)


def _is_something_else(
    tokens: Sequence[_Token], place: int, n_words: int, said: str, *, compares: bool
) -> bool:
    """Whether a name stands for a medium, a group or a part of a word, and not for a molecule."""
    before = tokens[place - 1].text.lower() if place else ""
    last = tokens[place + n_words - 1]
    after = ""
    if place + n_words < len(tokens) and not last.ends_part:
        after = tokens[place + n_words].text.lower()
    if before in _KINDS | _MEDIA | _OWNERS | _AMOUNTS | _MORE_OF_A_NAME:
        return True
    if after in _PARTS | _MORE_OF_A_NAME:
        return True
    if said.lower() in _GROUP_NAMES and before in _HOLDS | {"the"}:
        return True
    return before in _BESIDE and not compares
