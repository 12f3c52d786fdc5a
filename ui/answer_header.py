"""The line above an answer: what of it was checked, and what it leaves out."""

from collections.abc import Sequence

from assistant.chat.check import Check
from assistant.chat.other_species import Elsewhere
from assistant.chat.parts import Left
from ui.render import escape

_DRAW_IT = "draw that species to have its values"


def check_header(
    checks: Sequence[Check],
    turn: int,
    *,
    may_ask_again: bool = True,
    left: Sequence[Left] = (),
    about: int | None = None,
    elsewhere: Elsewhere | None = None,
) -> str:
    """The line above an answer: how many claims were checked, and what to do about wrong ones.

    Args:
        checks: Verdicts on them.
        turn: Its question.
        may_ask_again: Whether the corrections can be sent.
        left: Values and groups that were asked for and not answered.
        about: Number of the molecule that they are asked of, if it is one.
        elsewhere: The species that was asked for, where the values are of another one.
    """
    if not checks:
        return ""
    wrong = sum(check.verdict == "contradicted" for check in checks)
    checked = sum(check.verdict != "unverifiable" for check in checks)
    claims = "claim" if len(checks) == 1 else "claims"
    parts = [f"{checked} of {len(checks)} {claims} checked"]
    if wrong:
        parts.append(f'<strong class="wrong">{wrong} contradicted</strong>')
    if left:
        asked = ", ".join(_left(one, turn, about) for one in left)
        parts.append(f'<strong class="left">not answered: {asked}</strong>')
    again = (
        f'<button type="button" class="link" data-act="again" data-turn="{turn}">'
        "ask again with the corrections</button>"
        if wrong and may_ask_again
        else ""
    )
    sign = "✗" if wrong else "✓" if checked else "?"
    tone = "contradicted" if wrong else "confirmed" if checked else "unverifiable"
    return (
        f'<div class="checked {tone}"><span class="sign" aria-hidden="true">{sign}</span>'
        f"<span>{', '.join(parts)}</span>{again}{_drawn(elsewhere)}</div>"
    )


def _drawn(elsewhere: Elsewhere | None) -> str:
    """Which molecules the values are of, where the question names another species."""
    if elsewhere is None:
        return ""
    return (
        '<span class="drawn"><button type="button" class="mark"'
        f' data-tip="{_DRAW_IT}" aria-label="not that species: {_DRAW_IT}">≠</button>'
        f"{escape(elsewhere.line)}</span>"
    )


def _left(one: Left, turn: int, about: int | None) -> str:
    """What was not answered; a button that asks for it."""
    if about is None:
        return escape(one.label)
    question = escape(one.question.format(f"molecule {about}"))
    return (
        f'<button type="button" class="link" data-act="left" data-turn="{turn}"'
        f' data-text="{question}" data-tip="ask: {question}">{escape(one.label)}</button>'
    )
