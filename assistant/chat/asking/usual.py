"""Whether the words around the name of a value are those that questions for values usually have.

Looser than `around`, whose every shape is known: such a question asks for the value most likely.
The words are in `usual_words.toml`, taken from the training generator's questions by
`python -m assistant.train.usual_words`: *usual* stand in those for values about as often as in
those that no fact answers, *other* in the latter. One word of a question may be in neither. Small
words of other languages are usual, too: many names of values are known in these.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from assistant.chat.asking.around import asks_for_another
from assistant.chat.asking.terms import word_lists
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

USUAL_WORDS = Path(__file__).with_name("usual_words.toml")
_MOST_UNHEARD = 1
_DEFINES = re.compile(
    r"\b(?:define|defin\w+|meaning|mean|means|stands? for|explain)\b"
    r"|^what(?:'s| is| are)? (?!the |its? |this |your )[\w' -]+\?*$"
    r"|^(?:was (?:ist|sind|bedeutet)|o que (?:é|são)|qué (?:es|son)|(?:che )?cos'è|qu'est-ce que)"
    r"(?: (?:das|die|der|ein|eine|el|la|il|lo|le|l'|o|a))? ?[\w -]+\W*$"
)
"""Asks what something is: "what is TPSA?", but not "what is the TPSA?"."""
_OF_A_PART = re.compile(
    r"\bweight (?:loss|gain|percent)|\b(?:charge|charges) (?:on|at)\b|\bfragment mass"
)
"""Of a part of the molecule, or another value that begins like one."""
_ASKS_HOW_IT_IS_FOUND = re.compile(
    r"\bhow (?:is|are|was|were|do|does|did|can|to)\b.*\b(?:calculat|comput|determin|measur|defin"
    r"|predict|estimat|work|get|obtain)\w*"
    r"|\b(?:which|what) (?:atoms?|program\w*|software|method|algorithm)\b"
)
_KIND_OF_RING = re.compile(
    r"\b(?:hetero)?(?:aromatic|aliphatic)\w*|\baromat\w*|\b(?:un)?saturated\b|\b(?:hetero|carbo)cycl\w+"
    r"|\b(?:bridged|fused|spiro\w*|largest|smallest|biggest)\b|\bmember|\b\d-"
)
"""Rings of one kind are counted by lines of their own, or by none."""


def words_around(tokens: Sequence[Token], terms: Sequence[TermMatch]) -> list[str]:
    """The words and numbers of a question that are in no known phrase."""
    of_terms = {i for match in terms for i in range(match.first, match.behind)}
    texts = (token.text for i, token in enumerate(tokens) if i not in of_terms)
    return [text for text in texts if any(sign.isalnum() for sign in text)]


def asks_most_likely(
    key: str, tokens: Sequence[Token], terms: Sequence[TermMatch], plain: str
) -> bool:
    """Whether all words around the one value that is named are usual, and none asks for another."""
    if _DEFINES.search(plain) or _OF_A_PART.search(plain) or _ASKS_HOW_IT_IS_FOUND.search(plain):
        return False
    if key == "rings" and _KIND_OF_RING.search(plain):
        return False
    usual, other = _word_lists()
    unusual = [text for text in words_around(tokens, terms) if text not in usual]
    if len(unusual) > _MOST_UNHEARD or other.intersection(unusual):
        return False
    return not asks_for_another(key, tokens, terms, plain)


@cache
def _word_lists() -> tuple[frozenset[str], frozenset[str]]:
    lists = tomllib.loads(USUAL_WORDS.read_text(encoding="utf-8"))
    usual = words(lists["usual"]) | words(word_lists()["words"]["foreign"])
    return usual, words(lists["other"]) - usual
