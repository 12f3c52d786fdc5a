"""Whether the words beside a value deny it: "not 5.0", "I cannot confirm 5.0", "instead of 5.0"."""

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.wordlist import words

_AFTER_NOT = words(
    "confirm confirmed get got find found support reproduce reproduced verify verified obtain "
    "obtained weigh weighs equal equals be"
)
_BEFORE_VALUE = words("a an the that its your value values number of as for is with on any")
_TWO_WORDS = frozenset({("disagrees", "with"), ("instead", "of"), ("rather", "than")})
_REACH = 8


def denial_before(reading: Reading, first: int, *, named: bool = False) -> int | None:
    """The token at which the denial of what begins at token `first` begins; None for none.

    Between the two stand only words such as "a value of", properties, and molecules.

    Args:
        reading: The sentence.
        first: Token at which a value begins, or the property it is said of.
        named: Whether it is the property: "does not have a mass of 180.16" denies it, "instead of
            the mass of 180.16" does not.
    """
    near = (t for t in reading.terms if t.first < first and t.behind > first - _REACH)
    in_terms = {i for term in near for i in range(term.first, term.behind)}
    for i in range(first - 1, max(-1, first - 1 - _REACH), -1):
        word, before = reading.word(i), reading.word(i - 1)
        is_next = {reading.word(j) for j in range(i + 1, first)} <= {"as", "of"}
        if is_next and word in NEGATIONS | {"neither"}:
            return i
        if (before, word) in _TWO_WORDS:
            return None if named else i - 1
        if word in _AFTER_NOT or (named and word in ("have", "has")):
            return i - 1 if before in NEGATIONS else None
        if not (word in _BEFORE_VALUE or reading.is_label(i) or i in in_terms):
            return None
    return None


def denial_behind(reading: Reading, behind: int) -> int | None:
    """The index behind "does not fit" or "is not" (what I have), which deny the value before."""
    verb, end = reading.word(behind), behind + 1
    if verb.endswith("n't"):
        verb = verb.removesuffix("n't")
    elif reading.word(end) == "not":
        end += 1
    else:
        return None
    if verb in ("does", "do"):
        return end + 1 if reading.word(end) == "fit" else None
    return end if verb in ("is", "was") and reading.word(end) in ("", "what", ",") else None
