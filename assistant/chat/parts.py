"""Which of several values or groups that a question asks for its answer leaves out.

"What's the formula, and the TPSA?" answered by a formula has "1 of 1 claim checked" above it, which
reads as if all of it had been answered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.chat.asked_words import (
    CARD_KEYS_OF,
    PLAIN_QUESTIONS,
    are_related,
    groups_in,
    plain_text,
)
from assistant.chat.asking.terms import AROUND, asked_terms, value_key
from assistant.chat.card import CARD_LABELS
from assistant.chat.claims.asked import declines
from assistant.chat.claims.lexicon import Term
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


@dataclass(frozen=True)
class Left:
    """What an answer leaves out.

    Attributes:
        label: As the card calls it.
        question: Asks for it alone; `{}` stands for the molecule.
    """

    label: str
    question: str


def unanswered(question: str, answer: str, checks: Sequence[Check]) -> tuple[Left, ...]:
    """What a question asks for and no claim is about: values and groups.

    Args:
        question: What was asked.
        answer: What was answered; one that declines says so itself.
        checks: Verdicts on its claims.
    """
    if not checks or len(question) > _MOST_CHARS or declines(answer):
        return ()
    terms = _joined(question)
    said = {_kind(check.kind) for check in checks}
    groups = {name for check in checks if check.kind == "group" for name in groups_in(check.claim)}
    left = [
        term
        for term in terms
        if not (
            any(are_related(term.key, name) for name in groups)
            if term.family == "group"
            else _kind(value_key(term)) in said
        )
    ]
    if len(terms) < 2 or len(left) == len(terms):
        return ()
    return tuple(_left(term) for term in left)


def _left(term: Term) -> Left:
    if term.family == "group":
        return Left(term.key, f"How many groups of the kind {term.key} does {{}} contain?")
    key = value_key(term)
    return Left(CARD_LABELS[CARD_KEYS_OF.get(key, key)], PLAIN_QUESTIONS[key])


@lru_cache(maxsize=4096)  # a dialogue is rendered again at every turn
def _joined(question: str) -> tuple[Term, ...]:
    """The values of the card and the groups that a question asks for together, in order."""
    plain = plain_text(question)
    if _ELSE.search(plain) or not _JOINED.search(plain):
        return ()
    tokens = [token for part in split_sentences(plain, []) for token in part.tokens]
    found: dict[str, Term] = {}
    for match in asked_terms(tokens):
        is_value = match.term.family != "skip" and value_key(match.term) in PLAIN_QUESTIONS
        if match.term != AROUND and (is_value or match.term.family == "group"):
            found.setdefault(_kind(value_key(match.term)), match.term)
    return tuple(found.values())


def _kind(key: str) -> str:
    if key in _MASSES:
        return "mass"
    return "logp" if key == "clogp" else key
