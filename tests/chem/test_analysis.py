"""Ions, mass percentages and unsaturation, against values of textbooks and PubChem."""

import pytest

from assistant.chem.analysis import Analysis, analysis_of
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule


def of(smiles: str) -> Analysis:
    molecule = Molecule.parse(smiles)
    return analysis_of(molecule, compute_facts(molecule))


def test_ions_of_caffeine() -> None:
    ions = of("Cn1cnc2c1c(=O)n(C)c(=O)n2C").ions
    assert ions["[M+H]+"] == pytest.approx(195.0877, abs=1e-4)
    assert ions["[M+Na]+"] == pytest.approx(217.0696, abs=1e-4)
    assert ions["[M−H]−"] == pytest.approx(193.0731, abs=1e-4)


@pytest.mark.parametrize(
    ("smiles", "name", "value"),
    [
        ("CC(=O)[O-]", "[M]−", 59.0139),
        ("C[N+](C)(C)C", "[M]+", 74.0964),
        ("[Ca+2]", "[M]2+", 19.9808),
    ],
)
def test_an_ion_is_its_own(smiles: str, name: str, value: float) -> None:
    assert of(smiles).ions == {name: pytest.approx(value, abs=2e-4)}


def test_a_salt_has_no_ion_of_its_own() -> None:
    found = of("CC(=O)[O-].[Na+]")
    assert found.ions == {}
    assert found.unsaturation is None


def test_mass_percentages_sum_up_and_begin_with_carbon() -> None:
    found = of("CC(=O)Oc1ccccc1C(=O)O").percentages
    assert list(found) == ["C", "H", "O"]
    assert found["C"] == pytest.approx(60.00, abs=0.01)
    assert found["H"] == pytest.approx(4.48, abs=0.01)
    assert sum(found.values()) == pytest.approx(100)


@pytest.mark.parametrize(
    ("smiles", "unsaturation"),
    [
        ("c1ccccc1", 4), ("CCO", 0), ("CC#N", 2), ("CC(=O)Oc1ccccc1C(=O)O", 6), ("ClC=C", 1),
        ("C12C3C4C1C5C2C3C45", 5), ("[Fe]", None), ("CC(=O)[O-]", None),
    ],
)  # fmt: skip
def test_degree_of_unsaturation(smiles: str, unsaturation: float | None) -> None:
    assert of(smiles).unsaturation == unsaturation


def test_all_atoms_are_counted_and_isotopes_weigh_what_they_do() -> None:
    assert of("CCO").n_atoms == 9
    heavy = of("[2H]C([2H])([2H])O").ions["[M+H]+"]
    light = of("CO").ions["[M+H]+"]
    assert heavy - light == pytest.approx(3 * 1.006277, abs=1e-4)
