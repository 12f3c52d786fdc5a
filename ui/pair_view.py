"""What the Pair tab shows of an answer: HTML, everything escaped, every number with its unit.

A head's number is marked “≈” and says what it is: it is neither computed from the structure nor
written by the language model.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PairTask
from assistant.pairing.lists import usual_names
from ui.render import drawing, escape
from ui.transcript import Drawings
from ui.workbench import rounded, short

if TYPE_CHECKING:
    from assistant.pairing.bench import Off
    from assistant.pairing.figures import TaskFigures
    from assistant.pairing.known import Near
    from assistant.pairing.predictor import Judged, PairPredictor

TITLES = {
    "absorption": "Absorption",
    "emission": "Emission",
    "lifetime": "Lifetime",
    "solvation": "Solvation",
    "drug_drug": "Drug interaction",
}
"""Of the tasks, in the order of the page."""

ROLES = {
    "chromophore": "Chromophore",
    "solvent": "Solvent",
    "solute": "Solute",
    "drug": "Drug",
}
SPOKEN = 12  # characters of a SMILES that a heading can hold
SLOT = {"width": 210, "height": 132}
SMALL = {"width": 104, "height": 66}
NAME_CHARS = 28
DECIMALS = {"absorption": 0, "emission": 0, "lifetime": 2, "solvation": 2, "drug_drug": 2}


def number(task: PairTask, value: float) -> str:
    """A value with the digits its error leaves, without its unit; a minus as a minus."""
    return rounded(value, f"{{:.{DECIMALS[task.name]}f}}").replace("-", "−")


def with_unit(task: PairTask, value: float) -> str:
    """A value with its unit."""
    return f"{number(task, value)} {task.unit}".strip()


def name_of(molecule: Molecule) -> str:
    """A molecule as a person calls it."""
    return _given_name(molecule) or short(molecule.smiles, NAME_CHARS)


def _given_name(molecule: Molecule) -> str:
    return molecule.name or usual_names().get(molecule.smiles, "")


def slot_html(molecule: Molecule | None, drawings: Drawings) -> str:
    """A molecule in its slot."""
    if molecule is None:
        return ""
    name, smiles = name_of(molecule), molecule.smiles
    picture = drawing(drawings.get(smiles, SLOT), f"Drawing of {name}")
    called = "" if name == short(smiles, NAME_CHARS) else f"<strong>{escape(name)}</strong> "
    code = f'<code title="{escape(smiles)}">{escape(short(smiles))}</code>'
    return f'{picture}<p class="pair-name" translate="no">{called}{code}</p>'


def off_html(task: PairTask, off: "Off") -> str:
    """A task that cannot be answered: why, and what trains it."""
    return (
        f"<p><strong>○ {escape(TITLES[task.name])} is off.</strong> {escape(off.reason)}</p>"
        f'<p>Train it into a bundle of your own: <code translate="no">{escape(off.command)}</code>'
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
        ("Measured", _measured(task, near, pair)),
        ("Method", _method(task)),
        ("Test error", test_error(task, figures)),
        ("Simpler", _copied(task, figures)),
        ("Here", _here(task, figures, judged.similarity)),
        (_base_title(task), _base(task, figures)),
    ]
    if turned is not None:
        rows.append(("Swap test", _swap(task, judged.value, turned)))
    listed = "".join(f"<dt>{title}</dt><dd>{text}</dd>" for title, text in rows if text)
    return (
        f'<p class="pair-what">{_what(task, pair)}</p>'
        f'<p class="pair-value">{_value(task, judged.value, figures)}</p>'
        f"{warnings_html(judged.warnings)}<dl>{listed}</dl>"
        f"{_near_html(task, near, pair, drawings)}"
        f'<p class="pair-source">Data: {escape(predictor.figures.source)}.'
        f" Measured {escape(predictor.figures.date)}.</p>"
    )


def _what(task: PairTask, pair: tuple[Molecule, Molecule]) -> str:
    first, second = (_called(task, place, molecule) for place, molecule in enumerate(pair))
    if task.answer == "yes_no":
        return f"Is an interaction listed for {first} and {second}?"
    return f"{escape(task.quantity.capitalize())} of {first} in {second}"


def _called(task: PairTask, place: int, molecule: Molecule) -> str:
    """A molecule in a heading; a long SMILES, which is drawn above, by its role."""
    is_short = _given_name(molecule) or len(molecule.smiles) <= SPOKEN
    if not is_short and not task.is_symmetric:
        return f"the {ROLES[task.roles[place]].lower()}"
    return f'<span translate="no">{escape(name_of(molecule))}</span>'


def _value(task: PairTask, value: float, figures: "TaskFigures") -> str:
    sign = '<span class="pair-sign" aria-label="about">≈</span>'
    if task.answer == "yes_no":
        return (
            f'{sign} <strong>{number(task, value)}</strong> <span class="unit">score, 0 to 1</span>'
        )
    around = ""
    if figures.mae is not None and not figures.logarithmic:
        around = f" ± {number(task, figures.mae)}"
    return (
        f'{sign} <strong>{number(task, value)}</strong>{around} <span class="unit">'
        f"{escape(task.unit)}</span>"
    )


def _measured(task: PairTask, near: Sequence["Near"], pair: tuple[Molecule, Molecule]) -> str:
    """The value of exactly this pair, where the training data has one."""
    found = [
        one.values[task.name] for one in near if is_same(one, pair) and task.name in one.values
    ]
    if not found or task.answer == "yes_no":
        return ""
    value = f"<strong>{escape(with_unit(task, found[0]))}</strong>"
    return f"{value} for this very pair, in the training data: prefer it"


def is_same(one: "Near", pair: tuple[Molecule, Molecule]) -> bool:
    """Whether a training pair is exactly this one, in this order."""
    return (one.first, one.second) == (pair[0].smiles, pair[1].smiles)


def _method(task: PairTask) -> str:
    kind = "classification" if task.answer == "yes_no" else "regression"
    return f"pair model head (a {kind} head; not the language model)"


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


def _copied(task: PairTask, figures: "TaskFigures") -> str:
    """What the nearest training pair's value alone would have been worth."""
    if figures.copied is None:
        return ""
    if figures.logarithmic:
        error = f"a factor of {10**figures.copied:.1f}"
    else:
        error = f"MAE {with_unit(task, figures.copied)}"
    better = figures.mae is not None and figures.copied < figures.mae
    remark = "; that is better: look at the pairs below first" if better else ""
    return f"taking over the nearest training pair's value: {error} on the same pairs{remark}"


