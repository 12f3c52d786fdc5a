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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from assistant.chem.molecule import Molecule

if TYPE_CHECKING:
    from torch_geometric.data import Data

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
_BOND_DIRECTION = {Chem.BondDir.ENDUPRIGHT: 1, Chem.BondDir.ENDDOWNRIGHT: 2}


@dataclass(frozen=True)
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
    return _graph(mol, _atom_columns(mol), _bond_columns(mol))


def rdmol_to_mora_graph(mol: Chem.Mol) -> MoleculeGraph:
    """As `to_mora_graph`, for an RDKit molecule in its own atom order."""
    bonds = list(mol.GetBonds())
    columns = [
        [_BOND_TYPE.get(b.GetBondType(), _BOND_TYPE_OTHER) for b in bonds],
        [_BOND_DIRECTION.get(b.GetBondDir(), 0) for b in bonds],
    ]
    return _graph(mol, _atom_columns(mol)[:2], columns)


def _graph(mol: Chem.Mol, atoms: list[list[int]], bonds: list[list[int]]) -> MoleculeGraph:
    ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    pairs = np.array(ends, dtype=np.int64).reshape(-1, 2)
    both_ways = np.stack([pairs, pairs[:, ::-1]], axis=1).reshape(-1, 2)
    bond_rows = np.array(bonds, dtype=np.int64).T.reshape(-1, len(bonds))
    return MoleculeGraph(
        x=torch.from_numpy(np.array(atoms, dtype=np.int64).T.copy()),
        edge_index=torch.from_numpy(both_ways.T.copy()),
        edge_attr=torch.from_numpy(np.repeat(bond_rows, 2, axis=0)),
    )


def _atom_columns(mol: Chem.Mol) -> list[list[int]]:
    atoms = list(mol.GetAtoms())
    return [
        _capped(atoms, lambda a: a.GetAtomicNum() - 1, last=_WILDCARD),
        [_CHIRALITY.get(a.GetChiralTag(), _CHIRALITY_OTHER) for a in atoms],
        _capped(atoms, Chem.Atom.GetTotalDegree, last=11),
        _capped(atoms, lambda a: a.GetFormalCharge() + 5, last=11),
        _capped(atoms, Chem.Atom.GetTotalNumHs, last=9),
        _capped(atoms, Chem.Atom.GetNumRadicalElectrons, last=5),
        [_HYBRIDISATION.get(a.GetHybridization(), _HYBRIDISATION_OTHER) for a in atoms],
        [int(a.GetIsAromatic()) for a in atoms],
        [int(a.IsInRing()) for a in atoms],
    ]


def _bond_columns(mol: Chem.Mol) -> list[list[int]]:
    bonds = list(mol.GetBonds())
    return [
        [_BOND_TYPE.get(b.GetBondType(), _BOND_TYPE_OTHER) for b in bonds],
        [_BOND_STEREO.get(b.GetStereo(), _BOND_STEREO_ANY) for b in bonds],
        [int(b.GetIsConjugated()) for b in bonds],
    ]


def _capped(
    atoms: Sequence[Chem.Atom], value: Callable[[Chem.Atom], int], *, last: int
) -> list[int]:
    """The value per atom; below 0 or above the list goes to the last class."""
    values = [value(atom) for atom in atoms]
    return [v if 0 <= v < last else last for v in values]
