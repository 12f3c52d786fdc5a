"""A comparison as HTML: columns with their figures, claims side by side, scalings as a heat map."""

from collections.abc import Callable, Mapping, Sequence

from assistant.chat.answer_text import MARKS, VERDICTS
from assistant.chat.check import Check
from assistant.chat.conversation import Message
from assistant.chat.figures import Figures
from assistant.sidebyside.claims import ClaimRow, Compared
from assistant.sidebyside.columns import Column
from assistant.sidebyside.heatmap import heat_map
from assistant.sidebyside.report import smiles_of
from assistant.sidebyside.results import Comparison, Result
from ui.answer_header import check_header
from ui.figures import queue_text, seconds_text, size_text, speed_text
from ui.heat_map import heat_map_html
from ui.render import Figure, answer_html, drawing, escape, live_parts
from ui.species import SpeciesNotes

Draw = Callable[[str], str]
"""A drawing (SVG) of a SMILES, "" where there is none."""
FiguresOf = Callable[[Message], Mapping[str, Figure]]
"""Drawings of the structures that an answer names."""


def column_value(
    comparison: Comparison,
    place: int,
    compared: Compared,
    *,
    draw: Draw,
    figures_of: FiguresOf,
    species: SpeciesNotes,
    can_use: bool,
) -> dict[str, object]:
    """One column for the page's script: head, status, finished blocks, growing tail, foot."""
    column, result = comparison.columns[place], comparison.results[place]
    value: dict[str, object] = {
        "head": _head(column, draw),
        "state": _state(column, result),
        "status": _status(column, result),
        "blocks": "",
        "tail": "",
        "foot": _foot(result, compared, comparison, place, can_use=can_use),
    }
    if result.answer is not None:
        checks = result.answer.checks
        elsewhere = species.of(column.conversation, column.conversation.n_turns - 1, result.answer)
        header = check_header(checks, place, may_ask_again=False, elsewhere=elsewhere)
        value["blocks"] = header + answer_html(
            result.text,
            checks,
            figures_of(result.answer),
            differing=compared.differing(place),
        )
    elif result.text:
        blocks, value["tail"] = live_parts(result.text)
        value["blocks"] = "".join(blocks)
    return value


def _head(column: Column, draw: Draw) -> str:
    hint = f"<p>{escape(column.hint)}</p>" if column.hint else ""
    smiles = smiles_of(column)
    picture = ""
    if smiles and not column.spelling:
        picture = drawing(draw(smiles), f"drawing of {column.label}")
    code = f'<code translate="no">{escape(smiles)}</code>' if smiles else ""
    return f"<h3>{escape(column.label)}</h3>{hint}{picture}{code}"


def _state(column: Column, result: Result) -> str:
    if column.off:
        return "off"
    if result.failed:
        return "failed"
    return "done" if result.answer else "running"


def _status(column: Column, result: Result) -> str:
    """The line above the words: why there are none, or none yet."""
    if column.off:
        return f"○ off: {column.off}"
    if result.failed:
        return f"✗ {result.failed}"
    if result.answer is not None:
        notices = " ".join(result.notices)
        if not result.text.strip():
            return "■ stopped before the first word" if result.answer.stopped else "(empty answer)"
        return f"■ stopped here. {notices}".strip() if result.answer.stopped else notices
    if result.no_place:
        return f"waits for a place: {result.no_place}"
    if result.queued is not None:
        return queue_text(result.queued)
    return " ".join(result.notices) or ("" if result.text else "reading the question …")


# -- below an answer --------------------------------------------------------------------------


def _foot(
    result: Result, compared: Compared, comparison: Comparison, place: int, *, can_use: bool
) -> str:
    parts = []
    if result.answer is not None:
        parts.append(_agrees(compared, comparison, place))
    if result.figures is not None:
        parts.append(figures_table(result.figures, result.peak_bytes, result.seconds))
    if result.answer is not None and result.text:
        parts.append(_actions(result.text, place, can_use=can_use))
    if result.answer is not None and result.answer.scalings is not None:
        parts.append(heat_map_html(result.answer.scalings, _highest(comparison)))
    return "".join(parts)


def _agrees(compared: Compared, comparison: Comparison, place: int) -> str:
    agreement = compared.agreement
    if comparison.kind == "molecules" or agreement.n < 2 or not agreement.comparable:
        return ""
    n = len(agreement.members)
    if n > 1 and place in agreement.members:
        return f'<p class="side-agrees same">= agrees with {_others(n - 1)} in what both claim</p>'
    if place in agreement.comparable:
        return '<p class="side-agrees other">≠ says something else</p>'
    return '<p class="side-agrees open">? claims nothing that another column claims</p>'


def _others(n: int) -> str:
    return "1 other" if n == 1 else f"{n} others"


