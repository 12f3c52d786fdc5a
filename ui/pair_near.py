"""Measured values beside a predicted one: of this pair, of its first molecule elsewhere, near."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PairTask
from assistant.pairing.lists import usual_names
from ui.pair_words import NAME_CHARS, ROLES, number, with_unit
from ui.render import drawing, escape
from ui.transcript import Drawings
from ui.workbench import short

if TYPE_CHECKING:
    from assistant.pairing.known import Near

SMALL = {"width": 104, "height": 66}
SHORT_ROLES = {"chromophore": "dye"}
"""What a molecule is called where there is little room."""


def is_same(one: "Near", pair: tuple[Molecule, Molecule]) -> bool:
    """Whether a training pair is exactly this one, in this order."""
    return one.pair == (pair[0].smiles, pair[1].smiles)


def is_same_first(task: PairTask, one: "Near", pair: tuple[Molecule, Molecule]) -> bool:
    """Whether a training pair has the same first molecule in another second one, and a value."""
    has_order = not task.is_symmetric and task.name in one.values
    return has_order and one.first == pair[0].smiles and one.second != pair[1].smiles


def measured(task: PairTask, near: Sequence["Near"], pair: tuple[Molecule, Molecule]) -> str:
    """The value of exactly this pair, or those of its first molecule with other second ones."""
    if task.answer == "yes_no":
        return ""
    found = [
        one.values[task.name] for one in near if is_same(one, pair) and task.name in one.values
    ]
    if found:
        value = f"<strong>{escape(with_unit(task, found[0]))}</strong>"
        return f"{value} for this very pair, in the training data: prefer it"
    others = [_elsewhere(task, one) for one in near if is_same_first(task, one, pair)]
    if not others:
        return ""
    return f"not for this pair; {'; '.join(others)} (training data)"


def _elsewhere(task: PairTask, one: "Near") -> str:
    """The same first molecule with another second one: "same dye in water: 306 nm"."""
    role = SHORT_ROLES.get(task.roles[0], task.roles[0])
    name = usual_names().get(one.second) or short(one.second, NAME_CHARS)
    value = escape(with_unit(task, one.values[task.name]))
    return f'same {role} in <span translate="no">{escape(name)}</span>: {value}'


def near_html(
    task: PairTask,
    near: Sequence["Near"],
    pair: tuple[Molecule, Molecule],
    drawings: Drawings,
) -> str:
    """The table of training pairs beside a value."""
    if not near:
        return ""
    has_values = any(task.name in one.values for one in near)
    rows = "".join(_row(task, one, pair, drawings) for one in near)
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


def _row(task: PairTask, one: "Near", pair: tuple[Molecule, Molecule], drawings: Drawings) -> str:
    value = one.values.get(task.name)
    if value is None:
        said = "–"
    elif task.answer == "yes_no":
        said = "listed" if value > 0.5 else "not listed"
    else:
        said = number(task, value)
    label = ""
    if is_same(one, pair):
        label = " <small>this very pair</small>"
    elif is_same_first(task, one, pair):
        label = f" <small>{_elsewhere(task, one)}</small>"
    cells = "".join(
        f'<td translate="no">{_partner(smiles, drawings)}<small>{similarity:.2f}</small></td>'
        for smiles, similarity in zip(one.pair, one.similarities, strict=True)
    )
    return (
        f'<tr><td class="num-cell">{one.similarity:.2f}{label}</td>{cells}'
        f'<td class="num-cell">{said}</td></tr>'
    )


def _partner(smiles: str, drawings: Drawings) -> str:
    """A known molecule: by its name where it is a common solvent or drug, else drawn."""
    name = usual_names().get(smiles)
    if name:
        return f'<span title="{escape(smiles)}">{escape(name)}</span> '
    picture = drawing(drawings.get(smiles, SMALL), f"Drawing of {smiles}", css="thumb")
    return f'<span title="{escape(smiles)}">{picture}</span> '
