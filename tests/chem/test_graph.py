"""Graphs are bit-equal to OGB's, for every molecule inside the classes of the embedding tables."""

import csv
import json
from pathlib import Path

import pytest
import torch
from rdkit import Chem
from safetensors.torch import load_file
from torch import Tensor
from torch_geometric.data import Batch

from assistant.chem.graph import (
    ATOM_CLASSES,
    BOND_CLASSES,
    MoleculeGraph,
    rdmol_to_graph,
    rdmol_to_mora_graph,
    to_graph,
    to_mora_graph,
)
from assistant.chem.molecule import Molecule

DATA = Path(__file__).parents[1] / "data"
VALID = [
    row["smiles"]
    for row in csv.DictReader((DATA / "molecules.csv").read_text().splitlines())
    if row["valid"] == "yes"
]


def golden_smiles(file: str) -> list[str]:
    manifest = json.loads((DATA / "golden" / "manifest.json").read_text())
    (entry,) = (entry for entry in manifest["files"] if entry["file"] == file)
    return [molecule["smiles"] for molecule in entry["molecules"]]


def assert_equal_batch(graphs: list[MoleculeGraph], expected: dict[str, Tensor]) -> None:
    batch = Batch.from_data_list([graph.to_data() for graph in graphs])
    for key in ("x", "edge_index", "edge_attr", "batch", "ptr"):
        assert torch.equal(batch[key], expected[f"input/{key}"]), key


def test_nine_columns_are_those_of_the_published_featuriser() -> None:
    file = "stm_gnn_d32_9feat.safetensors"
    graphs = [rdmol_to_graph(Chem.MolFromSmiles(smiles)) for smiles in golden_smiles(file)]
    assert_equal_batch(graphs, load_file(DATA / "golden" / file))


def test_two_columns_are_those_of_mora() -> None:
    file = "stm_gnn_d32_2feat.safetensors"
    graphs = [rdmol_to_mora_graph(Chem.MolFromSmiles(smiles)) for smiles in golden_smiles(file)]
    assert_equal_batch(graphs, load_file(DATA / "golden" / file))


@pytest.mark.parametrize("smiles", VALID)
def test_every_molecule_stays_inside_the_embedding_tables(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    graph = to_graph(molecule)
    mol = molecule.rdmol()
    assert graph.x.shape == (mol.GetNumAtoms(), len(ATOM_CLASSES))
    assert graph.edge_index.shape == (2, 2 * mol.GetNumBonds())
    assert graph.edge_attr.shape == (2 * mol.GetNumBonds(), len(BOND_CLASSES))
    assert {t.dtype for t in (graph.x, graph.edge_index, graph.edge_attr)} == {torch.int64}
    for columns, classes in ((graph.x, ATOM_CLASSES), (graph.edge_attr, BOND_CLASSES)):
        assert (columns >= 0).all()
        assert (columns < torch.tensor(classes)).all()
    assert graph.x[:, 1].max() <= 3, "four-row chirality tables of older weights must fit"


def test_node_i_is_atom_i_plus_one_of_the_display() -> None:
    molecule = Molecule.parse("OC(=O)CCl")
    elements = [atom.GetAtomicNum() for atom in molecule.rdmol().GetAtoms()]
    assert (to_graph(molecule).x[:, 0] + 1).tolist() == elements


def test_a_bond_gives_both_directions_side_by_side() -> None:
    graph = to_graph(Molecule.parse("C=O"))
    assert graph.edge_index.tolist() == [[0, 1], [1, 0]]
    assert graph.edge_attr.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_mirror_images_have_different_graphs() -> None:
    left, right = (to_graph(Molecule.parse(s)) for s in ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"))
    assert sorted(left.x[:, 1].tolist()) != sorted(right.x[:, 1].tolist())


def test_a_single_atom_has_no_edges_in_either_layout() -> None:
    for graph in (to_graph(Molecule.parse("C")), to_mora_graph(Molecule.parse("C"))):
        assert graph.x.shape[0] == 1
        assert graph.edge_index.shape == (2, 0)
        assert graph.edge_attr.shape[0] == 0


def test_an_attachment_point_is_the_last_element_class() -> None:
    assert to_graph(Molecule.parse("*C")).x[:, 0].max() == 118
