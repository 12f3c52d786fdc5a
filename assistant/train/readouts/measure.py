"""What the trained readers predict: errors with intervals, differences, what stands beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import Tensor

from assistant.evaluate.baselines.linear import fit_ridge
from assistant.evaluate.compare import Difference, compare
from assistant.evaluate.metrics.interval import Metric, interval
from assistant.evaluate.metrics.numbers import value_metrics
from assistant.evaluate.probe import RIDGE_STRENGTHS, standardise
from assistant.train.readouts.data import Asked
from assistant.train.readouts.encoders import Encoders
from assistant.train.readouts.recipe import BASELINE, Question, ReadoutRecipe
from assistant.train.readouts.run import CONTROLS, DONE, OWN, read_done, run_directory

Record = dict[str, object]
Found = dict[tuple[str, str], dict[int, list[Metric]]]
"""Metrics by variant and control, then by seed."""
_BOOTSTRAP_SEED = 0
_N_METRICS = 2  # MAE and RMSE; every row has a value here


def metrics_of(predictions: Sequence[float] | np.ndarray | Tensor, asked: Asked) -> list[Metric]:
    """MAE and RMSE over the test rows, with their bootstrap draws."""
    found = value_metrics(
        [float(value) for value in predictions],
        asked.test.values.tolist(),
        fallback=float(asked.train.values.mean()),
        unit=asked.task.quantity.unit,
        seed=_BOOTSTRAP_SEED,
    )
    return found[:_N_METRICS]


def probed(read: np.ndarray, shown: np.ndarray, asked: Asked) -> list[Metric]:
    """Errors of a ridge regression on features of the training and test rows, (n, d) each."""
    read, shown = read.copy(), shown.copy()
    standardise(read, shown)
    predict = fit_ridge(read, asked.train.values.tolist(), strengths=RIDGE_STRENGTHS)
    return metrics_of(predict(shown), asked)


def finished_seeds(
    recipe: ReadoutRecipe, encoder: str, question: Question, variant: str, run: Path
) -> list[int]:
    """Seeds with which a variant has finished a question on an encoder."""
    return [
        seed
        for seed in recipe.seeds
        if (run_directory(run, encoder, question, variant, seed) / DONE).is_file()
    ]


def measured(
    recipe: ReadoutRecipe, question: Question, asked: Asked, encoders: Encoders, run: Path
) -> Record:
    """The errors of all that is finished for a question, and the differences to the baseline."""
    rows: list[Record] = []
    differences: list[Record] = []
    for encoder in encoders.all:
        variants = recipe.variants if encoder is encoders.main else recipe.beside
        found: Found = {}
        for variant in variants:
            seeds = finished_seeds(recipe, encoder.name, question, variant, run)
            places = [run_directory(run, encoder.name, question, variant, s) for s in seeds]
            done = dict(zip(seeds, map(read_done, places), strict=True))
            asked_with = next(iter(done.values()))[1] if done else {}
            for control in sorted(asked_with, key=CONTROLS.index):
                runs = {
                    s: metrics_of(predictions[control], asked)
                    for s, (_, predictions) in done.items()
                }
                found[variant, control] = runs
                named = {"encoder": encoder.name, "variant": variant, "control": control}
                cost = _cost([figures for figures, _ in done.values()]) if control == OWN else {}
                rows.append(named | {"seeds": seeds, "metrics": pooled(list(runs.values()))} | cost)
        differences += [{"encoder": encoder.name} | row for row in _differences(found)]
    return {
        "task": question.task,
        "steps": question.steps,
        "n_train": len(asked.train.examples),
        "n_test": len(asked.test.examples),
        "unread": asked.unread,
        "deviation": float(asked.train.values.std()),
        "rows": rows,
        "differences": differences,
        "baselines": [
            {"method": scored.name, "metrics": pooled([metrics_of(scored.predictions, asked)])}
            for scored in asked.task.baselines(asked.train.examples, asked.test.examples)
        ],
    }


def _differences(found: Found) -> list[Record]:
    """Of the MAE (the first metric) to the baseline with its own graph, over the common seeds."""
    base = found.get((BASELINE, OWN), {})
    rows: list[Record] = []
    for (variant, control), runs in found.items():
        common = [seed for seed in runs if seed in base]
        if common and (variant, control) != (BASELINE, OWN):
            entry = compare([runs[s] for s in common], [base[s] for s in common])[0]
            row = {"variant": variant, "control": control, "seeds": common}
            rows.append(row | asdict(entry) | {"verdict": verdict(entry)})
    return rows


def pooled(runs: Sequence[Sequence[Metric]]) -> list[Record]:
    """Means over the seeds, with the interval of that mean over rows and the single values."""
    found = []
    for place, first in enumerate(runs[0]):
        same = [run[place] for run in runs]
        low, high = interval(np.mean([metric.draws for metric in same], axis=0))
        values = [metric.value for metric in same]
        found.append(
            {"name": first.name, "value": float(np.mean(values)), "low": low, "high": high}
            | {"single": values}
        )
    return found


def verdict(difference: Difference) -> str:
    """Of a variant (a) against the baseline (b)."""
    texts = {"A better": "better", "B better": "worse"}
    return texts.get(difference.verdict, difference.verdict)


def _cost(figures: Sequence[Mapping[str, object]]) -> Record:
    seconds = sum(float(f["seconds"]) for f in figures) / sum(int(f["steps"]) for f in figures)
    commits = sorted({str(f["commit"]) for f in figures})
    return {"seconds_per_step": seconds, "commits": commits}
