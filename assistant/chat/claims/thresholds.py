"""A value that was just stated, against a limit: "cLogP 3.1, so no: that is not below 3"."""

from collections.abc import Callable, Iterator

from assistant.chat.claims.counted import count_of
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.numbers import SCALARS
from assistant.chat.claims.phrases import ends_cleanly, value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.surroundings import kind_of
from assistant.chat.claims.values import Quantity, compare_count, read_number
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_POINTS = ("that", "this", "which")
_OTHERS = words("difference ratio limit sum change half twice")


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
        if not ends_cleanly(reading.tokens, behind):
            continue  # a unit, or what it is a number of
        kind, test = _test(match, stated)
        yield reading.claim(i + 2, behind, kind, test, negated=negated)


def _value_before(reading: Reading, i: int) -> TermMatch | None:
    """The only property and the only number of the sentence before; else it is not clear which."""
    before = [term for term in reading.terms if term.behind <= i]
    n_numbers = sum(
        read_number(token) is not None and not reading.is_label(place)
        for place, token in enumerate(reading.tokens[:i])
    )
    if len(before) != 1 or n_numbers != 1 or before[0].term.family not in ("scalar", "count"):
        return None
    is_other = any(reading.word(place) in _OTHERS for place in range(i))
    return None if is_other else before[0]


def _test(match: TermMatch, stated: Quantity) -> tuple[str, Callable[[Facts], Finding]]:
    if match.term.family == "scalar":
        scalar = SCALARS[match.term.key]
        return scalar.kind, lambda facts: scalar.test(stated, facts)

    def counted(facts: Facts) -> Finding:
        found = count_of(match.term, (), facts)
        holds = {compare_count(stated, n) for n in (found.least, found.most)}
        return Finding(holds.pop() if len(holds) == 1 else None, found.truth)

    return kind_of(match.term), counted
