"""Claims that a molecule has, lacks or is something: "contains an ester", "no ring"."""

from collections.abc import Callable
from itertools import pairwise

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.counted import count_of
from assistant.chat.claims.lexicon import Term, TermMatch
from assistant.chat.claims.mentions import VERBS
from assistant.chat.claims.model import Claim, Finding
from assistant.chat.claims.phrases import NounPhrase
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.surroundings import (
    COORDINATION,
    in_part,
    kind_of,
    speaks_of_part,
    verb_behind,
)
from assistant.chat.claims.values import Quantity
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_EXCEPT = words("besides except excluding beyond")
_EXCLUDED = words("ruled excluded impossible")
_CHANGED = words(
    "masked blocked protected capped acetylated esterified methylated alkylated acylated removed "
    "replaced missing"
)
_ANSWERS = words("no none yes absent present not")
# Words that may follow "is an ester" and leave it what it is.
_MAY_FOLLOW = words(
    "and or nor but with without which that at on in of to as because since not so while "
    "whereas bearing carrying containing having attached rather formed where by from for also "
    "too here because if than although though"
)


def read_presence(reading: Reading, match: TermMatch, phrase: NounPhrase) -> Claim | None:
    """Presence and absence: "contains a …", "no …", "is a …", "the … group"."""
    term, first = match.term, phrase.first
    context = reading.context[first]
    verb = verb_behind(reading, match.behind)
    negated: bool | None = None
    if term.key == "fragments" or reading.word(match.behind).isdigit():
        return None
    if term.family == "group" and _names_alert(reading, first):
        return None
    if {reading.word(i) for i in range(match.behind, match.behind + 4)} & _EXCLUDED:
        return None  # "an amine can be ruled out"
    is_anothers = first > 0 and reading.tokens[first - 1].is_shortened
    if context.mode == "has" and is_anothers and reading.is_label(first - 1):
        return None  # "lacks molecule 1's ester"
    if reading.word(first - 1) == "neither" and reading.word(match.behind) in VERBS:
        return None  # "neither ring is …"
    if phrase.determiner == "bare" and reading.word(first - 1) in ("as", "like", "g"):
        return None
    if phrase.determiner == "bare" and reading.word(first - 1) == "of" and context.verb < first - 2:
        return None
    if reading.word(match.behind) in (":", "|") and reading.word(match.behind + 1) in _ANSWERS:
        return None
    if verb is not None and phrase.determiner in ("a", "bare", "no", "any"):
        listed = context.listed_no and phrase.determiner == "bare"
        listed = listed or reading.word(first - 1) in ("neither", "nor")
        negated = (not verb) != (phrase.determiner == "no" or listed)
    elif phrase.determiner == "no":
        negated = not (context.negated and context.mode == "has")
    elif context.mode == "has" and phrase.determiner in ("a", "any", "bare", "vague"):
        listed = context.listed_no and phrase.determiner in ("bare", "any")
        negated = context.negated or listed or reading.word(first - 1) in NEGATIONS
    elif context.mode == "is" and _is_predicate(reading, match, phrase):
        negated = context.negated
    elif (
        context.listed_no
        and phrase.determiner in ("bare", "any")
        and _continues_list(reading, first)
    ):
        negated = True
    elif phrase.determiner == "the" and term.family == "group":
        return _definite(reading, match, phrase)
    if negated is None or _is_trivial(term, negated) or (negated and _has_exceptions(reading)):
        return None
    if context.reacting and not (verb is not None):
        return None
    test = _presence_test(term, phrase, negated=negated)
    if negated and speaks_of_part(reading, first, match.behind):
        test = in_part(test, term, Quantity(0, 0))
    return reading.claim(first, match.behind, kind_of(term), test)


def _has_exceptions(reading: Reading) -> bool:
    """As in "no rings besides the benzene ring", "no rings other than that"."""
    texts = [token.text for token in reading.tokens]
    return bool(_EXCEPT & set(texts)) or any(
        pair in (("other", "than"), ("apart", "from"), ("aside", "from"))
        for pair in pairwise(texts)
    )


