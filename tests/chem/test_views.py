"""Views of molecules: independent of atom order, known values, what cannot be computed is NaN."""

import zlib

import numpy as np
import pytest
from rdkit import Chem

from assistant.chem.molecule import Molecule
from assistant.chem.pi_system import pi_values
from assistant.chem.views import VIEWS, check_views, view_values, view_width
from assistant.errors import AssistantError

DYE = "CN(C)c1ccc(C=Cc2cc[n+](C)cc2)cc1"
SMILES = (DYE, "C", "O", "[Na+].[Cl-]", "N.N.Cl[Pt]Cl", "C[C@H](N)C(=O)O", "c1ccccc1")


def mol_of(smiles: str) -> Chem.Mol:
    return Molecule.parse(smiles).rdmol()


@pytest.mark.parametrize("smiles", SMILES)
def test_a_view_has_its_width_and_does_not_depend_on_the_order_of_the_atoms(smiles: str) -> None:
    mol = mol_of(smiles)
    order = np.random.default_rng(3).permutation(mol.GetNumAtoms()).tolist()
    turned = Chem.RenumberAtoms(mol, order)
    for name in VIEWS:
        values = view_values(mol, [name])
        assert values.shape == (view_width([name]),), name
        np.testing.assert_allclose(
            view_values(turned, [name]), values, rtol=2e-5, atol=1e-5, err_msg=name
        )


def test_views_stand_one_after_the_other() -> None:
    both = view_values(mol_of("CCO"), ["counts", "physical"])
    assert both.tolist() == [
        *view_values(mol_of("CCO"), ["counts"]).tolist(),
        *view_values(mol_of("CCO"), ["physical"]).tolist(),
    ]
    assert view_values(mol_of("CCO"), []).shape == (0,)


def test_what_cannot_be_computed_is_not_a_number() -> None:
    values = view_values(mol_of("N.N.Cl[Pt]Cl"), ["physical"])
    assert np.isnan(values[-8:]).all()  # no Gasteiger parameters for platinum
    assert np.isfinite(values[:-8]).all()


def test_benzene_has_the_levels_of_the_textbook() -> None:
    levels = pi_values(mol_of("c1ccccc1"))
    assert levels[:4] == pytest.approx([1, 1, 2, 2])  # α + β twice, α + 2β
    assert levels[4:8] == pytest.approx([-1, -1, -2, -2])
    assert levels[8] == pytest.approx(2)  # HOMO-LUMO gap, |β|
    assert levels[-2:].tolist() == [6, 0]


def test_a_longer_polyene_has_a_smaller_gap_and_a_saturated_molecule_none() -> None:
    gaps = [pi_values(mol_of("C=C" * n))[8] for n in (1, 2, 4, 8)]
    assert gaps == sorted(gaps, reverse=True)
    assert not pi_values(mol_of("CCCC")).any()


def test_pieces_of_the_smiles_are_counted_with_every_ring_closure_alike() -> None:
    water = np.expm1(view_values(mol_of("O"), ["lingo"]))
    assert water.sum() == pytest.approx(1)
    ethanol = np.expm1(view_values(mol_of("CCO"), ["lingo"]))
    assert ethanol.sum() == pytest.approx(3 + 2 + 1)
    assert ethanol.max() == pytest.approx(2)  # C twice
    written = np.expm1(view_values(mol_of("c1ccccc1-c1ccccc1"), ["lingo"]))
    assert written[zlib.crc32(b"c0") % 1024] == pytest.approx(4)  # c1 and c2, opened and closed
    charged = np.expm1(view_values(mol_of("[13CH4]"), ["lingo"]))
    assert charged[zlib.crc32(b"[13C") % 1024] == pytest.approx(1)  # no ring closure in brackets


def test_an_unknown_view_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="no view shape of a molecule; known are morgan"):
        check_views(["morgan", "shape"])


def test_another_number_of_values_than_the_weights_expect_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("assistant.chem.views._GROUPS", ())
    with pytest.raises(AssistantError, match=r"0 numbers for the view 'groups'.* made for 85"):
        view_values(mol_of("CCO"), ["groups"])
