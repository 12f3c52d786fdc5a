"""What stands around a count or a group: is only a part described, does a verb follow?"""

from collections.abc import Callable

from assistant.chat.claims.context import NEGATIONS
from assistant.chat.claims.counted import count_of
from assistant.chat.claims.lexicon import Term
from assistant.chat.claims.mentions import NOUNS
from assistant.chat.claims.model import Finding
from assistant.chat.claims.reading import Reading
from assistant.chat.claims.values import Quantity
from assistant.chat.claims.wordlist import words
from assistant.chem.facts import Facts

_KINDS = {
    "group": "group",
    "element": "element",
    "pains": "alerts",
    "brenk": "alerts",
    "ro5": "rule_of_five",
}
_PARTS = words(
    "ring rings system core chain linker group nitrogen oxygen carbon arm half moiety part "
    "fragment portion scaffold skeleton substituent bridge headgroup tail centre center atom"
)
COORDINATION = words("and or nor , as well also plus both either a an the two one three")


def speaks_of_part(reading: Reading, first: int, behind: int) -> bool:
    """Whether only a part is described: "the side chain has …", "… in the six-membered ring"."""
    verb = reading.context[first].verb
    if verb > 0 and (reading.word(verb - 1) in _PARTS or _ends_part(reading, verb)):
        return True
    if reading.word(behind) not in ("of", "in", "on", "at", "within", "per"):
        return False
    place = [reading.word(i) for i in range(behind + 1, behind + 4)]
    whole = any(w in NOUNS for w in place) or any(
        i in reading.labels for i in range(behind + 1, behind + 4)
    )
    return not whole and place[:1] != ["total"] and place[:1] != ["all"]


def _ends_part(reading: Reading, verb: int) -> bool:
    parts = ("count", "group", "element")
    return any(t.behind == verb and t.term.family in parts for t in reading.terms)


def in_part(
    test: Callable[[Facts], Finding], term: Term, stated: Quantity
) -> Callable[[Facts], Finding]:
    """A part may have fewer than the whole, never more."""

    def local(facts: Facts) -> Finding:
        finding = test(facts)
        if finding.holds is False and count_of(term, (), facts).most >= stated.low:
            return Finding(None, finding.truth)
        return finding

    return local


def verb_behind(reading: Reading, behind: int) -> bool | None:
    """True for "… is present", False for "… is absent", looking over a coordinated list."""
    i, seen_be = behind, False
    for _ in range(14):
        word = reading.word(i)
        if word in ("is", "are", "isn't", "aren't"):
            seen_be = True
        elif seen_be and word in ("present", "found", "there"):
            return reading.word(i - 1) not in NEGATIONS
        elif word in ("absent", "missing") and (seen_be or reading.word(i - 1) == "("):
            return reading.word(i - 1) in NEGATIONS
        elif (seen_be and word in ("not", "also", "both", "all", "clearly", "to", "be")) or (
            not seen_be
            and (word in COORDINATION or any(t.first <= i < t.behind for t in reading.terms))
        ):
            pass
        else:
            return None
        i += 1
    return None


def kind_of(term: Term) -> str:
    """The kind a claim on a term is filed under."""
    return _KINDS.get(term.family) or _KINDS.get(term.key, term.key)
