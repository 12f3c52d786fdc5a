"""Scores of written values and of yes/no answers with their scores."""

from collections.abc import Sequence

import numpy as np

from assistant.evaluate.metrics.interval import Metric, bootstrap, mean


def value_metrics(
    predictions: Sequence[float | None],
    references: Sequence[float],
    *,
    fallback: float,
    unit: str,
    seed: int = 0,
) -> list[Metric]:
    """MAE and RMSE over all rows, and over those whose answer holds a value.

    Args:
        predictions: None where the answer held no value.
        references: The true values.
        fallback: Stands in for a missing value: the mean of the training rows, so that saying
            nothing is worth as much as the constant baseline and no more. NaN where there are none:
            then numbers over all rows are not defined when a value is missing.
        unit: For the names; "" for none.
        seed: Of the bootstrap.
    """
    wanted = np.asarray(references, dtype=float)
    found = np.array([fallback if p is None else p for p in predictions], dtype=float)
    given = np.array([p is not None for p in predictions], dtype=bool)
    errors = np.abs(found - wanted)
    unit = f" ({unit})" if unit else ""
    rmse = bootstrap(
        f"RMSE{unit}",
        lambda weights: np.sqrt(weights @ errors**2 / weights.sum(1)),
        len(errors),
        seed=seed,
        better="lower",
    )
    return [
        mean(f"MAE{unit}", errors, seed=seed, better="lower"),
        rmse,
        mean(f"MAE of those given{unit}", errors[given], seed=seed, better="lower"),
        mean("share with a value", given, seed=seed),
    ]


def yes_no_metrics(
    predictions: Sequence[bool | None],
    scores: Sequence[float],
    references: Sequence[bool],
    *,
    seed: int = 0,
) -> list[Metric]:
    """ROC-AUC and AUPRC of the scores, accuracy of the written answers (no answer = wrong)."""
    wanted = np.asarray(references, dtype=bool)
    right = np.array([p is not None and p == w for p, w in zip(predictions, wanted, strict=True)])
    metrics = []
    if len(scores):
        ranked = Ranked(np.asarray(scores, dtype=float), wanted)
        metrics = [
            bootstrap("ROC-AUC", ranked.roc_auc, len(wanted), seed=seed),
            bootstrap("AUPRC", ranked.average_precision, len(wanted), seed=seed),
        ]
    return [*metrics, mean("accuracy", right, seed=seed)]


def grouped_auc(
    scores: Sequence[float], references: Sequence[bool], groups: Sequence[str], *, seed: int = 0
) -> Metric:
    """The mean of the ROC-AUC of each group (label of a multi-label set) that has both classes."""
    values, wanted, names = (np.asarray(part) for part in (scores, references, groups))
    parts = [names == name for name in dict.fromkeys(groups)]
    ranked = [(part, Ranked(values[part], wanted[part].astype(bool))) for part in parts]
    ranked = [(part, r) for part, r in ranked if 0 < r.wanted.sum() < len(r.wanted)]

    def statistic(weights: np.ndarray) -> np.ndarray:
        if not ranked:
            return np.full(len(weights), np.nan)
        each = np.array([r.roc_auc(weights[:, part]) for part, r in ranked])
        # A draw may leave a rare class out of a group; the group then has no AUC in that draw.
        defined = ~np.isnan(each)
        return np.where(defined, each, 0).sum(0) / np.maximum(defined.sum(0), 1)

    return bootstrap(f"mean ROC-AUC of {len(ranked)} labels", statistic, len(values), seed=seed)


class Ranked:
    """Rows in falling order of score; equal scores are one step of the curve."""

    def __init__(self, scores: np.ndarray, wanted: np.ndarray) -> None:
        self.order = np.argsort(-scores, kind="stable")
        self.wanted = wanted[self.order]
        ordered = scores[self.order]
        self.starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def _steps(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positives and negatives per step, (draws, steps)."""
        drawn = weights[:, self.order]
        positive = np.add.reduceat(drawn * self.wanted, self.starts, axis=1)
        return positive, np.add.reduceat(drawn * ~self.wanted, self.starts, axis=1)

    def roc_auc(self, weights: np.ndarray) -> np.ndarray:
        """Chance that a positive has the higher score; ties count half. NaN with one class."""
        positive, negative = self._steps(weights)
        below = negative.sum(1, keepdims=True) - negative.cumsum(1) + negative / 2
        pairs = positive.sum(1) * negative.sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(pairs > 0, (positive * below).sum(1) / pairs, np.nan)

    def average_precision(self, weights: np.ndarray) -> np.ndarray:
        """Mean precision over the positives, the usual AUPRC; NaN without positives."""
        positive, negative = self._steps(weights)
        hits, all_drawn = positive.cumsum(1), (positive + negative).cumsum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(all_drawn > 0, hits / all_drawn, 0)
            total = positive.sum(1)
            return np.where(total > 0, (precision * positive).sum(1) / total, np.nan)
