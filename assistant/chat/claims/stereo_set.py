"""Statements on how much of the stereochemistry is drawn: "2 of 3 stereocentres are set"."""

from collections.abc import Callable, Iterator

from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_SET = words("set defined assigned specified")
_BETWEEN = words("is are the of its have has been stereocentre stereocentres stereocenters centres")
_NEAR = 6


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
        said = {term.term.key for term in reading.terms}
        test = _test(int(token.value), int(whole.value), double="double_bonds" in said)
        yield reading.claim(i, end, "stereocentres", test)


def _behind_set(reading: Reading, start: int) -> int | None:
    """Index behind "set"; None where something else comes first."""
    of_terms = {i for term in reading.terms for i in range(term.first, term.behind)}
    for i in range(start, min(start + _NEAR, len(reading.tokens))):
        if reading.word(i) in _SET:
            return i + 1
        if reading.word(i) not in _BETWEEN and i not in of_terms:
            return None
    return None


def _test(n_set: int, n: int, *, double: bool) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        centres = (facts.stereocentres_set, facts.stereocentres)
        bonds = (facts.double_bonds_set, facts.double_bonds)
        wanted = bonds if double else centres
        truth = f"{wanted[0]} of {wanted[1]} set"
        if (n_set, n) == wanted:
            return Finding(True, truth)
        return Finding(None if (n_set, n) == bonds and not centres[1] else False, truth)

    return test
