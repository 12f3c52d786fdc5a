"""Slips of the pen in the words of a question: "aceptors", "monoisotpic", "weigth"."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from functools import cache, lru_cache

from assistant.chat.asking.terms import asked_phrases, word_lists
from assistant.chat.claims.lexicon import phrases
from assistant.chat.claims.text import normalise

_LONG, _LONGEST = 6, 24
_ALIKE = 0.87
_LONG_WORD = re.compile(rf"\b[^\W\d_]{{{_LONG},{_LONGEST}}}\b")


def plain_text(question: str) -> str:
    """A question as it is read for what it asks: small letters, slips of the pen put right."""
    plain = normalise(question).lower().replace("³", "3")
    return _LONG_WORD.sub(lambda match: _spelled(match[0]), plain)


@lru_cache(maxsize=4096)
def _spelled(word: str) -> str:
    """A word of a term that was mistyped, else the word.

    One or two letters are left out, added or changed, or two change places. The first letter is
    right ("unsaturated" is no slip of "saturated"), and a plural is another word ("charges").
    """
    if word in _known_words():
        return word
    near = {known for short in _shortened(word) for known in _property_words().get(short, ())}
    best, ratio = word, 0.0
    for known in sorted(near):
        if known[0] != word[0] or word == known + "s":
            continue
        alike = SequenceMatcher(None, word, known).ratio()
        if alike > ratio and (alike >= _ALIKE or _is_swapped(word, known)):
            best, ratio = known, alike
    return best


def _is_swapped(word: str, known: str) -> bool:
    """Whether two neighbouring letters changed places."""
    return (
        word != known
        and sorted(word) == sorted(known)
        and (sum(a != b for a, b in zip(word, known, strict=True)) == 2)
    )


def _shortened(word: str) -> Iterator[str]:
    """A word without none, one or, in a long word, two of its letters."""
    yield word
    for i in range(len(word)):
        shorter = word[:i] + word[i + 1 :]
        yield shorter
        if len(word) > 2 * _LONG:
            yield from (shorter[:j] + shorter[j + 1 :] for j in range(i, len(shorter)))


@cache
def _known_words() -> frozenset[str]:
    lists = word_lists()
    tables = (lists["words"], lists["words_with"], lists["spelling"])
    texts = [text for table in tables for text in table.values()]
    texts += [text for entries in lists["reasons"].values() for text in entries]
    in_phrases = (word for phrase in asked_phrases() for word in phrase)
    return frozenset(word for text in texts for word in text.split()).union(in_phrases)


@cache
def _property_words() -> Mapping[str, frozenset[str]]:
    """Long words of values and properties, by what is left of them without a letter or two.

    Groups have too many names that are alike.
    """
    families = ("scalar", "count", "formula", "opaque")
    named = (phrase for phrase, term in phrases().items() if term.family in families)
    words = {word for phrase in named for word in phrase if len(word) >= _LONG}
    words |= set(word_lists()["spelling"]["known"].split())
    found: dict[str, set[str]] = defaultdict(set)
    for word in words:
        for short in _shortened(word):
            found[short].add(word)
    return {short: frozenset(known) for short, known in found.items()}
