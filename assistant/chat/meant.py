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
from assistant.chat.pointing import PLACES, placed_numbers
from assistant.chat.wanted import wanted_value
from assistant.chat.wanted_kinds import (
    UnknownValue,
    Wanted,
    WantedElement,
    WantedGroup,
    WantedValue,
)

_MOST_CHARS = 120
_MOST_TURNS_BACK = 3
_REFERENCE = re.compile(
    r"(?P<negated>\bnot (?:for |of |about )?)?"
    r"(?:@(?P<at>\d+)|\b(?:molecule|compound|structure) #?(?P<number>\d+)\b"
    rf"|\bthe (?P<place>{'|'.join(PLACES)})\b)"
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

    asked: WantedValue | WantedElement | WantedGroup | UnknownValue

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
    negates = any(match["negated"] for match in _REFERENCE.finditer(plain))
    if not _BESIDE.issuperset(said) or not (negates or _CORRECTS.intersection(said)):
        return None
    number = _meant_number(plain, conversation)
    return _asked_before(conversation, number) if number is not None else None


def _meant_number(plain: str, conversation: Conversation) -> int | None:
    """Which molecule a text names as the right one; of two, the other of the one that it denies."""
    known = [molecule.number for molecule in conversation.molecules]
    meant, denied = set(), set()
    for match in _REFERENCE.finditer(plain):
        at = match["at"] or match["number"]
        numbers = (int(at),) if at else placed_numbers(match["place"], conversation)
        (denied if match["negated"] else meant).update(numbers)
    if not meant and len(denied) == 1 and len(known) == 2:
        meant = set(known) - denied
    return meant.pop() if len(meant) == 1 and meant <= set(known) else None


def _asked_before(conversation: Conversation, number: int) -> Meant | None:
    """The value of the latest question that asks for one, of another molecule."""
    turns = [at for at, m in enumerate(conversation.messages[:-1]) if m.role == "user"]
    for at in islice(reversed(turns), _MOST_TURNS_BACK):
        found = wanted_value(conversation.truncated(at + 1))
        if isinstance(found, WantedValue | WantedElement | WantedGroup | UnknownValue):
            return Meant(replace(found, number=number))
    return None
