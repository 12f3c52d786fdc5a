"""What molecules are compared by: a computed property of each, and the words that stand for it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from assistant.chat.claims.counted import count_of
from assistant.chat.claims.lexicon import Term, match_words
from assistant.chat.claims.numbers import SCALARS
from assistant.chat.claims.reading import Reading
from assistant.chem.facts import Facts


class Measured(NamedTuple):
    """A property of one molecule: the least and the most of it, and what to show.

    Args:
        other: A count by another common definition; a comparison that holds by it is open.
    """

    least: float
    most: float
    truth: str
    other: float | None = None

    def by_other(self) -> "Measured":
        """The same by the other definition, where there is one."""
        return self if self.other is None else Measured(self.other, self.other, self.truth)


Measure = Callable[[Facts], Measured]


def _of(key: str, label: str) -> Measure:
    digits = SCALARS[key].digits if key in SCALARS else 0

    def measure(facts: Facts) -> Measured:
        value = float(getattr(facts, key))
        return Measured(value, value, f"{label} {value:.{digits}f}")

    return measure


_MASS, _LOGP = _of("average_mass", "mass"), _of("clogp", "cLogP")
_TPSA, _FLEX = _of("tpsa", "TPSA"), _of("rotatable_bonds", "rotatable bonds")
_FSP3, _HEAVY_ATOMS = _of("fsp3", "Fsp3"), _of("heavy_atoms", "heavy atoms")
QED = _of("qed", "QED")
"""Not defined of every molecule: ask `facts.qed` first."""

_SCALARS: dict[str, tuple[Measure, float]] = {
    "average_mass": (_MASS, 0.01),
    "exact_mass": (_of("exact_mass", "exact mass"), 0.001),
    "mass": (_MASS, 0.01),
    "nominal_mass": (_MASS, 0.5),
    "clogp": (_LOGP, 0.05),
    "logp": (_LOGP, 0.05),
    "tpsa": (_TPSA, 0.5),
    "fsp3": (_FSP3, 0.005),
    "qed": (QED, 0.005),
    "charge": (_of("charge", "charge"), 0),
}
Ordered = tuple[Measure, float, int]
"""A property, the difference that counts as none, and +1 for more or -1 for less of it."""

_GRADED: dict[str, Ordered] = {
    "lipophilic": (_LOGP, 0.05, 1),
    "hydrophobic": (_LOGP, 0.05, 1),
    "hydrophilic": (_LOGP, 0.05, -1),
    "greasy": (_LOGP, 0.05, 1),
    "polar": (_TPSA, 1.0, 1),
    "flexible": (_FLEX, 0.5, 1),
    "rigid": (_FLEX, 0.5, -1),
    "massive": (_MASS, 0.01, 1),
    "drug like": (QED, 0.005, 1),
}


def _graded(more: str, less: str) -> dict[str, Ordered]:
    said = {f"{more} {word}": ordered for word, ordered in _GRADED.items()}
    return said | {f"{less} {word}": (m, by, -sign) for word, (m, by, sign) in _GRADED.items()}


COMPARATIVES: dict[str, Ordered] = {
    "heavier": (_MASS, 0.01, 1),
    "lighter": (_MASS, 0.01, -1),
    "larger": (_MASS, 0.01, 1),
    "bigger": (_MASS, 0.01, 1),
    "smaller": (_MASS, 0.01, -1),
    "greasier": (_LOGP, 0.05, 1),
    "richer in sp3 carbons": (_FSP3, 0.005, 1),
    "poorer in sp3 carbons": (_FSP3, 0.005, -1),
    **_graded("more", "less"),
}
"""Words that say which of two has more of a property, by the phrase."""

SUPERLATIVES: dict[str, Ordered] = {
    "heaviest": (_MASS, 0.01, 1),
    "lightest": (_MASS, 0.01, -1),
    "largest": (_MASS, 0.01, 1),
    "biggest": (_MASS, 0.01, 1),
    "smallest": (_MASS, 0.01, -1),
    "greasiest": (_LOGP, 0.05, 1),
    "richest in sp3 carbons": (_FSP3, 0.005, 1),
    "poorest in sp3 carbons": (_FSP3, 0.005, -1),
    **_graded("most", "least"),
}
"""The same for one of several."""
# Words for the mass that mean heavy atoms where these are what the sentence counts.
_SIZES = frozenset(("larger", "bigger", "smaller", "largest", "biggest", "smallest"))


def phrase_at(
    reading: Reading, i: int, phrases: Mapping[str, Ordered]
) -> tuple[Ordered, int] | None:
    """What a phrase at token `i` compares, and the index behind it."""
    for phrase, ordered in phrases.items():
        if behind := match_words(reading.tokens, i, phrase.split()):
            counts_atoms = any(t.term.key == "heavy_atoms" for t in reading.terms)
            if phrase in _SIZES and counts_atoms:
                return (_HEAVY_ATOMS, 0.0, ordered[2]), behind
            return ordered, behind
    return None


def measure_of(term: Term) -> tuple[Measure, float] | None:
    """The property that a term names, and the difference that counts as none."""
    if term.family == "scalar":
        return _SCALARS[term.key]
    if term.family not in ("count", "element", "group"):
        return None

    def measure(facts: Facts) -> Measured:
        counted = count_of(term, (), facts)
        return Measured(counted.least, counted.most, counted.truth, counted.other)

    return measure, 0.0


def formula_measure(facts: Facts) -> Measured:
    """Formulae are equal or not; their text stands for them."""
    return Measured(0.0, 0.0, facts.formula)
