"""Claims about scalars: masses, logP, polar surface area, Fsp3, QED, charge."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter

from assistant.chat.claims.charges import charge_before_its_noun, charge_of_number
from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.denied import denial_before
from assistant.chat.claims.elsewhere import next_quantity
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.phrases import ends_cleanly, value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.values import Quantity, compare, read_unit, widest_quantity
from assistant.chat.claims.wordlist import words
from assistant.chat.claims.yardsticks import AUTHORS, OF_NO_MOLECULE
from assistant.chem.facts import Facts

ABOUT_LOGP = 0.3
"""Slack of "a logP of about 1"."""
OTHER_METHOD_LOGP = 0.3
"""A logP not said to be computed may come from another method: this far off nobody can tell."""
MASS_TABLES = 5e-5
"""Relative difference between tables of atomic weights."""
EXACT_SLACK = 6e-4
"""Absolute slack of exact masses: an electron, where the ion's mass leaves it out."""
TPSA_SLACK = 0.06

_IONS = words("ion ions adduct peak fragment fragments")
MEASURED = words(
    "experimental experimentally experiment experiments measured literature observed reported"
)
"""Words of values that are not computed."""


_AGAINST = words("versus vs against than by plus minus ±")
_FROM_A_LIMIT = words(
    "heavier lighter more less higher lower larger smaller below above under over short away off"
)
_BOUNDS = words("exceed exceeds exceeding above below over under")
_ADDING_UP = words("contributes contribute contribution contributions come comes made adds add")
"""What a value is the sum of has the same unit: "37.3 Å² come from the acid"."""
_AWAY = (("nowhere", "near"), ("far", "from"), ("away", "from"), ("short", "of"))
_ENDS_DENIAL = words(", ; : ( and but so as because since it is weighs")
_PARTS = words("half third quarter fraction twice double % percent")


@dataclass(frozen=True)
class Scalar:
    """How one scalar is read and compared.

    Args:
        kind: Kind of the claim.
        units: Kinds of units it may carry; "" for none.
        test: Compares a stated quantity with the facts.
        computed: Its value; of a mass that may be either, the average one.
        digits: How many digits behind its point are shown.
    """

    kind: str
    units: tuple[str, ...]
    test: Callable[[Quantity, Facts], Finding]
    computed: Callable[[Facts], float | None]
    digits: int


@dataclass(frozen=True)
class _Said:
    """A number behind its property.

    Args:
        claim: What it claims.
        behind: Index behind the number.
        negated: Whether "not" stood before it.
    """

    claim: Claim
    behind: int
    negated: bool


def _average_mass(stated: Quantity, facts: Facts) -> Finding:
    slack = MASS_TABLES * facts.average_mass
    holds = compare(stated, facts.average_mass, slack)
    return Finding(holds, f"computed average mass {facts.average_mass:.2f} g/mol")


def _exact_mass(stated: Quantity, facts: Facts) -> Finding:
    holds = compare(stated, facts.exact_mass, EXACT_SLACK)
    return Finding(holds, f"computed exact mass {facts.exact_mass:.4f} Da")


def _any_mass(stated: Quantity, facts: Facts) -> Finding:
    """As in "Mass" alone may be either; it is wrong only if it fits neither."""
    average, exact = _average_mass(stated, facts), _exact_mass(stated, facts)
    truth = f"average mass {facts.average_mass:.2f} g/mol, exact mass {facts.exact_mass:.4f} Da"
    if average.holds or exact.holds:
        return Finding(True, truth)
    return Finding(None if None in (average.holds, exact.holds) else False, truth)


def _nominal_mass(stated: Quantity, facts: Facts) -> Finding:
    nominal = round(facts.exact_mass)
    if facts.exact_mass > 800:
        return Finding(None, None)
    return Finding(compare(stated, nominal), f"nominal mass {nominal} Da")


def _clogp(stated: Quantity, facts: Facts) -> Finding:
    slack = ABOUT_LOGP if stated.about else 0.0
    return Finding(compare(stated, facts.clogp, slack), f"computed cLogP {facts.clogp:.2f}")


def _logp(stated: Quantity, facts: Facts) -> Finding:
    """As cLogP, but a near miss may be another method's value and is left open."""
    finding = _clogp(stated, facts)
    near = stated.is_point and abs(stated.low - facts.clogp) <= OTHER_METHOD_LOGP
    return Finding(None, finding.truth) if near and finding.holds is False else finding


def _tpsa(stated: Quantity, facts: Facts) -> Finding:
    holds = compare(stated, facts.tpsa, TPSA_SLACK)
    return Finding(holds, f"computed TPSA {facts.tpsa:.1f} Å²")


