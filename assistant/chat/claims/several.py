"""Some of several molecules, or all: "molecule 3 has the most rings", "all have the same mass"."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.chat.claims.comparisons import (
    compared_term,
    denied,
    is_of_size,
    sameness_at,
    subject_before,
)
from assistant.chat.claims.measures import (
    QED,
    SUPERLATIVES,
    Measure,
    formula_measure,
    measure_of,
    phrase_at,
)
from assistant.chat.claims.model import Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_UP = words("most highest largest greatest biggest")
_DOWN = words("fewest least lowest smallest")
_ENDS = ("", ",", ".", ";", "and", "but", "(", ")", "of", "among", "by", "because", "since")
_HOW_MANY = {"both": 2, "two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4}
_ALL = words("the all them these those") | _HOW_MANY.keys()


@dataclass(frozen=True)
class AmongSeveral:
    """A statement about some of several molecules.

    Args:
        start: Offset.
        end: Offset behind it.
        numbers: Of whom it is said.
        pool: Among whom; `numbers` are some of them, for a sameness all.
        measure: The compared property; None where the statement is doubted, or counts other
            molecules than the pool ("of the two" among three).
        sign: +1 for the most, -1 for the least, 0 for the same.
        margin: Differences up to here count as equal.
        negated: Whether it is denied.
    """

    start: int
    end: int
    numbers: tuple[int, ...]
    pool: tuple[int, ...]
    measure: Measure | None
    sign: int
    margin: float
    negated: bool = False


def read_several(
    reading: Reading, known: Sequence[int], focus: Sequence[int]
) -> Iterator[AmongSeveral]:
    """Superlatives of molecules named before them, and what three or more are said to share."""
    if len(known) < 2:
        return
    pool = tuple(focus) if len(focus) >= 2 else tuple(known)
    for i in range(len(reading.tokens)):
        if reading.is_silent(i):
            continue
        if found := _superlative_at(reading, i, pool) or _shared_at(reading, i):
            yield found


def _superlative_at(reading: Reading, i: int, pool: tuple[int, ...]) -> AmongSeveral | None:
    """As in "has the most rings", "is the heaviest"; who is meant must stand before it."""
    if reading.word(i - 1) != "the":
        return None
    compared = _compared_at(reading, i)
    if compared is None:
        return None
    measure, margin, sign, behind = compared
    is_named = any(
        m.first < i and m.role == "subject" and not m.is_pronoun for m in reading.subjects.mentions
    )
    subject, context = subject_before(reading, i), reading.context[i]
    fits = subject.mode in ("one", "each") and set(subject.numbers) < set(pool)
    if not is_named or not fits or context.mode not in ("is", "has"):
        return None
    if not _is_of_all(reading, behind):
        return None
    is_unclear = context.doubted or _how_many(reading, behind) not in (None, len(pool))
    tokens = reading.tokens
    return AmongSeveral(
        tokens[i - 1].start,
        tokens[behind - 1].end,
        subject.numbers,
        pool,
        None if is_unclear else measure,
        sign,
        margin,
        context.negated,
    )


def _compared_at(reading: Reading, i: int) -> tuple[Measure, float, int, int] | None:
    """What the superlative at token `i` measures, the margin, the sign, and the index behind it."""
    said = phrase_at(reading, i, SUPERLATIVES)
    term = compared_term(reading, i + 1)
    if said is not None and term is None:
        ordered, behind = said
        return *ordered, behind
    if term is None or reading.word(i) not in _UP | _DOWN or is_of_size(reading, i, term):
        return None
    measured = measure_of(term.term)
    return measured and (*measured, 1 if reading.word(i) in _UP else -1, term.behind)


def _is_of_all(reading: Reading, behind: int) -> bool:
    """Whether nothing behind it narrows it: "the most rings of all", not "of molecules 1 and 2"."""
    if reading.word(behind) not in _ENDS:
        return False
    return reading.word(behind) not in ("of", "among") or reading.word(behind + 1) in _ALL


def _how_many(reading: Reading, behind: int) -> int | None:
    """Of how many it is said: "of the three"; None where that is not counted."""
    if reading.word(behind) not in ("of", "among"):
        return None
    said = (reading.word(behind + 1), reading.word(behind + 2))
    return next((_HOW_MANY[word] for word in said if word in _HOW_MANY), None)


def _shared_at(reading: Reading, i: int) -> AmongSeveral | None:
    """As in "molecules 1, 2 and 3 have the same number of rings"; two are a comparison."""
    same = sameness_at(reading, i)
    subject, context = subject_before(reading, i), reading.context[i]
    if same is None or subject.mode != "each" or len(subject.numbers) < 3:
        return None
    tokens = reading.tokens
    return AmongSeveral(
        tokens[same.first].start,
        tokens[same.behind - 1].end,
        subject.numbers,
        subject.numbers,
        None if context.doubted else same.measure,
        0,
        same.margin,
        same.negated,
    )


def judge(found: AmongSeveral, molecules: Mapping[int, Facts]) -> Finding:
    """Whether it holds; a tie with a molecule that it leaves out is left open."""
    facts = {number: molecules[number] for number in found.pool if number in molecules}
    undefined = found.measure is QED and any(f.qed is None for f in facts.values())
    if found.measure is None or undefined or not set(found.numbers) <= facts.keys():
        return Finding(None, None)
    values = {number: found.measure(f) for number, f in facts.items()}
    truth = "; ".join(f"molecule {number}: {value.truth}" for number, value in values.items())
    if found.measure is formula_measure:
        holds: bool | None = len({value.truth for value in values.values()}) == 1
    elif any(value.least != value.most for value in values.values()):
        holds = None  # chemists count differently
    else:
        holds = _holds(found, {number: value.least for number, value in values.items()})
    holds = denied(holds, found.negated)
    if holds is False and any(value.other is not None for value in values.values()):
        others = {number: value.by_other().least for number, value in values.items()}
        holds = None if denied(_holds(found, others), found.negated) else False
    return Finding(holds, truth)


def _holds(found: AmongSeveral, values: Mapping[int, float]) -> bool | None:
    margin = found.margin + 1e-9
    if found.sign == 0:
        return max(values.values()) - min(values.values()) <= margin
    behind = {number: -found.sign * value for number, value in values.items()}
    least = min(behind.values())
    if any(behind[number] - least > margin for number in found.numbers):
        return False
    ties = any(behind[n] - least <= margin for n in values if n not in found.numbers)
    return None if ties else True
