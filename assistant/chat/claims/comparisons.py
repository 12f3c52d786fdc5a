"""Comparisons of two molecules: "molecule 2 is heavier", "they have the same formula"."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.chat.claims.counted import Range, count_of
from assistant.chat.claims.lexicon import Term, TermMatch
from assistant.chat.claims.model import Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.subjects import Subject
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

Measure = Callable[[Facts], tuple[float, float, str]]
"""Least, most and text of a property."""


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


def _of(key: str, label: str, digits: int) -> Measure:
    def measure(facts: Facts) -> tuple[float, float, str]:
        value = float(getattr(facts, key))
        return value, value, f"{label} {value:.{digits}f}"

    return measure


_MASS, _LOGP = _of("average_mass", "mass", 2), _of("clogp", "cLogP", 2)
_TPSA, _FLEX = _of("tpsa", "TPSA", 1), _of("rotatable_bonds", "rotatable bonds", 0)
_SCALARS: dict[str, tuple[Measure, float]] = {
    "average_mass": (_MASS, 0.01),
    "exact_mass": (_of("exact_mass", "exact mass", 4), 0.001),
    "mass": (_MASS, 0.01),
    "nominal_mass": (_MASS, 0.5),
    "clogp": (_LOGP, 0.05),
    "logp": (_LOGP, 0.05),
    "tpsa": (_TPSA, 0.5),
    "fsp3": (_of("fsp3", "Fsp3", 2), 0.005),
    "qed": (_of("qed", "QED", 2), 0.005),
    "charge": (_of("charge", "charge", 0), 0),
}
_ADJECTIVES: dict[str, tuple[Measure, float, int]] = {
    "heavier": (_MASS, 0.01, 1),
    "lighter": (_MASS, 0.01, -1),
    "larger": (_MASS, 0.01, 1),
    "bigger": (_MASS, 0.01, 1),
    "smaller": (_MASS, 0.01, -1),
    "greasier": (_LOGP, 0.05, 1),
}
_GRADED: dict[str, tuple[Measure, float, int]] = {
    "lipophilic": (_LOGP, 0.05, 1),
    "hydrophobic": (_LOGP, 0.05, 1),
    "hydrophilic": (_LOGP, 0.05, -1),
    "polar": (_TPSA, 1.0, 1),
    "flexible": (_FLEX, 0.5, 1),
    "rigid": (_FLEX, 0.5, -1),
    "massive": (_MASS, 0.01, 1),
}
_UP = words("more higher greater larger bigger")
_DOWN = words("less fewer lower smaller")
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
        elif token.text in ("same", "identical", "equal") and (same := _same_at(reading, i, pool)):
            yield same


@dataclass(frozen=True)
class _Comparative:
    behind: int
    measure: Measure | None
    margin: float
    sign: int


def _comparative_at(reading: Reading, i: int) -> _Comparative | None:
    word, after = reading.word(i), reading.word(i + 1)
    if word in _ADJECTIVES and _term_at(reading, i + 1) is None:
        measure, margin, sign = _ADJECTIVES[word]
        return _Comparative(i + 1, measure, margin, sign) if _ends(reading, i + 1) else None
    if word in ("more", "less") and after in _GRADED:
        measure, margin, sign = _GRADED[after]
        return (
            _Comparative(i + 2, measure, margin, sign if word == "more" else -sign)
            if _ends(reading, i + 2)
            else None
        )
    if word in ("more", "less") and after in _OPAQUE_ADJECTIVES:
        return _Comparative(i + 2, None, 0.0, 1) if _ends(reading, i + 2) else None
    if word not in _UP | _DOWN:
        return None
    term = _term_at(reading, i + 1) or (
        _term_at(reading, i + 2)
        if reading.word(i + 1) in ("computed", "calculated", "total", "overall", "number", "of")
        else None
    )
    if term is None and reading.word(i + 1) == "number" and reading.word(i + 2) == "of":
        term = _term_at(reading, i + 3)
    if (
        term is None
        or reading.word(i - 1) in ("no", "or", "not", "at", "any")
        or reading.word(i + 1) == "than"
    ):
        return None
    measured = _measure_of(term.term)
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


def _term_at(reading: Reading, i: int) -> TermMatch | None:
    return next(
        (t for t in reading.terms if t.first == i and t.term.family not in ("skip", "opaque")), None
    )


def _measure_of(term: Term) -> tuple[Measure, float] | None:
    if term.family == "scalar":
        return _SCALARS[term.key]
    if term.family not in ("count", "element", "group"):
        return None

    def measure(facts: Facts) -> tuple[float, float, str]:
        counted: Range = count_of(term, (), facts)
        return counted.least, counted.most, counted.truth

    return measure, 0.0


def _placed(reading: Reading, pool: Sequence[int], i: int, found: _Comparative) -> Comparison:
    """Adds who is compared with whom."""
    tokens = reading.tokens
    first = _single(_subject_before(reading, i))
    second = _compared_with(reading, found.behind, first, pool)
    end = tokens[found.behind - 1].end
    context = reading.context[i]
    measure = None if context.doubted else found.measure
    negated = context.negated and context.mode in ("is", "has")
    return Comparison(
        tokens[i].start, end, first, second, measure, found.sign, found.margin, negated
    )


def _subject_before(reading: Reading, i: int) -> Subject:
    return reading.subjects.at(i, i + 1, reading.tokens)


def _single(subject: Subject) -> int | None:
    return subject.numbers[0] if subject.mode == "one" and len(subject.numbers) == 1 else None


def _compared_with(
    reading: Reading, behind: int, first: int | None, pool: Sequence[int]
) -> int | None:
    """The molecule behind "than"; without one, the only other molecule."""
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
        m for m in reading.subjects.mentions if m.role == "object" and _single(m.subject) != first
    ]
    if than is not None:
        later = [
            m
            for m in reading.subjects.mentions
            if than < m.first <= than + 5 and m.first > behind - 1
        ]
        if later and not later[0].is_pronoun:
            return _single(later[0].subject)
        words = {reading.word(j) for j in range(than + 1, than + 5)}
        pointing = (words & {"it", "other", "that", "its"} and not later[:1]) or (
            later[:1] and later[0].is_pronoun
        )
        return others[0] if pointing and len(others) == 1 and first in pool else None
    if compared:
        return _single(compared[0].subject)
    return others[0] if len(others) == 1 and first in pool else None


def _same_at(reading: Reading, i: int, pool: Sequence[int]) -> Comparison | None:
    """As in "the same formula", "the same number of rings", "an identical mass"."""
    j = i + 1
    while (
        reading.word(j) in ("number", "of", "computed", "total", "molecular")
        and _term_at(reading, j) is None
    ):
        j += 1
    term = _term_at(reading, j)
    if term is None:
        return None
    pair = _pair(reading, i, term.behind, pool)
    if pair is None:
        return None
    measured = _formula_measure if term.term.family == "formula" else None
    margin = 0.0
    if measured is None and (scalar := _measure_of(term.term)) is not None:
        if term.term.family in ("group", "element") and reading.word(i + 1) != "number":
            return None
        measured, margin = scalar[0], scalar[1] * 0.5
    if measured is None:
        return None
    tokens, context = reading.tokens, reading.context[i]
    measure = None if context.doubted else measured
    start = i - 1 if reading.word(i - 1) == "the" else i
    end = tokens[term.behind - 1].end
    return Comparison(tokens[start].start, end, *pair, measure, 0, margin, context.negated)


def _pair(reading: Reading, i: int, behind: int, pool: Sequence[int]) -> tuple[int, int] | None:
    subject = _subject_before(reading, i)
    if subject.mode == "each" and len(subject.numbers) == 2:
        return subject.numbers[0], subject.numbers[1]
    first = _single(subject)
    if first is None:
        return None
    for mention in reading.subjects.mentions:
        if mention.first >= behind and reading.word(mention.first - 1) in ("as", "to", "with"):
            second = _single(mention.subject)
            return (first, second) if second is not None else None
    return None


def _formula_measure(facts: Facts) -> tuple[float, float, str]:
    """Formulae are equal or not; their text stands for them."""
    return 0.0, 0.0, facts.formula


def judge(found: Comparison, molecules: Mapping[int, Facts]) -> Finding:
    """Whether the comparison holds."""
    if found.measure is None or found.first not in molecules or found.second not in molecules:
        return Finding(None, None)
    first, second = molecules[found.first], molecules[found.second]
    if found.measure is _SCALARS["qed"][0] and None in (first.qed, second.qed):
        return Finding(None, None)
    low_a, high_a, text_a = found.measure(first)
    low_b, high_b, text_b = found.measure(second)
    truth = f"molecule {found.first}: {text_a}; molecule {found.second}: {text_b}"
    holds = _holds(found, (low_a, high_a, text_a), (low_b, high_b, text_b))
    if found.negated and holds is not None:
        holds = not holds
    return Finding(holds, truth)


def _holds(
    found: Comparison, a: tuple[float, float, str], b: tuple[float, float, str]
) -> bool | None:
    if found.measure is _formula_measure:
        return a[2] == b[2]
    if found.sign == 0:
        if a[0] == a[1] and b[0] == b[1]:
            return abs(a[0] - b[0]) <= found.margin + 1e-9
        return None
    more, less = (a, b) if found.sign > 0 else (b, a)
    if more[0] - less[1] > found.margin:
        return True
    if more[1] - less[0] <= 1e-9 or more[1] - less[0] < -found.margin:
        return (
            False
            if found.margin == 0 or more[1] - less[0] < -found.margin or a[0] == b[0]
            else None
        )
    return None
