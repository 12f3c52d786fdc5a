"""A metric is a value with its 95 % interval and the number of rows it comes from.

Intervals are percentile bootstraps over rows: rows are drawn with replacement as often as there are
rows, and the metric is computed again. A draw is kept as how often each row was drawn, so that a
metric of sums (BLEU, MAE) needs one matrix product for all draws.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

N_DRAWS = 1000
_PART = 2_000_000  # counts at a time: 16 MB

Statistic = Callable[[np.ndarray], np.ndarray]
"""From how often each row counts, (draws, n), to the metric of each draw, (draws,)."""


@dataclass(frozen=True)
class Metric:
    """One number of a report.

    Attributes:
        name: As in the tables.
        value: NaN where it is not defined (no rows, one class only).
        low: Lower end of the 95 % interval.
        high: Upper end.
        n: Rows it was computed from.
        better: Whether more or less is better.
        draws: The metric of each bootstrap draw, (draws,). Two methods on the same rows with the
            same seed have the same draws of rows, so their differences are paired.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    better: str = "higher"
    draws: np.ndarray | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, object]:
        """JSON types; NaN becomes null."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        kept = {key: None if math.isnan(x) else x for key, x in numbers.items()}
        return {"name": self.name, **kept, "n": self.n, "better": self.better}


def bootstrap(
    name: str, statistic: Statistic, n: int, *, seed: int = 0, better: str = "higher"
) -> Metric:
    """A metric with its interval.

    Args:
        name: As in the tables.
        statistic: The metric of weighted rows.
        n: Number of rows.
        seed: Of the draws.
        better: "higher" or "lower".
    """
    if n == 0:
        return Metric(name, math.nan, math.nan, math.nan, 0, better)
    value = float(statistic(np.ones((1, n)))[0])
    drawn = np.concatenate([statistic(counts) for counts in _draws(n, seed)])
    return Metric(name, value, *interval(drawn), n, better, drawn)


def interval(drawn: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of draws; those where the metric is not defined are left out."""
    defined = drawn[~np.isnan(drawn)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def mean(name: str, values: np.ndarray, *, seed: int = 0, better: str = "higher") -> Metric:
    """The mean of one value per row."""
    values = np.asarray(values, dtype=float)
    return bootstrap(name, lambda w: w @ values / w.sum(1), len(values), seed=seed, better=better)


def clustered_mean(
    name: str, values: np.ndarray, clusters: Sequence[str], *, seed: int = 0
) -> Metric:
    """The mean of values that come in clusters (turns of one conversation): those are drawn."""
    values = np.asarray(values, dtype=float)
    places = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters))}
    sums = np.zeros((len(places), 2))
    for value, cluster in zip(values, clusters, strict=True):
        sums[places[cluster]] += value, 1

    def statistic(weights: np.ndarray) -> np.ndarray:
        total, n = (weights @ sums).T
        return total / n

    return replace(bootstrap(name, statistic, len(places), seed=seed), n=len(values))


def _draws(n: int, seed: int) -> Iterator[np.ndarray]:
    random = np.random.default_rng(seed)
    size = max(1, min(N_DRAWS, _PART // n))
    for start in range(0, N_DRAWS, size):
        n_draws = min(size, N_DRAWS - start)
        yield random.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(float)
