"""Tests of the fair queue with several slots."""

import time

import pytest

from assistant.errors import QueueFullError
from assistant.llm.queue import FairQueue


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
