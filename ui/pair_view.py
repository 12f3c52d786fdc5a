"""What the Pair tab shows of an answer: HTML, everything escaped, every number with its unit.

A head's number is marked “≈” and says what it is: it is neither computed from the structure nor
written by the language model.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PairTask
from ui.pair_error import copied, expected_html, here, plus_minus, test_error
from ui.pair_near import measured, near_html
from ui.pair_words import NAME_CHARS, TITLES, called, name_of, number, with_unit
from ui.render import drawing, escape
from ui.transcript import Drawings
from ui.workbench import short

if TYPE_CHECKING:
    from assistant.pairing.bench import Off
    from assistant.pairing.figures import TaskFigures
    from assistant.pairing.known import Near
    from assistant.pairing.predictor import Judged, PairPredictor

SLOT = {"width": 210, "height": 132}


def slot_html(molecule: Molecule | None, drawings: Drawings) -> str:
    """A molecule in its slot."""
    if molecule is None:
        return ""
    name, smiles = name_of(molecule), molecule.smiles
    picture = drawing(drawings.get(smiles, SLOT), f"Drawing of {name}")
    shown = "" if name == short(smiles, NAME_CHARS) else f"<strong>{escape(name)}</strong> "
    code = f'<code title="{escape(smiles)}">{escape(short(smiles))}</code>'
    return f'{picture}<p class="pair-name" translate="no">{shown}{code}</p>'


def off_html(task: PairTask, off: "Off") -> str:
    """A task that cannot be answered: why, and what trains it."""
    return (
        f"<p><strong>○ {escape(TITLES[task.name])} is off.</strong> {escape(off.reason)}</p>"
        "<p>With a copy of the data of your own, this command trains it into a bundle of your own:"
        f' <code translate="no">{escape(off.command)}</code>'
        f' <button type="button" class="tool" data-copy="{escape(off.command)}">copy</button></p>'
    )


def answer_html(
    judged: "Judged",
    predictor: "PairPredictor",
    near: Sequence["Near"],
    pair: tuple[Molecule, Molecule],
    drawings: Drawings,
    *,
    turned: float | None,
) -> str:
    """The answer about a pair.

    Args:
        judged: Its value.
        predictor: What gave it.
        near: The nearest training pairs.
        pair: The molecules.
        drawings: Draws them.
        turned: The value with the two exchanged, where the order must not matter.
    """
    task, figures = judged.task, predictor.figures.tasks[judged.task.name]
    rows = [
        ("Measured", measured(task, near, pair)),
        ("Method", _method(task)),
        ("Test error", test_error(task, figures)),
        ("Simpler", copied(task, figures)),
        ("Here", here(task, figures, judged.similarity)),
        (_base_title(task), _base(task, figures)),
    ]
    if turned is not None:
        rows.append(("Swap test", _swap(task, judged.value, turned)))
    listed = "".join(f"<dt>{title}</dt><dd>{text}</dd>" for title, text in rows if text)
    return (
        f'<p class="pair-what">{_what(task, pair)}</p>'
        f"{_value_html(judged, figures)}"
        f"{warnings_html(judged.warnings)}<dl>{listed}</dl>"
        f"{near_html(task, near, pair, drawings)}"
        f'<p class="pair-source">Data: {escape(predictor.figures.source)}.'
        f" Measured {escape(predictor.figures.date)}.</p>"
    )


def _what(task: PairTask, pair: tuple[Molecule, Molecule]) -> str:
    first, second = (called(task, place, molecule) for place, molecule in enumerate(pair))
    if task.answer == "yes_no":
        return f"Is an interaction listed for {first} and {second}?"
    return f"{escape(task.quantity.capitalize())} of {first} in {second}"


def _value_html(judged: "Judged", figures: "TaskFigures") -> str:
    """The number, its error and what that is; outside of what was trained on it says so."""
    task, is_score = judged.task, judged.task.answer == "yes_no"
    error = plus_minus(task, figures, judged.expected)
    around = "" if error is None else f" ± {number(task, error)}"
    unit = "score, 0 to 1" if is_score else escape(task.unit)
    mark = ""
    if judged.warnings:
        mark = ' <span class="pair-outside">⚠ outside of training</span>'
    what = expected_html(task, figures, judged.expected, judged.similarity)
    if mark and judged.expected is not None:
        what += "; outside of training it can be larger"
    return (
        f'<p class="pair-value{" outside" if mark else ""}">'
        '<span class="pair-sign" aria-label="about">≈</span>'
        f' <strong>{number(task, judged.value)}</strong>{around} <span class="unit">{unit}</span>'
        f'{mark}</p><p class="pair-error">{what}</p>'
    )


def _method(task: PairTask) -> str:
    kind = "classification" if task.answer == "yes_no" else "regression"
    return f"pair model head (a {kind} head; not the language model)"


def _base_title(task: PairTask) -> str:
    return "Base rate" if task.answer == "yes_no" else "Training mean"


def _base(task: PairTask, figures: "TaskFigures") -> str:
    if task.answer == "yes_no":
        return f"{100 * figures.base:.0f} % of {figures.n_train:,} training pairs are listed"
    low, high = number(task, figures.low), with_unit(task, figures.high)
    mean = with_unit(task, figures.base)
    return f"{mean}; 90 % of {figures.n_train:,} values between {low} and {high}"


def _swap(task: PairTask, there: float, back: float) -> str:
    same = there == back
    sign, word = ("✓", "equal to the last bit") if same else ("✗", "not equal")
    tone = "good" if same else "bad"
    return (
        f"score(a, b) = {there:.6f}, score(b, a) = {back:.6f}"
        f' <span class="{tone}">{sign} {word}</span>'
    )


def warnings_html(warnings: Sequence[str]) -> str:
    """Why not to trust a number."""
    if not warnings:
        return ""
    listed = "; ".join(escape(warning) for warning in warnings)
    return f'<p class="pair-warning">⚠ Outside of what it was trained on: {listed}.</p>'
