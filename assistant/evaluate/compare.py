"""Is one arm better than another? The difference of every number with a paired 95 % interval.

    python -m assistant.evaluate.compare --a A.json [A2.json …] --b B.json [B2.json …]

Each file is what `run --json` wrote; all must have asked the same rows. Several files of a side are
runs that differ in their training seed: their numbers are averaged, and the difference of each
pair of files is shown beside the mean. Rows are drawn for both sides alike, so what makes a row
hard does not blur the difference; how much training seeds differ is in the single differences.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.errors import AssistantError
from assistant.evaluate.metrics.interval import Metric, interval
from assistant.evaluate.outcomes import Answered, read_answered
from assistant.evaluate.report import number_text
from assistant.evaluate.run import add_scoring_options, text_scoring
from assistant.evaluate.table import data_directory
from assistant.evaluate.tasks.base import Example, Task
from assistant.evaluate.tasks.registry import task_of


@dataclass(frozen=True)
class Difference:
    """A minus B of one number; positive is better where more is better.

    Attributes:
        name: Of the metric.
        a: Its mean over the runs of A.
        b: Its mean over the runs of B.
        low: Lower end of the interval of a - b.
        high: Upper end.
        better: Whether more or less is better.
        single: a - b per pair of runs, in the order of the files.
    """

    name: str
    a: float
    b: float
    low: float
    high: float
    better: str
    single: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if not (self.low > 0 or self.high < 0):
            return "no difference shown"
        return "A better" if (self.low > 0) == (self.better == "higher") else "B better"


def compare(a: Sequence[Sequence[Metric]], b: Sequence[Sequence[Metric]]) -> list[Difference]:
    """Differences of the metrics that all runs have, each run's metrics in the same order."""
    names = [m.name for m in a[0] if all(any(m.name == x.name for x in run) for run in (*a, *b))]
    return [
        _difference(*([_named(run, name) for run in side] for side in (a, b))) for name in names
    ]


def _named(metrics: Sequence[Metric], name: str) -> Metric:
    return next(metric for metric in metrics if metric.name == name)


def _difference(a: Sequence[Metric], b: Sequence[Metric]) -> Difference:
    values = [float(np.mean([m.value for m in side])) for side in (a, b)]
    drawn = [np.mean([m.draws for m in side], axis=0) for side in (a, b) if _all_drawn(side)]
    low, high = interval(drawn[0] - drawn[1]) if len(drawn) == 2 else (np.nan, np.nan)
    single = tuple(x.value - y.value for x, y in zip(a, b, strict=False))
    return Difference(a[0].name, *values, low, high, a[0].better, single)


def _all_drawn(metrics: Sequence[Metric]) -> bool:
    return all(metric.draws is not None for metric in metrics)


def refuse_other_rows(runs: Sequence[Answered]) -> None:
    """Refuses runs of another task or of other rows.

    Raises:
        AssistantError: Names the two files.
    """
    first = runs[0]
    for run in runs[1:]:
        if run.task != first.task or _rows(run) != _rows(first):
            raise AssistantError(
                f"{first.name} and {run.name} did not ask the same rows of the same task; run both"
                " with the same --task, --file, --n and --seed."
            )


def _rows(run: Answered) -> list[tuple[object, ...]]:
    return [(e.molecules, e.answer, e.group) for e in run.examples]


def differences_text(differences: Sequence[Difference]) -> str:
    """One line per number."""
    lines = []
    for d in differences:
        a, b, low, high = (number_text(None if x != x else x) for x in (d.a, d.b, d.low, d.high))
        change = number_text(d.a - d.b)
        runs = ", ".join(number_text(x) for x in d.single)
        lines.append(
            f"{d.name:<36} {a} - {b} = {change}  [{low}, {high}]  {d.verdict}  (runs: {runs})"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--a", type=Path, nargs="+", required=True, help="reports of one arm")
    parser.add_argument("--b", type=Path, nargs="+", required=True, help="reports of another arm")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    add_scoring_options(parser)
    args = parser.parse_args(arguments)
    try:
        sides = [[read_answered(path) for path in side] for side in (args.a, args.b)]
        refuse_other_rows([run for side in sides for run in side])
        task = task_of(sides[0][0].task)
        train = _train(task, args)
        scoring = text_scoring(args)
        metrics = [
            [task.metrics(r.scored(task), r.examples, train, scoring, args.seed) for r in side]
            for side in sides
        ]
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(differences_text(compare(*metrics)))
    return 0


def _train(task: Task, args: argparse.Namespace) -> list[Example]:
    data = data_directory(args.data)
    if task.train is None or (args.train is None and data is None):
        return []
    return task.load(task.train, args.train, data, split="train")


if __name__ == "__main__":
    raise SystemExit(main())
