"""The speed table and its picture inside a document, between two marks.

Everything else in the document stays as it is. The picture needs matplotlib (extra `train`);
without it the table alone is written and the log says so.
"""

import importlib.util
import logging
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from assistant.errors import AssistantError
from assistant.evaluate.speed_figures import HEADER, Measured

log = logging.getLogger(__name__)

BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
COMMAND = "python -m assistant.evaluate.speed"


def read_parts(path: Path) -> tuple[str, str]:
    """What stands before and behind the marks of a document.

    Raises:
        AssistantError: There is no such file, or it lacks a mark.
    """
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise AssistantError(f"{path} needs the lines {BEGIN} and {END}, between which to write.")
    return before, after


def write_report(path: Path, rows: Sequence[Measured], machine: Mapping[str, object]) -> None:
    """Replaces what stands between the marks of a document and draws the picture beside it.

    Args:
        path: A Markdown file with both marks.
        rows: The measured rows.
        machine: Where and with what it was measured.

    Raises:
        AssistantError: There is no such file, or it lacks a mark.
    """
    before, after = read_parts(path)
    picture = draw_rows(rows, path.with_suffix(".png"))
    lines = [_heading(rows, machine), "", HEADER, *(row.line() for row in rows)]
    if picture is not None:
        lines += ["", f"![Ours against the other way, with the bars]({picture.name})"]
    body = "\n".join(lines)
    path.write_text(f"{before}{BEGIN}\n{body}\n{END}{after}", encoding="utf-8")


def _heading(rows: Sequence[Measured], machine: Mapping[str, object]) -> str:
    day = datetime.now(UTC).date().isoformat()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    what = ", ".join(f"{name} {value}" for name, value in machine.items())
    repeats = min(row.pair.repeats for row in rows)
    return (
        f"`{COMMAND}` on {day}: {what}; load average at the end {load}; each pair in turns in one"
        f" run, medians of {repeats}."
    )


def draw_rows(rows: Sequence[Measured], path: Path) -> Path | None:
    """Each row as how many times better ours is, its bar as a line; None without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        log.warning("no picture: pip install matplotlib")
        return None
    from matplotlib.figure import Figure as Canvas

    ratios = [row for row in rows if row.figure.limits is None]
    canvas = Canvas(figsize=(9, 1 + 0.32 * len(ratios)), layout="constrained")
    axes = canvas.subplots()
    for place, row in enumerate(ratios):
        colour = "tab:blue" if row.reached else "tab:orange"
        axes.barh(place, row.ratio, color="tab:grey" if row.figure.bar is None else colour)
        if row.figure.bar is not None:
            axes.plot([row.figure.bar] * 2, [place - 0.45, place + 0.45], color="black", lw=2)
        verdict = "" if row.figure.bar is None else (" ✓" if row.reached else " ✗")
        axes.text(row.ratio * 1.03, place, f"{row.ratio:.2f}×{verdict}", va="center", size="small")
    axes.set_yticks(
        range(len(ratios)), [f"{row.figure.id}  {row.figure.what}" for row in ratios], size="small"
    )
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(right=max(row.ratio for row in ratios) * 1.7)
    axes.set_xlabel("ours ÷ the other way (black: the bar)")
    canvas.savefig(path, dpi=80)
    return path
