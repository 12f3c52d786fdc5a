"""SMILES, InChIKeys, InChIs and formulae in an answer.

A SMILES or key is looked for in the raw text before anything else, because its characters would
confuse
every later step. What cannot be told from a word (CO, NO, CN) is only read as SMILES where the
text says so.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

from rdkit import Chem

from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError

MAX_STRUCTURES = 40
"""Structures parsed per answer; the rest stays unmarked."""
MAX_CANDIDATES = 4000
"""Runs of SMILES characters that are looked at; plain words are among them."""
MAX_SMILES = 400
"""Longer SMILES in an answer are not parsed."""

_KEY = re.compile(r"(?<![A-Za-z0-9])[A-Z]{14}-[A-Z]{10}-[A-Z](?![A-Za-z0-9])")
_INCHI = re.compile(r"InChI=1S?/[^\s`'\"<>|]{1,600}")
_CANDIDATE = re.compile(r"[A-Za-z0-9@+\-\[\]()\\/%=#$:.~*>]{2,2000}")
_ALPHABET = re.compile(
    r"(?:Cl|Br|[BCNOPSFI]|[bcnops]|\[[^\]\[\s]{1,20}\]|[-=#$:/\\~.()*>]|%[0-9]{2}|[0-9])+"
)
_BACKTICKS = re.compile(r"`([^`\n]{1,2000})`")
_SAYS_SMILES = re.compile(r"SMILES[^.\n]{0,40}$", re.IGNORECASE)
_STATES_IDENTITY = re.compile(
    r"(?:\b(?:its|the|canonical|isomeric|this|whose)\b[^.\n]{0,40}SMILES[^.\n]{0,60}"
    r"|SMILES(?: string| code)?\**"
    r"\s{0,3}(?:of|for|:|is|=|\|)[^.\n]{0,40}|written as[ :`]{1,3}"
    r"|represented (?:as|by)[^.\n]{0,20}"
    r"|^\W{0,6}SMILES\W{1,6})$",
    re.IGNORECASE,
)
_BOND_WORD = re.compile(
    r"`?\s?(?:bonds?|groups?|stretch|double|triple|units?|moiet|linkages?|fragments?)\b"
)
_FORMULA_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:\[?(?:[A-Z][a-z]?)\]?_?\{?[0-9]{0,4}\}?){2,16}"
    r"(?P<charge>\^?\{?(?:[0-9]?[+⁺⁻−-]|[⁰¹²³⁴-⁹][⁺⁻])\}?)?(?![A-Za-z0-9])"
)
_ELEMENT = re.compile(r"\[?([A-Z][a-z]?)\]?_?\{?([0-9]{0,4})\}?")
_HTML = re.compile(r"</?su[bp]>")
_TABLE = Chem.GetPeriodicTable()
_SYMBOLS = frozenset(_TABLE.GetElementSymbol(z) for z in range(1, 119)) | {"D", "T"}


@dataclass(frozen=True)
class Structure:
    """A structure written in the text.

    Args:
        start: Offset.
        end: Offset behind it.
        notation: How it is written.
        source: The text.
        smiles: Canonical SMILES; None for an invalid one (and for keys).
        claimed: Whether the text says it is the structure of the molecule it speaks of.
    """

    start: int
    end: int
    notation: Literal["smiles", "inchikey", "inchi"]
    source: str
    smiles: str | None
    claimed: bool = False


def find_structures(text: str) -> list[Structure]:
    """All SMILES, InChIs and InChIKeys, in order, without overlap."""
    found: list[Structure] = []
    covered: list[tuple[int, int]] = []

    def add(structure: Structure) -> None:
        if len(found) < MAX_STRUCTURES and not any(
            s < structure.end and structure.start < e for s, e in covered
        ):
            found.append(structure)
            covered.append((structure.start, structure.end))

    for match in islice(_KEY.finditer(text), MAX_STRUCTURES):
        add(Structure(*match.span(), "inchikey", match[0], None, True))
    for match in islice(_INCHI.finditer(text), MAX_STRUCTURES // 4):
        source = match[0].rstrip(".,;:*)")
        end = match.start() + len(source)
        add(Structure(match.start(), end, "inchi", source, _from_inchi(source), True))
    for match in islice(_BACKTICKS.finditer(text), MAX_CANDIDATES // 20):
        quoted = _quoted_smiles(text, match)
        if quoted is not None:
            add(quoted)
    for match in islice(_CANDIDATE.finditer(text), MAX_CANDIDATES):
        if len(found) >= MAX_STRUCTURES:
            break
        bare = _bare_smiles(text, match)
        if bare is not None:
            add(bare)
    return sorted(found, key=lambda s: s.start)


def _quoted_smiles(text: str, match: re.Match[str]) -> Structure | None:
    """The inside of backticks, where it could be SMILES; there also an invalid one is reported."""
    source = match[1].strip()
    start = match.start(1) + len(match[1]) - len(match[1].lstrip())
    if not source or len(source) > MAX_SMILES or not _CANDIDATE.fullmatch(source):
        return None
    said = _is_said(text, match.start())
    shaped = _ALPHABET.fullmatch(source) is not None
    if ">" in source or not (shaped or said) or _BOND_WORD.match(text, match.end(1)):
        return None
    if not said and (_is_formula(source) or len(source) < 3 or source.isdigit()):
        return None
    if not said and not re.search(r"[=#()\[\]]|[0-9]", source) and not source.isupper():
        return None
    smiles = _canonical(source)
    if smiles is None and not said and not re.search(r"[=#()\[\]]|c1", source):
        return None
    claimed = _STATES_IDENTITY.search(text, max(0, match.start() - 100), match.start()) is not None
    return Structure(start, start + len(source), "smiles", source, smiles, claimed)


def _bare_smiles(text: str, match: re.Match[str]) -> Structure | None:
    """A run of SMILES characters in plain text: must parse, unless the text announces a SMILES."""
    source = match[0].rstrip(".:->~/")
    while source.endswith(")") and source.count(")") > source.count("("):
        source = source[:-1].rstrip(".:-")
    start = match.start()
    while source.startswith("(") and source.count("(") > source.count(")"):
        source, start = source[1:], start + 1
    if len(source) < 2 or len(source) > MAX_SMILES or ">" in source:
        return None
    said = _is_said(text, start)
    if not _ALPHABET.fullmatch(source) or (_is_formula(source) and not said):
        return None
    strong = re.search(r"[=#()\[\]]|[A-Za-z][0-9][^0-9]*[0-9]", source) is not None
    atoms = len(re.findall(r"Cl|Br|[BCNOPSFIbcnops]", source))
    if (not said and (not strong or atoms < 4)) or not any(c.isalpha() for c in source):
        return None
    if _BOND_WORD.match(text, start + len(source)) or source[0] in "-=)#.":
        return None
    if source.islower() and source.isalpha():
        return None
    if said and not strong and not source.isupper():
        return None
    smiles = _canonical(source)
    if smiles is None and not (said and strong):
        return None
    claimed = _STATES_IDENTITY.search(text, max(0, start - 100), start) is not None
    return Structure(start, start + len(source), "smiles", source, smiles, claimed)


def _is_said(text: str, start: int) -> bool:
    """Whether "SMILES" stands shortly before."""
    return _SAYS_SMILES.search(text, max(0, start - 60), start) is not None


def _is_formula(source: str) -> bool:
    """Whether the text reads as a formula: C9H8O4, NaCl, H2O."""
    if not any(c.isupper() for c in source) or re.search(r"[=#()\[\]@/\\]", source):
        return False
    match = _FORMULA_TOKEN.fullmatch(source)
    return match is not None and "H" in source


@lru_cache(maxsize=256)
def _canonical(source: str) -> str | None:
    try:
        return Molecule.parse(source).smiles
    except AssistantError:
        return None


@lru_cache(maxsize=64)
def _from_inchi(source: str) -> str | None:
    with quiet_rdkit():
        mol = Chem.MolFromInchi(source)
    if mol is None or mol.GetNumAtoms() == 0:
        return None
    try:
        return Molecule.from_rdmol(mol).smiles
    except AssistantError:
        return None


@dataclass(frozen=True)
class Verdict:
    """What the conversation's molecules say about a structure in the text."""

    holds: bool | None
    truth: str | None
    molecule: int | None


