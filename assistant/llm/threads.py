"""How many processor threads compute: one per core, fewer while other programs are busy.

Threads of one product wait for each other. Beside a busy program the last of them waits for its
turn on a core, and all others wait for it; so as many compute as there are cores left. That they
sleep while they wait is decided before torch is loaded (OMP_WAIT_POLICY in `launch.py`).
"""

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOOK_SECONDS = 0.5
_FIRST_LOOK_SECONDS = 0.1  # after a break: what was before it says little
_STALE_SECONDS = 5.0  # a longer look says little about now
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Load:
    """Seconds of processor time so far, on the cores this process may use."""

    at: float
    all_programs: float
    own: float


class Threads:
    """Sets torch's threads for whoever computes, from what the machine is doing.

    Args:
        fixed: A number that is kept whatever else runs; None adapts it.
        most: Most threads; by default one per core that this process may use.
        read: Reads the processor times; a test brings its own.
    """

    def __init__(
        self,
        fixed: int | None = None,
        *,
        most: int | None = None,
        read: Callable[[], Load] | None = None,
    ) -> None:
        self._fixed = fixed
        self._n_cores = available_cores()
        self.most = fixed or most or _asked_by_environment() or self._n_cores
        self.n_now = self.most
        self._read = read or processor_load
        self._lock = threading.Lock()
        self._before: Load | None = None
        self._next = 0.0
        self._set = threading.local()

    def settle(self) -> None:
        """Takes the right number for the calling thread; call it between two steps."""
        if self._fixed is None:
            self._look()
        if getattr(self._set, "n", None) != self.n_now:
            import torch  # seconds, which whoever only asks for the number need not wait

            # For OpenMP the number belongs to the thread that asks.
            torch.set_num_threads(self.n_now)
            self._set.n = self.n_now

    def _look(self) -> None:
        before = self._before
        if before is not None and time.monotonic() < self._next:
            return
        if not self._lock.acquire(blocking=False):
            return  # another thread is looking
        try:
            now = self._before = self._read()
            if before is None or not 0 < now.at - before.at < _STALE_SECONDS:
                self._next = now.at + _FIRST_LOOK_SECONDS
                return
            self._next = now.at + _LOOK_SECONDS
            others = (now.all_programs - before.all_programs) - (now.own - before.own)
            n_left = self._n_cores - max(others, 0.0) / (now.at - before.at)
            self.n_now = min(max(math.floor(n_left + 0.5), 1), self.most)
        finally:
            self._lock.release()

    @property
    def words(self) -> str:
        """For the header and the passport."""
        if self.n_now < self.most:
            return f"{self.n_now} of {self.most} threads, for other programs are busy"
        return "1 thread" if self.n_now == 1 else f"{self.n_now} threads"


def available_cores() -> int:
    """Cores that this process may use: real ones, within its affinity and its quota."""
    allowed = len(_allowed())
    real = psutil.cpu_count(logical=False) or allowed
    return max(min(allowed, real, _quota()), 1)


def processor_load() -> Load:
    """Processor times now."""
    at = time.monotonic()
    times = psutil.cpu_times(percpu=True)
    cores = [times[index] for index in _allowed() if index < len(times)]
    busy = sum(sum(core[:]) - core.idle - getattr(core, "iowait", 0.0) for core in cores)
    guests = sum(getattr(core, "guest", 0.0) + getattr(core, "guest_nice", 0.0) for core in cores)
    own = psutil.Process().cpu_times()
    return Load(at, busy - guests, own.user + own.system)  # a guest's time is in `user` too


def _allowed() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _quota() -> int:
    """Whole cores that a container's quota leaves; no limit where there is no quota."""
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()[:2]
    except (OSError, ValueError):
        return 1024
    return 1024 if quota == "max" else max(int(quota) // int(period), 1)


def _asked_by_environment() -> int | None:
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else None
