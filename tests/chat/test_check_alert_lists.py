"""A list of alerts by name is right when it names every computed alert and no other."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

QUERCETIN = "O=c1c(O)c(oc2cc(O)cc(O)c12)-c1ccc(O)c(O)c1"  # PAINS catechol A, Brenk catechol
RHODANINE = "O=C1CSC(=S)N1"  # PAINS rhod_sat_A, Brenk Thiocarbonyl group
SMILES = (QUERCETIN, "CCO", RHODANINE)
FACTS = {i: compute_facts(Molecule.parse(smiles)) for i, smiles in enumerate(SMILES, 1)}


@pytest.mark.parametrize(
    ("answer", "claim", "verdict"),
    [
        (
            "Molecule 1 has these alerts: PAINS catechol A, Brenk catechol.",
            "PAINS catechol A, Brenk catechol",
            "confirmed",
        ),
        (
            "Its alerts are PAINS catechol A and Brenk catechol (twice).",
            "PAINS catechol A and Brenk catechol (twice)",
            "confirmed",
        ),
        ("Molecule 1 has these alerts: Brenk catechol.", "Brenk catechol", "contradicted"),
        (
            "Molecule 1 has alerts such as these alerts: Brenk catechol.",
            "Brenk catechol",
            "confirmed",
        ),
        ("Alerts: PAINS catechol A; there is more.", "PAINS catechol A", "confirmed"),
        (
            "Molecule 1 has these alerts: PAINS catechol A, Brenk catechol, Brenk thiol 2.",
            "PAINS catechol A, Brenk catechol, Brenk thiol 2",
            "contradicted",
        ),
        (
            "Molecule 1 has these alerts: PAINS catechol A, Brenk catechols.",
            "PAINS catechol A, Brenk catechols",
            "contradicted",
        ),
        ("Molecule 2 has this alert: Brenk imine 1.", "Brenk imine 1", "contradicted"),
        (
            "Molecule 3 has these alerts: PAINSo amino B, Brenk Thiocarbonyl group.",
            "PAINSo amino B, Brenk Thiocarbonyl group",
            "contradicted",
        ),
        (
            "Molecule 3 has these alerts: PAINS rhod_sat_A, Brenk Thiocarbonyl_group.",
            "PAINS rhod_sat_A, Brenk Thiocarbonyl_group",
            "confirmed",
        ),
        ("Molecule 3 hits PAINS rhod_sat_A.", "PAINS rhod_sat_A", "confirmed"),
        ("Molecule 3 hits PAINS rhod sat A and a Brenk alert.", "PAINS rhod sat A", "confirmed"),
        ("Molecule 3 hits PAINS quinone A.", "PAINS quinone A", "contradicted"),
        ("Molecule 3 has no PAINS quinone A.", "no PAINS quinone A", "confirmed"),
        (
            "Molecule 3 has these alerts: PAINS rhod sat A, quinone A, Brenk Thiocarbonyl group.",
            "PAINS rhod sat A, quinone A, Brenk Thiocarbonyl group",
            "contradicted",
        ),
        (
            "Its alerts are PAINS catechol A, a polyphenol, and Brenk catechol.",
            "PAINS catechol A, a polyphenol, and Brenk catechol",
            "confirmed",
        ),
        ("Molecule 3: PAINSo amino B, Brenk Thiocarbonyl group", "PAINSo amino B", "contradicted"),
    ],
)
def test_a_list_of_alerts(answer: str, claim: str, verdict: str) -> None:
    found = [c for c in check_answer(answer, FACTS, (1,)) if c.claim == claim]
    assert [(c.kind, c.verdict) for c in found] == [("alerts", verdict)]


@pytest.mark.parametrize(
    "answer",
    [
        "Molecule 1 has a Brenk alert.",
        "If it has these alerts: Brenk imine 1, then discard it.",
        "Which alerts are PAINS alerts?",
        "Molecule 1 has no PAINS or Brenk alert.",
    ],
)
def test_what_names_no_alert_is_no_list(answer: str) -> None:
    assert all("imine" not in c.claim for c in check_answer(answer, FACTS, (1,)))


def test_a_wrong_name_shows_the_computed_list() -> None:
    text = "Molecule 3 has these alerts: PAINSo amino B, Brenk Thiocarbonyl group."
    (check,) = check_answer(text, FACTS, (3,))
    assert check.truth == "alerts: PAINS rhod sat A, Brenk Thiocarbonyl group"


@pytest.mark.parametrize(
    "answer",
    [
        "Molecule 3 is caught by the PAINS filter A.",
        "Molecule 3 has no PAINS quinone A.",
        "PAINS and Brenk alerts are hints. Vitamin A has none.",
        "Molecule 3 has two alerts: 1 PAINS and 1 Brenk.",
    ],
)
def test_what_is_no_name_is_not_wrong(answer: str) -> None:
    checks = check_answer(answer, FACTS, (3,))
    assert all(c.verdict != "contradicted" for c in checks if "vitamin" not in c.claim.lower())


@pytest.mark.parametrize(
    "answer",
    [
        "It hits PAINS because of ring A.",
        "The PAINS quinone of ring A.",
        "It is flagged as PAINS by the quinone of ring A.",
        "It matches PAINS with its ring A.",
        "It is in the PAINS list A.",
    ],
)
def test_a_letter_behind_other_words_is_no_name_of_an_alert(answer: str) -> None:
    quinone = {1: compute_facts(Molecule.parse("O=C1C=CC(=O)C=C1"))}  # PAINS quinone A
    assert "contradicted" not in {c.verdict for c in check_answer(answer, quinone, (1,))}
