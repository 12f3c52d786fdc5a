"""What a question calls the values of the card: the nouns of claims, and many that only ask.

A question may say "FW", "Summenformel" or "how flexible is it"; an answer is not held to these. The
words are in `words.toml`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from assistant.chat.claims.lexicon import Term, TermMatch, find_terms, phrases, word_sequences
from assistant.chat.claims.text import Token
from assistant.chat.claims.trie import PhraseTrie

AROUND = Term("skip", "around a question")
"""What says nothing on what is asked: thanks, the length of the answer, units."""
ELSE = Term("skip", "another thing")
"""What comes near a value and is none: "mass number", "thanks for the QED"."""
_OTHER_KEYS = {
    "clogp": "logp",
    "pains": "alerts",
    "brenk": "alerts",
    "ro5": "rule_of_five",
}
"""Keys of the nouns of claims that are not those of values."""


@cache
def word_lists() -> Mapping[str, Any]:
    """The tables of `words.toml`."""
    path = Path(__file__).with_name("words.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def asked_phrases() -> Mapping[tuple[str, ...], Term]:
    """Every phrase that is known in a question, as words; those of questions replace nouns."""
    lists = word_lists()
    more = [(Term("scalar", key), patterns) for key, patterns in lists["terms"].items()]
    more += [(Term("opaque", key), patterns) for key, patterns in lists["unknown"].items()]
    more += [(AROUND, lists["around"]["phrases"]), (ELSE, lists["other"]["phrases"])]
    found = dict(phrases())
    for term, patterns in more:
        for pattern in patterns:
            found |= dict.fromkeys(word_sequences(pattern), term)
    return found


def asked_terms(tokens: Sequence[Token]) -> list[TermMatch]:
    """The longest known phrases of a question, left to right, without overlap."""
    return find_terms(tokens, _matcher())


def value_key(term: Term) -> str:
    """What a term names, by the key of the card where that has it."""
    return _OTHER_KEYS.get(term.key, term.key)


@cache
def _matcher() -> PhraseTrie[Term]:
    return PhraseTrie(asked_phrases().items(), ignored="-.")
