"""Tests of the choice of threads: fewer beside a busy neighbour, all again when it is gone."""

import pytest
import torch

from assistant.llm import threads
from assistant.llm.threads import Threads


class Machine:
    """Four cores, some of them busy with something else."""

    def __init__(self) -> None:
        self.now = self.used = 0.0

    def go_on(self, seconds: float, busy: float) -> None:
        self.now += seconds
        self.used += seconds * busy


@pytest.fixture
def machine(monkeypatch):
    chosen = [4]
    monkeypatch.setattr(threads, "_usable_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: chosen[-1])
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    machine = Machine()
    machine.chosen = chosen
    return machine


def make(machine: Machine) -> Threads:
    return Threads(others=lambda: machine.used, clock=lambda: machine.now)


@pytest.mark.parametrize(
    ("busy", "expected"), [(0.0, 4), (0.3, 4), (1.0, 3), (2.0, 2), (4.0, 1), (9.0, 1)]
)
def test_busy_cores_are_left_to_others(machine, busy, expected):
    choice = make(machine)
    machine.go_on(0.2, busy)
    choice.adapt()
    assert machine.chosen[-1] == expected


def test_all_threads_come_back(machine):
    choice = make(machine)
    for busy, expected in ((3.0, 1), (3.0, 1), (0.0, 4)):
        machine.go_on(1.0, busy)
        choice.adapt()
        assert machine.chosen[-1] == expected
    assert machine.chosen == [4, 1, 4]


def test_it_looks_now_and_then_only(machine):
    choice = make(machine)
    machine.go_on(0.05, 4.0)
    choice.adapt()
    assert machine.chosen == [4]


def test_what_was_long_ago_decides_nothing(machine):
    choice = make(machine)
    machine.go_on(600, 4.0)
    choice.adapt()
    assert machine.chosen == [4]
    machine.go_on(0.2, 4.0)
    choice.adapt()
    assert machine.chosen[-1] == 1


def test_one_thread_stays_one(machine):
    machine.chosen.append(1)
    choice = make(machine)
    machine.go_on(1.0, 0.0)
    choice.adapt()
    assert machine.chosen == [4, 1]


def test_the_others_time_grows_without_this_process():
    others = threads._Others()
    before = others()
    sum(i * i for i in range(2_000_000))
    assert others() - before > -0.1
