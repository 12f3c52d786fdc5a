"""Statements about facts that are not computed here: melting points, pKa, IUPAC names."""

from collections.abc import Iterator

from assistant.chat.claims.model import Claim
from assistant.chat.claims.phrases import value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.values import read_unit

_NAMED = frozenset({"IUPAC name", "CAS number"})


def _is_given(reading: Reading, i: int) -> bool:
    """Whether "is" or a colon follows, perhaps behind "of molecule 2"."""
    while i in reading.labels or reading.word(i) in ("of", "for", "the"):
        i += 1
    return reading.word(i) in ("is", ":", "|") and reading.word(i + 1) not in ("not", "unknown")


def read_opaque(reading: Reading) -> Iterator[Claim]:
    """A property with a value, or a name that is given: marked as not checkable."""
    for match in reading.terms:
        if match.term.family != "opaque" or reading.is_silent_but_reacting(match.first):
            continue
        if match.term.key in _NAMED:
            if _is_given(reading, match.behind):
                yield reading.claim(match.first, match.behind, match.term.key, None)
            continue
        read = value_behind(reading.tokens, match.behind, reading.labels)
        if read is not None:
            _, end = read_unit(reading.text, reading.tokens[read[2] - 1].end)
            end = max(end, reading.tokens[read[2] - 1].end)
            yield reading.claim(match.first, read[2], match.term.key, None, end=end)
