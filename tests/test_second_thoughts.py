"""An answer that the structure contradicts is written again: what is tried, and what is taken."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Literal

import pytest

from assistant.answering import Written
from assistant.assistant import Assistant
from assistant.chat.check import Check, check_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Event, Finished, Reconsidering, Rewritten, TextDelta
from assistant.chat.reply import ReplyOptions
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import PromptTooLongError
from assistant.llm.continuous import make_engine
from assistant.llm.outcomes import Ready, draw
from assistant.llm.requests import Done, Request, Rescoring, Scored
from assistant.llm.rows import Row
from assistant.repairs import Repair, repair, wrong_part
from assistant.replay import Case, replay
from assistant.second_thoughts import MAX_TOKENS, MAX_TRIES
from tests.bundles import write_tiny_bundle

ACID = Molecule.parse("CC(=O)c1ccc(cc1)C(=O)O")
OTHER = Molecule.parse("CCO")
PHENOL = Molecule.parse("Oc1ccccc1")  # as many rings as the acid
FACTS = {1: compute_facts(ACID), 2: compute_facts(OTHER), 3: compute_facts(PHENOL)}
SHORT = ReplyOptions(temperature=1.0, seed=3, max_new_tokens=12)


def written(text: str) -> Written:
    return Written(text, Done("end", (), 0.0, 0.0), check_answer(text, FACTS, (1, 2)))


@pytest.mark.parametrize(
    ("first", "again", "expected"),
    [
        ("Molecule 1 has 2 rings.", "Molecule 1 has one ring.", Repair.WHOLE),
        ("Molecule 1 has 2 rings.", "Molecule 1 has 3 rings.", Repair.NONE),  # wrong again
        ("Molecule 1 has 2 rings.", "Molecule 2 has no rings.", Repair.NONE),  # of another one
        ("Molecule 1 has 2 rings.", "Molecule 3 has one ring.", Repair.NONE),  # the same value
        ("Molecule 1 has 2 rings.", "I do not have the number of rings.", Repair.NONE),
        ("So molecule 2 is heavier.", "So molecule 1 is heavier.", Repair.WHOLE),
        ("So molecule 2 is heavier.", "So molecule 1 is more lipophilic.", Repair.NONE),
        ("Yes, molecule 1 has an ester.", "No, molecule 1 has no ester.", Repair.WHOLE),
        ("Yes, molecule 1 has an ester.", "No, molecule 1 has no amine.", Repair.NONE),
        ("Yes, molecule 1 has an ester.", "Yes, molecule 1 has a ketone.", Repair.NONE),
        ("Molecule 1 has an ester and a ketone.", "Molecule 1 has a ketone.", Repair.LEFT_OUT),
        (
            "Molecule 1 has an ester, a ketone and a carboxylic acid.",
            "Molecule 1 has a ketone.",
            Repair.NONE,
        ),
        # Silence puts right what is not there, and nothing else.
        (
            "Molecule 1 has a ketone and no carboxylic acid.",
            "Molecule 1 has a ketone and a ring.",
            Repair.NONE,
        ),
        (
            "Molecule 1 has two ketones and a ring.",
            "Molecule 1 has a carboxylic acid.",
            Repair.NONE,
        ),
        ("Molecule 1 has bromine and oxygen.", "Molecule 1 has oxygen.", Repair.NONE),
        (
            "Molecule 1 has 2 rings. It is neutral. It has a ketone.",
            "Molecule 1 has one ring.",
            Repair.PUT_RIGHT,
        ),
        ("No. Molecule 1 has no ketone.", "Yes. Molecule 1 has a ketone.", Repair.WHOLE),
        # Right, but not in the place of what was wrong.
        (
            "Molecule 1 has no ketone. It is neutral.",
            "Molecule 1 has no amine. It has a ketone.",
            Repair.LEFT_OUT,
        ),
    ],
)
def test_an_answer_is_better_when_it_says_rightly_what_was_said_wrong(
    first: str, again: str, expected: Repair
) -> None:
    before = written(first)
    wrong = before.contradicted[0]
    assert repair(written(again), before, wrong, wrong_part(first, wrong)[0]) is expected


@pytest.mark.parametrize(
    ("question", "first", "again", "expected"),
    [
        ("Is molecule 2 heavier than molecule 1?", "Yes.", "No.", Repair.WHOLE),
        ("Does molecule 1 have an ester?", "Yes.", "No, molecule 1 has no ester.", Repair.WHOLE),
        ("Does molecule 1 have an ester?", "Yes.", "Molecule 1 has a ketone.", Repair.NONE),
        (
            "mw of molecule 1 > 100?",
            "The average mass of molecule 1 is 164.16, so yes: that is above 35.",
            "The average mass of molecule 1 is 164.16, so yes: that is above 100.",
            Repair.WHOLE,
        ),
        (
            "Does molecule 1 have an ester?",
            "Yes. Molecule 1 has a ketone. It is neutral.",
            "No.",
            Repair.PUT_RIGHT,
        ),
        ("Is there a pyridine in molecule 1?", "Yes.", "No, it has none.", Repair.WHOLE),
        (
            "Is there a pyridine in molecule 1?",
            "Yes.",
            "No, I am a program: a small language model that talks about molecules.",
            Repair.NONE,
        ),
        (
            "Is there a pyridine in molecule 1?",
            "Yes.",
            "No, I am a program that was made to talk. Molecule 1 has a ketone.",
            Repair.NONE,
        ),
    ],
)
def test_a_wrong_yes_is_put_right_by_a_no_or_by_what_it_says(
    question: str, first: str, again: str, expected: Repair
) -> None:
    def answer(text: str) -> Written:
        checks = check_answer(text, FACTS, (1, 2), question=question)
        return Written(text, Done("end", (), 0.0, 0.0), checks)

    (wrong,) = answer(first).contradicted
    assert repair(answer(again), answer(first), wrong, 0) is expected


def test_a_yes_that_stands_alone_belongs_to_the_wrong_sentence_behind_it() -> None:
    text = "Molecule 1 is neutral. Yes. Molecule 1 has 2 rings. So it is."
    (wrong,) = written(text).contradicted
    start, end = wrong_part(text, wrong)
    assert text[start:end] == "Yes. Molecule 1 has 2 rings. "
    text = "Molecule 1 is neutral. Molecule 1 has 2 rings."
    start, _ = wrong_part(text, written(text).contradicted[0])
    assert text[start:] == "Molecule 1 has 2 rings."


# -- with a tiny model, whose random words a rule of the test judges -----


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def assistant(bundle: Path) -> Assistant:
    return Assistant.load(bundle, device="cpu")


Judge = Callable[[str], bool]


def judged_by(monkeypatch: pytest.MonkeyPatch, is_wrong: Judge) -> None:
    """Every answer is one claim about its whole text."""

    def checks(text: str) -> tuple[Check, ...]:
        verdict = "contradicted" if is_wrong(text) else "confirmed"
        return (Check(0, len(text), verdict, "rings", text, "1 ring", 1),)

    monkeypatch.setattr("assistant.assistant.checker", lambda fitted: checks)


def asked() -> Conversation:
    conversation, number = Conversation().with_molecule(ACID)
    return conversation.with_message(Message("user", "What is it?", (number,)))


def answered(assistant: Assistant, options: ReplyOptions = SHORT) -> tuple[list[Event], Message]:
    events = list(assistant.reply(asked(), options=options))
    assert isinstance(events[-1], Finished)
    return events, events[-1].message


@pytest.fixture
def first(assistant: Assistant) -> Message:
    """What the model writes when nobody judges it."""
    return answered(assistant, replace(SHORT, second_thoughts=False))[1]


def kinds(events: Sequence[Event]) -> list[type]:
    """In order; one that is said again once a second counts once."""
    seen = [type(e) for e in events if isinstance(e, Reconsidering | Rewritten | Finished)]
    return [kind for kind, _ in groupby(seen)]


def test_the_first_better_answer_takes_the_place_of_the_first_attempt(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: text == first.text)
    events, message = answered(assistant)
    assert kinds(events) == [Reconsidering, Rewritten, Finished]
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == first.text
    (rewritten,) = (e for e in events if isinstance(e, Rewritten))
    assert message.text == rewritten.text != first.text
    assert message.first_attempt is not None
    assert (message.first_attempt.text, message.first_attempt.token_ids) == (
        first.text,
        first.token_ids,
    )
    assert [c.verdict for c in message.first_attempt.checks] == ["contradicted"]
    assert [c.verdict for c in message.checks] == ["confirmed"]
    held = message.passport["second_thoughts"]
    assert held["on"] is True
    assert held["tried"] == 1
    assert held["ended"] is True
    assert held["first_attempt"]["text"] == first.text
    assert held["first_attempt"]["checks"]["contradicted"] == 1
    assert held["first_attempt"]["answer_sha256"] == first.passport["answer_sha256"]
    assert message.passport["answer_sha256"] != first.passport["answer_sha256"]
    assert message.passport["figures"]["answer_tokens"] == len(message.token_ids)


def test_an_answer_that_nothing_contradicts_costs_no_second_request(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: False)
    requests = recorded(assistant, monkeypatch)
    events, message = answered(assistant)
    assert kinds(events) == [Finished]
    assert len(requests) == 1
    assert message.token_ids == first.token_ids
    assert message.first_attempt is None
    assert message.passport["second_thoughts"]["tried"] == 0


def test_switched_off_it_stays_contradicted_and_the_passport_says_so(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: True)
    requests = recorded(assistant, monkeypatch)
    events, message = answered(assistant, replace(SHORT, second_thoughts=False))
    assert kinds(events) == [Finished]
    assert len(requests) == 1
    assert message.token_ids == first.token_ids
    assert message.passport["second_thoughts"]["on"] is False


def test_where_every_other_answer_is_wrong_too_the_first_stays_after_so_many_tries(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: True)
    requests = recorded(assistant, monkeypatch)
    events, message = answered(assistant)
    assert kinds(events) == [Reconsidering, Finished]
    tries = [r for r in requests if isinstance(r, Request) and r.begun]
    assert 1 < len(tries) <= MAX_TRIES
    assert len({r.begun for r in tries}) == len(tries)
    assert message.token_ids == first.token_ids
    assert message.first_attempt is None
    assert message.passport["second_thoughts"]["tried"] == len(tries)
    assert len({id(r.place) for r in requests}) == 1  # they are one question


def test_the_same_question_is_written_again_in_the_same_way_and_so_is_its_passport(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every third text is right, so that several are tried."""
    judged_by(monkeypatch, lambda text: text == first.text or sum(map(ord, text)) % 3 > 0)
    messages = [answered(assistant)[1] for _ in range(2)]
    assert messages[0].token_ids == messages[1].token_ids
    assert messages[0].first_attempt == messages[1].first_attempt
    case = Case(1, asked(), messages[0].passport, messages[0])
    assert replay(assistant, case).equal


