"""A question for a value that the answer does not give is asked again in plain words."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from assistant.answering import wanted_of
from assistant.assistant import Assistant
from assistant.chat.check import Check, check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished, Reconsidering, Rewritten
from assistant.chat.passport import passport_rows
from assistant.chat.reply import ReplyOptions
from assistant.chat.wanted_kinds import PredictedValue, UnknownValue
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import PromptTooLongError
from assistant.llm.requests import Request
from assistant.replay import Case, replay
from tests.bundles import write_tiny_bundle

OPTIONS = ReplyOptions(temperature=1.0, seed=3, max_new_tokens=12)
PLAIN = "What is the QED of molecule 1?"
Judge = Callable[[str], tuple[Check, ...]]


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    bundle: Path = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    return Assistant.load(bundle, device="cpu")


def talk(question: str = "qed of this cmpd, two decimals") -> Conversation:
    conversation, number = Conversation().with_molecule(Molecule.parse("CC(=O)c1ccccc1"))
    return conversation.with_message(Message("user", question, (number,)))


def said(verdict: str, text: str, kind: str = "qed") -> tuple[Check, ...]:
    return (Check(0, len(text), verdict, kind, text, "computed QED 0.52", 1),)


def other(text: str) -> tuple[Check, ...]:
    """Another value than the one asked for."""
    return said("confirmed", text, kind="rings")


def judged_by(monkeypatch: pytest.MonkeyPatch, judge: Judge) -> None:
    monkeypatch.setattr("assistant.assistant.checker", lambda fitted: judge)


def asked_of(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What the engine is asked to draw."""
    stream, seen = assistant._engine.stream, []

    def streaming(request: Request) -> Iterator[object]:
        seen.append(request)
        return stream(request)

    monkeypatch.setattr(assistant._engine, "stream", streaming)
    return seen


def first_of(assistant: Assistant) -> str:
    options = replace(OPTIONS, second_thoughts=False)
    *_, done = assistant.reply(talk(), options=options)
    assert isinstance(done, Finished)
    return done.message.text


