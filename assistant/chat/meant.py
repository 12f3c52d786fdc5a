"""A question that only says which molecule was meant: "no, I meant the other one".

It asks what was asked before, of another molecule. Nothing else may stand in it: "no, I meant the
exact mass of caffeine" asks for a value itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from assistant.chat.asked_words import plain_text
from assistant.chat.claims.model import Check
from assistant.chat.claims.wordlist import words
from assistant.chat.conversation import Conversation
from assistant.chat.wanted import (
    UnknownValue,
    Wanted,
    WantedGroup,
    WantedValue,
    pointed_numbers,
    wanted_value,
)

_MOST_CHARS = 120
_MOST_TURNS_BACK = 3
_REFERENCE = re.compile(
    r"@\d+|\b(?:molecule|compound|structure)s? #?\d+\b"
    r"|\bthe (?:first|second|third|fourth|last|other)\b"
)
_CORRECTS = words("no nope not mean meant meaning rather instead actually wrong sorry oops wait")
_BESIDE = _CORRECTS | words(
    """i i'm was were am is it its it's that this one molecule compound structure drug substance my
    me you the a of for about with from on to and but please pls thanks asked asking ask wanted want
    know talking speaking thinking referring course oh ah hm hmm uh um ok okay well question same
    still thought had have in mind"""
)


@dataclass(frozen=True)
class Meant:
    """What was asked before, of the molecule that was meant.

    Attributes:
        asked: The same of that molecule.
    """

    asked: WantedValue | WantedGroup | UnknownValue

    @property
    def number(self) -> int:
        """Number of the molecule."""
        return self.asked.number

    @property
    def question(self) -> str:
        """The question in the plainest words."""
        return self.asked.question

    @property
    def lines(self) -> frozenset[str] | None:
        """Keys of the card lines that tell it."""
        return self.asked.lines

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it is not in an answer, whatever else that says ("Understood.")."""
        return not self.is_met_by(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives it, and nothing wrong."""
        return self.asked.is_met_by(text, checks)


def meant_value(conversation: Conversation) -> Wanted | None:
    """What the last question asks for again, where it only says of which molecule."""
    question = conversation.messages[-1]
    if len(question.text) > _MOST_CHARS or question.pair is not None:
        return None
    plain = plain_text(question.asked)
    said = re.findall(r"[^\W_]+(?:'[^\W\d_]+)?", _REFERENCE.sub(" ", plain))
    if not _REFERENCE.search(plain) or not _CORRECTS.intersection(said):
        return None
    numbers = pointed_numbers(conversation)
    if len(numbers) != 1 or not _BESIDE.issuperset(said):
        return None
    return _asked_before(conversation, numbers[0])


def _asked_before(conversation: Conversation, number: int) -> Meant | None:
    """The value of the latest question that asks for one, of another molecule."""
    turns = [at for at, m in enumerate(conversation.messages[:-1]) if m.role == "user"]
    for at in islice(reversed(turns), _MOST_TURNS_BACK):
        found = wanted_value(conversation.truncated(at + 1))
        if isinstance(found, WantedValue | WantedGroup | UnknownValue):
            return Meant(replace(found, number=number))
    return None
