import pytest
from rdkit import Chem

from assistant.chem.conformer import conformer_molblock
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
