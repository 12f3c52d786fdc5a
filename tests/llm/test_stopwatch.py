import threading

import pytest

from assistant.llm import stopwatch as module
from assistant.llm.requests import Done, Progress, Request, TimedStop, end_reason
from assistant.llm.stopwatch import Stopwatch
from tests.llm.fakes import make_llm, prompt_of, spliced_of


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def request_() -> Request:
    spliced = spliced_of(make_llm(), {}, prompt_of(((), "acid?", None)))
    progress = Progress()
    stop = TimedStop(threading.Event(), progress, 60.0)
    return Request(spliced, stop=stop, progress=progress)


def test_figures_come_with_the_first_token_and_then_once_a_second(clock, request_) -> None:
    watch = Stopwatch(request_, clock.now)
    clock.now += 2.0
    request_.progress.begin(5)
    clock.now += 0.5
    told = []
    for _ in range(31):  # eight a second
        told.append(watch.token())
        clock.now += 0.125
    seen = [figures for figures in told if figures is not None]
    assert [figures.answer_tokens for figures in seen] == [1, 9, 17, 25]
    first, *_, last = seen
    assert (first.waited_s, first.first_token_s, first.tokens_per_s) == (2.0, 0.5, None)
    assert last.tokens_per_s == pytest.approx(8)
    assert (last.cached_tokens, last.prompt_tokens) == (5, request_.spliced.n_tokens)
    assert last.memory_bytes > 1e7
    assert last.gpu_bytes is None


def test_an_answer_without_a_token_has_no_times(clock, request_) -> None:
    watch = Stopwatch(request_, clock.now)
    clock.now += 3.0
    figures = watch.done(Done("stopped", (), 0.0, 0.0), 0)
    assert (figures.waited_s, figures.first_token_s, figures.tokens_per_s) == (3.0, None, None)
    assert figures.cached_share == 0


def test_of_an_answer_that_was_written_again_the_shown_tokens_count(clock, request_) -> None:
    watch = Stopwatch(request_, clock.now, token_bytes=10)
    request_.progress.begin(0)
    drawn = Done("end", (1, 2, 3), 0.5, 8.0)
    first, shown = (watch.done(drawn, n) for n in (3, 7))
    assert (shown.answer_tokens, shown.first_token_s, shown.tokens_per_s) == (7, 0.5, 8.0)
    assert shown.own_bytes == first.own_bytes + 40


def test_the_time_limit_counts_from_having_the_model(clock, request_) -> None:
    stopped = Done("stopped", (), 0.0, 0.0)
    clock.now += 1000.0
    assert not request_.stop.is_set()  # it only waited
    request_.progress.begin(0)
    clock.now += 59.0
    assert end_reason(request_, stopped) == "stopped"
    clock.now += 2.0
    assert request_.stop.is_set()
    assert end_reason(request_, stopped) == "time"
    assert end_reason(request_, Done("end", (), 0.0, 0.0)) == "end"
