"""Which words ask for a value of the card, and which come near and do not.

The questions were written by the author of the word lists, so the share that is read says what the
lists cover and not what other people's questions would give.
"""

import time
import tomllib
from pathlib import Path

import pytest

from assistant.chat.asked_words import PLAIN_QUESTIONS, asked_key, plain_text
from assistant.chat.asking.shapes import VALUE, VERB, is_for_a_value
from assistant.chat.asking.terms import word_lists
from tests.chat.texts import texts_of

TABLES = tomllib.loads((Path(__file__).parent / "asked_questions.toml").read_text(encoding="utf-8"))


def test_every_value_has_its_questions() -> None:
    assert set(TABLES["READ"]) == set(PLAIN_QUESTIONS)


@pytest.mark.parametrize("key", TABLES["READ"])
def test_many_ways_to_ask_for_a_value_are_read(key: str) -> None:
    found = {question: asked_key(plain_text(question)) for question in TABLES["READ"][key]}
    assert {question: got for question, got in found.items() if got != key} == {}


@pytest.mark.parametrize("kind", TABLES["OTHER"])
def test_what_asks_for_something_else_is_not_taken_for_a_value(kind: str) -> None:
    found = {question: asked_key(plain_text(question)) for question in TABLES["OTHER"][kind]}
    assert {question: got for question, got in found.items() if got is not None} == {}


def test_of_the_wordings_of_the_generator_those_that_are_read_are_read_rightly() -> None:
    path = Path(__file__).parents[2] / "assistant" / "train" / "wordings" / "asked.toml"
    asked = tomllib.loads(path.read_text(encoding="utf-8"))["ASKED"]
    n_read = n_asked = 0
    for key, texts in asked.items():
        right = {key, "logp"} if key == "clogp" else {key, "mass"} if "mass" in key else {key}
        for text in texts_of(texts):
            found = asked_key(plain_text(text.replace("{m}", "molecule 1")))
            assert found in (*right, None), text
            n_read, n_asked = n_read + (found is not None), n_asked + 1
    assert n_read / n_asked > 0.38


def test_a_long_question_is_read_in_a_few_milliseconds() -> None:
    question = (
        "Hello, for my report I would like to know, if possible, with two decimals and no "
        "explanation, what the topological polar surface area of this compound that I drew above "
        "is, in square angstroms, since I am writing the supporting information today, thank you "
        "very much in advance for your help"
    )
    assert 280 < len(question) <= 300
    asked_key(plain_text(question))
    start = time.process_time()
    for _ in range(50):
        assert asked_key(plain_text(question)) == "tpsa"
    assert (time.process_time() - start) / 50 < 0.005


@pytest.mark.parametrize(
    "text",
    [
        " " * 20_000,
        "." * 20_000,
        "a" * 20_000,
        "no " * 7_000,
        "what do " * 2_500,
        "for my " * 3_000,
        "i am writing my " * 1_200,
        "good, " * 3_300,
        "to two " * 3_000,
        "mol-" * 5_000,
        "what is" + " " * 20_000 + "the mw",
    ],
    ids=lambda text: text[:12].strip() or "blanks",
)
def test_hostile_text_costs_no_more_than_its_length(text: str) -> None:
    plain_text("warm")
    start = time.perf_counter()
    assert asked_key(plain_text(text)) in (None, "average_mass")
    assert time.perf_counter() - start < 2


def test_no_run_of_words_is_tried_in_many_ways() -> None:
    lists = word_lists()["shapes"]
    known = {word for text in lists.values() for word in text.split()} | {VALUE, VERB, "in total"}
    begun = (
        "",
        f"{VALUE} ",
        f"what {VALUE} ",
        "what is ",
        f"how many {VALUE} ",
        "is it ",
        "give me ",
    )
    is_for_a_value(VALUE, "charge")
    start = time.perf_counter()
    for word in known:
        for begin in begun:
            assert not is_for_a_value(begin + f"{word} " * 24 + "zzz", "charge")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("monoisotpic", "monoisotopic"),
        ("weigth", "weight"),
        ("stereocentrs", "stereocenters"),
        ("sterocenters", "stereocenters"),
        ("lipophillicity", "lipophilicity"),
        ("unsaturated", "unsaturated"),
        ("symmetric", "symmetric"),
        ("charges", "charges"),
        ("change", "change"),
        ("height", "height"),
        ("unrelated", "unrelated"),
    ],
)
def test_slips_of_the_pen_are_put_right_and_other_words_left_alone(typed: str, read: str) -> None:
    assert plain_text(typed) == read
