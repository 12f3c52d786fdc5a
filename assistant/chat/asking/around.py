"""Whether the words around the name of a value leave no doubt that its value is asked for.

Every word has to be one that any such question may have ("could you tell me … of this compound"),
and all have to have the shape of one (`shapes`). Some ask for something else even so: "how large is
the ring", "show me the rings", "what is the rule of five". Such a question is not read.
"""

import re
from collections.abc import Sequence
from functools import cache

from assistant.chat.asking.shapes import VALUE, VERB, is_for_a_value
from assistant.chat.asking.terms import AROUND, word_lists
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

_COUNTED = words(
    "rings ring_systems aromatic_rings stereocentres double_bonds hbd hba rotatable_bonds "
    "heavy_atoms fragments"
)
_HOW_MANY = re.compile(
    r"\b(?:many|number|num|no|count|amount|value|total|tally|comput\w+|calculat\w+|write|enter|quote)\b|#"
)
_WHICH_ONES = re.compile(r"\b(?:what|which|list|show|see|find|print|read|identify|display)\b")
_AN_AMOUNT = re.compile(r"\b(?:stock|solutions?|dilutions?|reactions?|weigh(?:ing)?|buy|order)\b")
"""What somebody needs a mass for that is another value: milligrams."""
_A_PEAK = re.compile(r"\b(?:(?:hr|lc|gc)[ -]?ms|ms|maldi|mass spec\w*)\b")
"""Where an average mass misleads."""
_NO_COUNT = re.compile(
    r"\bhow (?:high|low|large|big|heavy|light|polar|lipophilic)\b(?!.*VALUE (?:count|number))"
    r"|\b(?:in|on|at|from|with|by|to)(?: (?:the|its|this|a|each))* VALUE"
)
"""How large the ring is, how many atoms are in it."""
_NO_FRACTION = re.compile(r"\b(?:many|number of|no of|count of) VALUE")
_WANTS_ONE = re.compile(r"\b(?:need|want) an? VALUE|\b(?:give|get|show) it VALUE")
_IS_DEFINED = re.compile(r"\bwhat(?: is| are)?(?: (?:the|a|all))* VALUE$")


def asks_for_value(
    key: str, tokens: Sequence[Token], terms: Sequence[TermMatch], plain: str
) -> bool:
    """Whether the words around the one value that is named ask for it and for nothing else."""
    if not says_nothing_else(tokens, terms, _words_with(key)):
        return False
    around = _with_values(tokens, terms, _words_with(key))
    return is_for_a_value(around, key) and not asks_for_another(key, tokens, terms, plain)


def asks_for_another(
    key: str, tokens: Sequence[Token], terms: Sequence[TermMatch], plain: str
) -> bool:
    """Whether something else is asked for in such words: which rings, a peak, an amount."""
    around = _with_values(tokens, terms, _words_with(key))
    if key in _COUNTED and _WHICH_ONES.search(plain) and not _HOW_MANY.search(plain):
        return True  # which rings, not how many
    unless = [
        (_NO_COUNT, key in _COUNTED),
        (_NO_FRACTION, key in ("fsp3", "charge")),
        (_WANTS_ONE, key in _COUNTED or key == "charge"),
        (_IS_DEFINED, key == "rule_of_five"),
    ]
    if any(applies and pattern.search(around) for pattern, applies in unless):
        return True
    if key in ("mass", "average_mass") and _A_PEAK.search(plain):
        return True
    return _AN_AMOUNT.search(plain) is not None and _is_bare_mass(tokens, terms)


def says_nothing_else(
    tokens: Sequence[Token], terms: Sequence[TermMatch], more: frozenset[str] = frozenset()
) -> bool:
    """Whether every word beside the terms may stand in any question for a value of a molecule."""
    of_terms = {i for match in terms for i in range(match.first, match.behind)}
    rest = [i for i in range(len(tokens)) if i not in of_terms]
    texts = [token.text for token in tokens]
    if not all(_may_stand(texts, i, more) for i in rest):
        return False
    said = {texts[i] for i in rest}
    return bool(_list("of_a_molecule") & said) or not (_list("asks") - {"how"}) & said


def group_words() -> frozenset[str]:
    """Words that may stand in a question for a functional group besides."""
    return _list("of_groups")


def _may_stand(texts: Sequence[str], i: int, more: frozenset[str]) -> bool:
    text, after = texts[i], texts[i + 1] if i + 1 < len(texts) else ""
    if text == "how":
        return after in _list("after_how") or after == "drug"
    if text == "like":
        return not after
    if text == "will":
        return after == "be"
    if text == "be":  # "what would be the", but not "what would it be"
        return i > 1 and texts[i - 1] in ("would", "will") and texts[i - 2] in _list("asks")
    if text == "no":  # "no. of", "heavy atom no", but not "no logP"
        return after in ("of", ".", "") or not after[0].isalpha()
    if text in _list("after_how") and text not in _list("of_a_molecule"):
        return i > 0 and texts[i - 1] in ("how", "hw")  # "is it high" asks for more
    return any(text in known for known in (_any_question(), more, _list("symbols")))


def _with_values(tokens: Sequence[Token], terms: Sequence[TermMatch], verbs: frozenset[str]) -> str:
    """The words of a question, names and verbs replaced; without signs and what says nothing."""
    at = {match.first: match for match in terms}
    said: list[str] = []
    i = 0
    while i < len(tokens):
        match = at.get(i)
        if match is None:
            if tokens[i].kind == "word":
                said.append(VERB if tokens[i].text in verbs else tokens[i].text)
        elif match.term != AROUND:
            is_count = match.term.key in _COUNTED and tokens[match.first].text == "how"
            said += ["how", "many", VALUE] if is_count else [VALUE]
        i = match.behind if match else i + 1
    return " ".join(said)


def _is_bare_mass(tokens: Sequence[Token], terms: Sequence[TermMatch]) -> bool:
    said = [tokens[m.first].text for m in terms if m.behind == m.first + 1 and m.term != AROUND]
    return bool(said) and set(said) <= {"mass", "weight"}


@cache
def _list(name: str) -> frozenset[str]:
    return words(word_lists()["words"][name])


@cache
def _any_question() -> frozenset[str]:
    return _list("of_a_molecule") | _list("asks") | _list("plain")


@cache
def _words_with(key: str) -> frozenset[str]:
    lists = word_lists()["words_with"]
    return words(lists.get(key, lists["counted"] if key in _COUNTED else ""))
