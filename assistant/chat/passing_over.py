"""What an answer does beside giving what was asked: it declines, describes, gives other values."""

import re
from collections.abc import Sequence

from assistant.chat.asked_words import PLAIN_QUESTIONS, plain_text
from assistant.chat.claims.model import Check
from assistant.chat.sentences import sentence_spans

DECLINED = re.compile(
    r"\b(?:do not|don't|cannot|can't) (?:know|have|give|tell|find) (?:the |its )?"
    r"(?P<name>[\w -]{2,40}?) (?:of|for|in) (?:molecule (?P<number>\d+)|it|this \w+)"
    r"(?= *(?:[.,;]|$))"
)
"""What an answer says not to know, by its name."""
_CLAIMS = re.compile(r"(?:yes|no)\b|(?:molecule \d+|it) (?:contains?|has)\b")
_A_CLAIM = 60
"""Characters of a sentence that explains nothing."""
_STEM = 4
"""Letters that first words of kindred names share: "melting point" and "melting range"."""
_OF_A_DESCRIPTION = frozenset({"formula", "mass", "logp", "tpsa"})


def says_wrong(checks: Sequence[Check]) -> bool:
    """Whether the structure contradicts a claim."""
    return any(check.verdict == "contradicted" for check in checks)


def declines_another(text: str, key: str) -> bool:
    """Whether what an answer says not to know has another name: "the price", not "the toxicity"."""
    found = DECLINED.search(plain_text(text))
    if found is None:
        return False
    stems = [word[:_STEM] for word in re.findall(r"\w+", found["name"])]
    return key.lower().split()[0][:_STEM] not in stems


def describes(checks: Sequence[Check]) -> bool:
    """Whether an answer is a whole description, which explains nothing of what was asked."""
    return {check.kind for check in checks} >= _OF_A_DESCRIPTION


def names_a_group(text: str, checks: Sequence[Check]) -> bool:
    """Whether an answer is a claim on groups and nothing more ("Yes, it contains a phenol.")."""
    is_short = len(text) <= _A_CLAIM and len(sentence_spans(text)) == 1
    is_claim = is_short and _CLAIMS.match(text.lower()) is not None
    return is_claim and bool(checks) and all(check.kind == "group" for check in checks)


def gives_values(text: str, checks: Sequence[Check]) -> bool:
    """Whether an answer begins with a value of the card, and has nothing else.

    One that speaks of groups may explain something, one whose first sentence says nothing that can
    be checked may say what was asked for.
    """
    spans = sentence_spans(text)
    if not checks or not spans or checks[0].start >= spans[0].end:
        return False
    return all(check.kind == "element" or check.kind in PLAIN_QUESTIONS for check in checks)
