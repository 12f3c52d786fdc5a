"""An answer that is written again, as the page shows it: why, and what it was before."""

from collections.abc import Sequence

from assistant.chat.check import Check
from assistant.chat.events import Reconsidering
from assistant.chat.first_attempt import FirstAttempt
from ui.render import answer_html, escape

MAX_CHARS = 60
_NOTE = (
    "Written first, and contradicted by the structure. The answer above is the model’s own too,"
    " drawn again from a word where another was nearly as likely."
)


def doubt_text(event: Reconsidering) -> str:
    """The line above an answer that is being written again."""
    return f"The structure contradicts {_quoted(event.contradicted)}; writing again"


def withdrawn_html(first: FirstAttempt | None) -> str:
    """A first attempt below its answer, folded away; opened it has its marks and true values."""
    if first is None:
        return ""
    wrong = [check for check in first.checks if check.verdict == "contradicted"]
    truths = "".join(f"<li>{_truth(check)}</li>" for check in wrong)
    return (
        '<details class="withdrawn"><summary><span class="sign" aria-hidden="true">✗</span>'
        f"first attempt withdrawn: {escape(_quoted(wrong))}</summary>"
        f'<div class="sheet"><p class="note">{_NOTE}</p>'
        f'<div class="prose-answer">{answer_html(first.text, first.checks, {})}</div>'
        f'<ul class="truths">{truths}</ul></div></details>'
    )


def _quoted(wrong: Sequence[Check]) -> str:
    """The first wrong claim in its own words, and how many there are besides."""
    claim = " ".join(wrong[0].claim.split())
    short = claim if len(claim) <= MAX_CHARS else f"{claim[: MAX_CHARS - 1]}…"
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"“{short}”{more}"


def _truth(check: Check) -> str:
    said = f"✗ “{escape(check.claim)}”"
    where = f" (molecule {check.molecule})" if check.molecule is not None else ""
    return f"{said}: computed{where} {escape(check.truth)}" if check.truth else f"{said}{where}"