def figures_table(figures: Figures, peak_bytes: int, seconds: float | None) -> str:
    """What an answer takes, as a list of terms.

    Args:
        figures: The latest.
        peak_bytes: Most memory of the program meanwhile.
        seconds: From the question to the end; None before it.
    """
    rows = []
    if figures.first_token_s is not None:
        waited = f"from the model's start, after {seconds_text(figures.waited_s)} of waiting"
        rows.append(("first token", seconds_text(figures.first_token_s), waited))
    if seconds is not None:
        whole = "from the question to the end, beside the other columns"
        rows.append(("whole answer", seconds_text(seconds), whole))
    if figures.tokens_per_s is not None:
        rows.append(("speed", f"{speed_text(figures.tokens_per_s)} tok/s", ""))
    rows.append(("tokens", str(figures.answer_tokens), ""))
    rows.append(("prompt tokens", str(figures.prompt_tokens), ""))
    if figures.cached_tokens:
        kept = "keys and values that were there from an earlier question"
        rows.append(("of these kept", str(figures.cached_tokens), kept))
    if figures.own_bytes is not None:
        own = "keys and values of its tokens, its prompt's embeddings and its ΔW"
        rows.append(("memory of its own", size_text(figures.own_bytes), own))
    if peak_bytes:
        where = "program" if figures.gpu_bytes is None else "GPU"
        shared = "the model and all columns together: they run in one program"
        rows.append((f"peak of the {where}", size_text(peak_bytes), shared))
    listed = "".join(
        f"<div><dt{_tip(tip)}>{label}</dt><dd>{escape(text)}</dd></div>"
        for label, text, tip in rows
    )
    return f'<dl class="side-figures">{listed}</dl>'


def _tip(text: str) -> str:
    return f' tabindex="0" data-tip="{escape(text)}"' if text else ""


def _actions(text: str, place: int, *, can_use: bool) -> str:
    use = (
        f'<button type="button" class="action" data-act="use" data-column="{place}"'
        ' data-tip="puts it beside the answers of this question, as a branch">use this answer'
        "</button>"
        if can_use
        else ""
    )
    return (
        '<div class="actions"><button type="button" class="action"'
        f' data-copy="{escape(text)}" data-tip="copy the answer">copy</button>{use}</div>'
    )


def _highest(comparison: Comparison) -> float:
    """One scale for all columns, so that their colours can be compared."""
    found = [a.scalings for a in comparison.answers if a is not None and a.scalings is not None]
    return max((heat_map(scalings).highest for scalings in found), default=0.0)


# -- all columns together -----------------------------------------------------------------------


def agreement_html(comparison: Comparison, compared: Compared) -> str:
    """As in "agree 3/4", with its sign; nothing for different molecules or before two answers."""
    agreement = compared.agreement
    if comparison.kind == "molecules" or not agreement.words:
        return ""
    if not agreement.comparable:
        sign, tone = "?", "open"
    elif len(agreement.members) < agreement.n:
        sign, tone = "≠", "other"
    else:
        sign, tone = ("✗", "other") if agreement.n_wrong else ("=", "same")
    tip = (
        "the largest group of answers whose checked claims do not differ"
        " in anything that two of them speak of"
    )
    return (
        f'<span class="agree {tone}" tabindex="0" data-tip="{tip}">{sign} '
        f"{escape(agreement.words)}</span>"
    )


def claims_html(comparison: Comparison, compared: Compared) -> str:
    """All claims by what they are about, the differing ones first."""
    if not compared.rows:
        return ""
    n_differing = sum(row.differs for row in compared.rows)
    n_partial = sum(row.partial for row in compared.rows)
    columns = comparison.columns
    asked = [place for place, column in enumerate(columns) if not column.off]
    heads = "".join(f'<th scope="col">{escape(columns[place].label)}</th>' for place in asked)
    with_truth = comparison.kind != "molecules"
    numbered = len({row.molecule for row in compared.rows}) > 1
    truth = '<th scope="col">computed</th>' if with_truth else ""
    rows = "".join(
        _claim_row(row, asked, with_truth=with_truth, numbered=numbered) for row in compared.rows
    )
    n_rows = len(compared.rows)
    return (
        f"<h3>Claims side by side <small>{n_differing} of {n_rows} differ, "
        f"{n_partial} are not in every column</small></h3>"
        '<div class="side-scroll" tabindex="0" role="region" aria-label="claims side by side">'
        f'<table class="side-table"><thead><tr><th scope="col">about</th>{heads}{truth}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _claim_row(row: ClaimRow, asked: Sequence[int], *, with_truth: bool, numbered: bool) -> str:
    has_number = numbered and row.molecule is not None
    number = f" <small>molecule {row.molecule}</small>" if has_number else ""
    sign = '<span class="unequal" role="img" aria-label="differs">≠</span> ' if row.differs else ""
    cells = "".join(
        f"<td>{_claims_cell(cell)}</td>" for cell in (row.cells[place] for place in asked)
    )
    value = row.truth.removeprefix("computed ")  # the head says so
    computed = f'<span class="computed">{escape(value)}</span>' if value else "–"
    truth = f"<td>{computed}</td>" if with_truth else ""
    css = ' class="differs"' if row.differs else ""
    head = f'<th scope="row">{sign}{escape(row.quantity)}{number}</th>'
    return f"<tr{css}>{head}{cells}{truth}</tr>"


def _claims_cell(checks: Sequence[Check]) -> str:
    if not checks:
        return '<span aria-label="says nothing of it">–</span>'
    return "<br>".join(map(_said, checks))


def _said(check: Check) -> str:
    sign = f'aria-label="{VERDICTS[check.verdict]}">{MARKS[check.verdict]}'
    return (
        f'<span class="said {check.verdict}">{escape(check.claim)} <b role="img" {sign}</b></span>'
    )
