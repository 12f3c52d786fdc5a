"""A question as people type it."""

import random

from assistant.chat.conversation import referred_numbers

_SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "is",
        "are",
        "it",
        "its",
        "for",
        "me",
        "what",
        "what's",
        "which",
        "does",
        "do",
        "have",
        "has",
        "i",
        "you",
        "please",
        "in",
        "to",
    ]
)


def as_typed(rng: random.Random, question: str) -> str:
    """Lower case, no full stop, small words left out, a swapped or missing letter.

    References to molecules stay readable: a turn is about what the program can read of it.
    """
    typed = _mistyped(rng, question)
    return typed if referred_numbers(typed) == referred_numbers(question) else question


def _mistyped(rng: random.Random, question: str) -> str:
    if rng.random() < 0.15:
        question = question[:1].lower() + question[1:]
    if rng.random() < 0.12:
        question = question.rstrip("?.")
    if rng.random() < 0.15:
        question = _telegraphed(rng, question)
    if rng.random() < 0.05 and len(question) > 12:
        at = rng.randrange(3, len(question) - 2)
        if question[at].isalpha() and question[at + 1].isalpha():
            swapped = question[at + 1] + question[at]
            keep = swapped if rng.random() < 0.5 else question[at]
            question = question[:at] + keep + question[at + 2 :]
    return question


def _telegraphed(rng: random.Random, question: str) -> str:
    """Small words left out, as in a search box; at least two words stay."""
    words = question.split(" ")
    kept = [w for w in words if w.lower() not in _SMALL_WORDS or rng.random() < 0.4]
    return " ".join(kept) if len(kept) >= 2 else question