@pytest.mark.parametrize("reason", ["stopped", "failed"])
def test_an_answer_whose_search_was_broken_off_is_asked_again_without_one(
    reason: str, assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searched to its end it would be another one."""
    judged_by(monkeypatch, lambda text: text == first.text)
    stop = threading.Event()

    def break_off(n: int) -> None:
        if reason == "failed":
            raise RuntimeError("bad")
        stop.set()

    with monkeypatch.context() as during:
        recorded(assistant, during, before=break_off)
        message = answered(assistant, replace(SHORT, stop=stop))[1]
    assert message.token_ids == first.token_ids
    assert message.passport["second_thoughts"]["ended"] is False
    assert replay(assistant, Case(1, asked(), message.passport, message)).equal
    # A passport of before this was noted is asked again as it always was.
    old = dict(message.passport["second_thoughts"])
    del old["ended"]
    case = Case(1, asked(), {**message.passport, "second_thoughts": old}, message)
    assert not replay(assistant, case).equal


def test_a_stopped_answer_that_is_contradicted_is_asked_again_without_second_thoughts(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: True)
    stop = threading.Event()
    events = []
    for event in assistant.reply(asked(), options=replace(SHORT, max_new_tokens=400, stop=stop)):
        events.append(event)
        stop.set()
    (message,) = (event.message for event in events if isinstance(event, Finished))
    assert message.stopped
    assert message.passport["checks"]["contradicted"] == 1
    assert message.passport["second_thoughts"]["ended"] is False
    requests = recorded(assistant, monkeypatch)
    assert replay(assistant, Case(1, asked(), message.passport, message)).equal
    assert len(requests) == 1


def recorded(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, *, before: Callable[[int], None] = int
) -> list[Request | Rescoring]:
    """What the engine is asked; `before` is called with the number of each try."""
    engine = assistant._engine
    stream, rescore = engine.stream, engine.rescore
    seen: list[Request | Rescoring] = []

    def streaming(request: Request) -> Iterator[object]:
        seen.append(request)
        if request.begun:
            before(sum(isinstance(r, Request) and bool(r.begun) for r in seen))
        return stream(request)

    def rescoring(request: Rescoring) -> Iterator[object]:
        seen.append(request)
        return rescore(request)

    monkeypatch.setattr(engine, "stream", streaming)
    monkeypatch.setattr(engine, "rescore", rescoring)
    return seen


def test_stop_ends_the_search_and_the_first_attempt_stays(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: text == first.text)
    stop = threading.Event()
    requests = recorded(assistant, monkeypatch, before=lambda n: stop.set())
    events, message = answered(assistant, replace(SHORT, stop=stop))
    assert kinds(events) == [Reconsidering, Finished]
    assert len([r for r in requests if isinstance(r, Request) and r.begun]) == 1
    assert message.token_ids == first.token_ids
    assert not message.stopped  # it has its end
    assert assistant._engine.load.n_running == 0


def test_the_time_limit_ends_the_search_and_the_first_attempt_stays(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: text == first.text)

    def wait_an_hour(n: int) -> None:
        requests[0].progress.began -= 3600.0

    requests = recorded(assistant, monkeypatch, before=wait_an_hour)
    events, message = answered(assistant, replace(SHORT, max_seconds=600.0))
    assert kinds(events) == [Reconsidering, Finished]
    assert message.token_ids == first.token_ids
    assert not message.stopped


def test_an_answer_that_was_stopped_is_not_written_again(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: True)
    stop = threading.Event()
    requests = recorded(assistant, monkeypatch)
    events = []
    for event in assistant.reply(asked(), options=replace(SHORT, stop=stop)):
        events.append(event)
        stop.set()
    assert kinds(events) == [Finished]
    assert len(requests) == 1


@pytest.mark.parametrize(
    "error",
    [
        PromptTooLongError("The memory is full."),
        RuntimeError("bad"),
        IndexError("bad"),
        ZeroDivisionError("bad"),
    ],
)
def test_a_search_that_fails_costs_no_answer(
    error: Exception,
    assistant: Assistant,
    first: Message,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    judged_by(monkeypatch, lambda text: text == first.text)

    def fail(n: int) -> None:
        raise error

    recorded(assistant, monkeypatch, before=fail)
    events, message = answered(assistant)
    assert kinds(events) == [Reconsidering, Finished]
    assert message.token_ids == first.token_ids
    assert assistant._engine.load.n_running == 0
    (record,) = (r for r in caplog.records if r.name == "assistant.second_thoughts")
    assert type(error).__name__ in record.getMessage()
    assert str(error) not in record.getMessage()  # it may hold a structure


def test_what_was_found_before_a_failure_is_kept(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try says rightly what was wrong and is less sure of the rest; the second fails."""

    def checks(text: str) -> tuple[Check, ...]:
        end, sure = len(text), Check(0, 0, "confirmed", "charge", "", "charge 0", 1)
        if text == first.text:
            return (Check(0, end, "contradicted", "rings", text, "1 ring", 1), sure)
        return (Check(0, end, "confirmed", "rings", text, "1 ring", 1),)

    monkeypatch.setattr("assistant.assistant.checker", lambda fitted: checks)
    monkeypatch.setattr("assistant.second_thoughts.repair", lambda found, *about: Repair.PUT_RIGHT)

    def fail_later(n: int) -> None:
        if n == 2:
            raise TypeError("bad")

    recorded(assistant, monkeypatch, before=fail_later)
    events, message = answered(assistant)
    assert kinds(events) == [Reconsidering, Rewritten, Finished]
    assert message.first_attempt is not None
    assert message.passport["second_thoughts"]["tried"] == 2
    assert message.passport["second_thoughts"]["ended"] is False


def test_a_place_at_the_end_of_the_context_ends_no_other_try(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer fills the context, so that another last token would leave no room to go on."""
    judged_by(monkeypatch, lambda text: True)
    monkeypatch.setattr("assistant.second_thoughts.MAX_TRIES", 1000)
    n_prompt = assistant.prompting.spliced(asked()).n_tokens
    llm = replace(assistant.prompting.llm, context=n_prompt + len(first.token_ids))
    small = Assistant("small", make_engine(llm), assistant.prompting, (), "")
    small._llm = llm
    requests = recorded(small, monkeypatch)
    message = answered(small, replace(SHORT, max_new_tokens=100))[1]
    assert message.token_ids == first.token_ids
    begun = [r.begun for r in requests if isinstance(r, Request) and r.begun]
    assert max(map(len, begun)) == len(first.token_ids) - 1
    assert message.passport["second_thoughts"]["tried"] == len(begun)


def test_closing_the_answer_while_it_is_written_again_frees_the_place(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: text == first.text)
    events = assistant.reply(asked(), options=SHORT)
    assert any(isinstance(event, Reconsidering) for event in events)
    assert assistant._engine.load.n_running == 1
    events.close()
    assert assistant._engine.load.n_running == 0


def test_closing_the_answer_in_the_middle_of_a_try_ends_it_within_a_token(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The try is held before its third token until the answer is closed."""
    monkeypatch.setattr("assistant.replying.NEWS_SECONDS", 0.0)
    judged_by(monkeypatch, lambda text: text == first.text)
    closed = threading.Event()
    tries: dict[int, Row] = {}

    def held(ready: Ready) -> int:
        if ready.row.answer.request.begun:
            tries[id(ready.row)] = ready.row
            if len(ready.row.ids) == 2:
                assert closed.wait(60)
        return draw(ready)

    monkeypatch.setattr("assistant.llm.decode_loop.draw", held)
    requests = recorded(assistant, monkeypatch)
    events = assistant.reply(asked(), options=SHORT)
    news = (event for event in events if isinstance(event, Reconsidering))
    assert next(news) == next(news)  # before the search, and after the first token of a try
    engine = assistant._engine
    assert engine.load.n_running == 1
    events.close()
    closed.set()
    assert engine.load.n_running == 0
    answered(assistant, replace(SHORT, second_thoughts=False))  # the loop has gone on since
    (row,) = tries.values()
    assert 1 <= len(row.ids) <= 3
    (begun,) = (r.begun for r in requests if isinstance(r, Request) and r.begun)
    assert len(begun) < len(first.token_ids) - 3  # there was more to draw


def test_so_many_tokens_in_all_are_drawn(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.second_thoughts.MAX_TOKENS", 5)
    assert len(first.token_ids) < MAX_TOKENS
    judged_by(monkeypatch, lambda text: True)
    requests = recorded(assistant, monkeypatch)
    _, message = answered(assistant)
    tries = [r for r in requests if isinstance(r, Request) and r.begun]
    assert 1 <= len(tries) < MAX_TRIES
    assert message.token_ids == first.token_ids


def test_what_could_stand_there_is_scored_once_and_after_the_same_prompt(
    assistant: Assistant, first: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, lambda text: True)
    requests = recorded(assistant, monkeypatch)
    answered(assistant)
    (scoring,) = (r for r in requests if isinstance(r, Rescoring))
    assert scoring.ids == first.token_ids
    tries = [r for r in requests if isinstance(r, Request) and r.begun]
    (again,) = (s for s in assistant._engine.rescore(replace(scoring, place=None)) if s)
    assert isinstance(again, Scored)
    gaps = []
    for request in tries:
        place = len(request.begun) - 1
        assert request.begun[:-1] == first.token_ids[:place]
        others = {o.token_id: o.log_probability for o in again.others[place]}
        gaps.append(again.log_probabilities[place] - others[request.begun[-1]])
    assert gaps == pytest.approx(sorted(gaps), abs=1e-3)


@pytest.mark.parametrize("mode", ["exact", pytest.param("turn", marks=pytest.mark.slow)])
def test_with_experts_the_rest_is_mixed_as_the_first_attempt_was(
    mode: Literal["exact", "turn"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = Assistant.load(write_tiny_bundle(tmp_path / "tiny", experts=True), device="cpu")
    options = replace(SHORT, experts=mode, temperature=0.0)
    first = answered(assistant, replace(options, second_thoughts=False))[1]
    judged_by(monkeypatch, lambda text: text == first.text)
    requests = recorded(assistant, monkeypatch)
    message = answered(assistant, options)[1]
    assert message.first_attempt is not None
    assert message.scalings is not None
    assert message.scalings.mode == mode
    drawn = [r for r in requests if isinstance(r, Request)]
    assert {r.experts for r in drawn} == {mode}
    # Begun with its own first tokens, the first attempt comes out again.
    assert len(first.token_ids) > 4
    begun = replace(drawn[0], begun=first.token_ids[:4], place=None)
    (done,) = (e for e in assistant._engine.stream(begun) if isinstance(e, Done))
    assert done.token_ids == first.token_ids
