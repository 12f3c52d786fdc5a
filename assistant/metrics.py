"""Counters, gauges and histograms in the text format that Prometheus reads (version 0.0.4).

The format is a few lines, so no library is needed for it. A label's values are named when a metric
is made and others are refused: nothing that a person wrote can become one.
"""

import bisect
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4"  # and the charset, which is UTF-8

Reading = float | Mapping[str, float]


class Counter:
    """Only goes up; one value, or one per value of its label."""

    kind = "counter"

    def __init__(self, label: str = "", values: Sequence[str] = ()) -> None:
        self._label = label
        self._lock = threading.Lock()
        self._totals = dict.fromkeys(values if label else ("",), 0.0)

    def add(self, amount: float = 1.0, value: str = "") -> None:
        """Adds to the total.

        Args:
            amount: Not negative.
            value: Of the label.

        Raises:
            ValueError: The amount is negative, or the label has no such value.
        """
        if amount < 0:
            raise ValueError(f"a counter only goes up, not by {amount}")
        with self._lock:
            if value not in self._totals:
                raise ValueError(f"label {self._label!r} has no value {value!r}")
            self._totals[value] += amount

    def samples(self, name: str) -> list[str]:
        """Its lines."""
        with self._lock:
            totals = dict(self._totals)
        return [_sample(name, total, {self._label: value}) for value, total in totals.items()]


class Read:
    """Read when it is asked for: a gauge, or a counter that is kept elsewhere."""

    def __init__(self, kind: str, read: Callable[[], Reading], label: str = "") -> None:
        self.kind = kind
        self._read = read
        self._label = label

    def samples(self, name: str) -> list[str]:
        """Its lines; none while there is nothing to read."""
        found = self._read()
        readings = found if isinstance(found, Mapping) else {"": found}
        return [_sample(name, number, {self._label: value}) for value, number in readings.items()]


class Histogram:
    """How often values fell below each of some bounds, and their sum."""

    kind = "histogram"

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = sorted(bounds)
        self._lock = threading.Lock()
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, number: float) -> None:
        """Takes in one value."""
        with self._lock:
            self._counts[bisect.bisect_left(self._bounds, number)] += 1
            self._sum += number

    def samples(self, name: str) -> list[str]:
        """Its lines: per bound how many values were not above it, their sum, their number."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        lines, below = [], 0
        for bound, count in zip((*map(_number, self._bounds), "+Inf"), counts, strict=True):
            below += count
            lines.append(_sample(f"{name}_bucket", below, {"le": bound}))
        return [*lines, _sample(f"{name}_sum", total), _sample(f"{name}_count", below)]


Kind = TypeVar("Kind", Counter, Read, Histogram)


class Registry:
    """All metrics of a program.

    Args:
        prefix: Put before every name, with an underscore.
    """

    def __init__(self, prefix: str = "molecule_chat") -> None:
        self._prefix = prefix
        self._metrics: dict[str, tuple[str, Counter | Read | Histogram]] = {}

    def counter(self, name: str, text: str, label: str = "", values: Sequence[str] = ()) -> Counter:
        """A new counter; `text` says what is counted."""
        return self._add(name, text, Counter(label, values))

    def histogram(self, name: str, text: str, bounds: Sequence[float]) -> Histogram:
        """A new histogram."""
        return self._add(name, text, Histogram(bounds))

    def read(
        self,
        name: str,
        text: str,
        read: Callable[[], Reading],
        label: str = "",
        *,
        kind: str = "gauge",
    ) -> None:
        """A metric whose value, or values by its label's value, `read` gives when asked for."""
        self._add(name, text, Read(kind, read, label))

    def _add(self, name: str, text: str, metric: Kind) -> Kind:
        full = f"{self._prefix}_{name}"
        if full in self._metrics:
            raise ValueError(f"there is a metric {full} already")
        self._metrics[full] = (text, metric)
        return metric

    def text(self) -> str:
        """Everything, as Prometheus reads it."""
        lines = []
        for name, (text, metric) in tuple(self._metrics.items()):
            samples = metric.samples(name)
            if samples:
                lines += [f"# HELP {name} {_help(text)}", f"# TYPE {name} {metric.kind}", *samples]
        return "\n".join(lines) + "\n"


def _sample(name: str, number: float, labels: Mapping[str, str] | None = None) -> str:
    pairs = ",".join(f'{key}="{_quoted(v)}"' for key, v in (labels or {}).items() if key)
    return f"{name}{{{pairs}}} {_number(number)}" if pairs else f"{name} {_number(number)}"


def _number(number: float) -> str:
    return repr(int(number)) if float(number).is_integer() else repr(float(number))


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _help(text).replace('"', '\\"')