def judge(
    structure: Structure, subjects: tuple[int, ...], molecules: Mapping[int, Facts]
) -> Verdict:
    """Compares a structure with the molecules of the conversation.

    Args:
        structure: The structure.
        subjects: Molecules the sentence is about; empty where that cannot be told.
        molecules: All molecules by number.
    """
    if structure.notation == "smiles" and structure.smiles is None:
        return Verdict(False, "not a valid SMILES", None)
    if structure.notation == "inchi" and structure.smiles is None:
        return Verdict(False, "not a valid InChI", None)
    same = [n for n, facts in molecules.items() if _is_same(structure, facts)]
    if len(subjects) == 1 and structure.claimed:
        number = subjects[0]
        wanted = molecules[number]
        truth = wanted.inchikey if structure.notation == "inchikey" else wanted.smiles
        if structure.notation == "inchikey" and not wanted.inchikey:
            return Verdict(None, None, number)
        return Verdict(number in same, truth, number)
    if same:
        return Verdict(True, f"the same structure as molecule {same[0]}", same[0])
    if structure.notation == "smiles":
        return Verdict(None, "valid, but not a molecule of this conversation", None)
    return Verdict(None, None, None)


def _is_same(structure: Structure, facts: Facts) -> bool:
    if structure.notation == "inchikey":
        return structure.source == facts.inchikey
    if structure.notation == "inchi":
        return _key_of(structure.smiles or "") == facts.inchikey
    return structure.smiles == facts.smiles


@lru_cache(maxsize=64)
def _key_of(smiles: str) -> str:
    return Molecule(smiles).inchikey if smiles else "?"


# ------------------------------------------------------------------------------------ formulae


@dataclass(frozen=True)
class FormulaToken:
    """A formula in the text: its span, atoms per element, and the charge it states."""

    start: int
    end: int
    atoms: Mapping[str, int]
    charge: int | None


def find_formulas(text: str, start: int, end: int) -> Iterator[FormulaToken]:
    """Formulae with at least two different elements or a number behind the only one."""
    for match in _FORMULA_TOKEN.finditer(text, start, end):
        body = match[0][: match.start("charge") - match.start()] if match["charge"] else match[0]
        atoms: dict[str, int] = {}
        for symbol, number in _ELEMENT.findall(body):
            atoms[symbol] = atoms.get(symbol, 0) + int(number or 1)
        if not set(atoms) <= _SYMBOLS or (not any(c.isdigit() for c in body) and len(atoms) < 2):
            continue
        yield FormulaToken(match.start(), match.end(), atoms, _charge(match["charge"]))


def _charge(mark: str | None) -> int | None:
    if not mark:
        return None
    plain = mark.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−", "0123456789+--")).strip("^{}")
    digits = plain.strip("+-")
    return (int(digits) if digits else 1) * (-1 if "-" in plain else 1)
