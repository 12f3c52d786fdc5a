"""Structures with whose making nobody is helped: drugs, weapons, explosives, by what they are.

Names and questions play no part here, so another name or another spelling changes nothing. The
table is `data/controlled.toml`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from rdkit import Chem

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit

_TABLE = Path(__file__).parent / "data" / "controlled.toml"
_SKELETON = 14
"""Characters of an InChIKey that stand for formula and bonds, without stereo and protonation."""


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
        if (known := compounds.get(_skeleton(part))) is not None:
            return known
    for entry in classes:
        if len(mol.GetSubstructMatches(entry.pattern, maxMatches=entry.n)) >= entry.n:
            return entry.found
    return None


def _skeleton(mol: Chem.Mol) -> str:
    with quiet_rdkit():
        return Chem.MolToInchiKey(mol)[:_SKELETON]


@cache
def _table() -> tuple[Mapping[str, Controlled], tuple[_Class, ...]]:
    compounds, classes = {}, []
    for kind in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["kind"]:
        for entry in kind["compounds"]:
            mol = Chem.MolFromSmiles(entry["smiles"])
            compounds[_skeleton(mol)] = Controlled(entry["name"], kind["said"])
        for entry in kind["classes"]:
            found = Controlled(entry["name"], kind["said"])
            classes.append(_Class(found, Chem.MolFromSmarts(entry["smarts"]), entry.get("n", 1)))
    return compounds, tuple(classes)
