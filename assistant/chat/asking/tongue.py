"""Whether a question is in another language than English, by its small words and its letters."""

import re
import unicodedata
from functools import cache

from assistant.chat.asking.terms import word_lists
from assistant.chat.claims.wordlist import words

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_FEWEST = 2
"""Small words of another language; one alone may be a name or a slip."""


def is_foreign(text: str) -> bool:
    """Whether more small words are of another language than of English, or most letters no Latin.

    Greek letters are those of chemistry and count for nothing.
    """
    said = [word.lower() for word in _WORD.findall(text)]
    foreign, english = _small_words()
    n_foreign = sum(word in foreign for word in said)
    if n_foreign >= _FEWEST and n_foreign > sum(word in english for word in said):
        return True
    scripts = [_script(letter) for letter in text if letter.isalpha()]
    others = [script for script in scripts if script not in ("LATIN", "GREEK", "MICRO")]
    return 2 * len(others) > len(scripts)


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0]


@cache
def _small_words() -> tuple[frozenset[str], frozenset[str]]:
    """Those of other languages only, and those of English."""
    lists = word_lists()["words"]
    english = words(" ".join(lists[name] for name in ("of_a_molecule", "asks", "plain")))
    foreign = words(lists["foreign"])
    return foreign - english - words("a i as so do per o e y t d'"), english - foreign
