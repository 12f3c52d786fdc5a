"""Molecules with made-up shapes, and orders to put their atoms in."""

import torch
from torch import Tensor

from assistant.chem.graph import MoleculeGraph, to_graph
from assistant.chem.molecule import Molecule
from assistant.graph.encoder import GraphBatch, collate
from assistant.graph.pairs.model import MoleculeTensors

ASPIRIN, ETHANOL, ALANINE = "CC(=O)Oc1ccccc1C(=O)O", "CCO", "C[C@H](N)C(=O)O"
METHANE, SALT, PLATIN = "C", "[Na+].[Cl-]", "N.N.Cl[Pt]Cl"
SMILES = (ASPIRIN, ETHANOL, ALANINE, METHANE, SALT, PLATIN)


def graph_of(smiles: str) -> MoleculeGraph:
    return to_graph(Molecule.parse(smiles))


def batch_of(*smiles: str) -> GraphBatch:
    return collate([graph_of(text) for text in smiles])


def shapes_of(n_atoms: int, n_shapes: int, seed: int = 0) -> Tensor:
    """Random positions (c, n, 3) about as dense as a molecule, no two atoms on each other."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n_shapes, n_atoms, 3, generator=random) * 1.3 * n_atoms ** (1 / 3)


def tensors_of(smiles: str, n_shapes: int = 3, seed: int = 0) -> MoleculeTensors:
    """A molecule with `n_shapes` made-up conformers; without any for 0."""
    graph = graph_of(smiles)
    shapes = shapes_of(graph.x.shape[0], n_shapes, seed) if n_shapes else None
    return MoleculeTensors(graph, shapes)


def reordered(graph: MoleculeGraph, order: Tensor) -> MoleculeGraph:
    """The same graph whose atom i was atom `order[i]`; the bonds come in another order too."""
    place = torch.argsort(order)
    bonds = torch.arange(graph.edge_attr.shape[0]).flip(0)
    return MoleculeGraph(graph.x[order], place[graph.edge_index[:, bonds]], graph.edge_attr[bonds])


def an_order(n_atoms: int, seed: int = 3) -> Tensor:
    return torch.randperm(n_atoms, generator=torch.Generator().manual_seed(seed))


def a_rotation(seed: int = 5) -> Tensor:
    """A proper rotation (3, 3)."""
    random = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=random))
    return q * torch.linalg.det(q)
