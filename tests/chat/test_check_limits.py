"""Marks on limits, and on the yes or no to a question for one."""

import pytest

from assistant.chat.check import Check, check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

ASPIRIN, NICOTINE = "CC(=O)Oc1ccccc1C(=O)O", "CN1CCC[C@H]1c1cccnc1"
FACTS = {1: compute_facts(Molecule.parse(ASPIRIN)), 2: compute_facts(Molecule.parse(NICOTINE))}


def checks(question: str, answer: str, focus: tuple[int, ...] = (1,)) -> tuple[Check, ...]:
    return check_answer(answer, FACTS, focus, question=question)


def test_a_yes_behind_the_value_is_judged_with_what_is_said_of_the_limit() -> None:
    answer = "The average mass of molecule 1 is 180.16 g/mol, so yes: that is above 300."
    value, word, limit = checks("Is it heavier than 300 g/mol?", answer)
    assert (value.verdict, value.kind) == ("confirmed", "mass")
    assert (word.claim, word.verdict) == ("yes", "contradicted")
    assert (limit.claim, limit.verdict) == ("above 300", "contradicted")
    answer = "The average mass of molecule 1 is 180.16 g/mol, so no: that is not above 300."
    assert {c.verdict for c in checks("Is it heavier than 300 g/mol?", answer)} == {"confirmed"}


@pytest.mark.parametrize(
    ("answer", "claim", "verdict"),
    [
        ("Molecule 1 has one ring, so no: that is below 2.", "below 2", "confirmed"),
        ("Molecule 1 has one ring; it is flat and that is more than 2.", "", ""),
        ("Its TPSA is 63.6, which is below 60.", "below 60", "contradicted"),
        ("Its TPSA is 63.6, and that is 63.6.", "", ""),
        ("That is above 300.", "", ""),
        ("If its TPSA is 63.6, that is below 60.", "", ""),
    ],
)
def test_a_stated_value_is_judged_against_a_limit(answer: str, claim: str, verdict: str) -> None:
    found = [(c.claim, c.verdict) for c in checks("", answer) if "below" in c.claim]
    assert found == ([(claim, verdict)] if claim else [])


@pytest.mark.parametrize(
    ("question", "answer", "wrong"),
    [
        ("mw > 150?", "Its mass is 180.16 g/mol, so no: that is above 150.", ["no"]),
        ("tpsa > 50?", "No, the TPSA is 63.6.", ["No"]),
        ("logP > -1?", "No, the cLogP is 1.31.", ["No"]),
        ("logP < -1?", "No, the cLogP is 1.31.", []),
        ("hbd not more than 5?", "It has one H-bond donor, so no: that is below 5.", ["no"]),
        ("hbd not more than 5?", "It has one H-bond donor, so yes: that is below 5.", []),
        ("rings ≥ 2?", "Molecule 1 has 1 ring, so no: that is below 2.", []),
        # a limit that nobody asked about
        ("mw > 150?", "Its mass is 180.16 g/mol, so yes: that is above 35.", ["above 35"]),
        ("mw > 150?", "Its mass is 180.16 g/mol, so yes: that is not below 35.", ["not below 35"]),
        ("logP < -1?", "Its cLogP is 1.31, so no: that is above 1.", ["above 1"]),
        ("mw > 0.15 kDa?", "Its mass is 180.16 g/mol, so yes: that is above 150.", []),
        ("mw > 150?", "Its mass is 180.16 g/mol, so yes: that is above 162.24.", []),  # of 2
        ("Is it small?", "Its mass is 180.16 g/mol, so yes: that is below 500.", []),
    ],
)
def test_a_limit_in_signs_or_turns_is_judged_as_in_words(
    question: str, answer: str, wrong: list[str]
) -> None:
    found = checks(question, answer)
    assert [c.claim for c in found if c.verdict == "contradicted"] == wrong


