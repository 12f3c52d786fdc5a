"""The shapes of a question for a value: "VALUE of it", "what is its VALUE", "has it a VALUE".

The names of the value are one word here, VALUE, and a verb that goes with it is VERB ("contain").
Words of thanks and the like are left out. Whatever has another shape asks for something else: "I
know the VALUE", "what does the VALUE tell me", "can it have a VALUE".
"""

import re
from dataclasses import dataclass
from functools import cache

from assistant.chat.asking.terms import word_lists
from assistant.chat.claims.wordlist import words

VALUE, VERB = "VALUE", "VERB"
_MODAL = "(?:can|could|would|will|may|might)"
_WHAT = "(?:what|whats|wats|wat|wut|which|wich|witch)"
_YES_OR_NO = words("charge alerts rule_of_five fragments")
"""Values that "is it VALUE" asks for: charged, a PAINS, Lipinski compliant, a salt."""


def is_for_a_value(text: str, key: str) -> bool:
    """Whether words with VALUE and VERB have the shape of a question for the value of a key."""
    said = text.split(" ")
    while said and said[0] in _list("first"):
        del said[0]
    plain = " ".join(word for word in said if word not in _list("anywhere"))
    return _shapes(key if key in _YES_OR_NO else "").fullmatch(plain) is not None


@cache
def _list(name: str) -> frozenset[str]:
    return words(word_lists()["shapes"][name])


@dataclass(frozen=True)
class _Parts:
    """What shapes are made of. Repeats are possessive ("*+"): no text is tried in many ways.

    Attributes:
        molecule: "it", "the compound above".
        have: "has", "contains".
        some: "the", "any", "calculated".
        value: The name of the value.
        count: "the", "the number of", before a name.
        lead: A name with what stands before it: "the number of VALUE", "molecule 1's VALUE".
        tail: What stands behind a name: "of it", "count", "calculated by rdkit".
        has: The same behind "how many VALUE", "what VALUE": "does it have", "are there".
        asked: "could you tell me", "I need", "show".
    """

    molecule: str
    have: str
    some: str
    value: str
    count: str
    lead: str
    tail: str
    has: str
    asked: str


@cache
def _parts() -> _Parts:
    one_of = {name: rf"(?:{'|'.join(sorted(_list(name)))})\b" for name in word_lists()["shapes"]}
    noun, where, have = one_of["noun"], one_of["where"], one_of["have"]
    number, some = one_of["number"], one_of["some"]
    named = rf"(?:{one_of['pointed']} )*+{noun}(?: {noun})?+(?: of it\b)?+(?: {where})*+"
    molecule = rf"(?:{named}|(?:its?|this|that)\b(?: {where})*+)"
    value = rf"{VALUE}(?: (?:(?:in|as|by|of|of the) )?{VALUE})*+"
    count = rf"(?:{some} )*+(?:(?:{number}|estimate\b)(?: (?:of|for)\b(?: {some})*+)?+ )*+"
    about_it = rf"(?:(?:of|for|in|on|von|de|des|der|del) {molecule}|{named}|(?:in )?{where})"
    method = "(?:calculated|computed|predicted|estimated|(?:by|with|from) rdkit)"
    besides = rf"{about_it}|{method}|{VERB}|(?:is|are) there|in total|overall|altogether"
    return _Parts(
        molecule=molecule,
        have=have,
        some=some,
        value=value,
        count=count,
        lead=rf"(?:it (?={number}))?+{count}(?:{molecule} )?+(?:{number} )*+{value}",
        tail=(
            rf"(?: (?:{besides}|{number}(?: (?:of|for|in|on) {molecule})?+|(?:for|to) (?:me|us)"
            r"|(?:that )?(?:you|we|rdkit) (?:calculated|computed|got|have|found|see|get)"
            rf"|(?:that )?{molecule} has|estimate|calc|check)\b)*+"
            r"(?:(?: and)? how (?:many|much)(?: (?:is|are) (?:it|there|that))?| is| like)?"
        ),
        has=(
            rf"(?: (?:{besides}|{have}|{molecule}|{number}|by {molecule}|total|any|all|is|are|was"
            r"|there|does|do|did|r|calculate|compute|estimate|predict|determine|belongs to"
            r"|(?:you|u|rdkit|the card)(?: find| get| give| see| count| lists?)?+"
            r"|(?:should|shall|do|can) (?:i|we) (?:write|quote|report|enter|put|note|state))\b)*+"
            r"(?: of)?"
        ),
        asked=(
            rf"(?:does (?:rdkit|the card) (?=say|list|give|show)|{_MODAL} (?:you|u|ya) "
            rf"|{_MODAL} (?:i|we) (?=have|get|see|know)|(?:i|we) (?=need|want)"
            rf"|do (?:you|u|we) (?=have|know|see)|to )?(?:{one_of['request']}|list)"
            r"(?: (?:me|us|you|at|up|for|on|to|from|about(?= (?:the|its)))\b)*+ "
        ),
    )


@cache
def _shapes(key: str) -> re.Pattern[str]:
    """All shapes for a key of `_YES_OR_NO`, or for the others ("")."""
    parts = _parts()
    molecule, have, some = parts.molecule, parts.have, parts.some
    value, lead, tail = parts.value, parts.lead, parts.tail
    shapes = [
        rf"(?:{VERB} )?{lead}{tail}",
        rf"{lead} (?:does|do|did|has|have|is|are) {molecule}(?: (?:{have}|{VERB}|of|there))*+",
        rf"{_WHAT}(?: (?:is|are|was))?(?: (?:would|will) be)? {lead}{tail}",
        rf"(?:{_WHAT}|how (?:many|mny|much)(?: of)?) {lead}{parts.has}",
        r"what (?:does|did|do) (?:you|u|rdkit|the card) (?:compute|calculate|give|get|find|have"
        rf"|list|say|show) (?:as|for|about|on) {lead}{tail}",
        rf"how (?:high|low|large|big|heavy|light|much)(?: is| are)? {lead}{tail}",
        rf"(?:does|do|did) {molecule} (?:{have}|{VERB}) {parts.count}(?:(?:with|to|by) )?"
        rf"(?:{some} )*+{value}{tail}",
        rf"(?:has|have) {molecule}(?: got)?+(?: {some})*+ {value}{tail}",
        rf"(?:is|are) there {parts.count}{value}{tail}",
        rf"(?:(?:is|are)(?: any| all)?|any|{some}) {value} (?:present|there){tail}",
        rf"whether {molecule} {have}(?: {some})*+ {value}{tail}",
    ]
    if key != "fragments":
        shapes.append(rf"{lead}{tail} it{tail}")  # but not "fragment it"
    if key in _YES_OR_NO:
        more = r"(?: (?:an?|any|of|in|with|within|by|to|the|its|as|from)\b)*+"
        judged = rf"(?:{more} {VERB})*+{more} {value}{tail}"
        shapes += [
            rf"(?:is|are|was|does) {molecule}{judged}",
            rf"{VERB}{more} {value}{tail}",
            rf"whether {molecule} (?:is|{have}|{VERB}){judged}",
            rf"(?:is|are)(?: the| any)? {value} {VERB} by {molecule}",
            rf"(?:check|evaluate) {molecule} (?:for|by) (?:the |any )?{value}",
        ]
    asked = rf"(?:{parts.asked}){{0,3}}(?:{_MODAL} (?:you|u) )?(?:about (?=the|its))?"
    return re.compile(rf"{asked}(?:{'|'.join(shapes)})")
