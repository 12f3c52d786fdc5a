"""The molecular graph the encoder reads: integer columns per atom and bond, in OGB's layout.

    atoms (n, 9): element 119 | chirality 5 | degree 12 | charge 12 | hydrogens 10 | radicals 6
                  | hybridisation 6 | aromatic 2 | in ring 2
    bonds (2e, 3): type 5 | stereo 6 | conjugated 2; every bond gives i->j and j->i, in bond order

Hu et al. 2020, "Open Graph Benchmark"; the numbers are the positions in OGB's feature lists, the
last position takes whatever is not listed. Two differences, both on structures for which OGB fails
or older tables are too short: chirality tags beyond tetrahedral share class 3, so that 4-row
chirality tables fit, and an unlisted bond stereo counts as "any". `to_mora_graph` gives MoRA's
two-column variant.
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from assistant.chem.diagnose import explain
from assistant.chem.limits import check_smiles_size, is_smiles_text
from assistant.chem.molecule import Molecule
from assistant.chem.packed_graph import PackedReader
from assistant.chem.quiet import quiet_rdkit

if TYPE_CHECKING:
    from torch_geometric.data import Data

_T = TypeVar("_T")

_NEEDS_ALL = re.compile(r"[@/\\\s]|\[\d*(?:H|#1\b)")
"""Marks of stereo, atoms of hydrogen, and what may stand behind a SMILES (CXSMILES)."""

# Classes per column: the sizes of the embedding tables.
ATOM_CLASSES = (119, 5, 12, 12, 10, 6, 6, 2, 2)
BOND_CLASSES = (5, 6, 2)

_WILDCARD = 118
_CHIRALITY = {
    Chem.ChiralType.CHI_UNSPECIFIED: 0,
    Chem.ChiralType.CHI_TETRAHEDRAL_CW: 1,
    Chem.ChiralType.CHI_TETRAHEDRAL_CCW: 2,
}
_CHIRALITY_OTHER = 3
_HYBRIDISATION = {
    Chem.HybridizationType.SP: 0,
    Chem.HybridizationType.SP2: 1,
    Chem.HybridizationType.SP3: 2,
    Chem.HybridizationType.SP3D: 3,
    Chem.HybridizationType.SP3D2: 4,
}
_HYBRIDISATION_OTHER = 5
_BOND_TYPE = {
    Chem.BondType.SINGLE: 0,
    Chem.BondType.DOUBLE: 1,
    Chem.BondType.TRIPLE: 2,
    Chem.BondType.AROMATIC: 3,
}
_BOND_TYPE_OTHER = 4
_BOND_STEREO = {
    Chem.BondStereo.STEREONONE: 0,
    Chem.BondStereo.STEREOZ: 1,
    Chem.BondStereo.STEREOE: 2,
    Chem.BondStereo.STEREOCIS: 3,
    Chem.BondStereo.STEREOTRANS: 4,
}
_BOND_STEREO_ANY = 5
_CHUNK = 64  # molecules that are read together
_NO_PROPERTIES = int(Chem.PropertyPickleOptions.NoProps)
_BOND_DIRECTION = {Chem.BondDir.ENDUPRIGHT: 1, Chem.BondDir.ENDDOWNRIGHT: 2}


@dataclass(frozen=True, slots=True)
class MoleculeGraph:
    """A graph of n atoms and e bonds; the fields of PyG's `Data`, without PyG's two-second import.

    Attributes:
        x: Atom columns, (n, 9) int64.
        edge_index: Both directions of each bond, (2, 2e) int64.
        edge_attr: Bond columns, (2e, 3) int64.
    """

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor

    def to_data(self) -> "Data":
        """The same graph as PyG `Data`, for PyG's models and loaders."""
        from torch_geometric.data import Data

        return Data(x=self.x, edge_index=self.edge_index, edge_attr=self.edge_attr)


def without_atoms(graph: MoleculeGraph, numbers: Set[int]) -> MoleculeGraph:
    """The same graph without some atoms (from 1) and their bonds; the columns of the others stay.

    So a neighbour's degree and hydrogens still count what was taken away, and nothing else does.

    Raises:
        ValueError: No atom is left.
    """
    n_atoms = len(graph.x)
    keep = torch.tensor([index + 1 not in numbers for index in range(n_atoms)])
    if not bool(keep.any()):
        raise ValueError(f"all {n_atoms} atoms are taken away; a graph needs at least one")
    source, target = graph.edge_index
    bonds = keep[source] & keep[target]
    new_index = keep.cumsum(0) - 1
    return MoleculeGraph(
        graph.x[keep], new_index[graph.edge_index[:, bonds]], graph.edge_attr[bonds]
    )


def to_graph(molecule: Molecule) -> MoleculeGraph:
    """The OGB graph of a molecule; node i is atom i + 1 of the display.

    Returns:
        int64 `x` (n, 9), `edge_index` (2, 2e) and `edge_attr` (2e, 3).
    """
    return rdmol_to_graph(molecule.rdmol())


def to_mora_graph(molecule: Molecule) -> MoleculeGraph:
    """MoRA's graph: element and chirality per atom, bond type and direction per bond.

    The published code looks the direction (none, up, down) up in the table trained for bond stereo;
    this is the input for imported MoRA weights only.
    """
    return rdmol_to_mora_graph(molecule.rdmol())


def rdmol_to_graph(mol: Chem.Mol) -> MoleculeGraph:
    """As `to_graph`, for an RDKit molecule in its own atom order."""
    return next(rdmols_to_graphs([mol]))


