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

from assistant.chem import graph as graph_module
from assistant.chem.graph import (
    ATOM_CLASSES,
    BOND_CLASSES,
    MoleculeGraph,
    rdmol_to_graph,
    rdmol_to_mora_graph,
    smiles_to_graphs,
    to_graph,
    to_mora_graph,
)
from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InputTooLargeError, InvalidMoleculeError

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


# Every kind of record: charges both ways, isotopes, radicals, directions, set and unset stereo,
# dative bonds, hydrogens as atoms, atom maps, an attachment point, a metal of high coordination.
UNUSUAL = [
    *("[13CH3]O", "[NH4+].[Cl-]", "[CH3]", "[O-][N+](=O)c1ccccc1", "F/C=C/F", "F/C=C\\F", "FC=CF"),
    *("C->[Fe]", "[H][H]", "[2H]C([2H])([2H])O", "[CH3:4]O", "*C", "N[Co](N)(N)(N)(N)N", "[Na+]"),
    *("C1CC1.C1CC1", "C[C@H](N)F", "C/C=C/[C@@H](F)Cl", "O=C1C=CC(=O)C=C1", "C#N", "[C-]#[O+]"),
    *("F[P-](F)(F)(F)(F)F", "FS(F)(F)(F)(F)F", "F[P](F)(F)(F)F", "C[Si]", "C[Pt@SP1](F)(Cl)Br"),
]


def assert_same(first: MoleculeGraph, second: MoleculeGraph, smiles: str) -> None:
    for key in ("x", "edge_index", "edge_attr"):
        one, other = getattr(first, key), getattr(second, key)
        assert torch.equal(one, other), (smiles, key)
        assert one.dtype == other.dtype == torch.int64
        assert one.is_contiguous()


@pytest.mark.parametrize("smiles", [*VALID, *UNUSUAL, "C" * 300])
def test_the_serialised_molecule_gives_what_its_atoms_say(smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    by_atom = graph_module._graph_by_atom(mol)
    assert_same(rdmol_to_graph(mol), by_atom, smiles)
    assert_same(next(smiles_to_graphs([smiles])), by_atom, smiles)


def test_plain_molecules_take_the_fast_way_and_others_are_left_to_the_slow_one() -> None:
    def is_read(smiles: str) -> bool:
        (columns,) = graph_module._read_packed([Chem.MolFromSmiles(smiles).ToBinary()])
        return columns is not None

    plain = [s for s in VALID if "*" not in s and Chem.MolFromSmiles(s).GetNumAtoms() < 256]
    assert [s for s in plain if not is_read(s)] == []
    assert len(plain) > 50
    assert not any(is_read(smiles) for smiles in ("*C", "[CH3:4]O", "C" * 300))


def test_another_version_of_the_serialisation_is_not_read() -> None:
    data = bytearray(Chem.MolFromSmiles("CCO").ToBinary())
    assert graph_module._read_packed([bytes(data)]) != [None]
    data[12] += 1
    assert graph_module._read_packed([bytes(data)]) == [None]


def test_conformers_and_properties_change_nothing() -> None:
    mol = Chem.AddHs(Chem.MolFromSmiles("C[C@H](N)C(=O)O"))
    expected = rdmol_to_graph(mol)
    mol.AddConformer(Chem.Conformer(mol.GetNumAtoms()))
    mol.GetAtomWithIdx(0).SetProp("note", "\x0bB")
    assert_same(rdmol_to_graph(mol), expected, "alanine")


_READ_SHORTLY = [
    *("c1ccc2[nH]ccc2c1", "C[n+]1ccccc1", "CN(=O)=O", "CS(=O)(C)=O", "O=C1C=CC(=O)C=C1", "C[Zn]C"),
    *("[O-][Cl](=O)(=O)=O", "c1cc[se]c1", "[Cu+2].[O-]S(=O)(=O)[O-]", "CC(C)(C)[O]", "C1=CC=CC=C1"),
    *("[Fe]<-N#C", "B1OCCO1", "C=[N+]=[N-]", "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "FC=CF", "[K]OC(C)=O"),
]
_READ_WHOLE = [
    *("F/C=C/F", "C[C@H](N)F", "[H]O[H]", "[2H]C", "[H+].[Cl-]", "C[C@](C)(C)C", "[H][H]"),
    *("C[C@@H](F)Cl |w:1.0|", "CC |$_AP1;$|", "C[#1]", "C[2#1]"),
]


@pytest.mark.parametrize("smiles", [*VALID, *UNUSUAL, *_READ_SHORTLY, *_READ_WHOLE])
def test_a_molecule_without_stereo_is_parsed_to_the_last_bit(smiles: str) -> None:
    without = graph_module._NO_PROPERTIES
    expected = Chem.MolFromSmiles(smiles).ToBinary(without)
    assert graph_module._parsed(smiles).ToBinary(without) == expected


def test_what_has_marks_is_parsed_as_a_whole() -> None:
    short = [s for s in _READ_SHORTLY if graph_module._NEEDS_ALL.search(s)]
    whole = [s for s in _READ_WHOLE if not graph_module._NEEDS_ALL.search(s)]
    assert short == whole == []


@pytest.mark.parametrize("smiles", ["c1cc", "C(C)(C)(C)(C)C", "c1cccc1", "CC(", "n1cccc1"])
def test_what_rdkit_cannot_read_is_none(smiles: str) -> None:
    with quiet_rdkit():
        assert Chem.MolFromSmiles(smiles) is None
        assert graph_module._parsed(smiles) is None


def test_many_texts_give_their_graphs_in_order() -> None:
    texts = [*VALID, *UNUSUAL] * 3
    graphs = list(smiles_to_graphs(texts))
    assert len(graphs) == len(texts)
    for text, graph in zip(texts, graphs, strict=True):
        assert_same(graph, rdmol_to_graph(Chem.MolFromSmiles(text)), text)


def test_a_text_that_is_no_molecule_is_refused() -> None:
    with pytest.raises(InvalidMoleculeError):
        list(smiles_to_graphs(["CCO", "c1cc"]))
    with pytest.raises(InvalidMoleculeError):
        list(smiles_to_graphs([""]))
    with pytest.raises(InputTooLargeError):
        list(smiles_to_graphs(["(" * 101]))
