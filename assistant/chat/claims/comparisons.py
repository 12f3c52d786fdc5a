"""Comparisons of two molecules: "molecule 2 is heavier", "they have the same formula"."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.measures import (
    COMPARATIVES,
    QED,
    Measure,
    Measured,
    formula_measure,
    measure_of,
    phrase_at,
)
from assistant.chat.claims.model import Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.spoken_of import Subject
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts


@dataclass(frozen=True)
class Comparison:
    """A comparison found in the text.

    Args:
        start: Offset.
        end: Offset behind it.
        first: Subject.
        second: What it is compared with.
        measure: The compared property; None where it is not computed.
        sign: +1 for more, -1 for less, 0 for equal.
        margin: Differences up to here count as equal.
        negated: Whether it is denied.
    """

    start: int
    end: int
    first: int | None
    second: int | None
    measure: Measure | None
    sign: int
    margin: float
    negated: bool = False


_UP = words("more higher greater larger bigger")
_DOWN = words("less fewer lower smaller")
_SIZES = words("larger bigger greater smaller largest biggest greatest smallest")
_OPAQUE_ADJECTIVES = words(
    "soluble basic acidic potent toxic stable reactive volatile strained nucleophilic "
    "electrophilic active permeable electron"
)


def read_comparisons(
    reading: Reading, known: Sequence[int], focus: Sequence[int]
) -> Iterator[Comparison]:
    """Comparatives with their two molecules; `known` and `focus` tell who "the other" is."""
    if len(known) < 2:
        return
    pool = tuple(focus) if len(focus) >= 2 else tuple(known)
    for i, token in enumerate(reading.tokens):
        if token.kind != "word" or reading.is_silent(i):
            continue
        found = _comparative_at(reading, i)
        if found is not None:
            yield _placed(reading, pool, i, found)
        elif same := _same_at(reading, i):
            yield same


@dataclass(frozen=True)
class _Comparative:
    behind: int
    measure: Measure | None
    margin: float
    sign: int


def _comparative_at(reading: Reading, i: int) -> _Comparative | None:
    word, after = reading.word(i), reading.word(i + 1)
    said = phrase_at(reading, i, COMPARATIVES)
    term = compared_term(reading, i + 1)
    if said is not None and term is None:
        (measure, margin, sign), behind = said
        return _Comparative(behind, measure, margin, sign) if _ends(reading, behind) else None
    if word in ("more", "less") and after in _OPAQUE_ADJECTIVES:
        return _Comparative(i + 2, None, 0.0, 1) if _ends(reading, i + 2) else None
    if word not in _UP | _DOWN:
        return None
    if (
        term is None
        or is_of_size(reading, i, term)
        or reading.word(i - 1) in ("no", "or", "not", "at", "any")
        or reading.word(i + 1) == "than"
    ):
        return None
    measured = measure_of(term.term)
    if measured is None:
        return None
    if not _ends(reading, term.behind):
        return None
    return _Comparative(term.behind, measured[0], measured[1], 1 if word in _UP else -1)


def _ends(reading: Reading, behind: int) -> bool:
    """Whether the comparative is complete: "than" follows, or nothing."""
    word = reading.word(behind)
    return word in (
        "",
        "than",
        ",",
        ".",
        "and",
        ")",
        "compared",
        "because",
        "(",
        "of",
        "by",
        "due",
        "since",
        "but",
    )


def term_at(reading: Reading, i: int) -> TermMatch | None:
    """The property or thing named at token `i`."""
    return next(
        (t for t in reading.terms if t.first == i and t.term.family not in ("skip", "opaque")), None
    )


def compared_term(reading: Reading, i: int) -> TermMatch | None:
    """What is compared from token `i` on: "rings", "computed mass", "number of rings"."""
    if found := term_at(reading, i):
        return found
    if reading.word(i) == "number" and reading.word(i + 1) == "of":
        return term_at(reading, i + 2)
    filler = reading.word(i) in ("computed", "calculated", "total", "overall", "number", "of")
    return term_at(reading, i + 1) if filler else None


def is_of_size(reading: Reading, i: int, term: TermMatch) -> bool:
    """Whether the word at `i` is on the size of things: "a larger ring", not "number of rings"."""
    if reading.word(i) not in _SIZES or term.term.family not in ("count", "group", "element"):
        return False
    return (reading.word(term.first - 2), reading.word(term.first - 1)) != ("number", "of")


def _placed(reading: Reading, pool: Sequence[int], i: int, found: _Comparative) -> Comparison:
    """Adds who is compared with whom."""
    tokens = reading.tokens
    first = single(subject_before(reading, i))
    second = _compared_with(reading, found.behind, first, pool)
    end = tokens[found.behind - 1].end
    context = reading.context[i]
    measure = None if context.doubted else found.measure
    negated = context.negated and context.mode in ("is", "has")
    return Comparison(
        tokens[i].start, end, first, second, measure, found.sign, found.margin, negated
    )


def subject_before(reading: Reading, i: int) -> Subject:
    """Who token `i` speaks of."""
    return reading.subjects.at(i, i + 1, reading.tokens)


def single(subject: Subject) -> int | None:
    """The one molecule of a subject; None for several, none and others."""
    return subject.numbers[0] if subject.mode == "one" and len(subject.numbers) == 1 else None


def _compared_with(
    reading: Reading, behind: int, first: int | None, pool: Sequence[int]
) -> int | None:
    """The molecule behind "than"; without one, the only other of all or of the sentence."""
    others = [n for n in pool if n != first]
    than = next(
        (
            j
            for j in range(behind, min(behind + 4, len(reading.tokens)))
            if reading.word(j) in ("than", "of")
        ),
        None,
    )
    compared = [
        m for m in reading.subjects.mentions if m.role == "object" and single(m.subject) != first
    ]
    if than is not None:
        later = [
            m
            for m in reading.subjects.mentions
            if than < m.first <= than + 5 and m.first > behind - 1
        ]
        if later and not later[0].is_pronoun:
            return single(later[0].subject)
        words = {reading.word(j) for j in range(than + 1, than + 5)}
        pointing = (words & {"it", "other", "that", "its"} and not later[:1]) or (
            later[:1] and later[0].is_pronoun
        )
        return others[0] if pointing and len(others) == 1 and first in pool else None
    if compared:
        return single(compared[0].subject)
    if len(others) == 1 and first in pool:
        return others[0]
    named = {single(m.subject) for m in reading.subjects.mentions if m.first < behind} - {first}
    return named.pop() if len(named) == 1 else None


@dataclass(frozen=True)
class Sameness:
    """As in "the same formula", "the same number of rings", "an identical mass".

    Args:
        first: Its first token.
        behind: Index behind its last token.
        measure: The property.
        margin: Differences up to here count as equal.
        negated: Whether it is denied.
    """

    first: int
    behind: int
    measure: Measure
    margin: float
    negated: bool


def sameness_at(reading: Reading, i: int) -> Sameness | None:
    """The sameness that is said at token `i`."""
    if reading.word(i) not in ("same", "identical", "equal"):
        return None
    j = i + 1
    while (
        reading.word(j) in ("number", "of", "computed", "total", "molecular")
        and term_at(reading, j) is None
    ):
        j += 1
    term = term_at(reading, j)
    if term is None:
        return None
    start = i - 1 if reading.word(i - 1) == "the" else i
    # "do not share the same mass": the verb says nothing of what one has
    negated = reading.context[i].negated or reading.word(start - 2) in NEGATIONS
    if term.term.family == "formula":
        return Sameness(start, term.behind, formula_measure, 0.0, negated)
    measured = measure_of(term.term)
    kind_of_thing = term.term.family in ("group", "element") and reading.word(i + 1) != "number"
    if measured is None or kind_of_thing:
        return None
    return Sameness(start, term.behind, measured[0], measured[1] * 0.5, negated)


def _same_at(reading: Reading, i: int) -> Comparison | None:
    same = sameness_at(reading, i)
    pair = same and _pair(reading, i, same.behind)
    if not same or not pair:
        return None
    tokens, context = reading.tokens, reading.context[i]
    measure = None if context.doubted else same.measure
    start, end = tokens[same.first].start, tokens[same.behind - 1].end
    return Comparison(start, end, *pair, measure, 0, same.margin, same.negated)


def _pair(reading: Reading, i: int, behind: int) -> tuple[int, int] | None:
    subject = subject_before(reading, i)
    if subject.mode == "each" and len(subject.numbers) == 2:
        return subject.numbers[0], subject.numbers[1]
    first = single(subject)
    if first is None:
        return None
    for mention in reading.subjects.mentions:
        if mention.first >= behind and reading.word(mention.first - 1) in ("as", "to", "with"):
            second = single(mention.subject)
            return (first, second) if second is not None else None
    return None


def judge(found: Comparison, molecules: Mapping[int, Facts]) -> Finding:
    """Whether the comparison holds."""
    if found.measure is None or found.first not in molecules or found.second not in molecules:
        return Finding(None, None)
    first, second = molecules[found.first], molecules[found.second]
    if found.measure is QED and None in (first.qed, second.qed):
        return Finding(None, None)
    a, b = found.measure(first), found.measure(second)
    truth = f"molecule {found.first}: {a.truth}; molecule {found.second}: {b.truth}"
    holds = denied(_holds(found, a, b), found.negated)
    if holds is False and denied(_holds(found, a.by_other(), b.by_other()), found.negated):
        holds = None
    return Finding(holds, truth)


def denied(holds: bool | None, negated: bool) -> bool | None:
    """Whether a statement holds that is perhaps denied."""
    return holds if holds is None else holds != negated


def _holds(found: Comparison, a: Measured, b: Measured) -> bool | None:
    if found.measure is formula_measure:
        return a.truth == b.truth
    if found.sign == 0:
        if a.least == a.most and b.least == b.most:
            return abs(a.least - b.least) <= found.margin + 1e-9
        return None
    more, less = (a, b) if found.sign > 0 else (b, a)
    if more.least - less.most > found.margin:
        return True
    most = more.most - less.least
    if most <= 1e-9 or most < -found.margin:
        is_less = found.margin == 0 or most < -found.margin or a.least == b.least
        return False if is_less else None
    return None
