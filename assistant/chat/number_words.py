"""Questions for a number that a specialist writes of one molecule."""

import re
from dataclasses import dataclass

from assistant.chat.conversation import Conversation, referred_numbers
from assistant.chat.other_species import other_species
from assistant.chat.short_values import SHORT_VALUES
from assistant.chat.wanted import wanted_value
from assistant.chat.wanted_kinds import UnknownValue

_OF_SOMETHING_ELSE = re.compile(
    r"\b(?:measured?|measurements?|experiment\w*|literature|reported|published|electrochem\w*|volta\w+"
    r"|CV|UPS|XPS|spectroscop\w*)\b"
    r"|\b(?:anions?|cations?|radicals?|oxidi[sz]\w*|reduc\w*|excited|triplets?|singlets?|ioni[sz]\w*"
    r"|protonat\w*|deprotonat\w*|dimers?|polymers?|crystals?|films?|solids?|bulk|solution|solvents?"
    r"|water|aqueous|gas)\b"
    r"|\b(?:CAM|M06|wB97|ωB97|PBE0?|BLYP|HF|Hartree.Fock|MP2|CCSD|CASSCF|GW|xTB|semi-?empirical|PM[3-7]"
    r"|AM1|def2|cc-p|aug|STO|ZINDO)",
    re.IGNORECASE,
)
"""What makes it a question for another number: measured, of an ion, in a medium, by a method."""
_FOR_NO_NUMBER = re.compile(
    r"\b(?:mean|means|meaning|definitions?|define|stands? for|draw|plot|picture|image|shape|looks?"
    r"|localis\w*|localiz\w*|located|where|symmetry|nodes?|coefficients?|how many)\b",
    re.IGNORECASE,
)
"""What makes it a question that no number answers."""
_FOR_MORE = re.compile(
    r"\b(?:which|who|above|below|higher|lower|deeper|more|less|greater|smaller|larger|than|between"
    r"|or)\b|[<>]",
    re.IGNORECASE,
)
"""What makes it a question about one molecule that its number answers by half."""
_DIFFERS = re.compile(r"\b(?:differ\w*|far|much|close|sum|average|ratio)\b", re.IGNORECASE)
_MOST = 4
_ASKS_HOW_HIGH = re.compile(
    r"^\W*(?:and |so )?how (?:high|deep|low) is (?:the|its) (?:HOMO"
    r"|highest occupied (?:molecular )?"
    r"orbital)\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AskedNumber:
    """A number that a question asks for.

    Attributes:
        name: Of `SHORT_VALUES`.
        molecules: Numbers of the molecules; of several it is asked which has the higher one.
    """

    name: str
    molecules: tuple[int, ...]


def asked_number(conversation: Conversation) -> AskedNumber | None:
    """What the last question asks for beyond doubt; None where it asks for something else.

    Args:
        conversation: Ends with a question.
    """
    question = conversation.messages[-1]
    focus = conversation.focus(conversation.n_turns - 1)
    if _ASKS_HOW_HIGH.search(question.asked):
        return AskedNumber("homo", focus) if len(focus) == 1 else None
    # A form to answer in may name anything.
    asked = question.asked.partition(" Answer in the form")[0]
    if _OF_SOMETHING_ELSE.search(asked) or _FOR_NO_NUMBER.search(asked):
        return None
    wanted = wanted_value(conversation)
    if not isinstance(wanted, UnknownValue):
        return None
    if other_species(question.text, mentions=question.mentions):
        return None
    name = next((v.name for v in SHORT_VALUES.values() if v.key == wanted.key), None)
    if name is None:
        return None
    if not wanted.of_several:
        return None if _FOR_MORE.search(asked) else AskedNumber(name, (wanted.number,))
    numbers = referred_numbers(question.asked) or focus
    if len(numbers) > _MOST or _DIFFERS.search(asked):
        return None
    return AskedNumber(name, tuple(numbers))
