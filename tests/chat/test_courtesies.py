"""Small talk is known for what it is, and nothing that asks for an answer is taken for it."""

import json
import tomllib
from pathlib import Path

import pytest

from assistant.chat.check import check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.courtesies import Courtesy, courtesy_of
from assistant.chat.wanted import wanted_value
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.plain_question import in_plain_words
from tests.chat.texts import texts_of

ROOT = Path(__file__).parents[2]
WORDINGS = ROOT / "assistant" / "train" / "wordings"
ETHANOL = Molecule.parse("CCO")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Thank you so much, that saved me an hour", "Thank you very much"),
        ("I'm off to lunch, see you later", "Goodbye!"),
        ("Thanks for your help, that was quick", "Thank you very much"),
        ("Good evening from Lisbon", "Hello!"),
        ("Bonjour, first time here", "Hello!"),
        ("hey, anyone there?", "Hello!"),
        ("wow you're fast", "Well done!"),
        ("nice answer", "Well done!"),
        ("hold on, I need to find my notes", "ok"),
        ("sorry for the mess", "Sorry"),
        ("that was not very helpful", "That was wrong"),
        ("you're too wordy", "Be shorter"),
        ("How are you doing today?", "How are you today?"),
        ("Please introduce yourself to my students.", "Who are you?"),
        ("What sort of things may I ask you?", "What can you do?"),
    ],
)
def test_small_talk_has_a_plain_form(text: str, plain: str) -> None:
    assert courtesy_of(text) == Courtesy(plain)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks. And the TPSA?",
        "Thanks, what does it smell of?",
        "Sorry, I meant molecule 2",
        "Can you recommend a good film for tonight",
        "Nice, now the logP",
        "How do I use a separating funnel?",
        "Is it absorbed fast?",
        "What is it good for?",
        "",
        "Thanks! Now describe it.",
        "Hello, tell me about this compound",
        "okay thanks, now tell me how to synthesise it",
        "wait, that is wrong",
        "How should I use this safely?",
        "What could you do to improve its potency?",
        "thanks but why",
        "your-" * 4000,
    ],
)
def test_what_asks_for_an_answer_is_no_small_talk(text: str) -> None:
    assert courtesy_of(text) is None


def test_no_question_about_a_molecule_of_the_generator_or_of_the_held_out_ones_is() -> None:
    asked = texts_of(tomllib.loads((WORDINGS / "asked.toml").read_text(encoding="utf-8")))
    held_out = ROOT / "tests" / "data" / "heldout"
    facts = json.loads((held_out / "facts_questions.json").read_text(encoding="utf-8"))
    lines = (held_out / "abstain.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [*asked, *texts_of(facts), *(json.loads(line)["question"] for line in lines)]
    assert len(texts) > 4000
    assert [t for t in texts if courtesy_of(t.replace("{m}", "it").replace("{x}", "value"))] == []


@pytest.mark.parametrize(
    ("plain", "answer", "is_missed", "is_met"),
    [
        ("Goodbye!", "I cannot help with other topics.", True, False),
        ("Goodbye!", "I do not know.", True, False),
        ("Goodbye!", "Molecule 1 has no rings.", False, False),
        ("Goodbye!", "Goodbye, and thanks.", False, True),
        ("ok", "Good. What would you like to know next?", False, True),
        ("What can you do?", "I give masses. I do not know uses.", True, True),
    ],
)
def test_an_answer_that_does_not_decline_is_left_alone(
    plain: str, answer: str, is_missed: bool, is_met: bool
) -> None:
    checks = check_answer(answer, {1: compute_facts(ETHANOL)}, (1,))
    wanted = Courtesy(plain)
    assert (wanted.is_missed_by(answer, checks), wanted.is_met_by(answer, checks)) == (
        is_missed,
        is_met,
    )


@pytest.mark.parametrize(
    ("said", "answer", "is_missed"),
    [
        ("Thanks a lot!", "Hello. Draw or paste a molecule, then ask.", True),
        ("Thanks a lot!", "You are welcome.", False),
        ("Good morning!", "I have no access to other knowledge.", True),
        ("Good morning!", "Hi! Which molecule is it?", False),
        ("See you tomorrow", "You can ask for the formula.", True),
        ("See you tomorrow", "Goodbye.", False),
        ("That was brilliant!", "I am a small model and have limits.", True),
        ("sorry", "No problem.", False),
        ("hold on", "Take your time.", False),
    ],
)
def test_an_answer_to_something_else_is_asked_for_again(
    said: str, answer: str, is_missed: bool
) -> None:
    courtesy = courtesy_of(said)
    assert courtesy.is_missed_by(answer, []) == is_missed
    assert courtesy.is_met_by(answer, []) != is_missed


def test_it_is_asked_again_without_molecules_though_the_page_attaches_the_drawing() -> None:
    conversation, number = Conversation().with_molecule(ETHANOL)
    talk = conversation.with_message(Message("user", "many thanks for this", (number,)))
    wanted = wanted_value(talk)
    assert wanted is not None
    (asked,) = in_plain_words(talk, wanted).messages
    assert (asked.text, asked.attached) == ("Thank you very much", ())


@pytest.mark.parametrize(
    "text",
    [
        "good leaving group",
        "how is it going to react with NaOH",
        "this is a nice inhibitor of COX",
        "wait, that is not right",
        "this chain is too long",
    ],
)
def test_chemistry_in_kind_words_is_no_small_talk(text: str) -> None:
    assert courtesy_of(text) is None
