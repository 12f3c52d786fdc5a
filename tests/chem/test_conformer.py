import numpy as np
import pytest
from rdkit import Chem

from assistant.chem.conformer import conformer_molblock, conformer_positions
from assistant.chem.molecule import Molecule
from assistant.errors import InvalidMoleculeError


@pytest.mark.parametrize(
    "smiles",
    ["CC(=O)Oc1ccccc1C(=O)O", "C", "[Na+].[Cl-]", "N->[Pt](<-N)(Cl)Cl", "C12C3C4C1C5C2C3C45"],
)
def test_a_shape_has_depth_and_hydrogens(smiles: str) -> None:
    mol = Chem.MolFromMolBlock(conformer_molblock(Molecule.parse(smiles)), removeHs=False)
    assert mol.GetConformer().Is3D()
    assert mol.GetNumAtoms() == Chem.AddHs(Molecule.parse(smiles).rdmol()).GetNumAtoms()


def test_heavy_atoms_come_first_in_the_displayed_order() -> None:
    molecule = Molecule.parse("OC(=O)c1ccccc1Cl")
    mol = Chem.MolFromMolBlock(conformer_molblock(molecule), removeHs=False)
    heavy = molecule.rdmol().GetNumAtoms()
    wanted = [atom.GetSymbol() for atom in molecule.rdmol().GetAtoms()]
    assert [mol.GetAtomWithIdx(i).GetSymbol() for i in range(heavy)] == wanted


def test_stereo_in_three_dimensions_is_that_of_the_molecule() -> None:
    molecule = Molecule.parse("C[C@H](O)[C@@H](F)/C=C/Cl")
    mol = Chem.MolFromMolBlock(conformer_molblock(molecule), removeHs=True)
    Chem.AssignStereochemistryFrom3D(mol)
    assert Chem.MolToSmiles(mol) == molecule.smiles


def test_the_same_molecule_has_the_same_shape_each_time() -> None:
    molecule = Molecule.parse("CCCCO")
    assert conformer_molblock(molecule) == conformer_molblock(molecule)


def test_an_attachment_point_has_no_shape() -> None:
    with pytest.raises(InvalidMoleculeError, match="attachment point"):
        conformer_molblock(Molecule.parse("*CCO"))


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "C", "[Na+].[Cl-]", "[H][H]"])
def test_shapes_hold_the_molecules_own_atoms_and_are_centred(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    positions = conformer_positions(molecule, 4)
    assert positions.shape == (4, molecule.rdmol().GetNumAtoms(), 3)
    np.testing.assert_allclose(positions.mean(axis=1), 0.0, atol=1e-9)


def test_the_same_molecule_has_the_same_shapes_and_they_differ() -> None:
    molecule = Molecule.parse("CCCCCO")
    first = conformer_positions(molecule, 5)
    np.testing.assert_array_equal(first, conformer_positions(Molecule.parse("OCCCCC"), 5))
    ends = np.linalg.norm(first[:, 0] - first[:, -1], axis=-1)
    assert np.ptp(ends) > 0.1


def test_bonds_of_every_shape_have_the_length_of_bonds() -> None:
    molecule = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")
    positions = conformer_positions(molecule, 6)
    for bond in molecule.rdmol().GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        lengths = np.linalg.norm(positions[:, i] - positions[:, j], axis=-1)
        assert (lengths > 1.1).all()
        assert (lengths < 1.7).all()


@pytest.mark.parametrize("smiles", ["*CCO", "C12=C3C4=C1C5=C2C3=C45"])
def test_a_molecule_without_shape_is_an_error_and_never_zeros(smiles: str) -> None:
    with pytest.raises(InvalidMoleculeError, match="No 3D shape"):
        conformer_positions(Molecule.parse(smiles), 2)