def rdmols_to_graphs(mols: Iterable[Chem.Mol]) -> Iterator[MoleculeGraph]:
    """As `rdmol_to_graph`, for many: some share memory, which saves half of the calls."""
    return _graphs(mol.ToBinary(_NO_PROPERTIES) for mol in mols)


def _graphs(serialised: Iterable[bytes]) -> Iterator[MoleculeGraph]:
    for chunk in _chunks(serialised):
        for data, columns in zip(chunk, _read_packed(chunk), strict=True):
            if columns is None:
                yield _graph_by_atom(Chem.Mol(data))
            else:
                yield MoleculeGraph(*columns)


def _chunks(things: Iterable[_T]) -> Iterator[list[_T]]:
    remaining = iter(things)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


def _graph_by_atom(mol: Chem.Mol) -> MoleculeGraph:
    bonds = list(mol.GetBonds())
    return _graph(
        mol,
        [_atom_row(_values_of_atom(atom)) for atom in mol.GetAtoms()],
        [_bond_row((b.GetBondType(), b.GetStereo(), b.GetIsConjugated())) for b in bonds],
    )


def rdmol_to_mora_graph(mol: Chem.Mol) -> MoleculeGraph:
    """As `to_mora_graph`, for an RDKit molecule in its own atom order."""
    bonds = [
        (_BOND_TYPE.get(b.GetBondType(), _BOND_TYPE_OTHER), _BOND_DIRECTION.get(b.GetBondDir(), 0))
        for b in mol.GetBonds()
    ]
    atoms = [_atom_row(_values_of_atom(atom))[:2] for atom in mol.GetAtoms()]
    return _graph(mol, atoms, bonds, n_bond_columns=2)


def smiles_to_graphs(texts: Iterable[str]) -> Iterator[MoleculeGraph]:
    """OGB graphs of SMILES in their own atom order, as the preparation of a data set wants them.

    No identity is made and nothing is normalised; what a person wrote goes through `Molecule`.

    Raises:
        InvalidMoleculeError: RDKit cannot read one.
        InputTooLargeError: One is over a cap of `limits`.
    """
    for chunk in _chunks(texts):
        # All are parsed before the first is read: RDKit and Python's interpreter displace each
        # other in the processor's caches, and taking turns costs half of the reading again.
        with quiet_rdkit():
            serialised = [_serialised(smiles) for smiles in chunk]
        yield from _graphs(serialised)


def _serialised(smiles: str) -> bytes:
    check_smiles_size(smiles)
    mol = _parsed(smiles) if is_smiles_text(smiles) else None
    if mol is None or mol.GetNumAtoms() == 0:
        raise explain(smiles)
    return mol.ToBinary(_NO_PROPERTIES)


def _parsed(smiles: str) -> Chem.Mol | None:
    """What `MolFromSmiles` reads, in two thirds of its time where nothing is marked for the rest.

    The rest takes hydrogen atoms out and looks for stereo; a SMILES without either has neither.
    """
    if _NEEDS_ALL.search(smiles):
        return Chem.MolFromSmiles(smiles)
    mol = Chem.MolFromSmiles(smiles, sanitize=False)
    if mol is None or Chem.SanitizeMol(mol, catchErrors=True):
        return None
    return mol


def _graph(
    mol: Chem.Mol,
    atoms: Sequence[tuple[int, ...]],
    bonds: Sequence[tuple[int, ...]],
    *,
    n_bond_columns: int = len(BOND_CLASSES),
) -> MoleculeGraph:
    ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
    both_ways = np.stack([pairs, pairs[:, ::-1]], axis=1).reshape(-1, 2)
    bond_rows = np.array(bonds, dtype=np.int64).reshape(-1, n_bond_columns)
    return MoleculeGraph(
        x=torch.from_numpy(np.array(atoms, dtype=np.int64)),
        edge_index=torch.from_numpy(both_ways.T.copy()),
        edge_attr=torch.from_numpy(np.repeat(bond_rows, 2, axis=0)),
    )


def _values_of_atom(atom: Chem.Atom) -> tuple[int, ...]:
    return (
        atom.GetAtomicNum(),
        atom.GetChiralTag(),
        atom.GetTotalDegree(),
        atom.GetFormalCharge(),
        atom.GetTotalNumHs(),
        atom.GetNumRadicalElectrons(),
        atom.GetHybridization(),
        atom.GetIsAromatic(),
        atom.IsInRing(),
    )


def _atom_row(values: tuple[int, ...]) -> tuple[int, ...]:
    """Classes of RDKit's values of an atom, in the order of the columns."""
    element, tag, degree, charge, n_hydrogens, n_radicals, hybridisation, aromatic, ring = values
    return (
        _capped(element - 1, last=_WILDCARD),
        _CHIRALITY.get(tag, _CHIRALITY_OTHER),
        _capped(degree, last=11),
        _capped(charge + 5, last=11),
        _capped(n_hydrogens, last=9),
        _capped(n_radicals, last=5),
        _HYBRIDISATION.get(hybridisation, _HYBRIDISATION_OTHER),
        int(aromatic),
        int(ring),
    )


def _bond_row(values: tuple[int, ...]) -> tuple[int, ...]:
    """Classes of RDKit's values of a bond, in the order of the columns."""
    kind, stereo, conjugated = values
    return (
        _BOND_TYPE.get(kind, _BOND_TYPE_OTHER),
        _BOND_STEREO.get(stereo, _BOND_STEREO_ANY),
        int(conjugated),
    )


def _capped(value: int, *, last: int) -> int:
    """The value; below 0 or above the list it is the last class."""
    return value if 0 <= value < last else last


_read_packed = PackedReader(_atom_row, _bond_row)
