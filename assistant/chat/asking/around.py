"""Whether the words around the name of a value leave no doubt that its value is asked for.

Every word has to be one that any such question may have ("could you tell me … of this compound").
Some of these together ask for something else all the same: "what is the rule of five?", "I know
the mass", "show me the rings". Such a question is not read.
"""

import re
from collections.abc import Sequence
from functools import cache

from assistant.chat.asking.terms import AROUND, word_lists
from assistant.chat.claims.lexicon import TermMatch
from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

_COUNTED = words(
    "rings ring_systems aromatic_rings stereocentres double_bonds hbd hba rotatable_bonds "
    "heavy_atoms fragments"
)
_HOW_MANY = re.compile(r"\b(?:many|number|num|no|count|amount|value|total|tally)\b|#")
_WHICH_ONES = re.compile(r"\b(?:what|which|list|show|see|find|print|read|identify|display)\b")
_AN_AMOUNT = re.compile(
    r"\b(?:stock|solutions?|dilutions?|reactions?|weigh(?:ing)?|buy|order|hrms|ms)\b"
)
"""What somebody needs a mass for that is another value: milligrams, a peak."""
_VALUE = "VALUE"
_BEGINS = r"^(?:(?:and|so|now|but|ok|okay|hi|hello|please) )*"
_MODAL = r"(?:can|could|may|might|would|should|will|shall|must)"
_OF_ITS_OWN = (
    r"(?:has|have|carry|carries|bears?|contains?|possess(?:es)?|breaks?|violates?|pass(?:es)?|fails?"
    r"|obeys?|follows?|triggers?|hits?|match(?:es)?|raises?)"
)
_A_MOLECULE = r"(?:drug|molecule|compound|structure|salt|substance|species|mol|record|entry|cmpd)"
_NO_QUESTION_FOR_A_VALUE = re.compile(
    "|".join(
        (
            # what it tells, what it is for, how it is got
            r"\bwhat (?:do|does)\b.*\b(?:tell|show|say|give|see|need)\b|\b(?:for|about)$",
            r"\btell me about VALUE$",
            r"VALUE to (?:calculate|compute|determine|evaluate|find|get|estimate|predict)\b",
            r"VALUE from (?:the|this|a|an|its|my|your)\b",
            r"\b(?:can|could|do|should|must|may) (?:i|we) (?:count|calculate|compute|determine"
            r"|predict|estimate|evaluate|read|report|find)\b",
            # how it was found, whether it is right
            rf"{_BEGINS}(?:is|was|are|has|have)\b.*\b(?:calculated|computed|predicted|estimated"
            r"|rounded)\b",
            rf"{_BEGINS}(?:is|was|are|were|do|does|did|has|have)(?: (?:the|its|my|your|given|total"
            r"|calculated|computed|predicted|displayed|shown|overall|current|all|whole))+ VALUE",
            r"VALUE(?: (?:shown|displayed|given|above|here|of it))* (?:is|are|looks?)"
            r" (?:ok|okay|so|this|that|here|now|too)$",
            # what somebody knows, or needs for something
            r"(?<!can )(?<!could )(?<!may )(?<!should )(?<!would )(?<!do )\b(?:i|we|you) (?:have"
            r"|know|see|find|get|count|calc|calcd|calculated?|computed?|predicted|estimated|read)"
            r"(?: (?:the|its|a|an|this|that|your|all|total|also|only|just))* VALUE",
            r"\b(?:do|does|should|would|will|must) (?:i|we) (?:need|want|get|see|find|have)\b",
            rf"{_BEGINS}(?:do|does|should|must|shall|will|would) (?:i|we)\b",
            r"\b(?:was|were|are) (?:i|we)\b",
            rf"{_BEGINS}(?:it|this|that) (?:has|is|contains)\b(?!.*\b(?:what|which|how)\b)",
            r"\b(?:thanks|thank you|thank u|thx|merci|danke) for\b",
            # of which one, of any, or of what is not drawn
            rf"\b(?:what|which)(?: {_MODAL})? {_OF_ITS_OWN}\b",
            rf"\bwhich (?:one|of|{_A_MOLECULE})\b|\b(?:a|an|any) {_A_MOLECULE}\b",
            rf"\b{_MODAL} (?:it|this|that|the)\b|\bwould\b.*\bthen\b|\btoo (?:many|much)\b",
            r"\b(?:with|from|to|in|by|at|on)(?: (?:the|its|a|an|this|any))*"
            r" (?:salt|substance|species|mol)\b",
            # two things
            r"\b(?:structure|picture) and\b|\band (?:the |its )?(?:structure|picture)\b",
            r"\bwhat is (?:it|this|that|this \w+|the \w+) and\b|\band what is (?:it|this|that)$",
        )
    )
)
_NO_COUNT = re.compile(
    r"\bhow (?:high|low|large|big|heavy|light|polar|lipophilic)\b(?!.*VALUE (?:count|number))"
    r"|\b(?:in|on|at|from|with|by|to)(?: (?:the|its|this|a|each))* VALUE"
)
"""How large the ring is, how many atoms are in it."""
_NO_FRACTION = re.compile(r"\b(?:many|number of|no of|count of) VALUE")
_IS_IT = re.compile(r"(?<!what )(?<!which )\b(?:is|was|are) (?:it|this|that)(?: an?)? VALUE")
_ANSWERS_IS_IT = words("charge alerts rule_of_five fragments")
_IS_DEFINED = re.compile(r"\bwhat(?: is| are)?(?: (?:the|a|all))* VALUE$")
_MAKES_FRAGMENTS = re.compile(r"VALUE (?:do|does|will|can|would|could)\b.*\bgive\b")


def asks_for_value(
    key: str, tokens: Sequence[Token], terms: Sequence[TermMatch], plain: str
) -> bool:
    """Whether the words around the one value that is named ask for it and for nothing else."""
    if not says_nothing_else(tokens, terms, _words_with(key)):
        return False
    around = _with_values(tokens, terms)
    if _NO_QUESTION_FOR_A_VALUE.search(around):
        return False
    if key in _COUNTED and _WHICH_ONES.search(plain) and not _HOW_MANY.search(plain):
        return False  # which rings, not how many
    unless = [
        (_NO_COUNT, key in _COUNTED),
        (_NO_FRACTION, key in ("fsp3", "charge")),
        (_IS_IT, key not in _ANSWERS_IS_IT),
        (_IS_DEFINED, key == "rule_of_five"),
        (_MAKES_FRAGMENTS, key == "fragments"),
    ]
    if any(applies and pattern.search(around) for pattern, applies in unless):
        return False
    return not (_AN_AMOUNT.search(plain) and _is_bare_mass(tokens, terms))


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


def _with_values(tokens: Sequence[Token], terms: Sequence[TermMatch]) -> str:
    """The words of a question, the value replaced; without signs and what says nothing."""
    at = {match.first: match for match in terms}
    said: list[str] = []
    i = 0
    while i < len(tokens):
        match = at.get(i)
        if match is None:
            said += [tokens[i].text] * (tokens[i].kind == "word")
        elif match.term != AROUND:
            said.append(_VALUE)
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
    return words(lists["counted"] if key in _COUNTED else lists.get(key, ""))
