"""The fact card: labels and rounded values of a molecule's facts, for the prompt and the screen.

Of several cards it also says which value is the highest and which the lowest: a language model
reads that off, where it would have to do arithmetic on digits. One place decides how a fact is
called and rounded, so that prompt, page, training data and checks speak of the same thing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from assistant.chem.facts import Facts

NO_CARD = "no facts computed"
"""What stands in the card's place where none is shown."""


@dataclass(frozen=True)
class CardLine:
    """One line of the card: stable key, label, value as text."""

    key: str
    label: str
    value: str


def _stereocentres(facts: Facts) -> str:
    if facts.stereocentres == 0:
        return "none"
    return f"{facts.stereocentres_set} of {facts.stereocentres} set"


def _double_bonds(facts: Facts) -> str:
    if facts.double_bonds == 0:
        return "none"
    return f"{facts.double_bonds_set} of {facts.double_bonds} set"


def _groups(facts: Facts) -> str:
    if not facts.groups:
        return "none named"
    return ", ".join(f"{g.name} x{len(g.atoms)}" for g in facts.groups)


def _alerts(facts: Facts) -> str:
    names = dict.fromkeys(f"{a.catalogue} {a.name}" for a in facts.alerts)
    return ", ".join(names) if names else "none"


def _rule_of_five(facts: Facts) -> str:
    broken = facts.rule_of_five_violations
    if not broken:
        return "no violations"
    return f"{len(broken)} violation{'s' if len(broken) > 1 else ''} ({', '.join(broken)})"


_LINES: tuple[tuple[str, str, Callable[[Facts], str]], ...] = (
    ("formula", "formula", lambda f: f.formula),
    ("average_mass", "average mass", lambda f: f"{f.average_mass:.2f} g/mol"),
    ("exact_mass", "exact mass", lambda f: f"{f.exact_mass:.4f} Da"),
    ("charge", "charge", lambda f: f"{f.charge:+d}" if f.charge else "0"),
    ("heavy_atoms", "heavy atoms", lambda f: str(f.heavy_atoms)),
    ("clogp", "cLogP", lambda f: f"{round(f.clogp, 2) + 0.0:.2f}"),  # no -0.00
    ("tpsa", "TPSA", lambda f: f"{f.tpsa:.1f} Å²"),
    ("hbd", "H-bond donors", lambda f: str(f.hbd)),
    ("hba", "H-bond acceptors", lambda f: str(f.hba)),
    ("rotatable_bonds", "rotatable bonds", lambda f: str(f.rotatable_bonds)),
    ("rings", "rings", lambda f: str(f.rings)),
    ("ring_systems", "ring systems", lambda f: str(f.ring_systems)),
    ("aromatic_rings", "aromatic rings", lambda f: str(f.aromatic_rings)),
    ("fsp3", "Fsp3", lambda f: f"{f.fsp3:.2f}"),
    ("qed", "QED", lambda f: "not defined" if f.qed is None else f"{f.qed:.2f}"),
    ("stereocentres", "stereocentres", _stereocentres),
    ("double_bonds", "stereo double bonds", _double_bonds),
    ("groups", "functional groups", _groups),
    ("alerts", "alerts", _alerts),
    ("rule_of_five", "rule of five", _rule_of_five),
    ("fragments", "fragments", lambda f: str(f.fragments)),
)

CARD_KEYS: tuple[str, ...] = tuple(key for key, _, _ in _LINES)
CARD_LABELS: dict[str, str] = {key: label for key, label, _ in _LINES}

COMPARED_KEYS: tuple[str, ...] = (
    *("average_mass", "exact_mass", "heavy_atoms", "clogp", "tpsa", "hbd", "hba"),
    *("rotatable_bonds", "rings", "ring_systems", "aromatic_rings", "fsp3", "qed"),
    *("stereocentres", "double_bonds"),
)
"""Lines of which one molecule can have more than another; stereo is compared by the total."""


def card_lines(facts: Facts) -> tuple[CardLine, ...]:
    """All lines of the card in their fixed order."""
    return tuple(CardLine(key, label, value(facts)) for key, label, value in _LINES)


def card_text(lines: tuple[CardLine, ...]) -> str:
    """The card as prompt text: one `label: value` per line."""
    return "\n".join(f"{line.label}: {line.value}" for line in lines)


def part_of_card(card: str, keys: Collection[str]) -> str:
    """The lines of some keys of a card; a text that has none of them stays (`NO_CARD`)."""
    labels = {CARD_LABELS[key] for key in keys}
    kept = [line for line in card.splitlines() if line.partition(": ")[0] in labels]
    return "\n".join(kept) or card


def compared_lines(cards: Mapping[int, str]) -> str:
    """Which molecule has the highest and the lowest value, one `label: …` per line.

    Only what every one of the cards shows is compared, as it is shown there: equal means equal
    after rounding.

    Args:
        cards: Card texts by number of the molecule.
    """
    shown = {number: _values(card) for number, card in cards.items()}
    lines = []
    for label in (CARD_LABELS[key] for key in ("formula", *COMPARED_KEYS)):
        values = {n: values[label] for n, values in shown.items() if label in values}
        if len(values) < max(2, len(cards)):
            continue
        if label == CARD_LABELS["formula"]:
            lines.append(f"{label}: {'equal' if len(set(values.values())) == 1 else 'different'}")
            continue
        numbers = {n: compared_number(value) for n, value in values.items()}
        known = {n: number for n, number in numbers.items() if number is not None}
        if len(known) == len(cards):
            lines.append(f"{label}: {_extremes(known)}")
    return "\n".join(lines)


def _values(card: str) -> dict[str, str]:
    """Values by label."""
    parts = (line.partition(": ") for line in card.splitlines())
    return {label: value for label, _, value in parts}


def compared_number(value: str) -> float | None:
    """What a value counts as in a comparison; None where it is none ("not defined")."""
    if value == "none":
        return 0.0
    words = value.split(" ")
    try:
        return float(words[2] if words[1:2] == ["of"] else words[0])
    except ValueError:
        return None


def _extremes(values: Mapping[int, float]) -> str:
    high, low = max(values.values()), min(values.values())
    if high == low:
        return "equal"
    highest, lowest = (
        numbered([n for n, value in values.items() if value == end]) for end in (high, low)
    )
    return f"highest {highest}, lowest {lowest}"


def numbered(numbers: Sequence[int]) -> str:
    """As in "molecule 2", "molecules 1 and 3"."""
    *some, last = numbers
    if not some:
        return f"molecule {last}"
    return f"molecules {', '.join(map(str, some))} and {last}"
