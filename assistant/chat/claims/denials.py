"""Denied values without a property of their own: "the TPSA is 63.6, not 5.0", "I do not get 5.0".

What is denied is a value of the one property that the sentence states, or the sentence before or
behind it. It is denied rightly unless it is the computed value, rounded as it is written.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from assistant.chat.claims.counted import count_of
from assistant.chat.claims.denied import denial_before, denial_behind
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.mentions import VERBS, molecule_number
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.numbers import SCALARS, in_plain_unit, scaled_test
from assistant.chat.claims.phrases import AFTER_NUMBER, ends_cleanly, value_behind
from assistant.chat.claims.reading import Reading, opposite
from assistant.chat.claims.stereo_set import STEREO
from assistant.chat.claims.surroundings import kind_of
from assistant.chat.claims.values import Quantity, read_number, read_quantity, read_unit
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_COMPARE = words("more most less least fewer fewest higher highest lower lowest than")
_OF_UNIT = {"mass": "mass", "kilo": "mass", "area": "tpsa"}


@dataclass(frozen=True)
class _Denied:
    """A denied number: its tokens with the denial, the number's own, and its unit."""

    stated: Quantity
    first: int
    at: int
    behind: int
    unit: str
    end: int


@dataclass(frozen=True)
class _Property:
    """What the text around states: the term, the sentence it stands in, and its stated value."""

    match: TermMatch
    reading: Reading
    stated: Quantity


def read_denials(readings: Sequence[Reading], known: Collection[int]) -> Iterator[Claim]:
    """All such claims of a text, sentence by sentence.

    Args:
        readings: Its sentences.
        known: Numbers of the molecules of the conversation.
    """
    properties = [_property(reading) for reading in readings]
    for i, reading in enumerate(readings):
        found = properties[i]
        if not _properties_named(reading):
            beside = [properties[j] for j in (i - 1, i + 1) if 0 <= j < len(properties)]
            stated = [p for p in beside if p is not None]
            found = stated[0] if len({p.match.term for p in stated}) == 1 else None
        for denied in _denied_numbers(reading):
            noun = _noun_behind(reading, denied)
            if noun is not None:
                claim = _of_noun(reading, denied, noun)
            elif _counts_another(reading, denied) or _is_molecule(reading, denied, found, known):
                continue
            else:
                claim = _of_value(reading, denied, found or _property(reading, denied.unit))
            if claim is not None:
                yield claim


def _denied_numbers(reading: Reading) -> Iterator[_Denied]:
    """Numbers beside "not" and the like that are not the value of a property before them."""
    owned = {
        i
        for term in reading.terms
        if (read := value_behind(reading.tokens, term.behind, reading.labels)) is not None
        for i in range(read[1], read[2])
    }
    for at, token in enumerate(reading.tokens):
        if token.kind != "number" or at in owned or reading.is_label(at) or reading.is_silent(at):
            continue
        read = read_quantity(reading.tokens, at)
        if read is None or not read[0].is_point:
            continue
        unit, end = read_unit(reading.text, reading.tokens[read[1] - 1].end)
        behind = next((i for i, t in enumerate(reading.tokens) if t.start >= end), None)
        behind = len(reading.tokens) if behind is None else max(behind, read[1])
        first = denial_before(reading, at)
        if first is not None:
            yield _Denied(read[0], first, at, read[1], unit, end)
        elif (last := denial_behind(reading, behind)) is not None:
            yield _Denied(read[0], at, at, last, unit, reading.tokens[last - 1].end)


def _properties_named(reading: Reading, unit: str = "") -> list[TermMatch]:
    """The properties of a sentence; with `unit` only those that are measured in it."""
    families = ("scalar",) if unit else ("scalar", "count", "formula", "opaque")
    named = (term for term in reading.terms if term.term.family in families)
    return [term for term in named if not unit or unit in SCALARS[term.term.key].units]


def _property(reading: Reading, unit: str = "") -> _Property | None:
    """The one property of a sentence, or the one of that unit, with a value that is not denied."""
    terms = _properties_named(reading, unit)
    if len({t.term for t in terms}) != 1 or terms[0].term.family in ("formula", "opaque"):
        return None
    said = value_behind(reading.tokens, terms[0].behind, reading.labels)
    if said is not None and not said[3]:
        return _Property(terms[0], reading, said[0])
    for at, token in enumerate(reading.tokens):
        if read_number(token) is None or reading.is_label(at):
            continue
        read = read_quantity(reading.tokens, at)
        if read is None or denial_before(reading, at) is not None:
            continue
        if unit and read_unit(reading.text, reading.tokens[read[1] - 1].end)[0] != unit:
            continue
        if denial_behind(reading, read[1]) is None:
            return _Property(terms[0], reading, read[0])
    return None


def _of_noun(reading: Reading, denied: _Denied, noun: TermMatch) -> Claim | None:
    """As in "not 3 rings"; what narrows the noun ("not 3 fused rings") is not computed."""
    if noun.first != denied.behind or noun.term.key in STEREO:
        return None
    test = _not_counted(noun, denied.stated)
    return reading.claim(denied.first, noun.behind, kind_of(noun.term), test)


