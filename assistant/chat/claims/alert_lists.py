"""Lists of structural alerts by name: "it has these alerts: PAINS quinone A, Brenk thiol 2".

Right is a list that names every computed alert and no other. One that is said to be a part
("among others", "such as") may leave some out, and so may a name in running text ("it hits PAINS
quinone A"). A name that no computed alert has is wrong, though it be in no catalogue either.
"""

import re
from collections.abc import Callable, Iterator

from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_IN_PART = words("including include includes example instance others such among one another like")
_NEXT = re.compile(r"(?:[,;]\s*(?:and\s+)?|\band\s+)(?=(?:pains|brenk))", re.IGNORECASE)
_CATALOGUE = re.compile(r"(?:pains|brenk)(?!s$)[a-z]*$")
"""The name of one, or an invented name that begins with it: "PAINSo amino B"."""
_OTHERS = (
    r"(?:or|and|none|no|nor|alerts?|filters?|patterns?|substructures?|hits?|type|class|family|sets?"
    r"|catalogues?|matches|match|flags?|motifs?|from|is|are|in)\b"
)
_NAMED = re.compile(rf"(?:pains|brenk)(?: (?!{_OTHERS})(?:[a-z>]|\d+-[a-z])|[a-rt-z]\w* [a-z])")
_NUMBERED = re.compile(r"[a-z][a-z0-9=/-]*(?: [a-z0-9=/-]+){0,4} (?:[a-z]|\d)$")
"""How they look in lower case: "quinone a", "thiol 2"."""
_NO_PART = (
    r"(?i:of|by|because|with|without|its|it|the|this|that|at|on|due|for|as|to|known|list|library"
    r"|subset|risk|since|when)\b"
)
_IN_TEXT = re.compile(
    rf"\b(?:PAINS|Brenk)(?:[a-z]\w{{0,20}})?[ _](?!{_OTHERS})"
    rf"(?:(?!{_NO_PART})[A-Za-z0-9/=>-]{{1,30}}[ _]){{1,5}}[A-Z](?=\s?(?:[,.;:)(]|\band\b|$))"
)
"""As catalogues number their names, with a capital letter: "PAINS quinone A". No piece of it holds
what stands between the pieces, so that no text is tried in many ways."""


def read_alert_lists(reading: Reading) -> Iterator[Claim]:
    """A list of names behind "alerts:", which is one claim; names in running text, each one."""
    yield from _read_list(reading)
    for found in _IN_TEXT.finditer(reading.text, reading.sentence.start, reading.sentence.end):
        inside = [i for i, t in enumerate(reading.tokens) if found.start() <= t.start < found.end()]
        if not inside or reading.is_silent(inside[0]):
            continue
        first, test = inside[0], _test([_plain(found[0])], in_part=True)
        denied = _is_denied(reading, first)
        first -= reading.word(first - 1) in ("no", "not")
        yield reading.claim(first, inside[-1] + 1, "alerts", test, negated=denied)


def _is_denied(reading: Reading, first: int) -> bool:
    """As in "it has no PAINS quinone A"."""
    context = reading.context[first]
    return context.negated or context.listed_no or reading.word(first - 1) in ("no", "not")


def _read_list(reading: Reading) -> Iterator[Claim]:
    for match in reading.terms:
        if match.term.key != "alerts" or reading.is_silent(match.first):
            continue
        first = _begin(reading, match.behind)
        if first is None:
            continue
        behind = len(reading.tokens)
        said = reading.text[reading.tokens[first].start : reading.tokens[-1].end]
        names = [_plain(name) for name in _NEXT.split(said) if name.strip()]
        if not all(_NAMED.match(name) for name in names):
            continue  # numbers, none, or names written in another way
        goes_on = reading.text[reading.sentence.end :].lstrip().startswith(";")
        in_part = goes_on or any(reading.word(i) in _IN_PART for i in range(behind))
        yield reading.claim(first, behind, "alerts", _test(names, in_part=in_part))
        return


def _begin(reading: Reading, behind: int) -> int | None:
    """The first token of the list behind "alerts:", "alerts are", "alerts were found:"."""
    for i in range(behind, min(behind + 4, len(reading.tokens))):
        if _CATALOGUE.match(reading.word(i)) and reading.word(i - 1) in (":", "are", "is"):
            return i
    return None


def _plain(name: str) -> str:
    """A name as it is compared, with spaces for the underscores of the catalogues."""
    return name.replace("_", " ").lower()


def _test(names: list[str], *, in_part: bool) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        computed = list(dict.fromkeys(f"{a.catalogue} {a.name}" for a in facts.alerts))
        truth = f"alerts: {', '.join(computed)}" if computed else "no such alerts"
        lowered = [name.lower() for name in computed]
        listed = [part for name in names for part in _parts(name, lowered)]
        are_there = all(any(_names(said, one) for one in lowered) for said in listed)
        are_all = in_part or all(any(_names(said, one) for said in listed) for one in lowered)
        return Finding(are_there and are_all, truth)

    return test


def _parts(name: str, computed: list[str]) -> Iterator[str]:
    """A piece of a list, and the names that follow it without their catalogue.

    Behind "PAINS rhod sat A" these are "quinone A" and "thiol 2", by the look of them or because
    they were computed, and not "which is a rhodanine".
    """
    first, *others = re.split(r",\s+(?:and\s+)?|\s+and\s+", name)
    yield first
    catalogue = first.split(" ")[0]
    for other in others:
        said = f"{catalogue} {other.strip()}"
        if any(_names(said, one) for one in computed) or _NUMBERED.match(other.strip()):
            yield said


def _names(said: str, computed: str) -> bool:
    """Whether a piece of a list begins with that name; words may follow it ("thiol 2 (twice)")."""
    return re.match(rf"{re.escape(computed)}(?![\w-])", said) is not None
