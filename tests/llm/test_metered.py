"""What `/metrics` counts: every request once, by how it ended, and nothing of what was asked."""

import threading
from collections.abc import Iterator

import pytest

from assistant.errors import AnswerFailedError, PromptTooLongError, QueueFullError
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.metered import OUTCOMES, MeteredEngine
from assistant.llm.queue import VisitorLimits
from assistant.llm.requests import (
    Done,
    EngineEvent,
    EngineLoad,
    Progress,
    Request,
    TimedStop,
)
from assistant.llm.sampling import Sampling
from assistant.metrics import Registry
from tests.llm.crowd import ask, has_slots_free
from tests.llm.fakes import make_llm, prompt_of, spliced_of
from tests.test_metrics import parse


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    return make_llm()


@pytest.fixture
def metrics() -> Registry:
    return Registry("app")


@pytest.fixture
def engine(llm: LoadedLLM, metrics: Registry) -> MeteredEngine:
    limits = VisitorLimits(running=1, waiting=1)
    inner = ContinuousEngine(llm, n_slots=1, max_waiting=2, limits=limits)
    return MeteredEngine(inner, metrics)


def outcomes(metrics: Registry) -> dict[str, float]:
    """Those that were counted."""
    found = parse(metrics.text())["app_requests_total"]
    assert set(found) == {f'outcome="{outcome}"' for outcome in OUTCOMES}
    return {key.split('"')[1]: n for key, n in found.items() if n}


def test_tokens_times_and_caches_are_counted(llm, engine, metrics) -> None:
    spliced = spliced_of(llm, {}, prompt_of(((), "acid?", None)))
    first = ask(engine, spliced, max_new_tokens=6, temperature=2.0, seed=3)
    second = ask(engine, spliced, max_new_tokens=6, temperature=2.0, seed=3)
    found = parse(metrics.text())
    assert sum(outcomes(metrics).values()) == 2
    n_tokens = len(first.token_ids) + len(second.token_ids)
    assert found["app_generated_tokens_total"][""] == n_tokens
    assert found["app_prompt_tokens_total"][""] == 2 * spliced.n_tokens
    assert second.cached_tokens == spliced.n_tokens - 1
    assert found["app_prompt_tokens_cached_total"][""] == second.cached_tokens
    assert found["app_conversation_cache_requests_total"] == {'result="hit"': 1, 'result="miss"': 1}
    assert found["app_conversation_cache_bytes"][""] > 0
    assert found["app_spilled_cache_bytes"][""] == 0
    assert found["app_queue_wait_seconds"]["_count"] == 2
    assert found["app_time_to_first_token_seconds"]["_count"] == 2
    assert (
        found["app_time_to_first_token_seconds"]["_sum"] >= found["app_queue_wait_seconds"]["_sum"]
    )
    assert found["app_tokens_per_second"]["_count"] == 2
    assert found["app_resident_memory_bytes"][""] > 1e7
    assert (found["app_slots"][""], found["app_running"][""]) == (1, 0)


def test_who_runs_waits_and_is_refused_is_counted(llm, engine, metrics) -> None:
    spliced = spliced_of(llm, {}, prompt_of(((), "acid?", None)))
    sampling = Sampling(max_new_tokens=400, temperature=3.0)

    def start(visitor: str) -> Iterator[EngineEvent]:
        stream = engine.stream(Request(spliced, sampling, visitor=visitor))
        next(stream)
        return stream

    running, waiting, third = start("a"), start("a"), start("b")
    found = parse(metrics.text())
    assert (found["app_running"][""], found["app_waiting"][""]) == (1, 2)
    for visitor in "ac":
        with pytest.raises(QueueFullError):
            start(visitor)
    for stream in (third, waiting, running):
        stream.close()
    found = parse(metrics.text())
    assert outcomes(metrics) == {"closed": 3, "refused": 2}
    refused = {'reason="visitor_limit"': 1, 'reason="queue_full"': 1, 'reason="prompt_too_long"': 0}
    assert found["app_refused_total"] == refused
    assert found["app_queue_wait_seconds"]["_count"] == 1  # the others never had the model
    assert (found["app_running"][""], found["app_waiting"][""]) == (0, 0)


def test_stop_and_the_time_limit_end_an_answer_within_one_token(llm, engine, metrics) -> None:
    spliced = spliced_of(llm, {}, prompt_of(((), "acid?", None)))
    sampling = Sampling(max_new_tokens=400, temperature=3.0, seed=1)
    loop = engine._engine._loop
    for by_hand in (True, False):
        progress, stop = Progress(), threading.Event()
        timed = TimedStop(stop, progress, 3600)
        stream = engine.stream(Request(spliced, sampling, timed, "a", progress=progress))
        next(stream)
        (row,) = loop._rows
        if by_hand:
            stop.set()
        else:
            timed._seconds = 0.0  # from now on it is over time
        n_tokens = len(row.ids)
        *_, done = stream
        assert isinstance(done, Done)
        assert len(done.token_ids) <= n_tokens + 1  # one was being computed
        assert has_slots_free(engine._engine)
    assert outcomes(metrics) == {"stopped": 1, "time": 1}


class Raising:
    """An engine that fails with a given error, before or after it began."""

    load = EngineLoad(1, 0, 0, 0)

    def __init__(self, error: Exception, *, begun: bool) -> None:
        self.error, self.begun = error, begun

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        if self.begun:
            request.progress.begin(0)
        yield from ()
        raise self.error


@pytest.mark.parametrize(
    ("error", "begun", "outcome"),
    [
        (PromptTooLongError("too long"), False, "refused"),
        (PromptTooLongError("the memory is full"), True, "failed"),
        (AnswerFailedError("not finite"), True, "failed"),
        (IndexError("a bug"), True, "failed"),
    ],
)
def test_a_failure_is_no_refusal(llm, metrics, error, begun, outcome) -> None:
    spliced = spliced_of(llm, {}, prompt_of(((), "acid?", None)))
    with pytest.raises(type(error)):
        list(MeteredEngine(Raising(error, begun=begun), metrics).stream(Request(spliced)))
    assert outcomes(metrics) == {outcome: 1}
