"""Marks on charges said in passing, on values rounded one way, and on what both lack."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"
CHOLINE, BETAINE, NITROBENZENE = "C[N+](C)(C)CCO", "C[N+](C)(C)CC(=O)[O-]", "O=[N+]([O-])c1ccccc1"


def marks(answer: str, *smiles: str) -> list[tuple[str, str, str]]:
    facts = {n: compute_facts(Molecule.parse(s)) for n, s in enumerate(smiles, start=1)}
    found = check_answer(answer, facts, tuple(facts))
    return [(check.kind, check.verdict, check.claim) for check in found]


@pytest.mark.parametrize(
    ("smiles", "answer", "verdict"),
    [
        (ASPIRIN, "It carries a positive charge.", "contradicted"),
        (ASPIRIN, "Molecule 1 also has a negative charge.", "contradicted"),
        (ASPIRIN, "It does not carry a positive charge.", "confirmed"),
        (CHOLINE, "It carries a positive charge.", "confirmed"),
        (CHOLINE, "The molecule has a negative charge.", "contradicted"),
        # Drawn on an atom, though the whole is neutral: either may be meant.
        (BETAINE, "It has a positive charge.", "unverifiable"),
        (NITROBENZENE, "It has a negative charge.", "unverifiable"),
    ],
)
def test_a_charge_said_of_the_molecule_is_judged(smiles: str, answer: str, verdict: str) -> None:
    assert [(kind, found) for kind, found, _ in marks(answer, smiles)] == [("charge", verdict)]


@pytest.mark.parametrize(
    "answer",
    [
        "At pH 7.4 it carries a negative charge.",
        "It has a negative charge at pH 7.4.",
        "When protonated, it carries a positive charge.",
        "The nitrogen carries a positive charge.",
        "It has a partial positive charge on the carbonyl carbon.",
    ],
)
def test_a_charge_of_a_part_or_of_another_form_is_not_judged(answer: str) -> None:
    assert not [m for m in marks(answer, ASPIRIN) if m[0] == "charge" and m[1] != "unverifiable"]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("Rounded up, that is 181 g/mol.", "confirmed"),
        ("The molecular weight, rounded up, is 181 g/mol.", "confirmed"),
        ("Rounded up, that is 182 g/mol.", "contradicted"),
        ("Rounded up, that is 180 g/mol.", "contradicted"),
        ("Rounded down, it weighs 180 g/mol.", "confirmed"),
        ("Rounded down, it weighs 181 g/mol.", "contradicted"),
        ("Rounded, the molecular weight is 180 g/mol.", "confirmed"),
        ("It weighs 0.18016 kg/mol.", "confirmed"),
        ("It weighs 180.16 kg/mol.", "contradicted"),
    ],
)
def test_a_mass_is_rounded_and_scaled_as_it_is_said_to_be(answer: str, verdict: str) -> None:
    assert [(kind, found) for kind, found, _ in marks(answer, ASPIRIN)] == [("mass", verdict)]


def test_what_both_lack_is_judged_as_what_one_lacks() -> None:
    assert marks("Both lack rings.", ASPIRIN, CAFFEINE) == [("rings", "contradicted", "rings")]
    assert marks("Both lack rings.", "CCO", "CCN") == [("rings", "confirmed", "rings")]
