"""Numbers that molecules are held against, and no values of one: limits, averages, scales, peaks.

A word beside the number says so ("the limit of 5 donors"), or the subject of the sentence does:
what "The limits are 5 donors and 10 acceptors" counts, up to the next molecule, is no molecule's.
"""

from collections.abc import Collection, Sequence

from assistant.chat.claims.mentions import VERBS
from assistant.chat.claims.text import Token
from assistant.chat.claims.wordlist import words

_LIMITS = words(
    "limit limits cutoff cutoffs cut threshold thresholds maximum max minimum min ceiling cap bound"
)
_AVERAGES = words("mean median typical")
OF_NO_MOLECULE = (
    _LIMITS
    | _AVERAGES
    | words(
        "allows allow allowed permits permitted need needs difference differ differs apart loss "
        "losing loses together combined sum m peak ion adduct fragment fragments dose protein kda"
    )
)
"""Near a number they say that it is a limit, a difference, or the number of something else."""
AUTHORS = words("lipinski veber")
"""Right before a number they make it the limit of their rule: "below Veber's 140 Å²"."""

_SUBJECTS = (
    _LIMITS
    | _AVERAGES
    | AUTHORS
    | words(
        "average rule rules criterion criteria guideline guidelines range scale target dataset "
        "error errors uncertainty tolerance step"
    )
)
_QUALITIES = _AVERAGES | words("maximum max minimum min allowed recommended ideal usual upper")
_SAYS = words(
    "is are was were would can says say asks ask wants want sets set allows allow permits permit "
    "accepts accept runs goes ranges lies demands tolerates "
    "counts"
)
_JUDGED = words("met satisfied kept fulfilled obeyed passed respected violated broken")
_COMPUTED = words("computed calculated found obtained given reported")
_IMPERATIVES = words("use take set enter aim choose try put keep")
_OBJECTS = words("a an the about around at for no up")
_BREAKS = words(", : ;")
_BEGINNINGS = words("only so then now please and but also")
_BOUNDS = words("above below over under more less up at exceeding")
_BOUND_SIGNS = words("< > ≤ ≥ below above under at up")
_LONGEST_RULE = 6
_IN_NAMES = words("of five 5 rule rules 's")
_REACH = 14


def is_of_no_molecule(tokens: Sequence[Token], names: Collection[int]) -> bool:
    """Whether a sentence is about a yardstick: "The limits are …", "A value of 5 is …", "Use 500".

    Args:
        tokens: Tokens of the sentence.
        names: Those that name a molecule.
    """
    texts = [token.text for token in tokens[:_REACH]]
    first = next((i for i, word in enumerate(texts) if word not in _BEGINNINGS), len(texts))
    if _commands(tokens, first):
        return True
    if _lists_limits(texts[first:]):
        return True
    verb = next((i for i, word in enumerate(texts) if word in VERBS | _SAYS), len(texts))
    if verb == len(texts) or texts[verb] not in _SAYS or any(i < verb for i in names):
        return False  # a rule is or says something, it has no rings
    subject = texts[max((i + 1 for i in range(verb) if texts[i] in _BREAKS), default=first) : verb]
    if subject[:1] in (["a"], ["an"], ["any"], ["values"]):
        is_value = bool({"value", "values"} & set(subject[:2])) and not _COMPUTED & set(texts)
        return is_value or bool(_BOUNDS & set(subject)) or _names_yardstick(subject)
    is_judged = any(token.text in _JUDGED for token in tokens)
    return not is_judged and (_names_yardstick(subject) or bool(_QUALITIES & set(subject)))


def _commands(tokens: Sequence[Token], first: int) -> bool:
    """As in "Use 500 for the mass"; not "Set stereocentres: 0"."""
    if first + 1 >= len(tokens) or tokens[first].text not in _IMPERATIVES:
        return False
    return tokens[first + 1].kind == "number" or tokens[first + 1].text in _OBJECTS


def _lists_limits(texts: Sequence[str]) -> bool:
    """As in "Rule of five: MW < 500, …", "Lipinski's rule (MW ≤ 500)"; not "Rule: 1 donor"."""
    at = next((i for i, word in enumerate(texts) if word in (":", "(")), 0)
    head, item = texts[:at], texts[at + 1 : at + 5]
    is_rule = bool({"rule", "rules", "criteria", "limits"} & set(head) or AUTHORS & set(head))
    return is_rule and len(head) <= _LONGEST_RULE and bool(_BOUND_SIGNS & set(item))


def _names_yardstick(subject: Sequence[str]) -> bool:
    """Whether one is what the subject names: "the limit for donors", not "the Lipinski count"."""
    for i, word in enumerate(subject):
        rest = subject[i + 1 :]
        if word in _SUBJECTS and (rest[:1] in (["for"], ["of"], ["on"]) or set(rest) <= _IN_NAMES):
            return rest[:2] not in (["of", "five"], ["of", "5"]) or set(rest) <= _IN_NAMES
    return False
