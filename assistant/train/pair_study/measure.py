"""What the cells say: metrics of each variant, differences between variants, simple methods."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.checkpoint import write_json
from assistant.evaluate.compare import Difference
from assistant.evaluate.metrics.interval import Metric, bootstrap, interval
from assistant.evaluate.metrics.numbers import Ranked, value_metrics, yes_no_metrics
from assistant.evaluate.tasks.base import Example
from assistant.evaluate.tasks.registry import task_of
from assistant.train.pair_study.cell import Cell, cell_path, digest_of, read_cell
from assistant.train.pair_study.recipe import StudyRecipe, StudyTask, slug
from assistant.train.pair_study.rows import StudyRows, asked_molecules
from assistant.train.pair_tables import PairTable

SAME = "no difference shown"


@dataclass(frozen=True)
class Measured:
    """One line of the page.

    Attributes:
        name: Of the variant or the simple method.
        metrics: Means over the seeds with intervals over rows.
        other: The first metric with another row's second molecule shown in the test, from that
            with the own one, its interval over molecules; None where there is no own one.
        difference: From what it is compared with, its interval over molecules; None for itself.
        against: Name of that.
        cells: A cell per seed; none for a simple method.
    """

    name: str
    metrics: Sequence[Metric]
    other: Difference | None = None
    difference: Difference | None = None
    against: str = ""
    cells: Sequence[Cell] = ()

    @property
    def verdict(self) -> str:
        """Better or worse where the interval leaves out 0 and every seed says the same."""
        d = self.difference
        if d is None or len({np.sign(one) for one in d.single}) > 1:
            return "" if d is None else SAME
        return {"A better": "better", "B better": "worse"}.get(d.verdict, SAME)


def measure(
    study: StudyRecipe, task: StudyTask, rows: StudyRows, seeds: Sequence[int], run: Path
) -> list[Measured]:
    """All lines of a task, simple methods last; every variant needs a cell of each seed."""
    table = rows.table
    cells = {
        variant.name: [read_cell(cell_path(run, task, variant.name, seed)) for seed in seeds]
        for variant in study.variants_of(task)
    }
    simple = simple_methods(task, table, run)
    predicted = {name: [np.array(c.predicted) for c in each] for name, each in cells.items()}
    predicted |= {name: [np.array(values)] * len(seeds) for name, values in simple.items()}
    scores = Scores(task, table)
    against = {v.name: study.against(task, v) for v in study.variants_of(task)}
    lines = []
    for name, each in predicted.items():
        known = against.get(name, task.simple_against or task.baseline)
        others = [np.array(c.predicted_other) for c in cells.get(name, ()) if c.predicted_other]
        lines.append(
            Measured(
                name,
                scores.metrics(each),
                scores.difference(others, each) if others else None,
                None if known == name else scores.difference(each, predicted[known]),
                "" if known == name else known,
                cells.get(name, ()),
            )
        )
    return lines


class Scores:
    """Metrics of predictions of a task's test rows.

    Args:
        task: What is predicted.
        table: Its rows.
    """

    def __init__(self, task: StudyTask, table: PairTable) -> None:
        test = table.rows("test")
        self.wanted = table.values[test, 0]
        self.is_label = task.recipe.is_symmetric
        self.unit = "" if self.is_label else task_of(task.name).quantity.unit
        self._fallback = float(table.values[table.rows("train"), 0].mean())
        _, self._molecule = np.unique(asked_molecules(table, test), return_inverse=True)

    @property
    def n_molecules(self) -> int:
        """Molecules that make test rows new; intervals of differences are drawn over them."""
        return int(self._molecule.max()) + 1

    def metrics(self, runs: Sequence[np.ndarray]) -> list[Metric]:
        """Those of `assistant.evaluate.run`, each the mean over runs, drawn over rows."""
        return [_mean_of(same) for same in zip(*map(self._of_run, runs), strict=True)]

    def _of_run(self, predicted: np.ndarray) -> list[Metric]:
        if self.is_label:
            answers = (predicted > 0.5).tolist()
            return yes_no_metrics(answers, predicted.tolist(), (self.wanted > 0.5).tolist())
        return value_metrics(
            predicted.tolist(), self.wanted.tolist(), fallback=self._fallback, unit=self.unit
        )[:2]

    def difference(self, a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> Difference:
        """The first metric of a minus that of b, paired; the interval is drawn over molecules."""
        first, second = ([self._weighted(run) for run in side] for side in (a, b))
        whole = np.ones((1, len(self.wanted)))
        single = tuple(float(x(whole)[0] - y(whole)[0]) for x, y in zip(first, second, strict=True))

        def statistic(weights: np.ndarray) -> np.ndarray:
            rows = weights[:, self._molecule]
            return np.mean([f(rows) - g(rows) for f, g in zip(first, second, strict=True)], axis=0)

        name, better = ("ROC-AUC", "higher") if self.is_label else (f"MAE ({self.unit})", "lower")
        drawn = bootstrap(name, statistic, self.n_molecules, better=better)
        means = (float(np.mean([f(whole)[0] for f in side])) for side in (first, second))
        return Difference(name, *means, drawn.low, drawn.high, better, single)

    def _weighted(self, predicted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """The first metric as a function of how often each row counts, (draws, n)."""
        if self.is_label:
            return Ranked(predicted, self.wanted > 0.5).roc_auc
        errors = np.abs(predicted - self.wanted)
        return lambda weights: weights @ errors / weights.sum(axis=1)


def _mean_of(runs: Sequence[Metric]) -> Metric:
    draws = np.mean([metric.draws for metric in runs], axis=0)
    low, high = interval(draws)
    value = float(np.mean([metric.value for metric in runs]))
    return replace(runs[0], value=value, low=low, high=high, draws=draws)


def simple_methods(task: StudyTask, table: PairTable, run: Path) -> Mapping[str, list[float]]:
    """The evaluation's baselines on the same rows, by name; kept in the run's directory."""
    path = run / slug(task.name) / f"simple-{digest_of(table)}.json"
    if not path.is_file():
        known, asked = (_examples(task, table, split) for split in ("train", "test"))
        found = {
            one.name: [float(x) for x in (_probabilities(one.scores) or one.predictions)]
            for one in task_of(task.name).baselines(known, asked)
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, found)
    return json.loads(path.read_text(encoding="utf-8"))


def _probabilities(scores: Sequence[float]) -> list[float]:
    """Of scores whose sign is the answer: in the same order, above ½ where the answer is yes."""
    return [0.5 + 0.5 * score / (1 + abs(score)) for score in scores]


def _examples(task: StudyTask, table: PairTable, split: str) -> list[Example]:
    found = []
    for i in table.rows(split):
        first, second = table.pairs[i]
        value = float(table.values[i, 0])
        found.append(
            Example(
                (table.smiles[first], table.smiles[second]),
                "",
                value > 0.5 if task.recipe.is_symmetric else value,
                ids=(table.names[first], table.names[second]),
            )
        )
    return found
