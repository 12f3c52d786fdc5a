"""An answer that is written again, as the page shows it: why, and what it was before."""

from collections.abc import Sequence

from assistant.chat.check import Check
from assistant.chat.events import Reconsidering
from assistant.chat.first_attempt import FirstAttempt
from ui.render import answer_html, escape

MAX_CHARS = 60
_CLAUSES = (". ", ", ", "; ", ": ", "\n")
_NOTE = (
    "Written first, and contradicted by the structure. The answer above is the model’s own too,"
    " with another of its likely words and what follows from there."
)
_WRONG = '<span class="sign" aria-hidden="true">✗</span>'
_MISSED = '<span class="sign missed" aria-hidden="true">↻</span>'
_AGAIN = (
    "Written first; {}. The answer above is the model’s own too, to the same in plain words, with"
    " the one line of the fact card that tells it, or with the whole card where that did not do."
)


_NAMED = (
    "Written first, with a name that nobody knows here. The answer above is the model’s own too,"
    " with the name that the molecule has in the prompt and what follows from there."
)


def doubt_text(event: Reconsidering, text: str) -> str:
    """The line above an answer that is being written again.

    Args:
        event: What was contradicted, or is asked again.
        text: The answer so far.
    """
    if event.misnamed:
        return f"Nobody knows {_quoted(event.misnamed, text)}; writing again with its own name"
    if event.asked_again:
        again = f"asking again: “{event.asked_again}”"
        if not event.contradicted:
            return f"It passes over what was asked; {again}"
    else:
        again = "writing again"
    return f"The structure contradicts {_quoted(event.contradicted, text)}; {again}"


def withdrawn_html(first: FirstAttempt | None) -> str:
    """A first attempt below its answer, folded away; opened it has its marks and true values."""
    if first is None:
        return ""
    wrong = [check for check in first.checks if check.verdict == "contradicted"]
    truths = "".join(f"<li>{_truth(check)}</li>" for check in wrong)
    if first.asked_again:
        why = "the structure contradicts it" if wrong else "it passes over what was asked"
        said, note = f"; asked again: “{first.asked_again}”", _AGAIN.format(why)
    elif first.misnamed:
        said, note = f": nobody knows “{first.misnamed}”", _NAMED
    else:
        said, note = f": {_quoted(wrong, first.text)}", _NOTE
    return (
        f'<details class="withdrawn"><summary>{_WRONG if wrong else _MISSED}'
        f"first attempt withdrawn{escape(said)}</summary>"
        f'<div class="sheet"><p class="about">{escape(note)}</p>'
        f'<div class="prose-answer">{answer_html(first.text, first.checks, {})}</div>'
        + (f'<ul class="truths">{truths}</ul>' if truths else "")
        + "</div></details>"
    )


def _quoted(wrong: Sequence[Check], text: str) -> str:
    """The clause of the first wrong claim, and how many there are besides."""
    check = wrong[0]
    ends = (text.rfind(mark, 0, check.start) for mark in _CLAUSES)
    begin = max((end + 1 for end in ends if end >= 0), default=0)
    clause = " ".join(text[begin : check.end].split())
    if len(clause) > MAX_CHARS:
        clause = f"{check.claim[: MAX_CHARS - 1]}…" if len(check.claim) > MAX_CHARS else check.claim
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"“{clause}”{more}"


def _truth(check: Check) -> str:
    said = f"✗ “{escape(check.claim)}”"
    if check.truth is None:
        return said
    is_of_one = check.molecule is not None and not check.truth.startswith("molecule ")
    where = f" of molecule {check.molecule}" if is_of_one else ""
    return f"{said}; computed{where}: {escape(check.truth)}"
