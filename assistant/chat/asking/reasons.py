"""What is passed over in a question for a value: numbers of molecules, decimals, reasons.

"For my report, the TPSA of molecule 2 to one decimal" is read as "the TPSA of it". A reason is one
of known words only: "for the HCl salt" and "if I methylate it" say of what the value is asked.
"""

import re
from collections.abc import Sequence
from functools import cache

from assistant.chat.asking.terms import word_lists
from assistant.chat.claims.wordlist import words

_MOLECULE = re.compile(r"@\d+|\b(?:molecule|compound|structure)s? #?\d+\b")
_FRAGMENT = re.compile(r"\b(?:this|that|my|our) fragment\b(?!-| (?:count|number|no)\b)")
"""Whoever screens fragments calls the molecule one."""
_FOR_A_FRAGMENT = re.compile(r"\bfor (?:a|this|my|our) fragment\b")
_IN_WORDS = {"#": " number of ", "# of": " number of ", "m_r": "rmm"}
_SIGNS = re.compile(r"#(?: of\b)?|\bm_r\b")
_DECIMALS = re.compile(
    r"\b(?:rounded )?(?:to |with |in |at |using )?(?:just |only |about )?"
    r"(?:no|one|two|three|four|five|six|\d) ?"
    r"(?:decimals?(?: places?| digits?| points?)?|digits?|d\.?p\b\.?"
    r"|s(?:ig(?:nificant|\.)? ?)?(?:figs?|figures?|digits?|\.?f)\b\.?)"
    r"(?: after the (?:decimal )?(?:point|comma))?"
    r"(?: (?:(?:is|are) (?:fine|enough|ok|okay|good|sufficient)|will do))?"
)
_OPENING = re.compile(
    r"^\W*(?:(?:good|great|perfect|nice|cool|right|alright|well|sure|fine|yes|yep|hm+|um+|oh|ah"
    r"|say|listen|excuse me|sorry|excellent|wonderful)\b(?: ?[,.!:;-]+ ?| (?=so\b|and\b)))+"
)
_CLAUSE = re.compile(r"(?:[^.;:!?,\n-]|\b[.,-]\b)+[.;:!?,\n-]*|[.;:!?,\n-]+")
_WORD = re.compile(r"[^\W_]+(?:'[^\W\d_]+)?")
_PLACES, _SPEAKERS = words("in on at by from of"), words("i i'm i've im we we're")
_OF_OTHERS = (
    r"(?:measur\w*|experiment\w*|literature|observ\w*|not|without|other|salt|form|acid|base|ion"
    r"|cation|anion|dimer|hydrate)"
)
"""Words that make a reason say what is asked for."""


def without_surroundings(plain: str) -> str:
    """A question without what says nothing on the value: its number, decimals, a reason."""
    plain = _FRAGMENT.sub("it", _FOR_A_FRAGMENT.sub(" ", _MOLECULE.sub("it", plain)))
    plain = _SIGNS.sub(lambda match: _IN_WORDS[match[0]], plain)
    plain = _reasons().sub(" ", _DECIMALS.sub(" ", plain))
    return _OPENING.sub("", _without_clauses(plain))


def _without_clauses(plain: str) -> str:
    """A question without clauses on what its answer is for, and a short one that only repeats it.

    "The order form asks for it: MW?", "my table has an empty cell for the MW. What do I enter?"
    """
    may_stand, office, after = _clause_lists()
    kept: list[str] = []
    for match in _CLAUSE.finditer(plain):
        said = _WORD.findall(match[0])
        is_reason = office.intersection(said) and may_stand.issuperset(said)
        if _PLACES.intersection(said) and not _SPEAKERS.intersection(said):
            is_reason = False  # "in the paper, what is its logP"
        is_repeated = bool(kept) and " ".join(said) in after
        if not (is_reason or is_repeated):
            kept.append(match[0])
    return "".join(kept)


@cache
def _clause_lists() -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    lists = word_lists()["reasons"]
    office = words(lists["office"])
    return words(lists["clause_words"]) | office, office, frozenset(lists["after"])


@cache
def _reasons() -> re.Pattern[str]:
    """Reasons to ask: "for my report", "I am writing the SI", "my supervisor asks for"."""
    lists = word_lists()["reasons"]
    openers, small, purposes, heads = (
        _one_of(lists[name]) for name in ("openers", "small", "purposes", "heads")
    )
    people, askers, chemists = (_one_of(lists[name]) for name in ("people", "askers", "chemists"))
    return re.compile(
        rf"\b{openers} (?:(?:{small} ){{0,3}}{purposes}\b(?: {purposes}\b)?"
        rf"|(?:a|an|the|my|our|this) (?:(?!{_OF_OTHERS}\b)[a-z-]{{2,14}} ){{0,2}}{heads}\b)"
        rf"|\b(?:my|our|the) {people} (?:asks|asked|wants|wanted|needs|needed|wonders)\b"
        r"(?: to know| to have| for| me for| about)?(?: it| this)?\b"
        rf"|\b(?:the|my|our) {askers} (?:asks|wants|needs|requires|has an? (?:empty )?"
        r"(?:field|column|cell|row))\b(?: for)?"
        rf"|\b(?:as|i am|i'm|im) an? {chemists}\b"
    )


def _one_of(texts: Sequence[str]) -> str:
    longest_first = sorted(texts, key=len, reverse=True)
    return rf"(?:{'|'.join(map(re.escape, longest_first))})"
