"""Does a question compare molecules without naming any?

Only words that need several molecules count: a false yes widens what the question is about. Of what
the training generator asks, nine of ten such comparisons are found and less than one question in a
thousand about one molecule is taken for one (`tests/chat/test_comparing.py`).
"""

import re

_NOUN = r"(?:molecules?|compounds?|structures?|drugs?|substances?|ones?)"
_VERB = (
    r"(?:is|are|was|were|has|have|had|do|does|can|could|contains?|holds?|shows?|weighs?|would"
    r"|shares?|differs?|carr(?:y|ies)|appears?|gives?|takes?|needs?|offers?|donates?|accepts?"
    r"|bears?"
    r"|exposes?|prefers?|goes|counts?|wins?|loses?)"
)
_ENDS = (
    r"(?:more|less|fewer|most|least|fewest|larger|largest|smaller|smallest|higher|highest|lower"
    r"|lowest|bigger|biggest|greater|greatest|heavier|heaviest|lighter|lightest|richer|richest"
    r"|poorer|poorest|stiffer|stiffest|greasier|greasiest|floppier|floppiest|tiniest)"
)
_COUNT = r"(?:two|three|four)"
_THEM = rf"(?:them|these|those|all|the {_COUNT})"
_ALIKE = r"(?:same|differ\w*|equal|identical|alike|isomer\w*|share)"
_COMPARES = re.compile(
    "|".join(
        (
            rf"\b(?:both|either|neither)(?= {_NOUN}\b| {_VERB}\b| the same\b| of {_THEM}\b|\W*$)",
            rf"\b(?:these|those|the) {_COUNT}(?= {_NOUN}\b| {_VERB}\b| (?:agree|differ)|[?,.]|$)",
            r"^(?:and )?(?:are|do|have|can) both \w+\W*$",
            # "is either toxic?", "does either have an ester?", not "is either nitrogen basic?"
            r"^(?:and |so )?(?:is|are|was|were) (?:either|neither) (?:(?:an?|very|too|water|orally"
            r"|more|less) )?[\w-]+\W*$",
            r"^(?:and |so )?(?:does|do|did|has|have|can|could|would|will|should) (?:either|neither)"
            r" (?:have|has|contain|pass|violate|break|show|carry|include|dissolve|bear|hold|be|an?"
            r"|any)\b",
            rf"\b(?:{_COUNT}|both|all|each|one|which|who|neither|either|none|any) of {_THEM}\b",
            rf"\b(?:(?:do|are|have) they|their)\b[^.?]{{0,80}}\b{_ALIKE}\b",
            r"\b(?:between|among|tell|compare) (?:them|these|those)\b|\bcompare (?:both|their)\b",
            r"^(?:and |now )?compare(?: the\b|\W*$)|\bhow do they (?:differ|compare)\b",
            # "which has more rings", "which one is the heavier", not "which ring is the larger"
            rf"\b(?:which|who)(?: one)?(?: {_NOUN})? {_VERB} (?:\w+ ){{0,2}}?{_ENDS}\b",
            rf"^(?:and |so |then )*(?:which one|which|who)(?: is| has)? (?:the )?{_ENDS}\b",
            rf"\bwhose \w+(?: \w+){{0,3}} (?:is|are) {_ENDS}\b",
            rf"\bthe {_ENDS}(?: \w+){{0,4}} (?:one|of {_THEM})\b|\bthe one with the {_ENDS}\b",
        )
    ),
    re.IGNORECASE,
)


def compares(text: str) -> bool:
    """Whether a question is about several molecules by its words alone."""
    return bool(_COMPARES.search(text))
