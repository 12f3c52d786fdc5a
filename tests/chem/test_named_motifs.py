"""The parts of a molecule that can be pointed at, and graphs without some of them."""

import pytest
import torch

from assistant.chem.graph import to_graph, without_atoms
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import motif_rows, own_motif_rows
from assistant.chem.named_motifs import named_motifs

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        (
            "CC(=O)Oc1ccccc1C(=O)O",
            {
                "carboxylic acid": (11, 12, 13),
                "ester": (2, 3, 4),
                "benzene ring": (5, 6, 7, 8, 9, 10),
                "methyl": (1,),
            },
        ),
        ("OCCCCCC", {"primary alcohol": (7,), "carbon chain, C6": (1, 2, 3, 4, 5, 6)}),
        ("C1CCCCCCCC1", {"9-membered ring": (1, 2, 3, 4, 5, 6, 7, 8, 9)}),
        ("C", {"carbon": (1,)}),
    ],
)
def test_parts_have_the_names_and_atoms_a_chemist_gives_them(smiles, expected):
    assert {part.name: part.atoms for part in named_motifs(Molecule.parse(smiles))} == expected


@pytest.mark.parametrize(
    "smiles",
    [
        "CN1C=NC2=C1C(=O)N(C)C(=O)N2C",
        "C1CC2CCC1C2",
        "c1ccc2c(c1)[nH]c1ccccc12",
        "O=S(=O)(N)c1ccccc1",
    ],
)
def test_every_atom_is_in_a_part_and_no_part_comes_twice(smiles):
    molecule = Molecule.parse(smiles)
    parts = named_motifs(molecule)
    atoms = {number for part in parts for number in part.atoms}
    assert atoms == set(range(1, molecule.rdmol().GetNumAtoms() + 1))
    assert len({part.atoms for part in parts}) == len(parts)


def test_the_order_in_which_a_molecule_is_written_changes_no_part():
    other = Molecule.parse("OC(=O)c1c(OC(C)=O)cccc1")
    assert named_motifs(other) == named_motifs(ASPIRIN)


def test_a_graph_without_atoms_keeps_the_other_columns_and_bonds():
    graph = to_graph(ASPIRIN)
    less = without_atoms(graph, {1, 13})
    assert torch.equal(less.x, graph.x[1:12])
    assert less.edge_index.max() == 10
    assert less.edge_index.shape[1] == graph.edge_index.shape[1] - 4  # two bonds, both directions
    assert len(less.edge_attr) == less.edge_index.shape[1]
    assert without_atoms(graph, set()).edge_index.equal(graph.edge_index)
    with pytest.raises(ValueError, match="all 13 atoms"):
        without_atoms(graph, set(range(1, 14)))


def test_motif_rows_are_described_without_what_is_hidden():
    whole, less = own_motif_rows(ASPIRIN), own_motif_rows(ASPIRIN, {11, 12, 13})
    assert whole.shape == less.shape  # atom 10 of the acid's motif is left
    assert (whole != less).any()
    assert len(own_motif_rows(ASPIRIN, {10, 11, 12, 13})) == len(whole) - 1
    assert len(own_motif_rows(ASPIRIN, set(range(1, 14)))) == 0


def test_published_rows_hide_the_same_atoms_whatever_order_they_use_inside():
    """Its extraction reads the molecule again without stereo, which may number it anew."""
    for smiles in ("C/C=C/C(=O)N[C@@H](C)C(=O)O", "CC(=O)Oc1ccccc1C(=O)O"):
        molecule = Molecule.parse(smiles)
        whole = motif_rows(molecule)
        nitrogens = {a.GetIdx() + 1 for a in molecule.rdmol().GetAtoms() if a.GetSymbol() != "C"}
        less = motif_rows(molecule, nitrogens)
        # Columns 11-27 count O, N, P and S, 0 in the first place of each block.
        no_hetero = (less[:, [11, 17, 23, 29]] == 1).all()
        assert no_hetero
        assert not (whole[:, [11, 17, 23, 29]] == 1).all()
