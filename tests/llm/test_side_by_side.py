"""Several requests of one question, of which only the ends are wanted."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from assistant.encoding import MoleculeEncoding
from assistant.errors import (
    AnswerFailedError,
    PromptTooLongError,
    QueueFullError,
    VisitorLimitError,
)
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.decode_loop import DecodeLoop
from assistant.llm.engine import SequentialEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.place import Place
from assistant.llm.queue import VisitorLimits
from assistant.llm.requests import Done, Engine, Queued, Request, Rescoring, Scored
from assistant.llm.rows import Answer, Row
from assistant.llm.sampling import Sampling
from tests.llm.fakes import make_deltas, make_wrapped_llm, prompt_of, spliced_of

ANSWER = (60, 61, 7, 100, 45, 46)
ENGINES = pytest.mark.parametrize("make", [ContinuousEngine, SequentialEngine])


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    return make_wrapped_llm()


@pytest.fixture(scope="module")
def requests(llm: LoadedLLM) -> list[Request]:
    """Three that are drawn, under two ΔW, and two that are scored."""
    first, second = make_deltas(llm.model, 2)
    torch.manual_seed(0)
    tokens = torch.randn(3, 64)
    questions = ("is it an acid?", "what is it?", "name its rings, please")
    prompts = [
        spliced_of(llm, {1: MoleculeEncoding(tokens, delta)}, prompt_of(((1,), question, None)))
        for question, delta in zip(questions, (first, second, first), strict=True)
    ]
    drawn = [
        Request(prompt, Sampling(max_new_tokens=n))
        for prompt, n in zip(prompts, (5, 9, 2), strict=True)
    ]
    return [*drawn, *(Request(prompt, forced=ANSWER) for prompt in prompts[:2])]


def ends(engine: Engine, requests: list[Request]) -> tuple[list[Queued], tuple[Done, ...]]:
    return rest(engine.side_by_side(requests))


def rest(asking: Iterator[Queued]) -> tuple[list[Queued], tuple[Done, ...]]:
    waited = []
    while True:
        try:
            waited.append(next(asking))
        except StopIteration as end:
            return waited, end.value


@ENGINES
def test_each_ends_as_it_does_alone(make, llm, requests):
    engine = make(llm)
    _, found = ends(engine, requests)
    for request, done in zip(requests[:3], found, strict=False):
        [alone] = [event for event in make(llm).stream(request) if isinstance(event, Done)]
        assert (done.token_ids, done.reason) == (alone.token_ids, alone.reason)
    for request, done in zip(requests[3:], found[3:], strict=True):
        [alone] = [
            event
            for event in make(llm).rescore(Rescoring([request.spliced], ANSWER))
            if isinstance(event, Scored)
        ]
        assert done.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-4)
    assert engine.load.n_running == 0


def test_they_share_steps(llm, requests, monkeypatch):
    sizes: list[int] = []
    compute = DecodeLoop._compute

    def recording(self, work):
        sizes.append(len(work))
        return compute(self, work)

    monkeypatch.setattr(DecodeLoop, "_compute", recording)
    ends(ContinuousEngine(llm), requests)
    assert max(sizes) >= 3
    assert len(sizes) <= 12  # 21 where they go one after the other


def test_no_more_of_them_run_than_there_are_slots(llm, requests, monkeypatch):
    sizes: list[int] = []
    step = DecodeLoop._step

    def recording(self):
        sizes.append(len(self._rows))
        step(self)

    monkeypatch.setattr(DecodeLoop, "_step", recording)
    _, found = ends(ContinuousEngine(llm, n_slots=2), requests)
    assert max(sizes) == 2
    assert [done.reason for done in found] == ["length"] * 3 + ["end"] * 2


def test_caches_that_nobody_asks_for_again_are_not_kept(llm, requests):
    engine = ContinuousEngine(llm)
    ends(engine, [replace(request, keeps_cache=False) for request in requests])
    assert engine.load.cache_bytes == 0
    ends(engine, requests[:1])
    assert engine.load.cache_bytes > 0


@ENGINES
def test_they_are_one_question_in_the_queue(make, llm, requests):
    engine = make(llm, limits=VisitorLimits(per_minute=1))
    _, found = ends(engine, requests)
    assert len(found) == len(requests)
    with pytest.raises(VisitorLimitError):
        ends(engine, requests)
    with Place() as place:
        another = make(llm, limits=VisitorLimits(per_minute=1))
        ends(another, [replace(request, place=place) for request in requests])
        ends(another, [replace(request, place=place) for request in requests])


@ENGINES
def test_stopped_ones_say_so(make, llm, requests):
    stop = threading.Event()
    stop.set()
    _, found = ends(make(llm), [replace(request, stop=stop) for request in requests])
    assert [done.reason for done in found] == ["stopped"] * len(requests)
    assert not any(done.log_probabilities for done in found)


@ENGINES
def test_stopped_while_they_wait_they_are_one_question(make, llm, requests):
    engine = make(llm, limits=VisitorLimits(per_minute=3))
    tickets = [engine._queue.enter(str(n)) for n in range(engine.load.n_slots)]
    assert all(engine._queue.try_start(ticket, 0.0) for ticket in tickets)
    stop = threading.Event()
    asking = engine.side_by_side([replace(request, stop=stop) for request in requests])
    assert isinstance(next(asking), Queued)
    stop.set()
    _, found = rest(asking)
    assert [done.reason for done in found] == ["stopped"] * len(requests)
    assert engine.load.n_waiting == 0
    for ticket in tickets:
        engine._queue.leave(ticket)
    assert len(ends(engine, requests)[1]) == len(requests)  # the second of three in this minute


def test_one_that_fails_ends_the_others(llm, requests, monkeypatch):
    accept = Row.accept

    def failing(self, token_id, end_ids):
        if self.spliced is failing.of:
            raise AnswerFailedError("The numbers of this answer are not finite.")
        return accept(self, token_id, end_ids)

    monkeypatch.setattr(Row, "accept", failing)
    engine = ContinuousEngine(llm)
    long = [replace(request, sampling=Sampling(max_new_tokens=300)) for request in requests[:3]]
    monkeypatch.setattr(engine, "_answer", lambda request: Answer(request))
    failing.of = long[1].spliced
    with pytest.raises(AnswerFailedError):
        ends(engine, long)
    deadline = time.monotonic() + 10
    while engine._loop._rows and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine._loop._rows
    assert engine.load.n_running == 0


@ENGINES
def test_one_that_is_too_long_is_refused_and_the_slots_are_free(make, llm, requests):
    engine = make(llm)
    long = spliced_of(llm, {}, prompt_of(((), "what is it? " * 500, None)))
    with pytest.raises(PromptTooLongError):
        ends(engine, [*requests, Request(long)])
    assert engine.load.n_running == engine.load.n_waiting == 0
    assert len(ends(engine, requests)[1]) == len(requests)


@ENGINES
def test_a_full_queue_refuses_them(make, llm, requests):
    engine = make(llm, max_waiting=0)
    tickets = [engine._queue.enter(str(n)) for n in range(engine.load.n_slots)]
    assert all(engine._queue.try_start(ticket, 0.0) for ticket in tickets)
    with pytest.raises(QueueFullError):
        ends(engine, requests)
