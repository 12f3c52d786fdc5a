"""The passport of an answer on the page: folded away, its main lines to read, all of it to copy."""

import json
from collections.abc import Mapping

from assistant.chat.figures import Figures
from assistant.chat.passport import passport_rows
from ui.figures import figures_text
from ui.render import escape


def passport_html(passport: Mapping[str, object], turn: int | None = None) -> str:
    """What an answer was made from and with; empty for an answer that has no passport.

    Args:
        passport: What the answer stored.
        turn: Its question, counted from 0, where the passport can be saved as a file.
    """
    if not passport:
        return ""
    rows = "".join(f"<dt>{label}</dt><dd>{escape(text)}</dd>" for label, text in _rows(passport))
    whole = json.dumps(passport, indent=2, ensure_ascii=False)
    save = (
        f'<button type="button" class="action" data-save-passport="{turn + 1}"'
        ' data-tip="a file for launch.py --replay">save passport</button>'
        if turn is not None
        else ""
    )
    return (
        '<details class="passport"><summary data-tip="how this answer came about">passport'
        f'</summary><div class="sheet"><dl translate="no">{rows}</dl>'
        '<button type="button" class="action" data-tip="everything, as JSON"'
        f' data-copy="{escape(whole)}">copy passport</button>{save}</div></details>'
    )


def _rows(passport: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    figures = passport.get("figures")
    took = _figures(figures) if isinstance(figures, Mapping) else ""
    return (*passport_rows(passport), *((("figures", took),) if took else ()))


def _figures(values: Mapping[str, object]) -> str:
    """What the answer took, in words; empty for passports that do not have it."""
    if not values:
        return ""
    try:
        return figures_text(Figures(**values))
    except TypeError:  # written by another version
        return ", ".join(f"{key} {value}" for key, value in values.items())
