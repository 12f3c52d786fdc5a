"""Controlled structures are recognised however they are written, and nothing else is."""

import tomllib

import pytest

from assistant.chem.controlled import controlled
from assistant.chem.molecule import Molecule
from assistant.chem.names import BUILT_IN, built_in_names

DATA = BUILT_IN.parent

NOT_CONTROLLED = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "O=[N+]([O-])c1ccccc1",  # one nitro group
    "CC(C)CCO[N+](=O)[O-]",  # one nitrate
    "O=C(OOC(=O)c1ccccc1)c1ccccc1",  # one peroxide bond
    "CCOP(=O)(OCC)OCC",
    "CC(C)NCC(O)COc1cccc2ccccc12",
    "NCCc1ccccc1",
    "O=C(Nc1ccccc1)C1CCNCC1",  # an anilide beside a piperidine, no fentanyl
    "COC(=O)N1CCC(C)(N2CCC(N3C(=O)Cc4cc(F)ccc43)CC2)C1",  # an anilide in a ring
    "OCCCO",
    "CC(O)CC(=O)O",  # an isomer of GHB
)


@pytest.mark.parametrize(
    ("smiles", "name"),
    [
        ("CN[C@@H](C)Cc1ccccc1", "methamphetamine"),
        ("CNC(C)Cc1ccccc1.Cl", "methamphetamine"),
        ("C[NH2+]C(C)Cc1ccccc1.[Cl-]", "methamphetamine"),
        ("c1ccccc1CC(C)N([2H])C", "methamphetamine"),
        ("CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1", "a fentanyl"),
        ("O=C(N(c1ccccc1F)C1CCN(CCc2ccccc2)CC1)c1ccco1", "a fentanyl"),
        ("CCC(=O)N(c1ccccc1)C1(C(=O)OC)CCN(CCC(=O)OC)CC1", "a fentanyl"),  # remifentanil
        ("CCN(CC)CCn1c(Cc2ccc(OCC)cc2)nc2cc([N+](=O)[O-])ccc12", "a nitazene"),
        ("CC(C)OP(C)(=O)F", "a nerve agent of the sarin kind"),
        ("CCOP(C)(=O)SCCN(C(C)C)C(C)C", "a nerve agent of the VX kind"),
        ("CCOP(=O)(C#N)N(C)C", "a nerve agent of the tabun kind"),
        ("Cc1c([N+](=O)[O-])cc([N+](=O)[O-])cc1[N+](=O)[O-]", "a trinitrobenzene"),
        ("CC1(C)OOC(C)(C)OOC(C)(C)OO1", "an organic peroxide with several O-O bonds"),
        ("O=[N+]([O-])N1CN([N+](=O)[O-])CN([N+](=O)[O-])C1", "a nitramine"),
    ],
)
def test_it_is_recognised(smiles: str, name: str) -> None:
    found = controlled(Molecule.parse(smiles))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("smiles", NOT_CONTROLLED)
def test_others_are_not(smiles: str) -> None:
    assert controlled(Molecule.parse(smiles)) is None


def test_every_compound_of_the_table_is_recognised() -> None:
    table = tomllib.loads((DATA / "controlled.toml").read_text(encoding="utf-8"))
    for entry in (entry for kind in table["kind"] for entry in kind["compounds"]):
        found = controlled(Molecule.parse(entry["smiles"]))
        assert found is not None, entry["name"]
        assert found.name == entry["name"]


def test_common_compounds_are_not_taken_for_controlled_ones() -> None:
    named = {e.name for e in built_in_names().entries if controlled(e.molecule())}
    assert {"morphine", "cocaine", "trinitrotoluene", "phosgene", "esketamine"} <= named
    assert len(named) < 40
