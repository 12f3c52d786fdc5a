"""Pictures of a report: each number of every method with its interval. Needs the extra `train`."""

from pathlib import Path
from typing import TYPE_CHECKING

from assistant.evaluate.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    "language model": "tab:blue",
    "probe": "tab:green",
    "other system": "tab:orange",
    "baseline": "tab:grey",
}
_MOST = 4


def draw_report(report: Report, directory: Path) -> list[Path]:
    """Draws the first numbers as bars; for values written against true also the cloud of points.

    Args:
        report: With its outcomes.
        directory: Where the PNG files go.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stem = Path(report.file_name).stem
    pictures = [_draw_bars(report, directory / f"{stem}.png")]
    points = [
        (outcome["reference"], outcome["prediction"])
        for outcome in report.outcomes
        if isinstance(outcome["reference"], float) and isinstance(outcome["prediction"], float)
    ]
    if points:
        pictures.append(_draw_points(report.task, points, directory / f"{stem}__points.png"))
    return pictures


def _draw_bars(report: Report, path: Path) -> Path:
    from matplotlib.figure import Figure

    names = [metric.name for metric in report.rows[0].metrics][:_MOST]
    height = 1.2 + 0.35 * len(report.rows)
    figure = Figure(figsize=(2 + 2.5 * len(names), height), layout="constrained")
    columns = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for axes, name in zip(columns, names, strict=True):
        _draw_metric(axes, report, name)
    columns[0].set_yticks(range(len(report.rows)), [row.method for row in report.rows])
    columns[0].invert_yaxis()
    figure.suptitle(f"{report.task}, {report.table}, n = {report.rows[0].n}")
    figure.savefig(path, dpi=90)
    return path


def _draw_metric(axes: "Axes", report: Report, name: str) -> None:
    for place, row in enumerate(report.rows):
        metric = next((m for m in row.metrics if m.name == name), None)
        if metric is None or metric.value != metric.value:
            continue
        around = [[max(metric.value - metric.low, 0)], [max(metric.high - metric.value, 0)]]
        axes.barh(place, metric.value, xerr=around, color=_COLOURS[row.kind], capsize=3)
    axes.set_title(name, fontsize="small")


def _draw_points(task: str, points: list[tuple[float, float]], path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    wanted, written = zip(*points, strict=True)
    axes.plot(wanted, written, ".", markersize=3)
    ends = [min(wanted), max(wanted)]
    axes.plot(ends, ends, lw=0.8, color="tab:grey")
    axes.set(xlabel="reference", ylabel="written by the model", title=task)
    figure.savefig(path, dpi=90)
    return path
