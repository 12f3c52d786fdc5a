"""Questions in other languages are known by their small words."""

import json
from pathlib import Path

import pytest

from assistant.chat.asked_words import likely_key, plain_text
from assistant.chat.asking.tongue import is_foreign

HELDOUT = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    "question",
    [
        "Ist das Molekül giftig?",
        "wie viele Ringe hat die Verbindung",
        "Quelle est la solubilité de ce composé ?",
        "¿Cuál es el punto de fusión?",
        "Qual è il punto di fusione della molecola?",
        "Qual é a massa molar do composto?",
        "分子量是多少?",
        "Сколько колец в молекуле?",
    ],
)
def test_a_question_in_another_language_is_known(question: str) -> None:
    assert is_foreign(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "logP?",
        "Is it a β-lactam or a γ-lactone?",
        "CC(=O)Oc1ccccc1C(=O)O",
        "µM stock: MW, please",
        "What is the de and the ee of the product?",
        "Summenformel?",
        "does it die at pH 2",
        "The Grignard von Karman would do: is it stable?",
    ],
)
def test_english_and_formulae_are_not_foreign(question: str) -> None:
    assert not is_foreign(question)


def test_no_hand_written_question_is_foreign() -> None:
    for place in ("heldout", "heldout_blind"):
        facts = json.loads((HELDOUT / place / "facts_questions.json").read_text(encoding="utf-8"))
        lines = (HELDOUT / place / "abstain.jsonl").read_text(encoding="utf-8").splitlines()
        asked = [question for questions in facts.values() for question in questions]
        asked += [json.loads(line)["question"] for line in lines]
        assert [question for question in asked if is_foreign(question)] == []


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("Wie viele Ringe hat das Molekül?", "rings"),
        ("quelle est la masse molaire?", "average_mass"),
        ("combien de donneurs de liaison hydrogène ?", "hbd"),
        ("¿Cuál es el peso molecular?", "average_mass"),
        ("Welche Summenformel hat die Verbindung?", "formula"),
        ("qual è il peso molecolare?", "average_mass"),
        ("Qual é a massa molar do composto?", "average_mass"),
        ("Wie ist der Schmelzpunkt?", None),
        ("Ist es giftig?", None),
    ],
)
def test_a_value_is_asked_for_in_other_languages(question: str, key: str | None) -> None:
    assert likely_key(plain_text(question)) == key