def _fsp3(stated: Quantity, facts: Facts) -> Finding:
    slack = 0.05 if stated.about else 0.001
    return Finding(compare(stated, facts.fsp3, slack), f"computed Fsp3 {facts.fsp3:.2f}")


def _qed(stated: Quantity, facts: Facts) -> Finding:
    if facts.qed is None:
        return Finding(None, "QED is not defined here")
    slack = 0.05 if stated.about else 0.001
    return Finding(compare(stated, facts.qed, slack), f"computed QED {facts.qed:.2f}")


_OF_MASS = ("", "mass", "kilo")
SCALARS: dict[str, Scalar] = {
    "average_mass": Scalar("mass", _OF_MASS, _average_mass, attrgetter("average_mass"), 2),
    "exact_mass": Scalar("mass", _OF_MASS, _exact_mass, attrgetter("exact_mass"), 4),
    "nominal_mass": Scalar("mass", _OF_MASS, _nominal_mass, lambda f: round(f.exact_mass), 0),
    "mass": Scalar("mass", _OF_MASS, _any_mass, attrgetter("average_mass"), 2),
    "clogp": Scalar("logp", ("",), _clogp, attrgetter("clogp"), 2),
    "logp": Scalar("logp", ("",), _logp, attrgetter("clogp"), 2),
    "tpsa": Scalar("tpsa", ("", "area"), _tpsa, attrgetter("tpsa"), 1),
    "fsp3": Scalar("fsp3", ("", "percent"), _fsp3, attrgetter("fsp3"), 2),
    "qed": Scalar("qed", ("",), _qed, attrgetter("qed"), 2),
    "charge": Scalar("charge", ("",), charge_of_number, attrgetter("charge"), 0),
}


def read_scalars(reading: Reading) -> Iterator[Claim]:
    """Claims "property … number", then numbers whose unit says what they are."""
    used: set[int] = set()
    for match in reading.terms:
        if match.term.family == "scalar" and (said := _behind_term(reading, match, used)):
            yield said.claim
            yield from _for_other_molecules(reading, match, said, used)
    for match in reading.terms:
        if match.term.key == "charge" and (claim := charge_before_its_noun(reading, match, used)):
            yield claim
    yield from _by_unit(reading, used)


def _behind_term(reading: Reading, match: TermMatch, used: set[int]) -> _Said | None:
    key = match.term.key
    read = value_behind(reading.tokens, match.behind, reading.labels)
    if read is None or reading.is_silent(match.first):
        return None
    stated, first, behind, negated = read
    unit, end = read_unit(reading.text, reading.tokens[behind - 1].end)
    scalar = SCALARS[key]
    if unit not in scalar.units or reading.is_label(first):
        return None
    if not unit and (
        not ends_cleanly(reading.tokens, behind, any_word=True) or _counts_next(reading, behind)
    ):
        return None
    used.update(range(match.first, behind))
    before = match.first - 1 - (reading.word(match.first - 1) in ("a", "an", "the"))
    if reading.word(before) in _BOUNDS:
        return None  # "it exceeds a logP of 5"
    after = next((t.text for t in reading.tokens[behind:] if t.start >= end), "")
    if after in _FROM_A_LIMIT:
        return None  # "the TPSA is 26 Å² below 90 Å²"
    near = {t.text for t in reading.tokens[max(0, match.first - 6) : behind]}
    if scalar.kind == "mass" and near & _IONS:
        return None
    denied = denial_before(reading, match.first, named=True)
    start, negated = (match.first, negated) if denied is None else (denied, not negated)
    if key in ("logp", "clogp") and _is_measured(reading, match):
        return _Said(reading.claim(start, behind, "logp", None, end=end), behind, negated)
    test = scaled_test(scalar, _as_rounded(reading, stated), unit)
    claim = reading.claim(start, behind, scalar.kind, test, end=end, negated=negated)
    return _Said(claim, behind, negated)


def _for_other_molecules(
    reading: Reading, match: TermMatch, said: _Said, used: set[int]
) -> Iterator[Claim]:
    """The same property of the next molecules: "cLogP 3.07 for molecule 1, 1.31 for molecule 2".

    Each number needs a molecule of its own, behind "for" or in front of it; one with a unit is
    read by its unit. Where the first cannot be tested ("the measured logP …") neither can they, and
    whether "not 5.0 for molecule 1, 3.0 for molecule 2" denies the second nobody knows.
    """
    if said.negated:
        return
    scalar, at = SCALARS[match.term.key], said.behind
    while (found := next_quantity(reading, at)) is not None:
        stated, first, at = found
        unit, _ = read_unit(reading.text, reading.tokens[at - 1].end)
        counts = reading.word(at) == "of" or not ends_cleanly(reading.tokens, at)
        if unit or counts or _counts_next(reading, at):
            return
        used.update(range(first, at))
        test = None if said.claim.test is None else scaled_test(scalar, stated, "")
        yield reading.claim(first, at, scalar.kind, test)


