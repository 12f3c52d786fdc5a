"""Statements on how much of the stereochemistry is drawn: "2 of 3 stereocentres are set"."""

from collections.abc import Callable, Iterator

from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

SET = words("set defined assigned specified")
_BETWEEN = words("is are the of its have has been centres")
STEREO = frozenset({"stereocentres", "double_bonds"})
"""Of these "2" may be how many there are or how many are set."""
_NEAR = 6


def set_and_all(key: str, facts: Facts) -> tuple[int, int]:
    """How many stereocentres or stereo double bonds are set, and how many there are."""
    if key == "double_bonds":
        return facts.double_bonds_set, facts.double_bonds
    return facts.stereocentres_set, facts.stereocentres


def read_stereo_set(reading: Reading) -> Iterator[Claim]:
    """A number of a number that is set."""
    tokens = reading.tokens
    for i, token in enumerate(tokens[:-3]):
        whole = tokens[i + 2]
        if token.kind != "number" or whole.kind != "number" or reading.word(i + 1) != "of":
            continue
        end = _behind_set(reading, i + 3)
        if end is None or reading.is_silent(i):
            continue
        named = [term.term.key for term in reading.terms if term.term.key in STEREO]
        kind = named[0] if named else "stereocentres"
        test = _test(int(token.value), int(whole.value), kind, is_named=bool(named))
        yield reading.claim(i, end, kind, test)


def _behind_set(reading: Reading, start: int) -> int | None:
    """Index behind "set"; None where something else comes first."""
    stereo = (term for term in reading.terms if term.term.key in STEREO)
    of_terms = {i for term in stereo for i in range(term.first, term.behind)}
    for i in range(start, min(start + _NEAR, len(reading.tokens))):
        if reading.word(i) in SET:
            return i + 1
        if reading.word(i) not in _BETWEEN and i not in of_terms:
            return None
    return None


def _test(n_set: int, n: int, kind: str, *, is_named: bool) -> Callable[[Facts], Finding]:
    """Of so many something else may be set, where the sentence does not name what is."""

    def test(facts: Facts) -> Finding:
        found, total = set_and_all(kind, facts)
        holds = (n_set, n) == (found, total)
        is_open = not holds and not is_named and n != total
        return Finding(None if is_open else holds, f"{found} of {total} set")

    return test