def _noun_behind(reading: Reading, denied: _Denied) -> TermMatch | None:
    """What the number itself counts: "not 3 rings"."""
    if denied.unit:
        return None
    near = (t for t in reading.terms if denied.behind <= t.first <= denied.behind + 2)
    noun = next((t for t in near if t.term.family in ("count", "group", "element")), None)
    if noun is None:
        return None
    between = reading.tokens[denied.behind : noun.first]
    is_joined = all(t.kind == "word" or t.text == "-" for t in between)
    return noun if is_joined and not (between and between[0].text in AFTER_NUMBER) else None


def _counts_another(reading: Reading, denied: _Denied) -> bool:
    """Whether a noun follows that is no term: "not 13 electrons", "not 1 of them"."""
    if reading.word(denied.behind) == "of":
        return True
    if denied.unit or denied.first == denied.at:
        return False
    return not ends_cleanly(reading.tokens, denied.behind)


def _is_molecule(
    reading: Reading, denied: _Denied, found: _Property | None, known: Collection[int]
) -> bool:
    """Whether the number may be a molecule's: "So 2, not 1, has more", "2 has more rings, not 1".

    A value it is where the same sentence states the property and compares nothing.
    """
    if len(known) < 2 or molecule_number(reading.tokens[denied.at]) not in known:
        return False
    if found is not None and found.reading is not reading:
        return True
    behind = denied.behind
    while reading.word(behind) in (",", ")"):
        behind += 1
    acts = reading.word(behind) in VERBS | {"that", "which"}
    return acts or any(token.text in _COMPARE for token in reading.tokens)


def _of_value(reading: Reading, denied: _Denied, found: _Property | None) -> Claim | None:
    if found is not None:
        return _of_property(reading, denied, found)
    # Where the sentence names several properties of that unit, nobody knows which is meant.
    is_unclear = bool(denied.unit and _properties_named(reading, denied.unit))
    return None if is_unclear else _of_unit(reading, denied)


def _of_property(reading: Reading, denied: _Denied, found: _Property) -> Claim | None:
    match = found.match
    if match.term.family == "count":
        if denied.unit or match.term.key in STEREO:
            return None
        test, kind = _not_counted(match, denied.stated), kind_of(match.term)
    else:
        scalar = SCALARS[match.term.key]
        if denied.unit not in scalar.units:
            return None
        kind = scalar.kind
        test = _not_measured(found, denied)
    claim = reading.claim(denied.first, denied.behind, kind, test, end=denied.end)
    if found.reading is reading and match.first < denied.first:
        return claim
    tokens = found.reading.tokens
    return replace(claim, subject=found.reading.subjects.at(match.first, match.behind, tokens))


def _of_unit(reading: Reading, denied: _Denied) -> Claim | None:
    """As in "not 200 g/mol" where nothing else says what that is."""
    key = _OF_UNIT.get(denied.unit)
    if key is None:
        return None
    test = opposite(scaled_test(SCALARS[key], denied.stated, denied.unit))
    kind = SCALARS[key].kind
    return reading.claim(denied.first, denied.behind, kind, test, end=denied.end)


def _meant(match: TermMatch, stated: Quantity, facts: Facts) -> tuple[str, ...]:
    """Which values a property means: a "mass" that was stated is the one which it fits."""
    if match.term.key != "mass":
        return (match.term.key,)
    both = ("average_mass", "exact_mass")
    return tuple(k for k in both if SCALARS[k].test(stated, facts).holds)


def _not_measured(found: _Property, denied: _Denied) -> Callable[[Facts], Finding]:
    stated = in_plain_unit(denied.stated, denied.unit)

    def test(facts: Facts) -> Finding:
        keys = _meant(found.match, found.stated, facts)
        same: list[bool] = []
        for scalar in (SCALARS[key] for key in keys):
            value = scalar.computed(facts)
            if value is None:
                return Finding(None, None)
            same.append(_is_rounded(stated, value, scalar.digits))
        if not same:
            return Finding(None, None)
        key = keys[same.index(True) if any(same) else 0]
        return Finding(not any(same), SCALARS[key].test(stated, facts).truth)

    return test


def _is_rounded(stated: Quantity, value: float, digits: int) -> bool:
    """Whether a value, or the way the card shows it, rounds to a stated number.

    The tolerances between methods and tables do not count here: 180.1 is rightly denied of 180.16.
    Nor is 1 the value where a fraction is 0.67, or 0 where it is 0.4.
    """
    half = min(0.5 * 10.0**-stated.decimals, 0.25 * abs(value) + 10.0**-digits)
    nearest = min(abs(stated.low - value), abs(stated.low - round(value, digits)))
    return nearest <= half + 1e-9


def _not_counted(match: TermMatch, stated: Quantity) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        counted = count_of(match.term, (), facts)
        if counted.least == counted.most:
            return Finding(counted.least != stated.low, counted.truth)
        is_open = counted.least <= stated.low <= counted.most
        return Finding(None if is_open else True, counted.truth)

    return test
