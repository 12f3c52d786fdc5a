"""Rows of a measurement on a GPU, one after the other, whatever happens to one of them.

A row that fails says why and the others go on. When it takes too long, or the GPU itself no longer
answers after it, the rest runs in a process of its own, with simpler 4-bit products.
"""

import faulthandler
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import torch

from assistant.errors import AssistantError
from assistant.evaluate.gpu_bench import timed
from assistant.llm.graphed.capture import Products

Row = dict[str, object]
Resumed = Callable[[Products, float, list[str]], list[str]]
"""From products, seconds spent and rows left to the command that measures them."""
_T = TypeVar("_T")

_FAILURES = (AssistantError, RuntimeError, ValueError, TypeError, LookupError, AttributeError)
_FAILURES += (ImportError, OSError, ArithmeticError, AssertionError, NotImplementedError)
SIMPLER: dict[Products, Products] = {
    "auto": "model",
    "nf4": "model",
    "model": "none",
    "none": "none",
}


class Report:
    """What is known so far, written to the file after every row.

    Args:
        path: The file (JSON); None keeps it in memory.
        resume: Whether what the file holds is gone on with.

    Attributes:
        values: Machine, rows by name, and the engine's own log.
    """

    def __init__(self, path: Path | None, *, resume: bool) -> None:
        self._path = path
        self.values: dict[str, object] = {"machine": {}, "rows": {}, "log": []}
        if resume and path is not None and path.exists():
            self.values = json.loads(path.read_text(encoding="utf-8"))

    def add(self, name: str, row: Row) -> None:
        """Notes and prints a row."""
        self.values["rows"][name] = row
        self.write()
        said = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
        sys.stdout.write(f"{name}: {said}\n")
        sys.stdout.flush()

    def write(self) -> None:
        """Writes the file."""
        if self._path is not None:
            text = json.dumps(self.values, indent=1, ensure_ascii=False)
            self._path.write_text(text + "\n", encoding="utf-8")


class LogToReport(logging.Handler):
    """The engine's own words on its graphs, printed and kept."""

    def __init__(self, report: Report) -> None:
        super().__init__(logging.INFO)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Prints and keeps a line."""
        line = record.getMessage()[:400]
        self._report.values["log"].append(line)
        sys.stdout.write(f"  {line}\n")
        sys.stdout.flush()


class GuardedRun:
    """Runs the rows one by one, whatever happens to one of them.

    Args:
        report: Where rows and failures are noted.
        device: What must still compute after a failure.
        products: Whose 4-bit products the rows are measured with.
        begin: When the measurement began, on the monotonic clock.
        resumed: The command of a process that goes on.
    """

    def __init__(
        self,
        report: Report,
        device: torch.device,
        products: Products,
        begin: float,
        resumed: Resumed,
    ) -> None:
        self._report = report
        self._device = device
        self._products = products
        self._begin = begin
        self._resumed = resumed

    @property
    def spent(self) -> float:
        """Seconds since the measurement began, in this process or one before it."""
        return time.monotonic() - self._begin

    def say(self, text: str) -> None:
        """Prints how far it is."""
        sys.stdout.write(f"{self.spent:6.1f} s  {text}\n")
        sys.stdout.flush()

    def left(self, names: Sequence[str], seconds: float) -> Iterator[tuple[str, list[str]]]:
        """The rows that begin within the time, each with those after it; the others are noted.

        Args:
            names: Of the rows, in order.
            seconds: Since the measurement began.
        """
        for place, name in enumerate(names):
            if self.spent > seconds:
                self._report.add(name, {"failed": f"not begun: {self.spent:.0f} s were spent"})
            else:
                yield name, list(names[place + 1 :])

    def guarded(
        self, name: str, work: Callable[[], _T], seconds: float, rest: list[str]
    ) -> _T | None:
        """What the work gives, or None when it failed, which is noted.

        When it takes too long, or the device does not answer after a failure, or nothing could be
        set up, `rest` runs in a new process that takes this one's place.

        Args:
            name: Of the row.
            work: Measures it.
            seconds: What it may take.
            rest: Names of the rows that are still to come.
        """
        guard = threading.Timer(seconds, self._overrun, (name, seconds, rest))
        guard.daemon = True
        guard.start()
        before = self.spent
        try:
            return work()
        except _FAILURES as error:
            faulty = f"{type(error).__name__}: {str(error)[:600]}"
            traceback.print_exc()
        finally:
            guard.cancel()
        self._report.add(name, {"failed": faulty, "seconds": self.spent - before})
        if name == "setup" or (rest and not answers(self._device)):
            self._restart(rest, all_failed=name == "setup")
        return None

    def _overrun(self, name: str, seconds: float, rest: list[str]) -> None:
        self._report.add(name, {"failed": f"not done after {seconds:.0f} s"})
        faulthandler.dump_traceback(sys.__stderr__)
        self._restart(rest, all_failed=name == "setup")

    def _restart(self, rest: list[str], *, all_failed: bool) -> None:
        """Goes on with simpler products, unless nothing works with the simplest ones."""
        sys.stdout.flush()
        simpler = SIMPLER[self._products]
        if not rest or (all_failed and simpler == self._products):
            os._exit(1)
        os.execv(sys.executable, self._resumed(simpler, self.spent, rest))


def answers(device: torch.device) -> bool:
    """Whether the device still computes; after an illegal access it does not."""
    try:
        return timed(lambda: torch.ones(8, device=device).sum(), device) >= 0
    except RuntimeError:
        return False