def _names_alert(reading: Reading, first: int) -> bool:
    """Whether the group is part of an alert's name: "Brenk alerts: acid halide"."""
    return any(t.behind <= first and kind_of(t.term) == "alerts" for t in reading.terms)


def _is_trivial(term: Term, negated: bool) -> bool:
    """As in "contains carbon" is not worth a mark."""
    return term.family == "element" and term.key in ("C", "H") and not negated


def _names_something_else(reading: Reading, behind: int) -> bool:
    """Whether a noun follows: "is an amide hydrolase inhibitor", "is a purine alkaloid"."""
    if behind >= len(reading.tokens) or reading.tokens[behind].kind != "word":
        return False
    return reading.word(behind) not in _MAY_FOLLOW


def _is_predicate(reading: Reading, match: TermMatch, phrase: NounPhrase) -> bool:
    """As in "is an ester", "is a secondary amine and a phenol"; not "is attached at a ring"."""
    kinds = ("aromatic_rings", "rings")
    if (match.term.family != "group" and match.term.key not in kinds) or phrase.determiner != "a":
        return False
    if _names_something_else(reading, match.behind):
        return False
    verb = reading.context[phrase.first].verb
    inside = {i for t in reading.terms for i in range(t.first, t.behind)}
    between = [reading.word(i) for i in range(verb + 1, phrase.first) if i not in inside]
    if reading.word(verb - 1) in (
        "group",
        "ring",
        "function",
        "bond",
        "substituent",
        "chain",
        "linker",
        "there",
    ):
        return False
    if any(t.behind == verb for t in reading.terms):
        return False
    return all(
        w in COORDINATION or w in ("it", "not", "therefore", "also", "thus", "clearly", "formally")
        for w in between
    )


def _continues_list(reading: Reading, first: int) -> bool:
    return reading.word(first - 1) in (",", "or", "nor", "and", "neither", "no") or first == 0


def _definite(reading: Reading, match: TermMatch, phrase: NounPhrase) -> Claim | None:
    """As in "the ester group": takes for granted that there is one."""
    if phrase.modifiers and any(
        m in ("resulting", "new", "parent", "free") for m in phrase.modifiers
    ):
        return None
    if reading.word(phrase.first) in ("that", "these", "this"):
        return None
    if reading.word(match.behind) in (
        "derivative",
        "analogue",
        "analog",
        "form",
        "product",
        "of",
        "formed",
        "part",
        "portion",
        "component",
    ):
        return None
    context = reading.context[phrase.first]
    after = {reading.word(i) for i in range(match.behind, match.behind + 4)}
    if after & _CHANGED:
        return None  # "the phenolic OH is masked as an ester"
    if context.mode == "has" and context.negated:
        if reading.word(context.verb) == "without":
            return None  # "without the acetyl group it would weigh …"
        return reading.claim(
            phrase.first,
            match.behind,
            kind_of(match.term),
            _presence_test(match.term, phrase, negated=True),
        )
    reacting = any(c.reacting for c in reading.context)
    term = match.term

    def test(facts: Facts) -> Finding:
        counted = count_of(term, phrase.modifiers, facts)
        if counted.most == 0:
            return Finding(None if reacting else False, counted.truth)
        sure = counted.least > 0 and not counted.narrowed
        return Finding(True if sure else None, counted.truth)

    if reading.context[phrase.first].reacting and reacting:
        before = [reading.word(i) for i in range(max(0, phrase.first - 3), phrase.first)]
        if any(
            w in ("to", "gives", "give", "yields", "into", "forms", "form", "with") for w in before
        ):
            return None
    return reading.claim(phrase.first, match.behind, kind_of(term), test)


def _presence_test(term: Term, phrase: NounPhrase, *, negated: bool) -> Callable[[Facts], Finding]:
    def test(facts: Facts) -> Finding:
        counted = count_of(term, phrase.modifiers, facts)
        holds: bool | None = None
        if counted.most == 0:
            holds = False
        elif counted.least > 0 and not counted.narrowed:
            holds = None if phrase.determiner == "vague" else True
        if holds is None or (holds == negated and not holds and counted.other):
            return Finding(None, counted.truth)  # there are some by another definition
        return Finding(holds != negated, counted.truth)

    return test
