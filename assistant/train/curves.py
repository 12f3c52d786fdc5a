"""What every trainer needs to draw its curve: the library, and the rows of its log."""

import importlib.util
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.errors import AssistantError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = 64


def save_small(figure: "Figure", picture: Path) -> None:
    """Writes a drawing of a few lines with as few colours: a third of the size, in git for good."""
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    picture.parent.mkdir(parents=True, exist_ok=True)
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(picture, optimize=True)


def require_matplotlib() -> None:
    """Called before a training begins, not after it has run for hours.

    Raises:
        AssistantError: The loss curve could not be drawn.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise AssistantError("The loss curve needs matplotlib: pip install matplotlib")


def read_log(path: Path, *keys: str) -> list[dict]:
    """Rows of a run's log, in order; of steps that a resumed run did again the last counts.

    Args:
        path: JSON lines.
        keys: What tells rows apart: names of parts of the run, which stay in the order they were
            begun in, and last the count that rows are sorted by. Figures of held-out rows
            (`held_out`) lie beside those of training at the same count.
    """
    *parts, count = keys
    rows: dict[tuple, dict] = {}
    begun: dict[tuple, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        part = tuple(row[key] for key in parts)
        begun.setdefault(part, len(begun))
        rows[begun[part], row[count], "held_out" in row] = row
    return [rows[place] for place in sorted(rows)]
