"""Which of several values an answer leaves out."""

import pytest

from assistant.chat.asked_words import PLAIN_QUESTIONS
from assistant.chat.check import check_answer
from assistant.chat.parts import unanswered
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

FACTS = {1: compute_facts(Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"))}


def left(question: str, answer: str) -> tuple[str, ...]:
    found = unanswered(question, answer, check_answer(answer, FACTS, (1,)))
    assert all("{}" in one.question for one in found)
    return tuple(one.label for one in found)


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        (
            "what's the formula and does it have any stereocentres? also tpsa",
            "The formula of molecule 1 is C9H8O4. It has no stereocentres.",
            ("TPSA",),
        ),
        (
            "how many h bond donors and acceptors",
            "Molecule 1 has 1 H-bond donor.",
            ("H-bond acceptors",),
        ),
        (
            "TPSA, HBD, HBA and rotatable bonds please",
            "TPSA: 63.6 Å², H-bond donors: 1.",
            ("H-bond acceptors", "rotatable bonds"),
        ),
        ("logP and TPSA?", "The cLogP is 9.31.", ("TPSA",)),  # wrong, yet answered
        ("TPSA and logP?", "The TPSA is 63.6 Å².", ("cLogP",)),
        (
            "does it contain a benzene ring and an ester",
            "Yes, molecule 1 contains a benzene ring.",
            ("ester",),
        ),
    ],
)
def test_values_without_a_claim_are_left_out(
    question: str, answer: str, expected: tuple[str, ...]
) -> None:
    assert left(question, answer) == expected


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Formula and mass", "The formula is C9H8O4, the average mass is 180.16 g/mol."),
        ("What is the logP?", "The TPSA is 63.6 Å²."),  # one value: another rule sees to it
        ("Is the logP higher than 2 and the mass below 500?", "The cLogP is 1.31."),
        ("How does TPSA affect logP, and why?", "The cLogP is 1.31."),
        ("logP or TPSA?", "The cLogP is 1.31."),
        ("an ester and a carboxylic acid?", "It contains an ester and a carboxylic acid."),
        ("rings, and which groups?", "It has 1 ring."),
        ("logP and TPSA?", "I do not know the logP."),
        ("logP and TPSA?", "Hello."),
        ("Give me the formula and all properties", "The formula is C9H8O4."),
        ("logP, TPSA " * 60, "The cLogP is 1.31."),
    ],
)
def test_nothing_is_said_where_it_is_not_certain(question: str, answer: str) -> None:
    assert left(question, answer) == ()


def test_what_is_left_out_can_be_asked_for_in_plain_words() -> None:
    answer = "Molecule 1 has 1 H-bond donor."
    (one,) = unanswered("donors and acceptors?", answer, check_answer(answer, FACTS, (1,)))
    assert one.question.format("molecule 1") == PLAIN_QUESTIONS["hba"].format("molecule 1")