def _here(task: PairTask, figures: "TaskFigures", similarity: float | None) -> str:
    """The error of test pairs that were about as near to the training pairs as this one."""
    if similarity is None:
        return ""
    said = f"similarity {similarity:.2f} to the nearest training pair"
    found = figures.bin_of(similarity)
    if found is None:
        return f"{said}; no test pair was like that, so its error is not known"
    if task.answer == "yes_no":
        error = f"{100 * found.error:.0f} % of answers wrong at a score of ½"
    elif figures.logarithmic:
        error = f"typically a factor of {10**found.error:.1f}"
    else:
        error = f"MAE {with_unit(task, found.error)}"
    return f"{said}; test pairs at {found.low:g}–{found.high:g}: {error} (n = {found.n:,})"


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


def _near_html(
    task: PairTask,
    near: Sequence["Near"],
    pair: tuple[Molecule, Molecule],
    drawings: Drawings,
) -> str:
    if not near:
        return ""
    has_values = any(task.name in one.values for one in near)
    rows = "".join(_near_row(task, one, pair, drawings) for one in near)
    note = ""
    if not has_values:
        note = (
            '<p class="pair-note">The measured values may not be given away with the weights. Train'
            " with --known from your own copy of the data to see them here.</p>"
        )
    first, second = (ROLES[role] for role in task.roles)
    return (
        f"<h3>Nearest training pairs</h3>{note}"
        '<div class="pair-scroll" tabindex="0" role="region" aria-label="nearest training pairs">'
        f'<table class="pair-near"><thead><tr><th scope="col">similarity</th>'
        f'<th scope="col">{first}</th><th scope="col">{second}</th>'
        f'<th scope="col">measured{f", {escape(task.unit)}" if task.unit else ""}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _near_row(
    task: PairTask, one: "Near", pair: tuple[Molecule, Molecule], drawings: Drawings
) -> str:
    value = one.values.get(task.name)
    if value is None:
        measured = "–"
    elif task.answer == "yes_no":
        measured = "listed" if value > 0.5 else "not listed"
    else:
        measured = number(task, value)
    same = " <small>this very pair</small>" if is_same(one, pair) else ""
    cells = "".join(
        f'<td translate="no">{_partner(smiles, drawings)}<small>{near:.2f}</small></td>'
        for smiles, near in zip((one.first, one.second), one.similarities, strict=True)
    )
    return (
        f'<tr><td class="num-cell">{one.similarity:.2f}{same}</td>{cells}'
        f'<td class="num-cell">{measured}</td></tr>'
    )


def _partner(smiles: str, drawings: Drawings) -> str:
    """A known molecule: by its name where it is a common solvent or drug, else drawn."""
    name = usual_names().get(smiles)
    if name:
        return f'<span title="{escape(smiles)}">{escape(name)}</span> '
    picture = drawing(drawings.get(smiles, SMALL), f"Drawing of {smiles}", css="thumb")
    return f'<span title="{escape(smiles)}">{picture}</span> '
