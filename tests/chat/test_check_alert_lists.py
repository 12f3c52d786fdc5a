"""A list of alerts by name is right when it names every computed alert and no other."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

QUERCETIN = "O=c1c(O)c(oc2cc(O)cc(O)c12)-c1ccc(O)c(O)c1"  # PAINS catechol A, Brenk catechol
FACTS = {i: compute_facts(Molecule.parse(smiles)) for i, smiles in enumerate((QUERCETIN, "CCO"), 1)}


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
