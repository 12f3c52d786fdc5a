"""What a question asks for, where that is beyond doubt, and whether an answer gives it.

A question for a value of the fact card, or for a functional group, is missed by an answer that
declines or that speaks of others. One for a property that is not computed ("lambda max?", "the
measured logP") is answered by a word on that, or that it is not known: the number of rings misses
it. An answer in words that no reader of claims knows is left alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from assistant.chat.asked_words import (
    PLAIN_QUESTIONS,
    are_related,
    asked_group,
    asked_key,
    asked_unknown,
    groups_in,
    likely_key,
    plain_text,
    properties_in,
    says_measured,
    unknown_of_several,
    values_in,
)
from assistant.chat.claims.asked import declines
from assistant.chat.claims.model import Check
from assistant.chat.comparing import compares
from assistant.chat.conversation import Conversation, referred_numbers
from assistant.chat.courtesies import courtesy_of
from assistant.chat.sentences import sentence_spans

_MOST_CHARS = 300
"""A longer question asks for more than one thing."""
_NO_GROUP = re.compile(r"\bno (?:named )?functional groups?\b")
_OF_A_MOLECULE = re.compile(r"\bmolecules? ?@?\d|\b(?:it|its|this|here)\b", re.IGNORECASE)
_CARD_KEYS = {"logp": "clogp", "mass": "average_mass"}
"""Keys of card lines that are not those of values."""
_MASSES = {"average_mass": "average mass", "exact_mass": "exact mass"}
_PLACE = re.compile(
    r"\bthe (?P<place>first|second|third|fourth|last|other)"
    r"(?: (?:one|molecule|compound|structure|drug|substance))?(?= *(?:[?.!,]|$))"
)
_PLACES = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_DECLINED = re.compile(
    r"\b(?:do not|don't|cannot|can't) (?:know|have|give|tell|find) (?:the |its )?"
    r"(?P<name>[\w -]{2,40}?) (?:of|for|in) (?:molecule (?P<number>\d+)|it|this \w+)"
    r"(?= *(?:[.,;]|$))"
)


class Wanted(Protocol):
    """What a question asks for."""

    @property
    def number(self) -> int | None:
        """Number of the molecule; None where it is about none."""

    @property
    def question(self) -> str:
        """The question in the plainest words."""

    @property
    def lines(self) -> frozenset[str] | None:
        """Keys of the card lines that tell it; None where more than these is needed."""

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer passes over it."""

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether another answer does not, and says nothing wrong."""


@dataclass(frozen=True)
class WantedValue:
    """A computed value that a question asks for.

    Attributes:
        key: Which one.
        number: Number of the molecule.
    """

    key: str
    number: int

    @property
    def question(self) -> str:
        """The question in the plainest words."""
        return PLAIN_QUESTIONS[self.key].format(f"molecule {self.number}")

    @property
    def lines(self) -> frozenset[str]:
        """Its own line of the card."""
        return frozenset({_CARD_KEYS.get(self.key, self.key)})

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it declines or gives other values; where it is wrong, nothing right on this."""
        if any(check.verdict == "contradicted" for check in checks):
            return not self._is_right_in(checks)
        if any(self._is_on_it(check) for check in checks):
            return False
        return declines(text) or _gives_values(text, checks) or self._is_explained_in(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives it, and nothing wrong."""
        is_wrong = any(check.verdict == "contradicted" for check in checks)
        return self._is_right_in(checks) and not is_wrong

    def _is_explained_in(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer says what the value is in general, and nothing of a molecule."""
        return not checks and self.key in values_in(text) and not _OF_A_MOLECULE.search(text)

    def _is_right_in(self, checks: Sequence[Check]) -> bool:
        return any(check.verdict == "confirmed" and self._is_on_it(check) for check in checks)

    def _is_on_it(self, check: Check) -> bool:
        if self.key in _MASSES:  # one kind, two values
            is_it = check.kind == "mass" and _MASSES[self.key] in (check.truth or "")
        else:
            is_it = check.kind == self.key
        return is_it and check.molecule in (self.number, None)


@dataclass(frozen=True)
class UnknownValue:
    """A property that a question asks for and that is not computed.

    Attributes:
        key: Which one, as checks on it are called.
        number: Number of the molecule; of several the first, which stands for all.
        of_several: Whether it is asked of several ("which is more toxic?").
    """

    key: str
    number: int
    of_several: bool = False

    @property
    def question(self) -> str:
        """The question in the plainest words."""
        return f"What is the {self.key} of molecule {self.number}?"

    lines: ClassVar[None] = None

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives other values, with no word on it or on not knowing."""
        if declines(text) or self.key in properties_in(text):
            return False
        return bool(checks) if self.of_several else _gives_values(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer says that it is not known, and nothing wrong beside."""
        is_wrong = any(check.verdict == "contradicted" for check in checks)
        return declines(text) and self.key in properties_in(text) and not is_wrong


def _gives_values(text: str, checks: Sequence[Check]) -> bool:
    """Whether an answer begins with a value of the card, and has nothing else.

    One that speaks of groups may explain something, one whose first sentence says nothing that can
    be checked may say what was asked for.
    """
    spans = sentence_spans(text)
    if not checks or not spans or checks[0].start >= spans[0].end:
        return False
    return all(check.kind == "element" or check.kind in PLAIN_QUESTIONS for check in checks)


@dataclass(frozen=True)
class WantedGroup:
    """Whether there is a functional group, or how many there are of it.

    Attributes:
        group: As the question calls it ("amide"), one of `groups_in`.
        number: Number of the molecule.
    """

    group: str
    number: int

    @property
    def question(self) -> str:
        """All groups are asked for: the model knows few other names than those of the card."""
        return f"Which functional groups does molecule {self.number} contain?"

    @property
    def lines(self) -> frozenset[str]:
        """The line of the card that lists them."""
        return frozenset({"groups"})

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer declines, or speaks of other groups or values only."""
        opens = [c for c in checks if c.kind == "group" and c.claim.lower() in ("yes", "no")]
        said = groups_in(text)
        if any(check.verdict == "confirmed" for check in opens):
            return False
        if any(are_related(self.group, one) for one in said):
            return False
        return declines(text) or bool(said) or _gives_values(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it lists groups, or says that there is none, and nothing wrong."""
        if any(check.verdict == "contradicted" for check in checks):
            return False
        lists = any(c.verdict == "confirmed" and c.kind == "group" for c in checks)
        return lists or _NO_GROUP.search(text.lower()) is not None


@dataclass(frozen=True)
class WantedSubject:
    """An answer about one molecule, whatever is asked of it.

    Attributes:
        asked: The question.
        number: Number of the molecule.
    """

    asked: str
    number: int

    @property
    def question(self) -> str:
        """The same question with the number that it is about."""
        return f"About molecule {self.number}: {self.asked}"

    lines: ClassVar[None] = None

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether all that it claims is of other molecules."""
        spoken_of = {check.molecule for check in checks if check.molecule is not None}
        return bool(spoken_of) and self.number not in spoken_of

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it says something right of this one, and nothing wrong."""
        if any(check.verdict == "contradicted" for check in checks):
            return False
        return any(c.verdict == "confirmed" and c.molecule == self.number for c in checks)


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
    if len(question.text) > _MOST_CHARS:
        return None
    if question.pair is None and (courtesy := courtesy_of(question.asked)):
        return courtesy
    plain = plain_text(question.asked)
    numbers = pointed_numbers(conversation)
    if question.pair is not None:
        return None
    if len(numbers) > 1 and (unknown := unknown_of_several(plain)):
        return UnknownValue(unknown, numbers[0], of_several=True)
    if not _is_one(numbers, conversation):
        return None
    plain = _PLACE.sub("it", plain)
    if unknown := asked_unknown(plain):
        return UnknownValue(unknown, numbers[0])
    if group := asked_group(plain):
        return WantedGroup(group, numbers[0])
    key = asked_key(plain) or likely_key(plain)
    return WantedValue(key, numbers[0]) if key else None


def pointed_numbers(conversation: Conversation) -> tuple[int, ...]:
    """Numbers of the molecules that the last question names or points at, else its focus."""
    asked = conversation.messages[-1].asked
    return referred_numbers(asked) or _pointed_at(plain_text(asked), conversation)


def declined_value(conversation: Conversation, answer: str) -> WantedValue | None:
    """The value of the card that an answer says not to know, which is wrong by itself.

    Args:
        conversation: Ends with the question; one for something measured is declined rightly.
        answer: What was written.
    """
    question = conversation.messages[-1]
    spans = sentence_spans(answer)
    found = _DECLINED.search(plain_text(answer)) if 0 < len(spans) < 3 else None
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
    turn = conversation.n_turns - 1
    found = _PLACE.search(plain)
    if found is None:
        return conversation.focus(turn)
    known = [molecule.number for molecule in conversation.molecules]
    if found["place"] == "other":
        earlier = range(turn - 1, -1, -1)
        spoken_of = (conversation.questions[t].named or conversation.focus(t) for t in earlier)
        before = next((numbers for numbers in spoken_of if len(numbers) == 1), ())
        return tuple(n for n in known if n not in before) if len(known) == 2 else ()
    place = _PLACES[found["place"]]
    return (known[place],) if -1 <= place < len(known) else ()
