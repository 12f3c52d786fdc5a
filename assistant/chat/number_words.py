"""Questions for a number that a specialist writes of one molecule."""

import re
from dataclasses import dataclass

from assistant.chat.conversation import Conversation
from assistant.chat.other_species import other_species
from assistant.chat.short_values import SHORT_VALUES
from assistant.chat.wanted import wanted_value
from assistant.chat.wanted_kinds import UnknownValue

_MORE_THAN_THAT = re.compile(
    r"\b(?:measured?|measurements?|experiment\w*|literature|reported|published|electrochem\w*|volta\w+"
    r"|CV|UPS|XPS|spectroscop\w*)\b"
    r"|\b(?:mean|means|meaning|definitions?|define|stands? for|draw|plot|picture|image|shape|looks?"
    r"|localis\w*|localiz\w*|located|where|which|who|symmetry|nodes?|coefficients?|how many)\b"
    r"|\b(?:above|below|higher|lower|deeper|more|less|greater|smaller|larger|than|between|or)\b|[<>]"
    r"|\b(?:anions?|cations?|radicals?|oxidi[sz]\w*|reduc\w*|excited|triplets?|singlets?|ioni[sz]\w*"
    r"|protonat\w*|deprotonat\w*|dimers?|polymers?|crystals?|films?|solids?|bulk|solution|solvents?"
    r"|water|aqueous|gas)\b"
    r"|\b(?:CAM|M06|wB97|ωB97|PBE0?|BLYP|HF|Hartree.Fock|MP2|CCSD|CASSCF|GW|xTB|semi-?empirical|PM[3-7]"
    r"|AM1|def2|cc-p|aug|STO|ZINDO)",
    re.IGNORECASE,
)
"""What makes it a question that such a number does not answer, or answers by half."""
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
        molecule: Number of the molecule.
    """

    name: str
    molecule: int


def asked_number(conversation: Conversation) -> AskedNumber | None:
    """What the last question asks for beyond doubt; None where it asks for something else.

    Args:
        conversation: Ends with a question.
    """
    question = conversation.messages[-1]
    if _ASKS_HOW_HIGH.search(question.asked):
        focus = conversation.focus(conversation.n_turns - 1)
        return AskedNumber("homo", focus[0]) if len(focus) == 1 else None
    # A form to answer in may name anything.
    asked = question.asked.partition(" Answer in the form")[0]
    if _MORE_THAN_THAT.search(asked):
        return None
    wanted = wanted_value(conversation)
    if not isinstance(wanted, UnknownValue) or wanted.of_several:
        return None
    if other_species(question.text, mentions=question.mentions):
        return None
    names = (value.name for value in SHORT_VALUES.values() if value.key == wanted.key)
    name = next(names, None)
    return None if name is None else AskedNumber(name, wanted.number)
