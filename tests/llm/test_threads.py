import threading

import pytest
import torch

from assistant.llm import threads as module
from assistant.llm.threads import Load, Threads, available_cores, processor_load


class Machine:
    """Four cores whose other programs a test makes busy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.load = Load(100.0, 50.0, 10.0)
        monkeypatch.setattr(module, "available_cores", lambda: 4)
        monkeypatch.setattr(module.time, "monotonic", lambda: self.load.at)
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(torch, "set_num_threads", lambda n: self.given.append(n))
        self.given: list[int] = []

    def run(self, threads: Threads, others: float, seconds: float = 2.0) -> int:
        """Lets time pass with so many cores busy with others, and two with ourselves."""
        now = self.load
        self.load = Load(
            now.at + seconds, now.all_programs + (others + 2) * seconds, now.own + 2 * seconds
        )
        threads.settle()
        return threads.n_now


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_as_many_threads_as_cores_that_others_leave(machine: Machine) -> None:
    threads = Threads(read=lambda: machine.load)
    threads.settle()
    assert threads.n_now == 4
    seen = [machine.run(threads, others) for others in (0.2, 0.7, 1.9, 3.8, 9.0, 0.0)]
    assert seen == [4, 3, 2, 1, 1, 4]
    assert machine.given == [4, 3, 2, 1, 4]
    machine.run(threads, 2.0)
    assert threads.words == "2 of 4 threads, for other programs are busy"


def test_a_look_is_taken_now_and_then_and_an_old_one_decides_nothing(machine: Machine) -> None:
    threads = Threads(read=lambda: machine.load)
    threads.settle()
    assert machine.run(threads, 0.0) == 4
    assert machine.run(threads, 4.0, seconds=0.25) == 4  # too soon for another one
    assert machine.run(threads, 4.0, seconds=60.0) == 4
    assert machine.run(threads, 4.0, seconds=0.125) == 1  # soon after a break


def test_a_fixed_number_stays(machine: Machine) -> None:
    threads = Threads(3, read=lambda: machine.load)
    threads.settle()
    assert machine.run(threads, 4.0) == 3
    assert threads.words == "3 threads"


def test_the_environments_number_is_the_most(machine: Machine, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    threads = Threads(read=lambda: machine.load)
    threads.settle()
    assert threads.n_now == 2
    assert machine.run(threads, 0.0) == 2
    assert machine.run(threads, 3.0) == 1


def test_every_thread_that_computes_gets_the_number() -> None:
    before = torch.get_num_threads()
    try:
        threads = Threads(2)
        seen: list[int] = []

        def work() -> None:
            threads.settle()
            seen.append(torch.get_num_threads())

        for _ in range(2):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        assert seen == [2, 2]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("text", "cores"), [("150000 100000", 1), ("50000 100000", 1)])
def test_a_containers_quota_counts(monkeypatch, tmp_path, text: str, cores: int) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text, encoding="ascii")
    monkeypatch.setattr(module, "_QUOTA", quota)
    assert available_cores() == cores


def test_times_of_this_machine_are_read() -> None:
    first = processor_load()
    deadline = first.own + 0.05
    while processor_load().own < deadline:
        pass
    second = processor_load()
    assert second.all_programs - first.all_programs >= 0.02  # the kernel counts in hundredths
    assert second.at > first.at
