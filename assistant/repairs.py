"""What another answer makes of a wrong claim: whether it says rightly what was said wrong."""

from enum import IntEnum

from assistant.answering import Written
from assistant.chat.check import Check
from assistant.chat.claims.bounds import QUESTION_ASKS
from assistant.chat.claims.opening import YES_OR_NO, says_it_of_a_molecule
from assistant.chat.sentences import SentenceSpan, sentence_spans


class Repair(IntEnum):
    """What another answer makes of a wrong claim; more is better.

    Attributes:
        NONE: It says something wrong too, or nothing on it; a property of another kind, another
            molecule, or another group that is missing are nothing on it.
        LEFT_OUT: A group that is not there is gone from a list of groups that is right otherwise,
            or one that is there is named elsewhere; and no less is confirmed than before.
        PUT_RIGHT: In its place stands a right claim on the same computed value of the same
            molecule; a comparison may begin with either.
        WHOLE: So it does, and no less is confirmed in all than before.
    """

    NONE = 0
    LEFT_OUT = 1
    PUT_RIGHT = 2
    WHOLE = 3


def wrong_part(text: str, wrong: Check) -> tuple[int, int]:
    """The sentence of a wrong claim, as characters, with a "Yes." that stands before it."""
    spans = sentence_spans(text)
    at = next((i for i, span in enumerate(spans) if wrong.start < span.until), None)
    if at is None:
        return 0, len(text)
    joined = at > 0 and _is_a_word(text, spans[at - 1])
    return spans[at - joined].since, spans[at].until


def _part_end(text: str, since: int) -> int:
    """Where the sentence ends that stands in the place of that part."""
    spans = [span for span in sentence_spans(text) if span.until > since]
    if not spans:
        return len(text)
    joined = len(spans) > 1 and _is_a_word(text, spans[0])
    return spans[joined].until


def _is_a_word(text: str, span: SentenceSpan) -> bool:
    return " " not in text[span.start : span.end]


def repair(found: Written, first: Written, wrong: Check, since: int) -> Repair:
    """What another answer makes of a wrong claim; nothing where it says something wrong itself.

    Args:
        found: The other answer.
        first: The one with the claim.
        wrong: The claim.
        since: Where the sentence of the claim begins.
    """
    if found.contradicted:
        return Repair.NONE
    keeps_all = len(found.confirmed) >= len(first.confirmed)
    alike = [check for check in found.confirmed if check.kind == wrong.kind]
    same = [check for check in alike if _is_on_the_same(check, wrong)]
    until = _part_end(found.text, since)
    in_place = [check for check in same if since <= check.start < until]
    if any(not _is_only_a_word(check, found.text, since, until) for check in in_place):
        return Repair.WHOLE if keeps_all else Repair.PUT_RIGHT
    if wrong.kind == "group" and keeps_all and first.confirmed:
        # Silence puts right only what is not there.
        listed = same if _is_there(wrong) else alike
        if any(check.molecule == wrong.molecule and _is_there(check) for check in listed):
            return Repair.LEFT_OUT
    return Repair.NONE


def _is_only_a_word(check: Check, text: str, since: int, until: int) -> bool:
    """Whether a claim is a yes or no that the part of the text around it does not take up."""
    if check.claim.lower() not in YES_OR_NO:
        return False
    return not says_it_of_a_molecule(text[since : check.start] + text[check.end : until])


def _is_on_the_same(check: Check, wrong: Check) -> bool:
    """Whether a claim of the same kind is on the same value, which another molecule may share."""
    is_of_it = wrong.kind == "comparison" or check.molecule == wrong.molecule
    return is_of_it and _values(check) == _values(wrong)


def _is_there(check: Check) -> bool:
    """Whether the molecule has what the claim is on."""
    return not (check.truth or "").startswith("no ")


def _values(check: Check) -> frozenset[str]:
    """What was computed; a comparison may begin with either molecule."""
    said = (check.truth or "").split("; ")
    return frozenset(part for part in said if not part.startswith(QUESTION_ASKS))