def test_the_answer_to_the_plain_question_takes_the_place_of_one_that_misses_it(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    requests = asked_of(assistant, monkeypatch)
    judged_by(
        monkeypatch, lambda text: other(text) if len(requests) % 2 else said("confirmed", text)
    )
    *events, done = assistant.reply(talk(), options=OPTIONS)
    assert isinstance(done, Finished)
    message = done.message
    (doubt,) = {e for e in events if isinstance(e, Reconsidering)}
    assert (doubt.contradicted, doubt.asked_again) == ((), PLAIN)
    assert [e.text for e in events if isinstance(e, Rewritten)] == [message.text]
    assert message.first_attempt is not None
    assert (message.first_attempt.text, message.first_attempt.asked_again) == (first, PLAIN)
    assert [len(r.begun) for r in requests[:2]] == [0, 0]
    assert requests[0].place is requests[1].place  # one question, one place in the queue
    held = message.passport["second_thoughts"]
    assert (held["tried"], held["first_attempt"]["asked_again"]) == (1, PLAIN)
    rows = dict(passport_rows(message.passport))
    assert rows["second thoughts"] == f"first attempt withdrawn, asked again as “{PLAIN}”"
    assert replay(assistant, Case(1, talk(), message.passport, message)).equal
    told = assistant.prompting.spliced(talk(PLAIN), frozenset({"qed"}))
    assert requests[1].spliced.content == told.content  # of the molecule its line alone


@pytest.mark.parametrize("verdict", ["contradicted", "unverifiable"])
def test_an_answer_to_the_plain_question_that_is_not_right_is_not_taken(
    verdict: str, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    judged_by(monkeypatch, lambda text: other(text) if text == first else said(verdict, text))
    *_, done = assistant.reply(talk(), options=OPTIONS)
    message = done.message
    assert (message.text, message.first_attempt) == (first, None)
    assert dict(passport_rows(message.passport))["second thoughts"] == (
        "what was asked is missing, 2 tried and none better"
    )


def test_where_its_line_alone_does_not_do_the_whole_card_is_shown(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = asked_of(assistant, monkeypatch)
    judged_by(
        monkeypatch, lambda text: said("confirmed", text) if len(requests) == 3 else other(text)
    )
    *_, done = assistant.reply(talk(), options=OPTIONS)
    shown = [assistant.prompting.spliced(talk(PLAIN), told) for told in (frozenset({"qed"}), None)]
    assert [r.spliced.content for r in requests[1:]] == [each.content for each in shown]
    assert done.message.first_attempt.asked_again == PLAIN
    assert done.message.passport["second_thoughts"]["tried"] == 2


@pytest.mark.parametrize(
    ("question", "judge"),
    [
        ("qed of this cmpd", lambda text: said("confirmed", text)),
        ("qed of this cmpd", lambda text: said("unverifiable", text)),
        ("the measured qed of this cmpd", other),
        ("qed of this cmpd", lambda text: ()),  # it may say so in words that nobody reads
    ],
)
def test_nothing_is_asked_again_where_the_value_is_there_or_was_not_asked_for_plainly(
    question: str, judge: Judge, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, judge)
    requests = asked_of(assistant, monkeypatch)
    *_, done = assistant.reply(talk(question), options=OPTIONS)
    assert len(requests) == 1
    assert done.message.first_attempt is None


def test_a_wrong_value_is_asked_for_plainly_before_close_calls_are_tried(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = asked_of(assistant, monkeypatch)
    verdicts = ("confirmed", "contradicted")
    judged_by(monkeypatch, lambda text: said(verdicts[len(requests) % 2], text))
    *_, done = assistant.reply(talk(), options=OPTIONS)
    assert [bool(r.begun) for r in requests] == [False, False]
    assert done.message.first_attempt.asked_again == PLAIN

    judged_by(monkeypatch, lambda text: said("contradicted", text))
    *events, done = assistant.reply(talk(), options=OPTIONS)
    news = [e.asked_again for e in events if isinstance(e, Reconsidering)]
    assert news[0] == PLAIN
    assert news[-1] == ""
    assert done.message.passport["second_thoughts"]["tried"] > 1
    assert done.message.first_attempt is None


def test_a_right_value_beside_a_wrong_claim_is_asked_for_plainly_after_close_calls(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    requests = asked_of(assistant, monkeypatch)

    def judge(text: str) -> tuple[Check, ...]:
        is_plain = len(requests) > 1 and not requests[-1].begun
        beside = () if is_plain else (Check(0, 4, "contradicted", "rings", text, "1 ring", 1),)
        return (*said("confirmed", text), *beside)

    judged_by(monkeypatch, judge)
    *events, done = assistant.reply(talk(), options=OPTIONS)
    kinds = [bool(r.begun) for r in requests]
    assert kinds == [False, *[True] * (len(kinds) - 2), False]
    assert len(kinds) > 2
    assert [e.text for e in events if isinstance(e, Rewritten)] == [done.message.text]
    assert (done.message.first_attempt.text, done.message.first_attempt.asked_again) == (
        first,
        PLAIN,
    )
    assert done.message.passport["second_thoughts"]["tried"] == len(kinds) - 1


@pytest.mark.parametrize("trouble", ["stopped", "failed", "no room"])
def test_a_stop_or_a_failure_leaves_the_first_attempt(
    trouble: str, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = first_of(assistant)
    judged_by(monkeypatch, lambda text: other(text) if text == first else said("confirmed", text))
    stop, stream, n_asked = threading.Event(), assistant._engine.stream, 0

    def streaming(request: Request) -> Iterator[object]:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 2 and trouble == "failed":
            raise RuntimeError("bad")
        if n_asked == 2:
            stop.set()
        yield from stream(request)

    monkeypatch.setattr(assistant._engine, "stream", streaming)
    if trouble == "no room":

        def too_long(conversation: Conversation) -> None:
            raise PromptTooLongError("too long")

        monkeypatch.setattr(type(assistant._prompting), "spliced", lambda _, c, lines: too_long(c))
    *_, done = assistant.reply(talk(), options=replace(OPTIONS, stop=stop))
    assert (done.message.text, done.message.first_attempt) == (first, None)
    assert done.message.passport["second_thoughts"]["ended"] is False


def test_closing_the_reply_ends_the_question_that_is_asked_again(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream, ended = assistant._engine.stream, []
    judged_by(monkeypatch, other)

    def streaming(request: Request) -> Iterator[object]:
        try:
            yield from stream(request)
        finally:
            ended.append(request)

    monkeypatch.setattr(assistant._engine, "stream", streaming)
    reply = assistant.reply(talk(), options=OPTIONS)
    for event in reply:
        if isinstance(event, Reconsidering):
            break
    assert len(ended) == 1
    reply.close()
    *_, done = assistant.reply(talk(), options=OPTIONS)  # the place is free again
    assert done.message.text


@pytest.mark.parametrize(
    ("question", "key"),
    [
        ("homo?", "HOMO energy"),
        ("Could you give me the level of the HOMO in eV, please?", "HOMO energy"),
        ("What is the energy of the highest occupied orbital?", "HOMO energy"),
        ("LUMO?", None),
        ("What is the melting point?", None),
    ],
)
def test_what_the_model_predicts_is_asked_for_again_where_it_is_declined(
    assistant: Assistant, question: str, key: str | None
) -> None:
    fitted = assistant._prompting.fit(talk(question))
    predicted = SimpleNamespace(quantities={"HOMO energy": None})
    declined = "I do not know the patent status of molecule 1."
    wanted = wanted_of(fitted, declined, predicted)
    if key is None:
        assert isinstance(wanted, UnknownValue)
        return
    assert wanted == PredictedValue(key, 1)
    assert wanted.question == "What is the HOMO energy of molecule 1?"
    given = "HOMO energy: -0.2192 Hartree"
    assert wanted.is_missed_by(declined, check_answer(declined, {}, (1,)))
    assert not wanted.is_met_by(declined, check_answer(declined, {}, (1,)))
    facts = {1: compute_facts(Molecule.parse("CC(=O)c1ccccc1"))}
    checks = check_answer(given, facts, (1,))
    assert wanted.is_met_by(given, checks)
    assert not wanted.is_missed_by(given, checks)
    assert isinstance(wanted_of(fitted, declined), UnknownValue)  # a model that predicts nothing


def test_a_question_in_plain_words_is_put_again_with_its_line_alone(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = asked_of(assistant, monkeypatch)
    judged_by(monkeypatch, other)
    list(assistant.reply(talk(PLAIN), options=OPTIONS))
    alone = assistant.prompting.spliced(talk(PLAIN), frozenset({"qed"}))
    assert requests[1].spliced.content == alone.content


def test_another_wording_is_tried_where_the_plain_one_is_missed_too(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = asked_of(assistant, monkeypatch)
    monkeypatch.setattr(UnknownValue, "is_missed_by", lambda self, text, checks: True)
    monkeypatch.setattr(UnknownValue, "is_met_by", lambda self, text, checks: len(requests) == 3)
    *events, done = assistant.reply(talk("lambda max?"), options=OPTIONS)
    assert isinstance(done, Finished)
    asked = [event.asked_again for event in events if isinstance(event, Reconsidering)]
    plain, other = (
        "What is the absorption maximum of molecule 1?",
        "Do you know the absorption maximum of molecule 1?",
    )
    assert list(dict.fromkeys(asked)) == [plain, other]
    assert done.message.first_attempt.asked_again == other
    # Who asks in these words already is not asked again in them.
    requests.clear()
    monkeypatch.setattr(UnknownValue, "is_met_by", lambda self, text, checks: False)
    *events, _ = assistant.reply(talk(plain), options=OPTIONS)
    asked = [event.asked_again for event in events if isinstance(event, Reconsidering)]
    assert list(dict.fromkeys(asked)) == [
        other,
        "Can you tell me the absorption maximum of molecule 1?",
    ]
