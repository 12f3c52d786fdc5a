"""A progress bar with rate and time left: one line on a terminal, now and then a line elsewhere."""

import sys
import time
from typing import TextIO

_WIDTH = 24
_LINE_SECONDS = 15.0


class Progress:
    """How far a loop is.

    Args:
        title: Stands in front.
        total: Steps in all.
        done: Steps that were done before, by an earlier run.
        unit: What `advance` counts beside steps.
        stream: Where it is written.
    """

    def __init__(
        self,
        title: str,
        total: int,
        *,
        done: int = 0,
        unit: str = "tokens",
        stream: TextIO | None = None,
    ) -> None:
        self.title, self.total, self.done, self.unit = title, total, done, unit
        self._stream = stream or sys.stdout
        self._on_terminal = self._stream.isatty()
        self._first, self._units = done, 0
        self._began = self._told = time.monotonic()

    def advance(self, units: int, note: str = "") -> None:
        """One more step, with so many units and a note at the end of the line."""
        self.reach(self.done + 1, units, note)

    def reach(self, done: int, units: int, note: str = "") -> None:
        """So many steps are done, the last of them with so many units."""
        self.done = done
        self._units += units
        now = time.monotonic()
        finished = self.done >= self.total
        if self._on_terminal or finished or now - self._told >= _LINE_SECONDS:
            self._told = now
            end = "\n" if finished or not self._on_terminal else ""
            start = "\r\x1b[2K" if self._on_terminal else ""
            self._stream.write(f"{start}{self.line(now - self._began, note)}{end}")
            self._stream.flush()

    def line(self, seconds: float, note: str = "") -> str:
        """The bar after so many seconds of this run."""
        steps = self.done - self._first
        share = self.done / max(self.total, 1)
        filled = round(_WIDTH * share)
        left = (self.total - self.done) * seconds / max(steps, 1)
        rate = self._units / max(seconds, 1e-9)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        return (
            f"{self.title} {bar} {self.done}/{self.total} {share:4.0%}"
            f"  {rate:,.0f} {self.unit}/s  {duration(left)} left  {note}"
        ).rstrip()


def duration(seconds: float) -> str:
    """Seconds, minutes, or hours and minutes."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
