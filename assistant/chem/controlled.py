"""Structures with whose making nobody is helped: drugs, weapons, explosives, by what they are.

Another name or another spelling of a structure changes nothing; names of their own count where
there is no structure. The table is `data/controlled.toml`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from rdkit import Chem

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit

_TABLE = Path(__file__).parent / "data" / "controlled.toml"
_SKELETON = 14
"""Characters of an InChIKey that stand for formula and bonds, without stereo and protonation."""

_MOST_ATOMS = 32
"""Heavy atoms of the table's largest compound at most: InChI takes long for what is huge."""

_SHORT = 4
"""Letters of names that are abbreviations."""


@dataclass(frozen=True)
class Controlled:
    """What a structure was recognised as.

    Attributes:
        name: "fentanyl", "a nitramine".
        kind: "a controlled drug", "an explosive", …
    """

    name: str
    kind: str


@dataclass(frozen=True)
class _Class:
    found: Controlled
    pattern: Chem.Mol
    n: int


@lru_cache(maxsize=4096)
def controlled(molecule: Molecule) -> Controlled | None:
    """What a molecule, or a part of it, is recognised as; None for any other one."""
    compounds, classes = _table()
    mol = molecule.rdmol()
    for part in Chem.GetMolFrags(mol, asMols=True):
        if part.GetNumHeavyAtoms() > _MOST_ATOMS:
            continue
        if (known := compounds.get(_skeleton(part))) is not None:
            return known
    for entry in classes:
        if len(mol.GetSubstructMatches(entry.pattern, maxMatches=entry.n)) >= entry.n:
            return entry.found
    return None


def controlled_name(text: str) -> Controlled | None:
    """The first name of a controlled compound or class in a text; None without any."""
    names, pattern = _names()
    found = pattern.search(text)
    if found is None:
        return None
    return Controlled(found[0], names[found[0].lower()])


@cache
def _names() -> tuple[Mapping[str, str], re.Pattern[str]]:
    """Kinds by lower-case name, and what finds one; a short name is one in its own case alone."""
    kinds = {name: kind["said"] for kind in _kinds() for name in kind["names"]}
    written = (
        re.escape(name) if len(name) <= _SHORT else f"(?i:{re.escape(name)}s?)"
        for name in sorted(kinds, key=len, reverse=True)
    )
    known = {name.lower(): said for name, said in kinds.items()}
    known |= {f"{name}s": said for name, said in known.items()}
    return known, re.compile(rf"\b(?:{'|'.join(written)})\b")


@cache
def _kinds() -> Sequence[Mapping]:
    return tomllib.loads(_TABLE.read_text(encoding="utf-8"))["kind"]


def _skeleton(mol: Chem.Mol) -> str:
    with quiet_rdkit():
        return Chem.MolToInchiKey(mol)[:_SKELETON]


@cache
def _table() -> tuple[Mapping[str, Controlled], tuple[_Class, ...]]:
    compounds, classes = {}, []
    for kind in _kinds():
        for entry in kind["compounds"]:
            mol = Chem.MolFromSmiles(entry["smiles"])
            compounds[_skeleton(mol)] = Controlled(entry["name"], kind["said"])
        for entry in kind["classes"]:
            found = Controlled(entry["name"], kind["said"])
            classes.append(_Class(found, Chem.MolFromSmarts(entry["smarts"]), entry.get("n", 1)))
    return compounds, tuple(classes)
