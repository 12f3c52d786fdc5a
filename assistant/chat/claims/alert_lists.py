"""Lists of structural alerts by name: "it has these alerts: PAINS quinone A, Brenk thiol 2".

Right is a list that names every computed alert and no other. One that is said to be a part
("among others", "such as") may leave some out.
"""

import re
from collections.abc import Callable, Iterator

from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_CATALOGUES = words("pains brenk")
_IN_PART = words("including include includes example instance others such among one another like")
_NEXT = re.compile(r"(?:[,;]\s*(?:and\s+)?|\band\s+)(?=(?:pains|brenk)\b)", re.IGNORECASE)
_NAMED = re.compile(
    r"(?:pains|brenk) (?!(?:or|and|none|no|alerts?|filters?|patterns?|substructures?|hits?|type)\b)"
    r"[a-z>]"
)


def read_alert_lists(reading: Reading) -> Iterator[Claim]:
    """A list of names behind "alerts:"; it is one claim."""
    for match in reading.terms:
        if match.term.key != "alerts" or reading.is_silent(match.first):
            continue
        first = _begin(reading, match.behind)
        if first is None:
            continue
        behind = len(reading.tokens)
        said = reading.text[reading.tokens[first].start : reading.tokens[-1].end]
        names = [name.lower() for name in _NEXT.split(said) if name.strip()]
        if not all(_NAMED.match(name) for name in names):
            continue  # numbers, none, or names written in another way
        goes_on = reading.text[reading.sentence.end :].lstrip().startswith(";")
        in_part = goes_on or any(reading.word(i) in _IN_PART for i in range(behind))
        yield reading.claim(first, behind, "alerts", _test(names, in_part=in_part))
        return


def _begin(reading: Reading, behind: int) -> int | None:
    """The first token of the list behind "alerts:", "alerts are", "alerts were found:"."""
    for i in range(behind, min(behind + 4, len(reading.tokens))):
        if reading.word(i) in _CATALOGUES and reading.word(i - 1) in (":", "are", "is"):
            return i
    return None


def _test(names: list[str], *, in_part: bool) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        computed = list(dict.fromkeys(f"{a.catalogue} {a.name}" for a in facts.alerts))
        truth = f"alerts: {', '.join(computed)}" if computed else "no such alerts"
        lowered = [name.lower() for name in computed]
        are_there = all(any(_names(said, one) for one in lowered) for said in names)
        are_all = in_part or all(any(_names(said, one) for said in names) for one in lowered)
        return Finding(are_there and are_all, truth)

    return test


def _names(said: str, computed: str) -> bool:
    """Whether a piece of a list begins with that name; words may follow it ("thiol 2 (twice)")."""
    return re.match(rf"{re.escape(computed)}(?![\w-])", said) is not None
