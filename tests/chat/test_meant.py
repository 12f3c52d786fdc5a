"""A question that only says which molecule was meant asks again what was asked before."""

import pytest

from assistant.chat.check import check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.meant import meant_value
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule

CAFFEINE = Molecule.parse("Cn1cnc2c1c(=O)n(C)c(=O)n2C", name="caffeine")
ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
FACTS = {1: compute_facts(CAFFEINE), 2: compute_facts(ASPIRIN)}
FIRST = ("logP?", 1)


def talk(*turns: tuple[str, int]) -> Conversation:
    """Questions with the molecule that lies in the box; all but the last are answered."""
    conversation, _ = Conversation().with_molecule(CAFFEINE)
    conversation, _ = conversation.with_molecule(ASPIRIN)
    for text, number in turns:
        if conversation.messages:
            conversation = conversation.with_message(Message("assistant", "Fine."))
        at = text.find("caffeine")
        mentions = ((at, at + len("caffeine"), 1),) if at >= 0 else ()
        conversation = conversation.with_message(
            Message("user", text, (number,), mentions=mentions)
        )
    return conversation


@pytest.mark.parametrize(
    ("asked", "said", "question"),
    [
        (
            "and the TPSA of molecule 2?",
            "no, I meant the other one",
            "What is the TPSA of molecule 1?",
        ),
        ("and its TPSA?", "sorry, caffeine I mean", "What is the TPSA of molecule 1?"),
        ("TPSA?", "No, not this one, molecule 1.", "What is the TPSA of molecule 1?"),
        ("boiling point?", "I meant the first one", "What is the boiling point of molecule 1?"),
        ("TPSA?", "no, I meant the exact mass", None),
        ("TPSA?", "I meant what I said", None),
        ("TPSA?", "no, compare it with caffeine", None),
        ("TPSA?", "caffeine", None),
        ("Tell me a joke.", "no, about caffeine", "What is the cLogP of molecule 1?"),
        ("TPSA?", "no, not the second", "What is the TPSA of molecule 1?"),
        ("TPSA?", "not molecule 1, molecule 2", "What is the TPSA of molecule 2?"),
        ("TPSA?", "no, not the first one, the second one", "What is the TPSA of molecule 2?"),
    ],
)
def test_what_was_asked_before_is_asked_of_the_molecule_that_was_meant(
    asked: str, said: str, question: str | None
) -> None:
    found = meant_value(talk(FIRST, (asked, 2), (said, 2)))
    assert (found.question if found else None) == question


def test_only_an_answer_with_the_value_meets_it() -> None:
    wanted = meant_value(talk(FIRST, ("TPSA?", 2), ("no, I meant caffeine", 2)))
    assert (wanted.number, wanted.lines) == (1, frozenset({"tpsa"}))
    for text, misses in (
        ("Understood. Ask on if you like.", True),
        ("The TPSA of molecule 2 is 63.6 Å².", True),
        ("The TPSA of molecule 1 is 61.8 Å².", False),
    ):
        assert wanted.is_missed_by(text, check_answer(text, FACTS, (1,))) is misses


def test_without_a_question_before_nothing_is_meant() -> None:
    assert meant_value(talk(("no, I meant caffeine", 2))) is None


def test_the_other_one_is_other_than_what_the_last_answer_is_about() -> None:
    conversation = talk(FIRST, ("TPSA?", 2), ("no, I meant the other one", 2))
    answer = "The TPSA of molecule 1 is 61.8 Å²."
    checked = Message("assistant", answer, checks=check_answer(answer, FACTS, (1,)))
    again = conversation.with_message(checked).with_message(Message("user", "no, the other one"))
    assert meant_value(conversation).number == 1
    assert meant_value(again).question == "What is the TPSA of molecule 2?"
