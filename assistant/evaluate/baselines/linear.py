"""Ridge and logistic regression on Morgan fingerprints (2048 bits); strengths chosen held out.

Fits are on all training rows; the strength of the penalty is the best of a few on a tenth of them
that the trial fits have not seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

RIDGE_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
LOGISTIC_STRENGTHS = (1e-5, 1e-4, 1e-3)
_CHUNK = 8192

Predictor = Callable[[np.ndarray], np.ndarray]
"""From features (n, d) to values (n,)."""


def fit_ridge(
    features: np.ndarray,
    values: Sequence[float],
    *,
    seed: int = 0,
    strengths: Sequence[float] = RIDGE_STRENGTHS,
) -> Predictor:
    """Least squares with a quadratic penalty, centred.

    Args:
        features: (n, d), any number type.
        values: (n,).
        seed: Of the held-out tenth.
        strengths: Penalties to choose from.
    """
    targets = np.asarray(values, dtype=float)
    held_out = _held_out(len(targets), seed)
    if not held_out.any() or held_out.all():
        return _Moments.of(features, targets).solve(strengths[0])
    seen = _Moments.of(features[~held_out], targets[~held_out])
    unseen = _Moments.of(features[held_out], targets[held_out])
    rows = features[held_out].astype(np.float32)
    losses = {
        strength: np.mean((seen.solve(strength)(rows) - targets[held_out]) ** 2)
        for strength in strengths
    }
    return (seen + unseen).solve(min(losses, key=losses.get))


@dataclass(frozen=True)
class _Moments:
    """Sums over rows that least squares needs: n, Σx, Σy, Σxxᵀ, Σxy."""

    n: int
    x: np.ndarray
    y: float
    xx: np.ndarray
    xy: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, targets: np.ndarray) -> "_Moments":
        """From rows, a part at a time: bits as floats would not fit the memory."""
        d = features.shape[1]
        x, xx, xy = np.zeros(d), np.zeros((d, d)), np.zeros(d)
        for start in range(0, len(targets), _CHUNK):
            part = features[start : start + _CHUNK].astype(np.float32)
            xx += part.T @ part
            xy += part.T @ targets[start : start + _CHUNK]
            x += part.sum(0, dtype=float)
        return cls(len(targets), x, float(targets.sum()), xx, xy)

    def __add__(self, other: "_Moments") -> "_Moments":
        parts = (self.n + other.n, self.x + other.x, self.y + other.y)
        return _Moments(*parts, self.xx + other.xx, self.xy + other.xy)

    def solve(self, strength: float) -> Predictor:
        """Predictions under one penalty; the offset is not penalised."""
        mean_x, mean_y = self.x / self.n, self.y / self.n
        gram = self.xx - self.n * np.outer(mean_x, mean_x) + strength * np.eye(len(self.x))
        weights = np.linalg.solve(gram, self.xy - self.n * mean_x * mean_y)
        return lambda rows: (rows.astype(np.float32) - mean_x) @ weights + mean_y


def fit_logistic(
    features: np.ndarray,
    labels: Sequence[bool],
    *,
    seed: int = 0,
    strengths: Sequence[float] = LOGISTIC_STRENGTHS,
) -> Predictor:
    """Log-odds by logistic regression with a quadratic penalty (L-BFGS).

    Args:
        features: (n, d), any number type.
        labels: (n,), both classes.
        seed: Of the held-out tenth.
        strengths: Penalties to choose from.
    """
    x = torch.from_numpy(np.ascontiguousarray(features)).float()
    y = torch.tensor(np.asarray(labels, dtype=np.float32))

    def logits(weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return x[rows] @ weights[:-1] + weights[-1]

    weights = _best_logistic(logits, y, x.shape[1] + 1, seed, strengths)
    return lambda new: (
        torch.from_numpy(np.ascontiguousarray(new)).float() @ weights[:-1] + weights[-1]
    ).numpy()


def fit_pair_logistic(
    fingerprints: np.ndarray, pairs: np.ndarray, labels: Sequence[bool], *, seed: int = 0
) -> Predictor:
    """Log-odds of pairs from both molecules' bits: their sum and their common bits.

    The features of a pair do not depend on its order. They are never written out: a weight per bit
    gives a value per molecule, a weight per common bit a value per pair of molecules.

    Args:
        fingerprints: Bits of the molecules, (m, d).
        pairs: Places of the two molecules of each pair, (n, 2).
        labels: (n,), both classes.
        seed: Of the held-out tenth.

    Returns:
        Log-odds of pairs given by places among the same molecules, (n, 2) → (n,).
    """
    bits = torch.from_numpy(np.ascontiguousarray(fingerprints)).float()
    places = torch.from_numpy(np.asarray(pairs))
    y = torch.tensor(np.asarray(labels, dtype=np.float32))
    d = bits.shape[1]

    def logits(weights: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return of_places(weights, places[rows])

    def of_places(weights: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        single = bits @ weights[:d]
        common = (bits * weights[d : 2 * d]) @ bits.T
        first, second = chosen[:, 0], chosen[:, 1]
        return single[first] + single[second] + common[first, second] + weights[-1]

    weights = _best_logistic(logits, y, 2 * d + 1, seed)
    return lambda new: of_places(weights, torch.tensor(np.array(new))).numpy()


Logits = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _best_logistic(
    logits: Logits,
    y: torch.Tensor,
    n_weights: int,
    seed: int,
    strengths: Sequence[float] = LOGISTIC_STRENGTHS,
) -> torch.Tensor:
    held_out = torch.from_numpy(_held_out(len(y), seed))
    seen, unseen = torch.nonzero(~held_out)[:, 0], torch.nonzero(held_out)[:, 0]
    strength = strengths[-1]
    if len(seen) and len(unseen):
        losses = {}
        for trial in strengths:
            weights = _descend(logits, y, seen, n_weights, trial)
            losses[trial] = float(_log_loss(logits(weights, unseen), y[unseen]))
        strength = min(losses, key=losses.get)
    return _descend(logits, y, torch.arange(len(y)), n_weights, strength)


def _descend(
    logits: Logits, y: torch.Tensor, rows: torch.Tensor, n_weights: int, strength: float
) -> torch.Tensor:
    weights = torch.zeros(n_weights, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=40, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = _log_loss(logits(weights, rows), y[rows]) + strength * weights[:-1].square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return weights.detach()


def _log_loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, y)


def _held_out(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(n) < 0.1
