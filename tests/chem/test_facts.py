"""Facts are numbers a chemist can look up, and exist for every valid molecule."""

import csv
import json
import math
from pathlib import Path

import pytest

from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError

TABLE = Path(__file__).parents[1] / "data" / "molecules.csv"
ROWS = list(csv.DictReader(TABLE.read_text().splitlines()))
VALID = [row for row in ROWS if row["valid"] == "yes"]
INVALID = [row for row in ROWS if row["valid"] == "no"]


def facts_of(smiles: str) -> Facts:
    return compute_facts(Molecule.parse(smiles))


def named(rows: list[dict[str, str]]) -> list[object]:
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("row", named(VALID))
def test_facts_of_every_tricky_molecule_are_as_in_the_table(row: dict[str, str]) -> None:
    facts = facts_of(row["smiles"])
    assert facts.formula == row["formula"]
    assert facts.charge == int(row["charge"])
    assert facts.rings == int(row["rings"])
    assert f"{facts.stereocentres_set}/{facts.stereocentres}" == row["stereocentres"]
    assert f"{facts.double_bonds_set}/{facts.double_bonds}" == row["double_bonds"]


@pytest.mark.parametrize("row", named(VALID))
def test_facts_are_finite_json(row: dict[str, str]) -> None:
    facts = facts_of(row["smiles"])
    as_json = json.loads(json.dumps(facts.to_dict(), allow_nan=False))
    assert set(as_json) == set(Facts.__dataclass_fields__)
    assert all(math.isfinite(v) for v in as_json.values() if isinstance(v, float))
    assert [group["count"] for group in as_json["groups"]] == [g.count for g in facts.groups]


@pytest.mark.parametrize("row", named(INVALID))
def test_what_is_no_molecule_has_no_facts(row: dict[str, str]) -> None:
    with pytest.raises(AssistantError):
        Molecule.parse(row["smiles"])


def test_aspirin_has_the_numbers_of_the_textbook() -> None:
    facts = facts_of("CC(=O)Oc1ccccc1C(=O)O")
    assert facts.inchikey == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert facts.average_mass == pytest.approx(180.16, abs=0.005)
    assert facts.exact_mass == pytest.approx(180.04226, abs=1e-5)
    assert facts.tpsa == pytest.approx(63.6)
    assert facts.clogp == pytest.approx(1.3101, abs=1e-4)
    assert (facts.heavy_atoms, facts.hbd, facts.hba, facts.rotatable_bonds) == (13, 1, 3, 2)
    assert (facts.rings, facts.ring_systems, facts.aromatic_rings) == (1, 1, 1)
    assert facts.fsp3 == pytest.approx(1 / 9)
    assert facts.qed == pytest.approx(0.550, abs=1e-3)
    assert facts.rule_of_five_violations == ()
    assert facts.fragments == 1


def test_exact_mass_of_an_ion_leaves_out_its_electron() -> None:
    assert facts_of("[Na+]").exact_mass == pytest.approx(22.989769 - 0.000549, abs=1e-5)


@pytest.mark.parametrize(
    ("smiles", "systems"),
    [
        ("c1ccccc1-c1ccccc1", 2),
        ("c1ccc2ccccc2c1", 1),
        ("C1CCC2(CC1)OCCO2", 1),
        ("C1CC2CCC1C2", 1),
        ("CCCC", 0),
    ],
)
def test_fused_bridged_and_spiro_rings_are_one_ring_system(smiles: str, systems: int) -> None:
    assert facts_of(smiles).ring_systems == systems


def test_coordination_bonds_close_no_ring() -> None:
    assert facts_of("C1CN->[Cu+2]<-N1").rings == 0


def test_each_limit_of_the_rule_of_five_is_named() -> None:
    erythromycin = (
        "CC[C@H]1OC(=O)[C@H](C)[C@@H](O[C@H]2C[C@@](C)(OC)[C@@H](O)[C@H](C)O2)[C@H](C)"
        "[C@@H](O[C@@H]2O[C@H](C)C[C@@H]([C@H]2O)N(C)C)[C@](C)(O)C[C@@H](C)C(=O)[C@H](C)"
        "[C@@H](O)[C@]1(C)O"
    )
    assert facts_of(erythromycin).rule_of_five_violations == (
        "molecular weight 733.9 > 500",
        "14 hydrogen bond acceptors > 10",
    )
    assert facts_of("C" * 36).rule_of_five_violations == (
        "molecular weight 507.0 > 500",
        "cLogP 14.29 > 5",
    )


def test_the_rule_of_five_counts_as_lipinski_did() -> None:
    methotrexate = "CN(Cc1cnc2nc(N)nc(N)c2n1)c1ccc(cc1)C(=O)N[C@@H](CCC(=O)O)C(=O)O"
    facts = facts_of(methotrexate)
    assert (facts.hbd, facts.hba) == (5, 10)  # what forms hydrogen bonds
    assert facts.rule_of_five_violations == (
        "7 hydrogen bond donors > 5",
        "13 hydrogen bond acceptors > 10",
    )


def test_salts_count_their_fragments() -> None:
    assert facts_of("CC(=O)[O-].[Na+]").fragments == 2


def test_qed_is_not_defined_without_carbon() -> None:
    assert facts_of("[Na+].[Cl-]").qed is None


@pytest.mark.parametrize(
    ("smiles", "catalogue", "name"),
    [
        ("O=C1C=CC(=O)C=C1", "PAINS", "quinone A"),
        ("CC=O", "Brenk", "aldehyde or formyl"),
        ("Oc1ccccc1O", "PAINS", "catechol A"),
        ("Cc1ccccc1[N+](=O)[O-]", "Brenk", "nitro group"),
    ],
)
def test_alerts_name_catalogue_pattern_and_atoms(smiles: str, catalogue: str, name: str) -> None:
    facts = facts_of(smiles)
    alerts = [alert for alert in facts.alerts if (alert.catalogue, alert.name) == (catalogue, name)]
    assert alerts
    assert all(1 <= atom <= facts.heavy_atoms for alert in alerts for atom in alert.atoms)


def test_ibuprofen_has_no_alert() -> None:
    assert facts_of("CC(C)Cc1ccc(cc1)C(C)C(=O)O").alerts == ()


@pytest.mark.parametrize(
    ("set_form", "unset_form"),
    [
        ("C[C@H](N)C(=O)O", "CC(N)C(=O)O"),
        ("C/C=C/C", "CC=CC"),
        ("C/C(N)=N\\C", "CC(N)=NC"),
    ],
)
def test_stereo_that_was_drawn_is_always_counted(set_form: str, unset_form: str) -> None:
    drawn, plain = facts_of(set_form), facts_of(unset_form)
    assert drawn.stereocentres_set + drawn.double_bonds_set == 1
    assert plain.stereocentres_set + plain.double_bonds_set == 0


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]", "C[C@H](N)C(=O)O"])
def test_facts_come_back_equal_from_json(smiles: str) -> None:
    facts = compute_facts(Molecule.parse(smiles))
    assert Facts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts
