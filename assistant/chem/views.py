"""Views of a molecule as a row of numbers: substructure counts, surfaces, shape of graph, π system.

    morgan     2,048   log(1 + count) of circular substructures, radius 2 (Rogers and Hahn 2010)
    physical      32   size, polarity, lipophilicity, connectivity, electrotopology, BCUT
    surface       36   van der Waals surface by logP, refractivity and partial charge (Labute 2000)
    counts        42   molecular quantum numbers (Nguyen et al. 2009)
    groups        85   functional groups by RDKit's fragment patterns
    pi            24   Hückel orbitals of the π system, see `pi_system`
    lingo      1,024   log(1 + count) of pieces of the canonical SMILES text (Vidal et al. 2005)

None depends on the order of the atoms, and all are computed from the structure alone. What RDKit
cannot compute (an atom type without a parameter) is NaN.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from rdkit import Chem
from rdkit.Chem import (
    Crippen,
    Descriptors,
    EState,
    Fragments,
    rdFingerprintGenerator,
    rdMolDescriptors,
)

from assistant.chem.pi_system import N_PI, pi_values
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError

VIEWS_VERSION = 1
"""Stands in the names of files that keep views. Raise it whenever a view gives other numbers for
some molecule, also by way of `pi_system`; another RDKit is told apart by itself."""

_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
_SCALARS: tuple[Callable[[Chem.Mol], float], ...] = (
    Crippen.MolLogP,
    Crippen.MolMR,
    rdMolDescriptors.CalcTPSA,
    rdMolDescriptors.CalcNumHBD,
    rdMolDescriptors.CalcNumHBA,
    rdMolDescriptors.CalcNumRotatableBonds,
    rdMolDescriptors.CalcLabuteASA,
    Chem.Mol.GetNumHeavyAtoms,
    rdMolDescriptors.CalcNumRings,
    rdMolDescriptors.CalcNumAromaticRings,
    rdMolDescriptors.CalcFractionCSP3,
    Descriptors.NumValenceElectrons,
    rdMolDescriptors.CalcHallKierAlpha,
    rdMolDescriptors.CalcKappa1,
    rdMolDescriptors.CalcKappa2,
    rdMolDescriptors.CalcKappa3,
    rdMolDescriptors.CalcChi0v,
    rdMolDescriptors.CalcChi1v,
    rdMolDescriptors.CalcChi2v,
    rdMolDescriptors.CalcChi3v,
)
_GROUPS = tuple(
    getattr(Fragments, name) for name in sorted(dir(Fragments)) if name.startswith("fr_")
)
_N_BCUT = 8
_N_LINGO, _LONGEST_LINGO = 1024, 4
_SMILES_PIECE = re.compile(r"\[[^]]*\]|[^[]+")
_RING_CLOSURE = re.compile(r"%\d\d|\d")


def _morgan(mol: Chem.Mol) -> np.ndarray:
    return np.log1p(_MORGAN.GetCountFingerprintAsNumPy(mol))


def _physical(mol: Chem.Mol) -> list[float]:
    indices = EState.EStateIndices(mol)
    sizes = np.abs(indices)
    ends = (indices.max(), indices.min(), sizes.max(), sizes.min())
    return [*(scalar(mol) for scalar in _SCALARS), *ends, *_bcut(mol)]


def _bcut(mol: Chem.Mol) -> Sequence[float]:
    try:
        return rdMolDescriptors.BCUT2D(mol)
    except ValueError:  # an element without Gasteiger parameters
        return [np.nan] * _N_BCUT


def _surface(mol: Chem.Mol) -> list[float]:
    parts = (
        rdMolDescriptors.SlogP_VSA_,
        rdMolDescriptors.SMR_VSA_,
        rdMolDescriptors.PEOE_VSA_,
    )
    return [value for part in parts for value in part(mol)]


def _groups(mol: Chem.Mol) -> list[float]:
    return [count(mol) for count in _GROUPS]


def _lingo(mol: Chem.Mol) -> np.ndarray:
    """Pieces of 1 to 4 characters, every ring closure written 0, hashed.

    The published LINGOs have 4 characters; the shorter ones are for solvents of fewer.
    """
    pieces = _SMILES_PIECE.findall(Chem.MolToSmiles(mol))
    text = "".join(p if p.startswith("[") else _RING_CLOSURE.sub("0", p) for p in pieces)
    counts = np.zeros(_N_LINGO)
    for length in range(1, _LONGEST_LINGO + 1):
        for start in range(len(text) - length + 1):
            counts[zlib.crc32(text[start : start + length].encode()) % _N_LINGO] += 1
    return np.log1p(counts)


VIEWS: Mapping[str, tuple[int, Callable[[Chem.Mol], Sequence[float] | np.ndarray]]] = (
    MappingProxyType(
        {
            "morgan": (2048, _morgan),
            "physical": (len(_SCALARS) + 4 + _N_BCUT, _physical),
            "surface": (36, _surface),
            "counts": (42, rdMolDescriptors.MQNs_),
            "groups": (85, _groups),
            "pi": (N_PI, pi_values),
            "lingo": (_N_LINGO, _lingo),
        }
    )
)
"""Name -> how many numbers, and what computes them of a molecule without explicit hydrogens."""


COUNTS = frozenset({"morgan", "lingo"})
"""Views that are counts of substructures, mostly 0."""


def check_views(names: Sequence[str]) -> None:
    """Refuses names that are no views.

    Raises:
        ValueError: The message lists those there are.
    """
    unknown = sorted(set(names) - set(VIEWS))
    if unknown:
        raise ValueError(
            f"there is no view {', '.join(unknown)} of a molecule; known are {', '.join(VIEWS)}"
        )


def view_width(names: Sequence[str]) -> int:
    """Numbers in these views together."""
    return sum(VIEWS[name][0] for name in names)


def view_values(mol: Chem.Mol, names: Sequence[str]) -> np.ndarray:
    """The views of a molecule one after the other, (f,) float32; NaN where there is no value.

    Raises:
        AssistantError: This RDKit computes another number of values than the views are made of.
    """
    parts = [np.zeros(0, dtype=np.float32)]
    for name in names:
        width, compute = VIEWS[name]
        with quiet_rdkit():
            values = np.asarray(compute(mol), dtype=np.float32)
        if values.shape != (width,):
            raise AssistantError(
                f"This RDKit gives {values.size} numbers for the view {name!r}, the pair models"
                f" are made for {width}. Install the version that constraints.txt names."
            )
        parts.append(np.where(np.isfinite(values), values, np.nan))
    return np.concatenate(parts)
