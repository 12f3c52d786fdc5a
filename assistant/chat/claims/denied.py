"""Whether the words beside a value deny it: "not 5.0", "I cannot confirm 5.0", "instead of 5.0"."""

from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words

_NOT = words("not cannot can't don't doesn't couldn't won't")
_AFTER_NOT = words("confirm get find support reproduce verify obtain")
_BEFORE_VALUE = words("a an the that its your value values number of as for is with on any")
_TWO_WORDS = frozenset({("disagrees", "with"), ("instead", "of"), ("rather", "than")})
_REACH = 8


def denial_before(reading: Reading, first: int) -> int | None:
    """The token at which the denial of what begins at token `first` begins; None for none.

    Between the two stand only words such as "a value of", properties, and molecules.
    """
    in_terms = {i for term in reading.terms for i in range(term.first, term.behind)}
    for i in range(first - 1, max(-1, first - 1 - _REACH), -1):
        word, before = reading.word(i), reading.word(i - 1)
        if word == "not" and i < first and set(_words(reading, i + 1, first)) <= {"as", "of"}:
            return i
        if (before, word) in _TWO_WORDS:
            return i - 1
        if word in _AFTER_NOT:
            return i - 1 if before in _NOT else None
        if not (word in _BEFORE_VALUE or reading.is_label(i) or i in in_terms):
            return None
    return None


def is_denied_behind(reading: Reading, behind: int) -> bool:
    """As in "5.0 does not fit this structure", "5.0 is not what I have", "… and 5.0 is not."."""
    following = [reading.word(i) for i in range(behind, behind + 3)]
    if following[:2] in (["is", "not"], ["was", "not"]):
        return following[2] in ("", "what", "right", "correct", ",", ".")
    return following[:2] in (["does", "not"], ["doesn't", "fit"]) and "fit" in following


def _words(reading: Reading, first: int, behind: int) -> list[str]:
    return [reading.word(i) for i in range(first, behind)]
