"""A painted drawing of a molecule: discs under its atoms by influence, atoms that can be chosen.

    drawing of the chemistry worker ─► discs and bands │ bonds, letters │ circles to press

Colours are classes, so that the page's light and dark scale apply; signs and values stand in the
drawing as the notes of its atoms, so that colour is never alone.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.influence import SMALLEST, Effect
from ui.render import escape, page_colours

N_STEPS = 4
LEAST_SCALE = 10 * SMALLEST
"""Nats of the darkest step where nothing is stronger: a faint influence has to look faint."""
MAX_VALUES = 12  # notes beside atoms; more could not be read
_SELECTOR = re.compile(r"<(?:circle|ellipse)[^>]*class='atom-selector atom-(\d+)'[^>]*/>")
_AT = re.compile(r"c([xy])='([-\d.]+)'")
_BOND = re.compile(r"class='bond-\d+ atom-(\d+) atom-(\d+)'")
_DISC, _BAND, _HIT = 11, 15, 14


@dataclass(frozen=True)
class Paint:
    """The colour step of each atom and what is written beside it.

    Attributes:
        steps: From -4 to 4 by atom number; 0 is "not more than random atoms". Atoms that are not
            measured have none.
        notes: By atom number.
        units: The units whose atoms hang together by a band, each with its step.
    """

    steps: Mapping[int, int]
    notes: Mapping[int, str]
    units: tuple[tuple[frozenset[int], int], ...]


def scale_of(effects: Sequence[Effect]) -> float:
    """Nats of the darkest colour step for these effects."""
    strongest = (abs(effect.nats) for effect in effects if effect.stands_out)
    return max(LEAST_SCALE, *strongest, 0.0)


def paint(effects: Sequence[Effect], scale: float) -> Paint:
    """Colours of effects that stand out; the others are neutral.

    An atom of several units has the colour of the strongest.
    """
    steps: dict[int, int] = {}
    notes: dict[int, str] = {}
    units: list[tuple[frozenset[int], int]] = []
    for effect in sorted(effects, key=lambda e: (e.stands_out, abs(e.nats))):
        step = step_of(effect, scale)
        steps |= dict.fromkeys(effect.unit.atoms, step)
        units.append((frozenset(effect.unit.atoms), step))
    strongest = sorted((e for e in effects if e.stands_out), key=lambda e: -abs(e.nats))
    for effect in strongest[:MAX_VALUES]:
        notes.setdefault(min(effect.unit.atoms), signed(effect.nats))
    return Paint(steps, notes, tuple(units))


def step_of(effect: Effect, scale: float) -> int:
    """Its colour step, 0 where it does not stand out."""
    if not effect.stands_out:
        return 0
    size = min(N_STEPS, math.ceil(N_STEPS * abs(effect.nats) / scale))
    return size if effect.nats > 0 else -size


def signed(nats: float) -> str:
    """A value with its sign, with a real minus; what rounds to zero has none."""
    text = f"{nats:+.1f}" if abs(nats) >= 1 else f"{nats:+.2f}"
    return text.replace("-", "−") if text.strip("+-0.") else "0"


def notes_of(n_atoms: int, painted: Paint, *, numbers: bool = True) -> list[str]:
    """What the drawing writes beside each atom: its number, and the value where there is one."""
    found = []
    for number in range(1, n_atoms + 1):
        value = painted.notes.get(number, "")
        found.append(f"{number if numbers else ''} {value}".strip())
    return found


def painted_html(
    svg: str, painted: Paint, label: str, *, says: Mapping[int, str] | None = None
) -> str:
    """The drawing with its colours.

    Args:
        svg: From the chemistry worker, atoms marked.
        painted: Its colours.
        label: What it shows, for those who do not see it.
        says: What each atom is called; with it atoms can be chosen.
    """
    opening, _, body = svg.partition(">")
    at = {int(m[1]) + 1: dict(_AT.findall(m[0])) for m in _SELECTOR.finditer(body)}
    drawn = page_colours(_SELECTOR.sub("", body).replace("</svg>", ""))
    below = _bands(body, painted, at) + _discs(painted, at)
    above = "" if says is None else "".join(_hit(n, place, says) for n, place in at.items())
    role = "img" if says is None else "group"
    return (
        f'<span class="why-drawing" role="{role}" aria-label="{escape(label)}" translate="no">'
        f'{opening}><g class="paint">{below}</g><g class="lines">{drawn}</g>{above}</svg></span>'
    )


def tone(step: int) -> str:
    """The class of a colour step."""
    return f"why-p{step}" if step > 0 else f"why-n{-step}" if step < 0 else "why-0"


def _discs(painted: Paint, at: Mapping[int, Mapping[str, str]]) -> str:
    return "".join(
        f'<circle cx="{at[number]["x"]}" cy="{at[number]["y"]}" r="{_DISC}" class="{tone(step)}"/>'
        for number, step in painted.steps.items()
        if number in at
    )


def _bands(body: str, painted: Paint, at: Mapping[int, Mapping[str, str]]) -> str:
    """Bands along bonds whose two atoms are in one unit of the same colour."""
    out: dict[tuple[int, int], str] = {}
    for found in _BOND.finditer(body):
        first, second = int(found[1]) + 1, int(found[2]) + 1
        for atoms, step in painted.units:
            if {first, second} <= atoms and painted.steps[first] == painted.steps[second] == step:
                a, b = at[first], at[second]
                out[first, second] = (
                    f'<line x1="{a["x"]}" y1="{a["y"]}" x2="{b["x"]}" y2="{b["y"]}"'
                    f' stroke-width="{_BAND}" class="{tone(step)}"/>'
                )
    return "".join(out.values())


def _hit(number: int, place: Mapping[str, str], says: Mapping[int, str]) -> str:
    tab = 0 if number == 1 else -1  # arrow keys go from atom to atom
    said = escape(says.get(number, f"atom {number}"))
    return (
        f'<circle cx="{place["x"]}" cy="{place["y"]}" r="{_HIT}" class="why-atom" role="button"'
        f' tabindex="{tab}" aria-pressed="false" data-atom="{number}" aria-label="{said}"'
        f' data-tip="{said}"/>'
    )