def test_a_limit_that_nobody_asked_about_says_what_was_asked() -> None:
    answer = "Its mass is 180.16 g/mol, so yes: that is above 35."
    (wrong,) = (c for c in checks("mw > 150?", answer) if c.verdict == "contradicted")
    assert wrong.truth is not None
    assert wrong.truth.endswith("; the question asks about 150")


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("is 2 heavier than 1?", "No.", "Yes."),
        ("Is molecule 2 heavier than 1?", "No.", "Yes."),
        ("so is 2 really lighter than 1?", "Yes.", "No."),
        ("does 2 weigh more than 1", "No.", "Yes."),
        ("does 2 have more rings than 1?", "Yes.", "No."),
        ("does 2 have a higher TPSA than 1?", "No.", "Yes."),
    ],
)
def test_bare_numbers_of_molecules_are_compared(question: str, right: str, wrong: str) -> None:
    (check,) = checks(question, right, (1, 2))
    assert (check.kind, check.verdict) == ("comparison", "confirmed")
    (check,) = checks(question, wrong, (1, 2))
    assert (check.kind, check.verdict) == ("comparison", "contradicted")


def test_the_number_of_a_compared_molecule_is_no_limit() -> None:
    answer = "The average mass of molecule 2 is 162.24, so yes: that is above 1."
    value, word = checks("is 2 heavier than 1?", answer, (1, 2))
    assert (value.claim, value.verdict) == ("average mass of molecule 2 is 162.24", "confirmed")
    assert (word.claim, word.verdict, word.kind) == ("yes", "contradicted", "comparison")
    answer = "The average mass of molecule 2 is 162.24, so no: that is below 180.16."
    assert {c.verdict for c in checks("is 2 heavier than 1?", answer, (1, 2))} == {"confirmed"}


def test_a_limit_may_be_as_low_as_the_number_of_its_molecule() -> None:
    question = "Would you put the number of rings of molecule 2 at less than 2?"
    _, limit = checks(question, "Molecule 2 has 2 rings, so no: that is not below 2.", (2,))
    assert (limit.claim, limit.verdict) == ("not below 2", "confirmed")


@pytest.mark.parametrize(
    "question",
    [
        "Is its logP higher than 1?",
        "Does molecule 1 have a logP higher than 1?",
        "is molecule 1 heavier than 3?",  # of which there is none
    ],
)
def test_a_limit_stays_one_where_no_molecule_is_compared(question: str) -> None:
    (check,) = checks(question, "Yes.")
    assert (check.verdict, check.molecule) == ("confirmed", 1)
    assert check.kind in ("logp", "mass")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "Is the mass below 1,000?",
            "The average mass is 180.16 g/mol, so yes: that is below 1,000.",
        ),
        ("clogP below 3,5?", "The cLogP is 1.31, so yes: that is below 3.5."),
        ("is the Fsp3 below 50 %?", "The Fsp3 is 0.11, so yes: that is below 0.5."),
        (
            "fewer than five donors and less than 10 acceptors?",
            "It has 1 donor, so yes: that is below 5.",
        ),
    ],
)
def test_a_limit_is_the_one_asked_about_however_it_is_written(question: str, answer: str) -> None:
    assert {c.verdict for c in checks(question, answer)} == {"confirmed"}


def test_the_number_of_a_molecule_is_no_limit_that_was_asked_about() -> None:
    answer = "The average mass is 180.16 g/mol, so yes: that is above 1."
    (limit,) = (c for c in checks("mw of molecule 1 > 150?", answer) if c.claim == "above 1")
    assert limit.verdict == "contradicted"


@pytest.mark.parametrize(
    "question", ["does it have more donors than 2?", "has it more rings than 1?"]
)
def test_more_of_something_than_a_number_is_no_comparison_with_a_molecule(question: str) -> None:
    assert checks(question, "No.") == ()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("is it aromatic?", "No, it is safe for a person to handle."),
        ("is it chiral?", "Yes, it is used in human medicine."),
    ],
)
def test_a_person_further_on_does_not_take_a_yes_or_no_away(question: str, answer: str) -> None:
    (word,) = checks(question, answer)
    assert (word.claim, word.verdict) == (answer.split(",")[0], "contradicted")
