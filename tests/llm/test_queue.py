"""Tests of the fair queue with several slots."""

import threading
import time

import pytest

from assistant.errors import QueueFullError, VisitorLimitError
from assistant.llm import place
from assistant.llm.queue import FairQueue, Ticket, VisitorLimits


def test_slots_are_taken_in_turn_and_positions_count_what_must_end():
    queue = FairQueue(max_waiting=2, n_slots=2)
    a, b = queue.enter("a"), queue.enter("b")
    assert queue.position(a) == queue.position(b) == 0
    assert queue.try_start(a, 0)
    assert queue.try_start(b, 0)
    c, d = queue.enter("c"), queue.enter("d")
    assert (queue.position(c), queue.position(d)) == (1, 2)
    assert not queue.try_start(c, 0)
    with pytest.raises(QueueFullError, match="2 questions"):
        queue.enter("e")
    queue.leave(b)
    assert not queue.try_start(d, 0)
    assert queue.try_start(c, 0)
    queue.leave(d)
    assert queue.position(queue.enter("e")) == 1


def test_free_slots_do_not_count_as_waiting_places():
    queue = FairQueue(max_waiting=1, n_slots=3)
    for visitor in "abcd":
        queue.enter(visitor)
    with pytest.raises(QueueFullError):
        queue.enter("e")


def test_the_estimate_is_shared_by_the_slots():
    queue = FairQueue(max_waiting=4, n_slots=2)
    first = queue.enter("a")
    queue.try_start(first, 0)
    time.sleep(0.05)
    queue.leave(first)
    for visitor in "bc":
        queue.try_start(queue.enter(visitor), 0)
    seconds = queue.seconds(queue.enter("d"))
    assert seconds is not None
    assert 0 <= seconds <= queue._durations[0] / 2


def test_leaving_twice_changes_nothing():
    queue = FairQueue(n_slots=1)
    ticket = queue.enter("a")
    queue.try_start(ticket, 0)
    queue.leave(ticket)
    queue.leave(ticket)
    assert queue.try_start(queue.enter("b"), 0)


def start(queue: FairQueue, visitor: str) -> Ticket:
    ticket = queue.enter(visitor)
    assert queue.try_start(ticket, 0)
    return ticket


def test_visitors_take_turns_however_much_one_of_them_asked_first():
    queue = FairQueue(max_waiting=20)
    first = start(queue, "a")
    waiting = {queue.enter(v): v for v in "aaaabbc"}
    served = []
    ticket = first
    while waiting:
        queue.leave(ticket)
        (ticket,) = [t for t in waiting if queue.position(t) == 0]
        assert queue.try_start(ticket, 0)
        served.append(waiting.pop(ticket))
    assert "".join(served) == "bcabaaa"


def test_a_visitor_at_the_limit_is_refused_and_the_others_are_not():
    queue = FairQueue(max_waiting=8, n_slots=4, limits=VisitorLimits(running=2, waiting=1))
    first, second = start(queue, "a"), start(queue, "a")
    third = queue.enter("a")
    assert not queue.try_start(third, 0)  # two slots are free, but not for this visitor
    assert queue.position(third) == 1
    with pytest.raises(VisitorLimitError, match=r"3 of your questions .* may have 3") as refused:
        queue.enter("a")
    assert "in about 30 s" in str(refused.value)  # nothing was timed yet
    other = start(queue, "b")
    queue.leave(second)
    assert queue.try_start(third, 0)
    queue.enter("a")
    for ticket in (first, third, other):
        queue.leave(ticket)


def test_one_who_waits_for_own_requests_does_not_hold_up_those_behind():
    queue = FairQueue(max_waiting=8, n_slots=2, limits=VisitorLimits(running=1, waiting=4))
    start(queue, "a")
    waiting = queue.enter("a")
    assert not queue.try_start(waiting, 0)
    start(queue, "b")


def test_requests_a_minute_are_counted_and_forgotten(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr("assistant.llm.queue.time.monotonic", lambda: now)
    queue = FairQueue(limits=VisitorLimits(per_minute=3))
    for second in (0, 10, 20):
        now = 1000.0 + second
        queue.leave(start(queue, "a"))
    now = 1030.0
    with pytest.raises(VisitorLimitError, match=r"3 questions within a minute.*again in 30 s"):
        queue.enter("a")
    queue.leave(start(queue, "b"))
    now = 1060.0
    queue.leave(start(queue, "a"))
    with pytest.raises(VisitorLimitError, match=r"again in 10 s"):
        queue.enter("a")


def test_without_limits_one_visitor_may_fill_the_queue():
    queue = FairQueue(max_waiting=8, n_slots=8)
    for _ in range(16):
        queue.enter("a")
    with pytest.raises(QueueFullError) as refused:
        queue.enter("a")
    assert not isinstance(refused.value, VisitorLimitError)


def test_what_was_given_up_does_not_put_the_next_question_further_behind():
    queue = FairQueue(max_waiting=20)
    running = start(queue, "x")
    for ticket in [queue.enter("a") for _ in range(5)]:
        queue.leave(ticket)
    rest = [queue.enter("b"), queue.enter("b")]
    again = queue.enter("a")
    assert [queue.position(t) for t in (rest[0], again, rest[1])] == [1, 2, 3]
    queue.leave(running)


def test_a_full_queue_says_how_long_it_will_take():
    queue = FairQueue(max_waiting=0, n_slots=1)
    first = start(queue, "a")
    queue._started[first] -= 200
    queue.leave(first)
    start(queue, "a")
    with pytest.raises(QueueFullError, match="in about 4 min"):
        queue.enter("b")


def test_one_who_waits_for_own_requests_gets_their_time_as_an_estimate(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("assistant.llm.queue.time.monotonic", lambda: now)
    queue = FairQueue(max_waiting=8, n_slots=8, limits=VisitorLimits(running=1, waiting=2))
    first = start(queue, "a")
    now += 40
    queue.leave(first)
    start(queue, "a")
    now += 10
    second, third = queue.enter("a"), queue.enter("a")
    assert (queue.seconds(second), queue.seconds(third)) == (30, 70)
    with pytest.raises(VisitorLimitError, match="in about 30 s"):
        queue.enter("a")


def test_news_of_the_queue_come_also_when_nothing_changed(monkeypatch):
    monkeypatch.setattr(place, "_QUEUE_NEWS_SECONDS", 0.0)
    monkeypatch.setattr(place, "_QUEUE_POLL_SECONDS", 0.01)
    queue = FairQueue()
    running = start(queue, "a")
    news = place.wait_in_line(queue, queue.enter("b"), threading.Event())
    assert [next(news) for _ in range(3)] == [place.Queued(1, None)] * 3
    queue.leave(running)
    assert list(news) == []
