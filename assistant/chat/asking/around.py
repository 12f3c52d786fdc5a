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
_MOLECULE = re.compile(r"@\d+|\b(?:molecule|compound|structure)s? #?\d+\b")
_FRAGMENT = re.compile(r"\b(?:this|that|my|our) fragment\b(?!-| (?:count|number|no)\b)")
"""Whoever screens fragments calls the molecule one."""
_FOR_A_FRAGMENT = re.compile(r"\bfor (?:a|this|my|our) fragment\b")
_DECIMALS = re.compile(
    r"\b(?:rounded )?(?:to |with |in |at |using )?(?:just |only |about )?"
    r"(?:no|one|two|three|four|five|six|\d) ?"
    r"(?:decimals?(?: places?| digits?| points?)?|digits?|d\.?p\b\.?"
    r"|s(?:ig(?:nificant|\.)? ?)?(?:figs?|figures?|digits?|\.?f)\b\.?)"
    r"(?: (?:(?:is|are) (?:fine|enough|ok|okay|good|sufficient)|will do))?"
)
_OPENING = re.compile(
    r"^\W*(?:(?:good|great|perfect|nice|cool|right|alright|well|sure|fine|yes|yep|hm+|um+|oh|ah"
    r"|say|listen|listing|excuse me|sorry|excellent|wonderful)\b(?: ?[,.!:;-]+ ?| (?=so\b|and\b)))+"
)
_AN_AMOUNT = re.compile(r"\b(?:stock|solutions?|dilutions?|reactions?|weigh(?:ing)?|buy|order)\b")
"""What somebody needs a mass for that is no property: so many milligrams."""
_VALUE = "VALUE"
_NO_QUESTION_FOR_A_VALUE = re.compile(
    # what it tells, what it is for
    r"\bwhat (?:do|does)\b.*\b(?:tell|show|say|give|see)\b|\b(?:for|about)$"
    r"|\btell me about VALUE$|\b(?:thanks|thank you|thank u|thx|merci|danke) for\b"
    # how it was found
    r"|^(?:(?:and|so|now|but|ok) )*(?:is|was|are|has|have)\b.*\b(?:calculated|computed|predicted"
    r"|estimated|rounded)\b"
    # what somebody knows, or needs for something
    r"|(?<!can )(?<!could )(?<!may )(?<!should )(?<!would )(?<!do )\b(?:i|we) (?:have|know|see|find"
    r"|get|count|calc|calcd|calculate|calculated|compute|computed|predicted|estimated|read)"
    r"(?: (?:the|its|a|an|this|that|your|all|total|also|only|just))* VALUE"
    r"|\b(?:do|does|should|would|will|must) (?:i|we) (?:need|want|get|see|find|have|provide)\b"
    r"|^(?:(?:and|so|ok) )*(?:it|this|that) (?:has|is|contains)\b(?!.*\b(?:what|which|how)\b)"
    # with what is not drawn, or not as it is
    r"|\b(?:with|from|to|in|by|at|on)(?: (?:the|its|a|an|this|any))*"
    r" (?:salt|substance|species|mol)\b"
    r"|\bwould\b.*\bthen\b|\btoo (?:many|much)\b"
)
_IS_DEFINED = re.compile(r"\bwhat(?: is| are)?(?: (?:the|a|all))* VALUE$")
_MAKES_FRAGMENTS = re.compile(r"VALUE (?:do|does|will|can|would|could)\b.*\bgive\b")


def without_surroundings(plain: str) -> str:
    """A question without what says nothing on the value: its number, decimals, a reason."""
    plain = _FRAGMENT.sub("it", _FOR_A_FRAGMENT.sub(" ", _MOLECULE.sub("it", plain)))
    plain = _reasons().sub(" ", _DECIMALS.sub(" ", plain))
    return _OPENING.sub("", plain)


def asks_for_value(
    key: str, tokens: Sequence[Token], terms: Sequence[TermMatch], plain: str
) -> bool:
    """Whether the words around the one value that is named ask for it and for nothing else."""
    if not says_nothing_else(tokens, terms, _words_with(key)):
        return False
    around = _with_values(tokens, terms)
    if key in _COUNTED and _WHICH_ONES.search(plain) and not _HOW_MANY.search(plain):
        return False  # which rings, not how many
    if key == "rule_of_five" and _IS_DEFINED.search(around):
        return False
    if key == "fragments" and _MAKES_FRAGMENTS.search(around):
        return False  # of the mass spectrum
    if _AN_AMOUNT.search(plain) and _is_bare_mass(tokens, terms):
        return False
    return _NO_QUESTION_FOR_A_VALUE.search(around) is None


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
    return bool(_list("of_a_molecule") & said) or not _list("asks") & said


def group_words() -> frozenset[str]:
    """Words that may stand in a question for a functional group besides."""
    return _list("of_groups")


def _may_stand(texts: Sequence[str], i: int, more: frozenset[str]) -> bool:
    text, after = texts[i], texts[i + 1] if i + 1 < len(texts) else ""
    if text == "how":
        return after in _list("after_how") or after == "drug"
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


@cache
def _reasons() -> re.Pattern[str]:
    """Reasons to ask: "for my report", "I am writing the SI", "my supervisor asks for"."""
    lists = word_lists()["reasons"]
    openers, small, purposes, people, chemists = (
        _one_of(lists[name]) for name in ("openers", "small", "purposes", "people", "chemists")
    )
    return re.compile(
        rf"\b{openers} (?:{small} ){{0,3}}{purposes}\b(?: {purposes}\b)?"
        rf"|\b(?:my|our|the) {people} (?:asks|asked|wants|wanted|needs|needed|wonders)\b"
        r"(?: to know| to have| for| me for| about)?(?: it| this)?\b"
        rf"|\bas an? {chemists}\b"
    )


def _one_of(texts: Sequence[str]) -> str:
    longest_first = sorted(texts, key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, longest_first))})"
