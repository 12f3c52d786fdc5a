"""A value before what it is a value of: "1.20 for the TPSA", "206.13 g/mol, the average mass"."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.counts import count_test
from assistant.chat.claims.denied import denial_before, denial_behind
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.numbers import MEASURED, SCALARS, scaled_test
from assistant.chat.claims.phrases import value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.stereo_set import STEREO
from assistant.chat.claims.surroundings import kind_of
from assistant.chat.claims.values import Quantity, read_unit, widest_quantity
from assistant.chat.claims.wordlist import words
from assistant.chat.claims.yardsticks import OF_NO_MOLECULE
from assistant.chem.facts import Facts

_SAID_OF = words("for as is was")
_BE = words("is was isn't wasn't")
_THAT = words("that which this it")
_BREAKS = words(", ( ; : – — - as because since")
_BESIDE = words(", (")
"""They join a value to its property only where it has a unit: "180.16 g/mol (average mass)"."""
_FILLERS = words("the its their a an computed calculated number of")
_OF_OTHERS = words("you your yours than versus vs by plus minus ± above below over under")


@dataclass(frozen=True)
class _Value:
    """A number with its unit, and the index of the token behind both."""

    stated: Quantity
    first: int
    behind: int
    unit: str


@dataclass(frozen=True)
class _Joint:
    """What joins a value to the property behind it.

    Args:
        last: Last token of the value.
        how: "told" is "for" or "as", "beside" a bracket, a comma or "which is".
        denies: Whether it is "is not".
    """

    last: int
    how: Literal["", "told", "is", "beside"]
    denies: bool = False


def read_ahead(reading: Reading) -> Iterator[Claim]:
    """Values whose property stands behind them, where no value of its own follows it."""
    for match in reading.terms:
        if match.term.family not in ("scalar", "count") or match.term.key in STEREO:
            continue
        joint = _joint_before(reading, match.first)
        value = _value_before(reading, match, joint)
        if value is None or reading.is_silent(value.first) or _is_elsewhere(reading, value, match):
            continue
        test = _test(reading, match, value)
        denied = denial_before(reading, value.first)
        first = value.first if denied is None else denied
        negated = denied is not None or denial_behind(reading, match.behind) is not None
        if denied is not None and joint.how == "beside" and _corrects(reading, denied):
            first, negated = value.first, False
            test = _another(test) if _names_another(reading, match, denied) else None
        is_scalar = match.term.family == "scalar"
        kind = SCALARS[match.term.key].kind if is_scalar else kind_of(match.term)
        yield reading.claim(first, match.behind, kind, test, negated=negated != joint.denies)


def _joint_before(reading: Reading, first: int) -> _Joint:
    """How what begins at token `first` is joined to what stands before it."""
    at = first - 1
    while at >= 0 and reading.word(at) in _FILLERS:
        at -= 1
    word = reading.word(at)
    if word in ("for", "as"):
        return _Joint(at - 1, "told")
    denies = word in NEGATIONS and (word in _BE or reading.word(at - 1) in _BE)
    at -= denies and word not in _BE
    if reading.word(at) in _BE:
        if reading.word(at - 1) not in _THAT:
            return _Joint(at - 1, "is", denies)
        at -= 2
        while reading.word(at) in _BREAKS:
            at -= 1
        return _Joint(at, "beside", denies)
    if reading.word(at) in _BESIDE:
        return _Joint(at - 1, "beside")
    return _Joint(at, "")


def _value_before(reading: Reading, match: TermMatch, joint: _Joint) -> _Value | None:
    """The value that is joined to the property behind it."""
    value = _value_up_to(reading, joint.last)
    if value is None or (not joint.how and joint.last != match.first - 1):
        return None
    if match.term.family == "scalar":
        if value.unit not in SCALARS[match.term.key].units:
            return None
    elif value.unit or joint.how not in ("told", "is"):
        return None  # "2 rings" is read where things are counted
    if joint.how not in ("told", "is") and not value.unit:
        return None
    after = value_behind(reading.tokens, match.behind, reading.labels)
    if after is not None and reading.word(after[2]) not in _SAID_OF:
        return None  # "exact mass 180.04 g/mol, average mass 180.16 g/mol"
    return None if joint.how != "told" and _belongs_before(reading, match, value) else value


def _value_up_to(reading: Reading, last: int) -> _Value | None:
    """The number, with or without a unit, that ends with token `last`."""
    for at in range(last, max(-1, last - 6), -1):
        if reading.tokens[at].kind != "number" or reading.is_label(at):
            continue
        unit, end = read_unit(reading.text, reading.tokens[at].end)
        if reading.tokens[last].end > max(end, reading.tokens[at].end):
            return None
        read = widest_quantity(reading.tokens, at, reading.labels)
        return None if read is None else _Value(read[0], read[1], last + 1, unit)
    return None


def _belongs_before(reading: Reading, match: TermMatch, value: _Value) -> bool:
    """Whether it is the value of a property before it; "mass" alone may be told which behind it."""
    for other in reading.terms:
        if other.behind > value.first or other.term.family not in ("scalar", "count"):
            continue
        read = value_behind(reading.tokens, other.behind, reading.labels)
        if read is not None and value.first <= read[1] < value.behind:
            return not (other.term.key == "mass" and match.term.key.endswith("_mass"))
    return False


def _corrects(reading: Reading, denied: int) -> bool:
    """Whether a value stands before the denial: what is denied is then said to be another's."""
    numbers = (i for i in range(denied) if reading.tokens[i].kind == "number")
    return any(not reading.is_label(i) for i in numbers) or any(
        term.behind <= denied and term.term.family == "scalar" for term in reading.terms
    )


def _names_another(reading: Reading, match: TermMatch, denied: int) -> bool:
    """Whether it is another property's value: "exact mass 180.04, not 180.16 (average mass)"."""
    named = {term.term for term in reading.terms if term.behind <= denied}
    return bool(named) and match.term not in named


def _another(test: Callable[[Facts], Finding] | None) -> Callable[[Facts], Finding] | None:
    """The test of a value said to be another property's; which of the two is denied is open."""
    if test is None:
        return None

    def confirmed(facts: Facts) -> Finding:
        finding = test(facts)
        return Finding(finding.holds or None, finding.truth)

    return confirmed


def _is_elsewhere(reading: Reading, value: _Value, match: TermMatch) -> bool:
    """Whether it is a limit, somebody else's number, or a difference."""
    around = range(value.first - 6, match.behind + 4)
    rather = 2 * (reading.word(value.first - 2) == "rather")  # "rather than 180.16"
    before = {reading.word(i) for i in range(value.first - 4, value.first - rather)}
    return any(reading.word(i) in OF_NO_MOLECULE for i in around) or bool(before & _OF_OTHERS)


def _test(reading: Reading, match: TermMatch, value: _Value) -> Callable[[Facts], Finding] | None:
    if match.term.family == "count":
        return count_test(match.term, value.stated, ())
    is_logp = match.term.key in ("logp", "clogp")
    if is_logp and any(token.text in MEASURED for token in reading.tokens):
        return None
    return scaled_test(SCALARS[match.term.key], value.stated, value.unit)
