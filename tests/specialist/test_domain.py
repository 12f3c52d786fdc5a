"""Molecules that a predictor has learned from, and others."""

import json

import pytest

from assistant.chem.molecule import Molecule
from assistant.specialist.domain import Domain

QM9 = Domain.of(Molecule.parse(s) for s in ("C", "CCO", "CC#N", "FC(F)F", "C1CCCCCCCC1"))


def test_it_is_what_the_molecules_have() -> None:
    assert Domain(("C", "F", "N", "O"), 9) == QM9
    assert QM9.in_words == "neutral molecules of C, F, N and O with at most 9 heavy atoms"
    assert Domain(**json.loads(json.dumps(QM9.to_dict()))) == QM9
    ions = Domain.of(map(Molecule.parse, ("C", "CC(=O)[O-]", "C[NH3+]")))
    assert ions.charges == (-1, 1)
    assert ions.in_words == "molecules of C, N and O with at most 4 heavy atoms"


@pytest.mark.parametrize("smiles", ["C", "Oc1ccccc1", "[NH3+]CC([O-])=O", "N", "[2H]C"])
def test_inside(smiles: str) -> None:
    assert QM9.obstacle(Molecule.parse(smiles)) == ""


@pytest.mark.parametrize(
    ("smiles", "why"),
    [
        ("CC(=O)Oc1ccccc1C(=O)O", "this one has 13 heavy atoms"),
        ("CS(C)=O", "this one has S"),
        ("C[Si](C)(C)Cl", "this one has Cl and Si"),
        ("[Na+].CC(=O)[O-]", "this one has several parts"),
        ("[H][H]", "this one has none of them"),
        ("[O-]c1ccccc1", "this one has charge -1"),
        ("C[CH2]", "this one has an unpaired electron"),
    ],
)
def test_outside(smiles: str, why: str) -> None:
    assert QM9.obstacle(Molecule.parse(smiles)) == why


def test_sizes_that_hardly_occur_are_outside() -> None:
    many = [Molecule.parse("C" * n + "O") for n in range(2, 9) for _ in range(30)]
    domain = Domain.of([Molecule.parse("C"), Molecule.parse("CO"), *many])
    assert domain.fewest_atoms == 3
    assert domain.in_words == "neutral molecules of C and O with 3 to 9 heavy atoms"
    assert domain.obstacle(Molecule.parse("C")) == "this one has 1 heavy atom"
    assert domain.obstacle(Molecule.parse("CO")) == "this one has 2 heavy atoms"
    assert domain.obstacle(Molecule.parse("CCO")) == ""