def _counts_next(reading: Reading, behind: int) -> bool:
    """Whether the number counts the noun behind it instead: "mass, 3 rings"."""
    return any(
        behind <= t.first <= behind + 1 and t.term.family in ("count", "group", "element")
        for t in reading.terms
    )


def scaled_test(scalar: Scalar, stated: Quantity, unit: str) -> Callable[[Facts], Finding]:
    """The test of a quantity that was said in a unit of that kind (`read_unit`)."""
    plain = in_plain_unit(stated, unit)
    return lambda facts: scalar.test(plain, facts)


def in_plain_unit(stated: Quantity, unit: str) -> Quantity:
    """A quantity in the unit of the facts."""
    if unit == "kilo":
        return stated.scaled(1000.0, -3)
    return stated.scaled(0.01, 2) if unit == "percent" else stated


def _as_rounded(reading: Reading, stated: Quantity) -> Quantity:
    """The quantity with what its sentence says of rounding it: "rounded up, that is 181 g/mol"."""
    texts = [token.text for token in reading.tokens]
    for word, way in itertools.pairwise(texts):
        if word in ("rounded", "rounding") and way in ("up", "down"):
            return replace(stated, rounded=way)
    return stated


def _by_unit(reading: Reading, used: set[int]) -> Iterator[Claim]:
    """As in "weighs 180.16 g/mol", "63.6 Å²": the unit alone says what is meant."""
    tokens = reading.tokens
    i = 0
    while i < len(tokens):
        if tokens[i].kind != "number" or i in used or i in reading.labels:
            i += 1
            continue
        read = widest_quantity(tokens, i, used | reading.labels)
        if read is None:
            i += 1
            continue
        stated, first, behind = read
        unit, end = read_unit(reading.text, tokens[behind - 1].end)
        i = max(behind, i + 1)
        key = {"mass": "mass", "kilo": "mass", "area": "tpsa"}.get(unit)
        if key is None or reading.is_silent(first) or _is_elsewhere(reading, first):
            continue
        test = scaled_test(SCALARS[key], _as_rounded(reading, stated), unit)
        after = next((j for j, t in enumerate(tokens) if t.start >= end), len(tokens))
        if _is_compared(reading, first, after) or (
            not stated.is_point and reading.word(after) == "of" and reading.is_label(after + 1)
        ):
            continue  # "lower than the 63.6 Å² of molecule 1"
        if denial_before(reading, first) is None:  # else of what property is read in `denials`
            yield reading.claim(first, behind, SCALARS[key].kind, test, end=end)


def _is_compared(reading: Reading, first: int, after: int) -> bool:
    """Whether a number is a difference, one that another is held against, or what "you" said."""
    before, following = reading.word(first - 1), reading.word(after)
    is_part = before == "of" and reading.word(first - 2) in _PARTS
    is_yours = before == "your" or following == "you"  # "the 200 g/mol you gave"
    is_away = (reading.word(first - 2), before) in _AWAY or _is_denied_somehow(reading, first)
    return before in _AGAINST or following in _FROM_A_LIMIT or is_part or is_yours or is_away


def _is_denied_somehow(reading: Reading, first: int) -> bool:
    """As in "not quite 181 g/mol", "doesn't reach 90 Å²": how far it is off is not said."""
    for i in range(first - 1, max(-1, first - 6), -1):
        if reading.word(i) in NEGATIONS:
            return denial_before(reading, first) is None
        if reading.word(i) in _ENDS_DENIAL or reading.is_label(i):
            return False  # "not below molecule 1's 180.16 g/mol"
    return False


def _is_elsewhere(reading: Reading, first: int) -> bool:
    """Whether the number belongs to a fragment, a peak, a limit or a property we do not know."""
    before = {t.text for t in reading.tokens[max(0, first - 6) : first]}
    after = {t.text for t in reading.tokens[first : first + 8]}
    opaque = any(
        t.term.family == "opaque" or (t.term.family == "element" and t.behind == first)
        for t in reading.terms
    )  # "hydrogen 8.06 g/mol"
    is_limit = reading.word(first - 1) in AUTHORS
    is_part = any(t.text in _ADDING_UP for t in reading.tokens)
    return bool((before | after) & OF_NO_MOLECULE) or is_limit or is_part or opaque


def _is_measured(reading: Reading, match: TermMatch) -> bool:
    return any(t.text in MEASURED for t in reading.tokens)
