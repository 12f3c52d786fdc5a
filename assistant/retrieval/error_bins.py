"""Errors of predictions by how similar the nearest training example is."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIMILARITY_EDGES = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0)


@dataclass(frozen=True)
class Bin:
    """Test examples whose most similar training example has a similarity in [low, high).

    Attributes:
        low: Lower end.
        high: Upper end; the last bin holds it too.
        n: Test examples.
        error: Mean absolute error; for yes/no the share of wrong answers at probability ½.
    """

    low: float
    high: float
    n: int
    error: float


def bins_of(similarities: Sequence[float], errors: Sequence[float]) -> tuple[Bin, ...]:
    """Mean errors by similarity."""
    near, wrong = np.asarray(similarities), np.asarray(errors)
    found = []
    for low, high in itertools.pairwise(SIMILARITY_EDGES):
        inside = (near >= low) & ((near < high) | ((near == high) & (high == 1.0)))
        n = int(inside.sum())
        found.append(Bin(low, high, n, round(float(wrong[inside].mean()), 4) if n else 0.0))
    return tuple(found)


def bin_of(bins: Sequence[Bin], similarity: float) -> Bin | None:
    """The bin of a similarity, if any test example was in it."""
    for one in bins:
        if one.low <= similarity < one.high or similarity == one.high == 1.0:
            return one if one.n else None
    return None
