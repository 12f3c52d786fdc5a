"""Statements about facts that are not computed here: melting points, orbital energies, names."""

import re
from collections.abc import Iterator

from assistant.chat.claims.model import Claim
from assistant.chat.claims.phrases import value_behind
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.text import Token
from assistant.chat.claims.values import read_unit

_NAMED = frozenset({"IUPAC name", "CAS number"})
_UNIT = re.compile(
    r" ?(?:Hartrees?|Eh|eV|[kM]?J/(?:mol|K)|k?cal/(?:mol|K)|k?cal/\(?mol[ */·]?K\)?"
    r"|log10\(mol/L\)|a0\^?[23]|mol/L|g/(?:cm3|mL)|mg/m?L"
    r"|[munµμ]M|nm|ns|ps|D|Debye|mPa s|cP|mN/m|cm-1|°C|K|V|%)(?![\w/])"
)
_MOST_CONDITION = 6


def _is_given(reading: Reading, i: int) -> bool:
    """Whether "is" or a colon follows, perhaps behind "of molecule 2"."""
    while i in reading.labels or reading.word(i) in ("of", "for", "the"):
        i += 1
    return reading.word(i) in ("is", ":", "|") and reading.word(i + 1) not in ("not", "unknown")


def _behind_condition(reading: Reading, i: int) -> int:
    """Index behind "at 298 K", "(in water)" or the like; `i` where there is none."""
    tokens = reading.tokens
    if reading.word(i) not in ("at", "in", "under") or i + 1 >= len(tokens):
        return i
    for end in range(i + 2, min(i + _MOST_CONDITION, len(tokens))):
        if reading.word(end) in ("is", "was", ":", "of", "="):
            return end
    return i


def _end_of_unit(reading: Reading, last: Token) -> int:
    """Offset behind a value's unit, else behind the value."""
    found = _UNIT.match(reading.text, last.end)
    _, end = read_unit(reading.text, last.end)
    return max(last.end, end, found.end() if found else 0)


def read_opaque(reading: Reading) -> Iterator[Claim]:
    """A property with a value, or a name that is given: marked as not checkable."""
    for match in reading.terms:
        if match.term.family != "opaque" or reading.is_silent_but_reacting(match.first):
            continue
        if match.term.key in _NAMED:
            if _is_given(reading, match.behind):
                yield reading.claim(match.first, match.behind, match.term.key, None)
            continue
        start = _behind_condition(reading, match.behind)
        read = value_behind(reading.tokens, start, reading.labels)
        if read is not None:
            end = _end_of_unit(reading, reading.tokens[read[2] - 1])
            yield reading.claim(match.first, read[2], match.term.key, None, end=end)
