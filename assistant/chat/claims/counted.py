"""How many of a thing a molecule has: from the facts where they say it, else by substructure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from assistant.chat.claims.lexicon import BROAD, Term
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts
from assistant.chem.groups import count_range
from assistant.chem.molecule import Molecule

_ATOM = re.compile(r"\[?(?:[0-9]+)?([A-Z][a-z]?)\]?([0-9]*)")


@dataclass(frozen=True)
class Range:
    """The least and the most that may be counted.

    Args:
        least: By the strict meaning of the word.
        most: By its loosest meaning.
        truth: What to show.
        other: A count by another common definition, which is open rather than wrong.
        narrowed: An adjective restricts the meaning in a way that is not computed.
    """

    least: int
    most: int
    truth: str
    narrowed: bool = False
    other: int | None = None


_NAMES = {
    "heavy_atoms": ("heavy atom", "heavy atoms"),
    "rings": ("ring", "rings"),
    "aromatic_rings": ("aromatic ring", "aromatic rings"),
    "ring_systems": ("ring system", "ring systems"),
    "stereocentres": ("stereocentre", "stereocentres"),
    "double_bonds": ("stereo double bond", "stereo double bonds"),
    "hbd": ("hydrogen bond donor", "hydrogen bond donors"),
    "hba": ("hydrogen bond acceptor", "hydrogen bond acceptors"),
    "rotatable_bonds": ("rotatable bond", "rotatable bonds"),
    "fragments": ("fragment", "fragments"),
}
# Adjectives that say nothing new about the thing, by kind of thing.
_HARMLESS = words(
    "terminal free polar organic distinct basic phenolic central ionisable ionizable single "
    "pendant aliphatic-free explicit possible potential tetrahedral stereogenic hydrogen-bond "
    "covalent intact simple unprotected"
) - {"terminal", "basic", "phenolic", "ionisable", "ionizable"}


def count_of(term: Term, modifiers: Sequence[str], facts: Facts) -> Range:
    """How many of `term` the molecule has."""
    sizes = [m for m in modifiers if m.endswith("-ring")]
    rest = [m for m in modifiers if m not in _HARMLESS and m not in ("membered", *sizes)]
    if sizes and term.key in ("rings", "aromatic_rings"):
        counted = _rings_of_size(int(sizes[0].split("-")[0]), term.key == "aromatic_rings", facts)
    elif term.family == "element":
        counted = _element(term.key, facts)
    elif term.family == "group":
        counted = _group(term.key, facts)
    else:
        counted = _COUNTERS[term.key](facts)
    return replace(counted, narrowed=True) if rest else counted


def elements(formula: str) -> dict[str, int]:
    """Atoms per element of a formula; deuterium counts as D."""
    counts: dict[str, int] = {}
    for symbol, number in _ATOM.findall(formula):
        counts[symbol] = counts.get(symbol, 0) + int(number[:6] or 1)
    return counts


def _say(n: int, one: str, many: str) -> str:
    return f"no {many}" if n == 0 else f"{n} {one if n == 1 else many}"


def _fact(key: str) -> Callable[[Facts], Range]:
    def counter(facts: Facts) -> Range:
        n = int(getattr(facts, key))
        return Range(n, n, _say(n, *_NAMES[key]))

    return counter


def _or_lipinski(key: str) -> Callable[[Facts], Range]:
    """For donors, acceptors, rotatable bonds: a second common definition is open, not wrong."""

    def counter(facts: Facts) -> Range:
        n = int(getattr(facts, key))
        other = _other_definitions(facts.smiles)[key]
        truth = f"{_say(n, *_NAMES[key])} computed"
        if other != n:
            truth += f" ({other} by another common definition)"
        return Range(n, n, truth, other=other)

    return counter


@lru_cache(maxsize=256)
def _other_definitions(smiles: str) -> dict[str, int]:
    mol = Molecule(smiles).rdmol()
    loose = rdMolDescriptors.NumRotatableBondsOptions.NonStrict
    return {
        "hbd": rdMolDescriptors.CalcNumLipinskiHBD(mol),
        "hba": rdMolDescriptors.CalcNumLipinskiHBA(mol),
        "rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds(mol, loose),
    }


def _alert_counter(*catalogues: str) -> Callable[[Facts], Range]:
    def counter(facts: Facts) -> Range:
        named = [a for a in facts.alerts if a.catalogue.lower() in catalogues]
        names = ", ".join(dict.fromkeys(f"{a.catalogue} {a.name}" for a in named))
        distinct = len({(a.catalogue, a.name) for a in named})
        return Range(distinct, len(named), f"alerts: {names}" if named else "no such alerts")

    return counter


def _violations(facts: Facts) -> Range:
    n = len(facts.rule_of_five_violations)
    said = "; ".join(facts.rule_of_five_violations)
    return Range(
        n, n, f"{n} rule-of-five violations ({said})" if n else "no rule-of-five violations"
    )


_COUNTERS: dict[str, Callable[[Facts], Range]] = {
    **{key: _fact(key) for key in _NAMES},
    **{key: _or_lipinski(key) for key in ("hbd", "hba", "rotatable_bonds")},
    "pains": _alert_counter("pains"),
    "brenk": _alert_counter("brenk"),
    "alerts": _alert_counter("pains", "brenk"),
    "ro5": _violations,
    "atoms": lambda facts: Range(*(2 * (sum(elements(facts.formula).values()),)), facts.formula),
}

COUNTED = frozenset(_COUNTERS)
"""Keys of what is counted without a substructure search of its own."""


def _element(symbol: str, facts: Facts) -> Range:
    n = elements(facts.formula).get(symbol, 0)
    return Range(n, n, f"{_say(n, symbol + ' atom', symbol + ' atoms')} ({facts.formula})")


def _rings_of_size(size: int, aromatic: bool, facts: Facts) -> Range:
    mol = Molecule(facts.smiles).rdmol()
    rings = [r for r in mol.GetRingInfo().AtomRings() if len(r) == size]
    if aromatic:
        rings = [r for r in rings if all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in r)]
    kind = f"{size}-membered {'aromatic ' if aromatic else ''}ring"
    return Range(len(rings), len(rings), _say(len(rings), kind, kind + "s"))


_NO_ACYL = "!$(NC=[O,S]);!$(NS(=O)=O);!$(N~[O,N])"
# name: (strict patterns, loose patterns); a SMARTS is counted by unique matches
_PATTERNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "halogen": (("[F,Cl,Br,I;X1]",), ("[F,Cl,Br,I]",)),
    "carbonyl": (("[#6X3]=[OX1]",), ("[#6]=[OX1]", "[#6-]#[O+]")),
    "hydroxyl": (("[OX2H][#6;!$([#6]=[OX1])]",), ("[OX2H,OX1-]",)),
    "phenyl": (
        ("[*;!R]-!@c1[cH][cH][cH][cH][cH]1", "[*;R]-!@c1[cH][cH][cH][cH][cH]1"),
        ("c1ccccc1",),
    ),
    "heteroatom": (("[!#6;!#1]",), ("[!#6;!#1]",)),
    "alkene": (("[C;!$(C[#7,#8])]=[C;!$(C[#7,#8])]",), ("[#6;!c]=[#6;!c]",)),
    "C=C double bond": (("[C;!$(C[#7,#8])]=[C;!$(C[#7,#8])]",), ("[#6;!c]=[#6;!c]",)),
    "triple bond": (("*#*",), ("*#*", "[NX1-]=[NX2+]", "[NX2+]=[NX1-]")),
    "primary amine": ((), (f"[NX3H2,NX4H3+;{_NO_ACYL}]",)),
    "secondary amine": ((), (f"[NX3H1,NX4H2+;{_NO_ACYL}]([#6])[#6]",)),
    "tertiary amine": ((), (f"[NX3H0,NX4H1+;{_NO_ACYL}]([#6])([#6])[#6]", "n")),
    "methyl": (("[CH3][#6]",), ("[CH3]",)),
    "methoxy": (("[CH3][OX2][#6;!$([#6]=O)]",), ("[CH3][OX2]",)),
    "acetyl": (("[CH3][CX3;!H1](=O)",), ("[CH3][CX3](=[OX1])",)),
    "tert-butyl": (("[CX4]([CH3])([CH3])([CH3])[!$([CH3])]",), ("[CX4]([CH3])([CH3])[CH3]",)),
    "isopropyl": (("[CX4;H1]([CH3])([CH3])[*]",), ("[CX4;H1]([CH3])[CH3]",)),
}
_DRAWN = "C=C double bond"
# Nitrogens that some call amines.
_LOOSE_AMINES = "[#7;!$([#7][#6]=[OX1]);!$([#7]S(=O)=O);!$([#7](=O)~O);!$([NX1]);!$([#7X2]=[#7])]"


@cache
def _pattern(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)


def _matches(mol: Chem.Mol, patterns: Sequence[str]) -> int:
    found = {
        frozenset(m)
        for p in patterns
        for m in mol.GetSubstructMatches(_pattern(p), maxMatches=2000)
    }
    return len(found)


@lru_cache(maxsize=2048)
def _broad(key: str, smiles: str) -> tuple[int, int]:
    """Least and most of a broad group by substructure."""
    mol = Molecule(smiles).rdmol()
    if key in _PATTERNS:
        strict, loose = _PATTERNS[key]
        least = _matches(mol, strict)
        return least, max(least, _matches(mol, loose))
    rings = mol.GetRingInfo().AtomRings()
    atoms = [[mol.GetAtomWithIdx(i) for i in ring] for ring in rings]
    hetero = [r for r in atoms if any(a.GetAtomicNum() != 6 for a in r)]
    aromatic = [all(a.GetIsAromatic() for a in r) for r in atoms]
    match key:
        case "benzene ring":
            carbon = [
                r
                for r, a in zip(rings, aromatic, strict=True)
                if a and len(r) == 6 and _all_carbon(mol, r)
            ]
            alone = sum(all(mol.GetRingInfo().NumAtomRings(i) == 1 for i in r) for r in carbon)
            return alone, len(carbon)
        case "heterocycle":
            return len(hetero), len(hetero)
        case "heteroaromatic ring":
            n = sum(all(a.GetIsAromatic() for a in r) for r in hetero)
            return n, n
        case "aliphatic ring":
            return len(rings) - sum(aromatic), len(rings) - sum(aromatic)
        case "saturated ring":
            sp3 = Chem.HybridizationType.SP3
            saturated = sum(all(a.GetHybridization() == sp3 for a in r) for r in atoms)
            return saturated, len(rings) - sum(aromatic)
        case "metal":
            nonmetals = {1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54, 0}
            n = sum(a.GetAtomicNum() not in nonmetals for a in mol.GetAtoms())
            return n, n
        case _:
            return 0, _matches(mol, (_LOOSE_AMINES,))


def _all_carbon(mol: Chem.Mol, ring: Sequence[int]) -> bool:
    return all(mol.GetAtomWithIdx(i).GetAtomicNum() == 6 for i in ring)


def _group(key: str, facts: Facts) -> Range:
    """A named group: from the groups of the facts, or by substructure for the broad words."""
    label = f"{key} group" if " " not in key and key in ("hydroxyl", "carbonyl", "methyl") else key
    if key in BROAD:
        least, most = _broad(key, facts.smiles)
        if key.endswith("y amine"):
            least = (count_range(key, facts.groups) or (0, 0))[0]
            most = max(least, most)
        elif key in ("amine", "alkene", _DRAWN, "benzene ring"):
            named = count_range("alkene" if key == _DRAWN else key, facts.groups) or (0, 0)
            least = named[0] if key == "amine" else max(least, named[0] * (key == "benzene ring"))
            most = max(most, *named)
    else:
        least, most = count_range(key, facts.groups) or (0, 0)
    other = _drawn_double_bonds(facts.smiles) if key == _DRAWN else None
    if most == 0:
        return Range(0, 0, f"no {label} in the structure", other=other)
    shown = f"{least}" if least == most else f"{least} to {most}, depending on usage"
    return Range(least, most, f"{label}: {shown}", other=other)


@lru_cache(maxsize=256)
def _drawn_double_bonds(smiles: str) -> int:
    """How many C=C a drawing shows, those of aromatic rings as well."""
    mol = Chem.Mol(Molecule(smiles).rdmol())
    Chem.Kekulize(mol, clearAromaticFlags=True)
    return _matches(mol, ("[#6]=[#6]",))
