"""Other SMILES of the same molecule."""

import random

import pytest

from assistant.chem.molecule import Molecule
from assistant.chem.respell import rerooted, respelled


@pytest.mark.parametrize(
    "smiles",
    [
        "CC(=O)Oc1ccccc1C(=O)O",
        "CC(C)[C@@H]1CC[C@@H](C)C[C@H]1O",
        "C/C=C/C(=O)[O-].[Na+]",
        "[2H]C([2H])([2H])OC[C@H](N)C(=O)O",
    ],
)
def test_they_differ_and_are_the_same_molecule(smiles: str) -> None:
    molecule = Molecule.parse(smiles)
    found = respelled(molecule, 4)
    assert len({*found, molecule.smiles}) == 5
    assert {Molecule.parse(text) for text in found} == {molecule}


def test_the_seed_decides() -> None:
    molecule = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O")
    assert respelled(molecule, 4, seed=1) == respelled(molecule, 4, seed=1)
    assert respelled(molecule, 4, seed=1) != respelled(molecule, 4, seed=2)


def test_a_molecule_that_is_written_in_one_way_has_none() -> None:
    assert respelled(Molecule.parse("C"), 4) == ()
    assert respelled(Molecule.parse("CO"), 4) == ("OC",)


@pytest.mark.parametrize(
    "smiles", ["CC(=O)Nc1ccc(O)cc1", "C[C@H](N)C(=O)O.[Na+].[OH-]", "C/C=C/Br"]
)
def test_begun_elsewhere_it_is_the_same_molecule(smiles: str) -> None:
    canonical, rng = Molecule.parse(smiles).smiles, random.Random(3)
    texts = {rerooted(canonical, rng) for _ in range(20)}
    assert len(texts) > 1
    assert {Molecule.parse(text).smiles for text in texts} == {canonical}
