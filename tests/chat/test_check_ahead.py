"""Marks on values that stand before what they are values of."""

import pytest

from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN, NICOTINE = "CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1"
FACTS = {1: compute_facts(Molecule.parse(ASPIRIN)), 2: compute_facts(Molecule.parse(NICOTINE))}


def marks(text: str) -> list[tuple[str, str]]:
    return [(check.claim, check.verdict) for check in check_answer(text, FACTS, (1,))]


@pytest.mark.parametrize(
    ("text", "claim", "verdict"),
    [
        ("The facts of molecule 1 say 1.20 for the TPSA.", "1.20 for the TPSA", "contradicted"),
        ("The facts of molecule 1 say 63.6 for the TPSA.", "63.6 for the TPSA", "confirmed"),
        ("I have 63.6 Å² as the TPSA of molecule 2.", "63.6 Å² as the TPSA", "contradicted"),
        ("Yes, 63.6 is the computed TPSA.", "63.6 is the computed TPSA", "confirmed"),
        ("RDKit gives 3 for the number of rings.", "3 for the number of rings", "contradicted"),
        ("RDKit gives 1 for the number of rings.", "1 for the number of rings", "confirmed"),
        ("About 64 for the TPSA.", "About 64 for the TPSA", "confirmed"),
        ("I cannot confirm 63.6 for the TPSA.", "cannot confirm 63.6 for the TPSA", "contradicted"),
        ("I cannot confirm 50 for the TPSA.", "cannot confirm 50 for the TPSA", "confirmed"),
        # Which mass it is stands behind the number.
        (
            "180.0423 Da for the average mass of molecule 1.",
            "180.0423 Da for the average mass",
            "contradicted",
        ),
        ("It is 180.04 g/mol, the average mass.", "180.04 g/mol, the average mass", "contradicted"),
        ("It is 180.16 g/mol, the average mass.", "180.16 g/mol, the average mass", "confirmed"),
        ("The mass is 180.16 Da (exact mass).", "180.16 Da (exact mass)", "contradicted"),
        ("A 180.16 g/mol exact mass.", "A 180.16 g/mol exact mass", "contradicted"),
    ],
)
def test_a_value_before_its_property_is_judged(text: str, claim: str, verdict: str) -> None:
    assert marks(text) == [(claim, verdict)]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("cLogP: 1.31 for molecule 1, 1.85 for molecule 2", ["cLogP: 1.31", "1.85"]),
        (
            "180.0423 Da for the exact mass and 180.16 for the average mass.",
            ["180.0423 Da for the exact mass", "180.16 for the average mass"],
        ),
        ("1.31 for the cLogP (63.6 for the TPSA)", ["1.31 for the cLogP", "63.6 for the TPSA"]),
        (
            "The exact mass is 180.04 g/mol, the average mass 180.16 g/mol.",
            ["exact mass is 180.04 g/mol", "average mass 180.16 g/mol"],
        ),
        (
            "The exact mass is 180.0423 Da, the average mass is not given.",
            ["exact mass is 180.0423 Da"],
        ),
    ],
)
def test_each_value_keeps_its_own_property(text: str, claims: list[str]) -> None:
    assert marks(text) == [(claim, "confirmed") for claim in claims]


@pytest.mark.parametrize(
    "text",
    [
        "The rule allows 500 for the average mass.",
        "You gave 50 for the TPSA.",
        "If you expect 50 for the TPSA, please check the drawing.",
        "It is more than the limit, 500 g/mol for the average mass.",
        "A value of 5 for the cLogP is high.",
        "Any value above 5 for the cLogP is high.",
        "It needs 5 for the donors.",
        "The mean is 2.5 for the logP of drugs.",
        "The median is 350 g/mol for the mass of oral drugs.",
        "Use 500 for the mass.",
        "So take 140 Å² for the TPSA.",
        "The uncertainty is 0.3 for the cLogP.",
    ],
)
def test_a_limit_or_another_ones_value_is_no_claim(text: str) -> None:
    assert marks(text) == []


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("It has no more than {} Å² for the TPSA.", "140", "60"),
        ("It has no more than {} for the cLogP.", "2", "1"),
        ("It has no less than {} Å² for the TPSA.", "60", "70"),
        ("It has no fewer than {} for the heavy atoms.", "13", "14"),
        ("It has not higher than {} for the cLogP.", "2", "1"),
        ("Between {} Å² for the TPSA.", "60 and 70", "65 and 70"),
        ("Less than or equal to {} Å² for the TPSA.", "70", "60"),
        ("It does not exceed {} Å² for the TPSA.", "70", "60"),
        # The same of values that their unit alone names.
        ("It weighs no more than {} g/mol.", "181", "180"),
        ("It weighs less than or equal to {} g/mol.", "181", "180"),
        ("It lies between {} g/mol.", "180 g/mol and 181", "170 g/mol and 180"),
        ("It weighs 180 g/mol, or more precisely {} g/mol.", "180.16", "180.26"),
        ("It weighs {} or less.", "200 g/mol", "150 g/mol"),
        ("The TPSA is {} or higher.", "60 Å²", "70 Å²"),
    ],
)
def test_a_bound_is_read_from_its_first_word_on(text: str, right: str, wrong: str) -> None:
    *_, (_, verdict) = marks(text.format(right))
    assert verdict == "confirmed"
    *_, (claim, verdict) = marks(text.format(wrong))
    assert verdict == "contradicted"
    assert wrong in claim


@pytest.mark.parametrize(
    "text",
    [
        "The limits are 5 donors, 10 acceptors, 500 g/mol and a logP of 5.",
        "The limit for donors is 5.",
        "Lipinski's rule allows up to 5 donors and 10 acceptors.",
        "For oral drugs, the rule of five wants a mass of at most 100 g/mol.",
        "The usual cap is 140 Å².",
        "The upper bound is 140 Å² for the TPSA.",
        "A TPSA below 50 Å² is good for the brain.",
        "The scale runs from 2 to 10 for the cLogP.",
        "Rule of five: MW < 100, logP < 1, HBD ≤ 0.",
        "Lipinski's rule of five (MW ≤ 100, logP ≤ 1) is violated twice.",
        "It exceeds a logP of 1.",
    ],
)
def test_what_a_yardstick_says_is_no_claim_about_the_molecule(text: str) -> None:
    assert marks(text) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The limit is 5 donors; molecule 1 has 1 donor.", ["1 donor"]),
        ("Lipinski's rule allows 5 donors, and it has 1 donor.", ["1 donor"]),
        ("It is 63.6 Å², below Veber's 140 Å².", ["63.6 Å²"]),
        ("The limit is 5 donors, but the cLogP is 1.31.", ["cLogP is 1.31"]),
        ("The limit is 500 g/mol; the mass is 180.16 g/mol.", ["mass is 180.16 g/mol"]),
        ("The rule of five is kept: 180.16 g/mol, 1 donor.", ["180.16 g/mol", "1 donor"]),
        ("The Lipinski donor count is 1.", ["donor count is 1"]),
        ("Use the facts: it has 1 donor.", ["1 donor"]),
        ("The average mass is 180.16 g/mol.", ["average mass is 180.16 g/mol"]),
    ],
)
def test_a_molecule_beside_a_yardstick_keeps_its_values(text: str, claims: list[str]) -> None:
    assert marks(text) == [(claim, "confirmed") for claim in claims]


def test_how_far_two_are_apart_is_no_mass() -> None:
    assert marks("They are no more than 15 g/mol apart.") == []
