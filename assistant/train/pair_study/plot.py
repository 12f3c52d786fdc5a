"""The picture of the study: the first number of every variant with its interval, a panel a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.train.pair_study.measure import Measured
from assistant.train.pair_study.page import SIMPLE
from assistant.train.pair_study.recipe import StudyRecipe, StudyTask

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:pink")
_MARKERS = ("o", "s", "^", "D", "v", "P")


def draw(study: StudyRecipe, found: Mapping[str, Sequence[Measured]], path: Path) -> None:
    """Draws the PNG; groups differ in colour and in sign."""
    from matplotlib.figure import Figure

    longest = max(len(lines) for lines in found.values())
    figure = Figure(figsize=(6.2 * len(found), 1.6 + 0.3 * longest), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, task in zip(panels, study.tasks, strict=True):
        _panel(axes, study, task, found[task.name])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def _panel(axes: "Axes", study: StudyRecipe, task: StudyTask, lines: Sequence[Measured]) -> None:
    group_of = {variant.name: variant.group for variant in study.variants_of(task)}
    groups = [*dict.fromkeys(group_of.values()), SIMPLE]
    shown: set[str] = set()
    for place, line in enumerate(lines):
        group = group_of.get(line.name, SIMPLE)
        number = groups.index(group) % len(_COLOURS)
        colour = "tab:grey" if group == SIMPLE else _COLOURS[number]
        marker = "x" if group == SIMPLE else _MARKERS[number]
        metric = line.metrics[0]
        around = [[metric.value - metric.low], [metric.high - metric.value]]
        label = "" if group in shown else group
        axes.errorbar(
            metric.value, place, xerr=around, fmt=marker, color=colour, capsize=2, label=label
        )
        shown.add(group)
        if line.name == task.baseline:
            axes.axvline(metric.value, color="black", lw=0.6, ls=":", zorder=0)
    axes.set_yticks(range(len(lines)), [line.name for line in lines], fontsize="small")
    axes.invert_yaxis()
    better = "less" if lines[0].metrics[0].better == "lower" else "more"
    axes.set_xlabel(f"{lines[0].metrics[0].name}, {better} is better")
    axes.set_title(f"{task.name} (dotted: {task.baseline})", fontsize="medium")
    axes.legend(fontsize="x-small")
