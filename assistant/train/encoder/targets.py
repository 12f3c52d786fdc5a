"""What is predicted of a molecule: its hidden atoms and bonds, and what RDKit computes of it.

A hidden atom is shown as the last class of every column (an unknown atom, as for a wildcard), so
the published layout of the embedding tables stays; its element, charge, hydrogens and
hybridisation are asked for. A hidden bond is shown as an unlisted one, and its type is asked for
(attribute masking, Hu et al. 2020, arXiv 1905.12265).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from rdkit import Chem
from rdkit.Chem import Crippen, rdMolDescriptors
from torch import Tensor

from assistant.graph.encoder import ATOM_CLASSES, BOND_CLASSES, GraphBatch

HIDDEN_ATOM = (*(n - 1 for n in ATOM_CLASSES[:-2]), 0, 0)  # neither aromatic nor in a ring
HIDDEN_BOND = (BOND_CLASSES[0] - 1, BOND_CLASSES[1] - 1, 0)
ASKED_ATOM_COLUMNS = (0, 3, 4, 6)
"""Element, formal charge, hydrogens, hybridisation."""

DESCRIPTORS: dict[str, Callable[[Chem.Mol], float]] = {
    "cLogP": Crippen.MolLogP,
    "molar refractivity": Crippen.MolMR,
    "TPSA": rdMolDescriptors.CalcTPSA,
    "exact mass": rdMolDescriptors.CalcExactMolWt,
    "heavy atoms": lambda mol: mol.GetNumHeavyAtoms(),
    "HBD": rdMolDescriptors.CalcNumHBD,
    "HBA": rdMolDescriptors.CalcNumHBA,
    "rotatable bonds": rdMolDescriptors.CalcNumRotatableBonds,
    "rings": rdMolDescriptors.CalcNumRings,
    "aromatic rings": rdMolDescriptors.CalcNumAromaticRings,
    "aliphatic rings": rdMolDescriptors.CalcNumAliphaticRings,
    "heteroatoms": rdMolDescriptors.CalcNumHeteroatoms,
    "amide bonds": rdMolDescriptors.CalcNumAmideBonds,
    "Fsp3": rdMolDescriptors.CalcFractionCSP3,
    "Labute ASA": rdMolDescriptors.CalcLabuteASA,
    "Chi1v": rdMolDescriptors.CalcChi1v,
    "Kappa2": rdMolDescriptors.CalcKappa2,
    "formal charge": lambda mol: Chem.GetFormalCharge(mol),
}


def descriptors(mol: Chem.Mol) -> np.ndarray:
    """All descriptors of a molecule in their order, (d,) float32; 0 where RDKit gives no number."""
    values = np.array([float(compute(mol)) for compute in DESCRIPTORS.values()], np.float32)
    return np.nan_to_num(values, posinf=0.0, neginf=0.0)


@dataclass(frozen=True)
class Hidden:
    """A batch of graphs with atoms and bonds hidden, and what they are.

    Attributes:
        graphs: As the encoder sees them.
        atoms: Places of the hidden atoms, (a,).
        atom_classes: Their true classes in `ASKED_ATOM_COLUMNS`, (a, 4).
        bonds: The two ends of each hidden bond, (2, e).
        bond_classes: Its true type, (e,).
    """

    graphs: GraphBatch
    atoms: Tensor
    atom_classes: Tensor
    bonds: Tensor
    bond_classes: Tensor


def hide(graphs: GraphBatch, masked: Tensor, rate: float, generator: torch.Generator) -> Hidden:
    """Hides a share of the atoms and bonds of some molecules.

    Args:
        graphs: Of b molecules; the two directions of a bond stand side by side.
        masked: Which molecules, (b,) bool.
        rate: Share of their atoms, and of their bonds.
        generator: Source of the draws.
    """
    n_atoms, n_bonds = graphs.x.shape[0], graphs.edge_index.shape[1] // 2
    in_masked = masked[graphs.batch]
    atoms = torch.nonzero(in_masked & (torch.rand(n_atoms, generator=generator) < rate))[:, 0]
    ends = graphs.edge_index[:, ::2]  # (2, bonds)
    chosen = torch.rand(n_bonds, generator=generator) < rate
    bonds = torch.nonzero(chosen & in_masked[ends[0]])[:, 0]
    x, edge_attr = graphs.x.clone(), graphs.edge_attr.clone()
    x[atoms] = torch.tensor(HIDDEN_ATOM)
    for direction in (0, 1):
        edge_attr[2 * bonds + direction] = torch.tensor(HIDDEN_BOND)
    return Hidden(
        GraphBatch(x, graphs.edge_index, edge_attr, graphs.batch),
        atoms,
        graphs.x[atoms][:, list(ASKED_ATOM_COLUMNS)],
        ends[:, bonds],
        graphs.edge_attr[2 * bonds, 0],
    )
