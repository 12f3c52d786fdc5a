"""Pictures of the record: the error of each variant, and what happens over the levels."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.train.readouts.measure import Record
from assistant.train.readouts.run import OWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = ("o", "s", "^", "D")
_LIKENESS = {"mad": "mean average distance", "within": "variance within molecules"}


def draw_variants(record: Record, path: Path) -> None:
    """Errors with their intervals, a panel per question; single seeds as small points."""
    from matplotlib.figure import Figure

    questions = record["questions"]
    n_rows = max(len(_own(question)) for question in questions)
    size = (1.5 + 4.2 * len(questions), 1.4 + 0.3 * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(questions), squeeze=False)[0]
    for axes, question in zip(panels, questions, strict=True):
        _draw_errors(axes, question, record["main"])
        _draw_probe(axes, question["task"], record)
    figure.savefig(path, dpi=90)


def _own(question: Record) -> list[Record]:
    return [row for row in question["rows"] if row["control"] == OWN]


def _draw_errors(axes: "Axes", question: Record, main: str) -> None:
    rows = _own(question)
    encoders = list(dict.fromkeys(row["encoder"] for row in rows))
    for place, row in enumerate(rows):
        metric = row["metrics"][0]
        colour = f"C{encoders.index(row['encoder'])}"
        around = [[metric["value"] - metric["low"]], [metric["high"] - metric["value"]]]
        axes.errorbar(metric["value"], place, xerr=around, fmt="o", color=colour, capsize=3)
        axes.plot(metric["single"], [place] * len(metric["single"]), "|", color=colour, ms=9)
    names = [_name(row, main) for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.grid(axis="x", lw=0.4)
    axes.set(title=question["task"], xlabel=f"{rows[0]['metrics'][0]['name']}, test rows")


def _draw_probe(axes: "Axes", task: str, record: Record) -> None:
    """A line where a ridge regression on the means of all levels is."""
    for entry in record["smoothing"]:
        if (entry["task"], entry["encoder"]) == (task, record["main"]):
            axes.axvline(entry["probe"][0]["value"], color="C0", ls=":", label="linear probe")
            axes.legend(fontsize="small")


def _name(row: Record, main: str) -> str:
    return row["variant"] if row["encoder"] == main else f"{row['variant']} ({row['encoder']})"


def draw_layers(smoothing: Sequence[Record], path: Path) -> None:
    """Over the levels, a row per question: MAD, variance within molecules, error of a probe."""
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(entry["task"] for entry in smoothing))
    n_columns = len(_LIKENESS) + 1
    figure = Figure(figsize=(3.6 * n_columns, 0.6 + 2.6 * len(tasks)), layout="constrained")
    panels = figure.subplots(len(tasks), n_columns, squeeze=False)
    for row, task in zip(panels, tasks, strict=True):
        entries = [entry for entry in smoothing if entry["task"] == task]
        for axes, (key, title) in zip(row, _LIKENESS.items(), strict=False):
            for index, entry in enumerate(entries):
                values = [level[key] for level in entry["levels"]]
                axes.plot(values, marker=_MARKS[index % len(_MARKS)], label=entry["encoder"])
            axes.set(title=f"{title}\n{task}", ylim=(0, 1.05))
        _draw_probes(row[-1], entries, task)
        for axes in row:
            axes.set_xlabel("level")
            axes.grid(lw=0.4)
    panels[0][0].legend(fontsize="small")
    figure.savefig(path, dpi=90)


def _draw_probes(axes: "Axes", entries: Sequence[Record], task: str) -> None:
    for index, entry in enumerate(entries):
        errors = [level["probe"][0] for level in entry["levels"]]
        values = [error["value"] for error in errors]
        around = [
            [error["value"] - error["low"] for error in errors],
            [error["high"] - error["value"] for error in errors],
        ]
        mark = _MARKS[index % len(_MARKS)]
        axes.errorbar(range(len(values)), values, yerr=around, marker=mark, capsize=3)
        axes.axhline(entry["probe"][0]["value"], color=f"C{index}", lw=0.8, ls=":")
    name = entries[0]["levels"][0]["probe"][0]["name"]
    axes.set(title=f"linear probe\n{task}", ylabel=f"{name} (dotted: all levels)")
