"""What the last question of a conversation asks for, where that is beyond doubt."""

import re
from collections.abc import Sequence

from assistant.chat.asked_words import (
    asked_class,
    asked_element,
    asked_group,
    asked_key,
    asked_unknown,
    likely_key,
    plain_text,
    says_measured,
    unknown_of_several,
)
from assistant.chat.comparing import compares
from assistant.chat.conversation import Conversation, referred_numbers
from assistant.chat.courtesies import courtesy_of
from assistant.chat.other_species import other_species
from assistant.chat.passing_over import DECLINED
from assistant.chat.pointing import PLACES, placed_numbers
from assistant.chat.sentences import sentence_spans
from assistant.chat.wanted_kinds import (
    UnknownValue,
    Wanted,
    WantedClass,
    WantedElement,
    WantedGroup,
    WantedSubject,
    WantedValue,
)

_MOST_CHARS = 300
"""A longer question asks for more than one thing."""
_PLACE = re.compile(
    rf"\bthe (?P<place>{'|'.join(PLACES)})"
    r"(?: (?:one|molecule|compound|structure|drug|substance))?(?= *(?:[?.!,]|$))"
)


def wanted_subject(conversation: Conversation) -> WantedSubject | None:
    """The one molecule that the last question is about, where there are others to take it for."""
    question = conversation.messages[-1]
    focus = conversation.focus(conversation.n_turns - 1)
    is_plain = len(question.text) <= _MOST_CHARS and question.pair is None
    if not is_plain or len(conversation.molecules) < 2 or not _is_one(focus, conversation):
        return None
    said = plain_text(question.asked)
    if referred_numbers(question.asked) or compares(question.asked) or _PLACE.search(said):
        return None
    return WantedSubject(question.asked, focus[0])


def wanted_value(conversation: Conversation) -> Wanted | None:
    """What the last question asks for: one value or group and nothing else, or small talk."""
    question = conversation.messages[-1]
    if len(question.text) > _MOST_CHARS or question.pair is not None:
        return None
    if courtesy := courtesy_of(question.asked):
        return courtesy
    plain = plain_text(question.asked)
    numbers = referred_numbers(question.asked) or _pointed_at(plain, conversation)
    if len(numbers) > 1 and (unknown := unknown_of_several(plain)):
        return UnknownValue(unknown, numbers[0], of_several=True)
    if not _is_one(numbers, conversation):
        return None
    plain = _PLACE.sub("it", plain)
    if unknown := asked_unknown(plain):
        return UnknownValue(unknown, numbers[0])
    if symbol := asked_element(question.asked):
        return WantedElement(symbol, numbers[0])
    if name := asked_class(plain):
        return WantedClass(name, numbers[0])
    if group := asked_group(plain):
        return WantedGroup(group, numbers[0])
    key = asked_key(plain)
    if key is None and not other_species(question.text, mentions=question.mentions):
        key = likely_key(plain)
    return WantedValue(key, numbers[0]) if key else None


def declined_value(conversation: Conversation, answer: str) -> WantedValue | None:
    """The value of the card that an answer says not to know, which is wrong by itself.

    Args:
        conversation: Ends with the question; one for something measured is declined rightly.
        answer: What was written.
    """
    question = conversation.messages[-1]
    spans = sentence_spans(answer)
    found = DECLINED.search(plain_text(answer)) if 0 < len(spans) < 3 else None
    if found is None or question.pair is not None or says_measured(plain_text(question.asked)):
        return None
    key = asked_key(f"the {found['name']}")
    focus = conversation.focus(conversation.n_turns - 1)
    numbers = (int(found["number"]),) if found["number"] else focus
    return WantedValue(key, numbers[0]) if key and _is_one(numbers, conversation) else None


def _is_one(numbers: Sequence[int], conversation: Conversation) -> bool:
    """Whether these are one molecule that the conversation has."""
    known = {molecule.number for molecule in conversation.molecules}
    return len(numbers) == 1 and numbers[0] in known


def _pointed_at(plain: str, conversation: Conversation) -> tuple[int, ...]:
    """Numbers of the molecules that a question without a number is about."""
    if found := _PLACE.search(plain):
        return placed_numbers(found["place"], conversation)
    return conversation.focus(conversation.n_turns - 1)
