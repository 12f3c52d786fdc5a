"""SMILES along another one: the same molecule, and more of it can be copied."""

import pytest

from assistant.chem.aligned import agreement, aligned_smiles
from assistant.chem.molecule import Molecule

REACTIONS = (  # product, reactants; from textbooks
    ("CC(=O)Nc1ccc(O)cc1", "CC(=O)OC(C)=O.Nc1ccc(O)cc1"),
    ("CC(=O)Oc1ccccc1C(=O)O", "CC(=O)OC(C)=O.O=C(O)c1ccccc1O"),
    ("CCOC(=O)c1ccc(N)cc1", "CCOC(=O)c1ccc([N+](=O)[O-])cc1"),
    ("Cc1ccc(-c2ccccc2)cc1", "Cc1ccc(Br)cc1.OB(O)c1ccccc1"),
    ("C[C@H](N)C(=O)N[C@@H](CS)C(=O)O", "C[C@H](N)C(=O)O.N[C@@H](CS)C(=O)O"),
    ("C/C=C/C(=O)OC", "C/C=C/C(=O)O.CO"),
)


@pytest.mark.parametrize(("product", "reactants"), REACTIONS)
def test_it_is_the_same_molecule_and_more_alike(product: str, reactants: str) -> None:
    product, molecule = Molecule.parse(product).smiles, Molecule.parse(reactants)
    written = aligned_smiles(molecule, product)
    assert Molecule.parse(written) == molecule
    assert agreement(written, product) >= agreement(molecule.smiles, product)


def test_a_part_begins_where_the_product_has_it() -> None:
    product = "COC(=O)C1(CCNc2ccccc2Cl)CCCN1C(=O)OC(C)(C)C"
    reactants = Molecule.parse("Nc1ccccc1Cl.O=CCC1(C(=O)OC)CCCN1C(=O)OC(C)(C)C")
    written = aligned_smiles(reactants, product)
    assert written == "COC(=O)C1(CC=O)CCCN1C(=O)OC(C)(C)C.Nc1ccccc1Cl"


def test_salts_and_atoms_are_written_too() -> None:
    mixture = Molecule.parse("[Na+].[Cl-].O.CCN(CC)CC.O=C([O-])[O-]")
    assert Molecule.parse(aligned_smiles(mixture, "CCN")) == mixture


def test_ring_numbers_do_not_count() -> None:
    assert agreement("c1ccccc1", "c2ccccc2") == agreement("c1ccccc1", "c1ccccc1") == 6
