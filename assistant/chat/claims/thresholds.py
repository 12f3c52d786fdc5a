"""A value that was just stated, against a limit: "cLogP 3.1, so no: that is not below 3"."""

from collections.abc import Callable, Iterator

from assistant.chat.claims.counted import count_of
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.numbers import SCALARS
from assistant.chat.claims.phrases import value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.surroundings import kind_of
from assistant.chat.claims.values import Quantity, compare_count, read_unit
from assistant.chem.facts import Facts

_POINTS = ("that", "this", "which")


def read_thresholds(reading: Reading) -> Iterator[Claim]:
    """As in "that is above 300"; what is compared is the last value named before."""
    for i in range(1, len(reading.tokens)):
        if reading.word(i) not in _POINTS or reading.word(i + 1) != "is" or reading.is_silent(i):
            continue
        match = _value_before(reading, i)
        read = value_behind(reading.tokens, i + 1, reading.labels)
        if match is None or read is None or read[0].is_point:
            continue  # "that is 3.1" says the value once more
        stated, _, behind, negated = read
        _, end = read_unit(reading.text, reading.tokens[behind - 1].end)
        end = max(end, reading.tokens[behind - 1].end)
        kind, test = _test(match, stated)
        yield reading.claim(i + 2, behind, kind, test, end=end, negated=negated)


def _value_before(reading: Reading, i: int) -> TermMatch | None:
    before = [t for t in reading.terms if t.behind <= i and t.term.family in ("scalar", "count")]
    return before[-1] if before else None


def _test(match: TermMatch, stated: Quantity) -> tuple[str, Callable[[Facts], Finding]]:
    if match.term.family == "scalar":
        scalar = SCALARS[match.term.key]
        return scalar.kind, lambda facts: scalar.test(stated, facts)

    def counted(facts: Facts) -> Finding:
        found = count_of(match.term, (), facts)
        holds = {compare_count(stated, n) for n in (found.least, found.most)}
        return Finding(holds.pop() if len(holds) == 1 else None, found.truth)

    return kind_of(match.term), counted
