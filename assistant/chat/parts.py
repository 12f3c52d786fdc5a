"""Which of several values that a question asks for its answer leaves out.

"What's the formula, and the TPSA?" answered by a formula has "1 of 1 claim checked" above it, which
reads as if all of it had been answered.
"""

import re
from collections.abc import Sequence

from assistant.chat.asked_words import PLAIN_QUESTIONS, plain_text
from assistant.chat.asking.terms import AROUND, asked_terms, value_key
from assistant.chat.card import CARD_LABELS
from assistant.chat.claims.asked import declines
from assistant.chat.claims.model import Check
from assistant.chat.claims.text import split_sentences

_MOST_CHARS = 300
_ELSE = re.compile(
    r"\b(?:or|than|versus|vs|not|never|without|why|explain|affect\w*|depend\w*|chang\w+|influenc\w*"
    r"|between|because|mean\w*|defin\w+|if|from|higher|lower|improv\w*|increas\w*|describe|compare"
    r"|all|everything|properties|facts|violat\w*|rule|lipinski\w*)\b|n't\b"
)
"""Words of a question that names values and asks for something else or for everything."""
_JOINED = re.compile(r",|;|\band\b|&|\+|\balso\b|\bplus\b|[?.]\s*\w")
_MASSES = frozenset({"average_mass", "exact_mass", "mass"})


def unanswered(question: str, answer: str, checks: Sequence[Check]) -> tuple[str, ...]:
    """The values, as the card calls them, that a question asks for and no claim is about.

    Args:
        question: What was asked.
        answer: What was answered; one that declines says so itself.
        checks: Verdicts on its claims.
    """
    if not checks or len(question) > _MOST_CHARS or declines(answer):
        return ()
    plain = plain_text(question)
    if _ELSE.search(plain) or not _JOINED.search(plain):
        return ()
    keys = asked_keys(plain)
    said = {_kind(check.kind) for check in checks}
    left = [key for key in keys if _kind(key) not in said]
    if len(keys) < 2 or len(left) == len(keys):
        return ()
    return tuple(CARD_LABELS.get(key, key) for key in left)


def asked_keys(plain: str) -> tuple[str, ...]:
    """The values of the card that a text names, each once, in order."""
    tokens = [token for part in split_sentences(plain, []) for token in part.tokens]
    terms = [match.term for match in asked_terms(tokens) if match.term != AROUND]
    keys = (value_key(term) for term in terms if term.family != "skip")
    return tuple(dict.fromkeys(key for key in keys if key in PLAIN_QUESTIONS))


def _kind(key: str) -> str:
    if key in _MASSES:
        return "mass"
    return "logp" if key == "clogp" else key
