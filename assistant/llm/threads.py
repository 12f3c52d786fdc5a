"""How many processor threads a step takes: all, or fewer while other processes are busy.

Threads of one product wait for each other, so a thread that shares its core with another process
holds up all of them: two threads beside one busy process are slower than one alone.
"""

import os
import time
from collections.abc import Callable

import psutil
import torch

_EVERY_S = 0.5
_STALE_S = 5.0
_FIRST_LOOK_S = 0.1


class Threads:
    """Sets PyTorch's number of threads for the thread that calls `adapt`.

    Args:
        others: Processor seconds that other processes have used so far.
        clock: Seconds.
    """

    def __init__(
        self,
        others: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = torch.get_num_threads()
        self._n_cores = _usable_cores()
        self._others = others or _Others()
        self._clock = clock
        self._since = clock()
        self._next = self._since + _FIRST_LOOK_S
        self._used = self._others()

    def adapt(self) -> None:
        """Looks at the machine now and then; cheap to call before every step."""
        now = self._clock()
        if self._most == 1 or now < self._next:
            return
        used, elapsed = self._others(), now - self._since
        is_stale = elapsed > _STALE_S  # nobody asked for a while: what was then says nothing
        if not is_stale:
            free = self._n_cores - (used - self._used) / elapsed
            wanted = max(1, min(self._most, round(free)))
            if wanted != torch.get_num_threads():
                torch.set_num_threads(wanted)
        self._since, self._used = now, used
        self._next = now + (_FIRST_LOOK_S if is_stale else _EVERY_S)


class _Others:
    """Processor seconds of the machine without this process."""

    def __init__(self) -> None:
        self._own = psutil.Process()

    def __call__(self) -> float:
        whole = psutil.cpu_times()
        idle = whole.idle + getattr(whole, "iowait", 0.0)
        guest = getattr(whole, "guest", 0.0) + getattr(whole, "guest_nice", 0.0)  # in user, nice
        own = self._own.cpu_times()
        return sum(whole) - idle - guest - own.user - own.system


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
