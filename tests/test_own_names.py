"""A name that nobody knows gives way to the molecule's own, and what follows is drawn anew."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.chat.check import Check, check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished, Reconsidering, Rewritten
from assistant.chat.passport import passport_rows
from assistant.chat.reply import ReplyOptions
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.own_names import misnamed
from assistant.replay import Case, replay
from tests.bundles import write_tiny_bundle
from tests.test_plain_question import asked_of, judged_by

OPTIONS = ReplyOptions(temperature=0.0, max_new_tokens=12)
BEGINS, ENDS = 3, 4
"""Of a letter that the tiny model writes and that counts as a name."""
PHENOL = replace(Molecule.parse("Oc1ccccc1"), name="phenol")


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    bundle: Path = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    return Assistant.load(bundle, device="cpu")


def talk(molecule: Molecule = PHENOL) -> Conversation:
    conversation, number = Conversation().with_molecule(molecule)
    return conversation.with_message(Message("user", "What is this molecule?", (number,)))


def called(text: str, verdict: str, start: int, end: int) -> tuple[Check, ...]:
    """The claim that characters of a text are the molecule's name."""
    return (Check(start, end, verdict, "name", text[start:end], "called phenol here", 1),)


def first_of(assistant: Assistant) -> str:
    *_, done = assistant.reply(talk(), options=replace(OPTIONS, second_thoughts=False))
    assert isinstance(done, Finished)
    return done.message.text


@pytest.fixture
def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tiny model writes is no sentence."""
    monkeypatch.setattr("assistant.own_names._IS", re.compile(""))


def judging(then: str) -> Callable[[str], tuple[Check, ...]]:
    """Judges a letter of the first attempt as a name, and phenol in its place."""

    def judge(text: str) -> tuple[Check, ...]:
        if text.startswith("phenol", BEGINS):
            return called(text, then, BEGINS, BEGINS + 6)
        return (replace(called(text, "unverifiable", BEGINS, ENDS)[0], claim="rosane"),)

    return judge


@pytest.mark.parametrize(
    ("said", "n"),
    [
        ("Molecule 1 is rosane, C6H6O, with a phenol.", 1),
        ("Molecule 1 is ritic acid, C6H6O.", 1),
        ("Molecule 1 is phenol, C6H6O.", 0),
        ("Molecule 1 is carbolic acid, C6H6O.", 0),  # a synonym in the table
        ("Molecule 1 is aniline, C6H6O.", 0),  # wrong, which is another matter
        ("Molecule 1 is hydroxy-benzol, C6H6O.", 0),  # how it is built
        ("Molecule 1 is benzen-1-ol, C6H6O.", 0),
        ("Molecule 1 is C6H6O.", 0),
        ("It is also known as benzenol.", 0),  # which is another name by its own words
        ("Its chemical name is benzenol.", 0),
        ("Molecule 1 has one ring. It is rosane, C6H6O, with one ring.", 1),
    ],
)
def test_names_that_nobody_knows_are_found(said: str, n: int) -> None:
    checks = check_answer(said, {1: compute_facts(PHENOL)}, {1: "phenol"})
    assert len(misnamed(said, checks, {1: "phenol"})) == n
    assert misnamed(said, checks, {}) == ()  # who has no name here may have any
    assert misnamed(said, checks, {1: "cpd 17"}) == ()  # and who has one of somebody's making


@pytest.mark.usefixtures("anywhere")
def test_its_own_name_takes_the_place_and_the_rest_is_drawn(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    requests = asked_of(assistant, monkeypatch)
    judged_by(monkeypatch, judging("confirmed"))
    *events, done = assistant.reply(talk(), options=OPTIONS)
    message = done.message
    assert first[:ENDS].isprintable()
    assert message.text.startswith(f"{first[:BEGINS]}phenol")
    (doubt,) = {e for e in events if isinstance(e, Reconsidering)}
    assert [check.claim for check in doubt.misnamed] == ["rosane"]
    assert [e.text for e in events if isinstance(e, Rewritten)] == [message.text]
    assert (message.first_attempt.text, message.first_attempt.misnamed) == (first, "rosane")
    assert requests[0].place is requests[1].place  # one question, one place in the queue
    decode = assistant.prompting.llm.tokenizer.decode
    *begun, behind = requests[1].begun
    assert decode(begun) == f"{first[:BEGINS]}phenol"
    assert behind in message.first_attempt.token_ids  # what stood behind the name ends it
    rows = dict(passport_rows(message.passport))
    assert rows["second thoughts"] == "first attempt withdrawn, nobody knows “rosane” here"
    assert replay(assistant, Case(1, talk(), message.passport, message)).equal


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("then", ["unverifiable", "contradicted"])
def test_an_answer_that_is_no_better_is_not_taken(
    then: str, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    judged_by(monkeypatch, judging(then))
    *_, done = assistant.reply(talk(), options=OPTIONS)
    assert (done.message.text, done.message.first_attempt) == (first, None)
    assert done.message.passport["second_thoughts"]["tried"] == 1


@pytest.mark.usefixtures("anywhere")
def test_nothing_is_put_in_place_without_a_name_or_when_it_is_switched_off(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, judging("confirmed"))
    requests = asked_of(assistant, monkeypatch)
    nameless = talk(Molecule.parse("Oc1ccccc1"))
    *_, done = assistant.reply(nameless, options=OPTIONS)
    assert done.message.first_attempt is None
    *_, done = assistant.reply(talk(), options=replace(OPTIONS, second_thoughts=False))
    assert done.message.first_attempt is None
    assert len(requests) == 2


@pytest.mark.usefixtures("anywhere")
def test_a_name_is_put_right_behind_another_flaw(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    named: list[str] = []

    def judge(text: str) -> tuple[Check, ...]:
        """A count is wrong, too, in the first attempt and where only the name is put right."""
        if text.startswith("phenol", BEGINS):
            named.append(text)
        is_wrong = text == first or (len(named) == 1 and text == named[0])
        verdict = "contradicted" if is_wrong else "confirmed"
        count = Check(0, 1, verdict, "rings", "It has 7 rings", "1 ring", 1)
        return (count, *judging("confirmed")(text))

    judged_by(monkeypatch, judge)
    *events, done = assistant.reply(talk(), options=OPTIONS)
    message = done.message
    assert message.text.startswith("phenol", BEGINS)
    assert message.first_attempt.text == first
    rewritten = [e.text for e in events if isinstance(e, Rewritten)]
    assert len(rewritten) == 2  # the count first, then the name
    assert rewritten[-1] == message.text
    assert message.checks[0].verdict == "confirmed"


@pytest.mark.usefixtures("anywhere")
def test_no_name_is_put_in_beyond_the_longest_answer(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(OPTIONS, max_new_tokens=4)
    *_, done = assistant.reply(talk(), options=replace(short, second_thoughts=False))
    judged_by(monkeypatch, judging("confirmed"))
    *_, again = assistant.reply(talk(), options=short)
    assert again.message.text == done.message.text
    assert len(again.message.token_ids) <= 4


@pytest.mark.usefixtures("anywhere")
def test_a_stop_meanwhile_leaves_the_first_attempt(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    judged_by(monkeypatch, judging("confirmed"))
    for event in assistant.reply(talk(), options=OPTIONS):
        if isinstance(event, Reconsidering):
            OPTIONS.stop.set()
    OPTIONS.stop.clear()
    assert isinstance(event, Finished)
    assert (event.message.text, event.message.first_attempt) == (first, None)
    assert not event.message.passport["second_thoughts"]["ended"]
