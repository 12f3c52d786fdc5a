"""How far off a pair head's value may be, in words: at the value, in the rows below, in a sweep.

Everything starts from `Expected`: the error of test pairs about as similar to the training pairs as
the asked one, or that of all test pairs where too few were.
"""

from typing import TYPE_CHECKING

from assistant.chem.pairs import PairTask
from ui.pair_words import number, with_unit
from ui.render import escape

if TYPE_CHECKING:
    from assistant.pairing.figures import Expected, TaskFigures

UNLIKE = 0.5
"""Similarity under which a pair is called unlike the training pairs."""


def amount(task: PairTask, figures: "TaskFigures", error: float) -> str:
    """One error: "42 nm", "a factor of 2.8", "12 % of answers wrong at a score of ½"."""
    if task.answer == "yes_no":
        return f"{100 * error:.0f} % of answers wrong at a score of ½"
    if figures.logarithmic:
        return f"a factor of {10**error:.1f}"
    return with_unit(task, error)


def short_amount(task: PairTask, figures: "TaskFigures", expected: "Expected | None") -> str:
    """An error as a cell of a table: "± 42", "× or ÷ 2.8", "12 %"; a dash where none is known."""
    if expected is None:
        return "–"
    if task.answer == "yes_no":
        return f"{100 * expected.error:.0f} %"
    if figures.logarithmic:
        return f"× or ÷ {10**expected.error:.1f}"
    return f"± {number(task, expected.error)}"


def column_name(task: PairTask, figures: "TaskFigures") -> str:
    """The head of a column of such cells."""
    if task.answer == "yes_no":
        return "wrong in tests"
    return "error" if figures.logarithmic else f"error, {task.unit}"


def plus_minus(task: PairTask, figures: "TaskFigures", expected: "Expected | None") -> float | None:
    """The error where it is one of the value itself and can stand behind "±" in its unit."""
    if expected is None or task.answer == "yes_no" or figures.logarithmic:
        return None
    return expected.error


def measured_on(expected: "Expected", similarity: float | None) -> str:
    """Which test pairs an error is the mean of."""
    if expected.like is not None:
        low, high = expected.like.low, expected.like.high
        return f"{expected.n:,} test pairs of similarity {low:g}–{high:g}"
    if similarity is None:
        return f"all {expected.n:,} test pairs"
    return f"all {expected.n:,} test pairs, as too few were as similar as this one"


def expected_html(
    task: PairTask,
    figures: "TaskFigures",
    expected: "Expected | None",
    similarity: float | None,
) -> str:
    """What the error beside a value is, or that there is none."""
    if expected is None:
        return "How far such a value is off was not measured."
    error = escape(amount(task, figures, expected.error))
    if plus_minus(task, figures, expected) is not None:
        said = f"± {error}"
    else:
        said = error if task.answer == "yes_no" else f"typically off by {error}"
    if expected.like is not None and similarity is not None:
        kind = "unlike" if similarity < UNLIKE else "like"
        return f"{said} for pairs as {kind} the training pairs as this one (n = {expected.n:,})"
    return f"{said} for {measured_on(expected, similarity)}"


def test_error(task: PairTask, figures: "TaskFigures") -> str:
    """What was measured on pairs that training never saw."""
    asked = f"{figures.n_test:,} {escape(figures.split)}"
    if figures.auc is not None:
        return f"ROC-AUC {figures.auc:.3f} on {asked}"
    if figures.mae is None or figures.rmse is None:
        return ""
    if figures.logarithmic:
        return f"typically a factor of {10**figures.mae:.1f} on {asked}"
    mae, rmse = (with_unit(task, x) for x in (figures.mae, figures.rmse))
    return f"MAE {mae}, RMSE {rmse} on {asked}"


def copied(task: PairTask, figures: "TaskFigures") -> str:
    """What the nearest training pair's value alone would have been worth."""
    if figures.copied is None:
        return ""
    error = amount(task, figures, figures.copied)
    if not figures.logarithmic:
        error = f"MAE {error}"
    better = figures.mae is not None and figures.copied < figures.mae
    remark = "; that is better: look at the pairs below first" if better else ""
    return f"taking over the nearest training pair's value: {error} on the same pairs{remark}"


def here(task: PairTask, figures: "TaskFigures", similarity: float | None) -> str:
    """The test pairs that were about as near to the training pairs as this one, and their error."""
    if similarity is None:
        return ""
    said = f"similarity {similarity:.2f} to the nearest training pair"
    found = figures.bin_of(similarity)
    if found is None:
        return f"{said}; no test pair was like that, so its error is not known"
    error = amount(task, figures, found.error)
    if task.answer != "yes_no":
        error = f"typically {error}" if figures.logarithmic else f"MAE {error}"
    expected = figures.expected(similarity)
    few = ", too few to count on" if expected is None or expected.like is None else ""
    return f"{said}; test pairs at {found.low:g}–{found.high:g}: {error} (n = {found.n:,}{few})"
