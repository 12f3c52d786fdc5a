"""What a question can want, and whether an answer gives it.

A question for a value of the fact card, for atoms or for a functional group is missed by an answer
that declines or that speaks of others. One for a property that is not computed ("lambda max?", "the
measured logP") is answered by a word on that, or that it is not known: the number of rings misses
it. An answer in words that no reader of claims knows is left alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from assistant.chat.asked_words import (
    CARD_KEYS_OF,
    PLAIN_QUESTIONS,
    are_related,
    groups_in,
    properties_in,
    values_in,
)
from assistant.chat.claims.asked import declines
from assistant.chat.claims.model import Check
from assistant.chat.passing_over import (
    declines_another,
    describes,
    gives_values,
    names_a_group,
    says_wrong,
)

_NO_GROUP = re.compile(r"\bno (?:named )?functional groups?\b")
_OF_A_MOLECULE = re.compile(r"\bmolecules? ?@?\d|\b(?:it|its|this|here)\b", re.IGNORECASE)
_OF_ATOMS = ("element", "formula")
_IS_SMALL_TALK = re.compile(
    r"^(?:goodbye|bye|hello|hi|good (?:morning|day|evening)|thanks|thank you|you are welcome"
    r"|welcome|glad|understood|fine|sure|no problem|all right)\b[^\d]{0,60}$",
    re.IGNORECASE,
)
_OF_THE_CHAT = re.compile(
    r"(?:yes|no)\b[^.!?]{0,40}\b(?:chat|program|app|page|assistant|model)\b", re.IGNORECASE
)
"""Small talk: "Yes, the chat is running." is no answer to "Is this safe?"."""
_MASSES = {"average_mass": "average mass", "exact_mass": "exact mass"}


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
        return frozenset({CARD_KEYS_OF.get(self.key, self.key)})

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it declines or gives other values; where it is wrong, nothing right on this."""
        if says_wrong(checks):
            return not self._is_right_in(checks)
        if any(self._is_on_it(check) for check in checks):
            return False
        return declines(text) or gives_values(text, checks) or self._is_of_no_molecule(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives it, and nothing wrong."""
        return self._is_right_in(checks) and not says_wrong(checks)

    def _is_of_no_molecule(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer says what the value is in general, or small talk: of no molecule."""
        if checks or _OF_A_MOLECULE.search(text):
            return False
        return _IS_SMALL_TALK.search(text) is not None or self.key in values_in(text)

    def _is_right_in(self, checks: Sequence[Check]) -> bool:
        return any(check.verdict == "confirmed" and self._is_on_it(check) for check in checks)

    def _is_on_it(self, check: Check) -> bool:
        if self.key in _MASSES:  # one kind, two values
            is_it = check.kind == "mass" and _MASSES[self.key] in (check.truth or "")
        else:
            is_it = check.kind == self.key
        return is_it and check.molecule in (self.number, None)


def plain_question(key: str, molecule: str) -> str:
    """The plainest question for a property that is not computed.

    Args:
        key: Its name, as checks on it are called.
        molecule: "molecule 1", or what stands for it.
    """
    return f"What is the {key} of {molecule}?"


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
        return plain_question(self.key, f"molecule {self.number}")

    lines: ClassVar[None] = None

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives other values, or says not to know another property."""
        if self.key in properties_in(text):
            return False
        if declines(text):
            return declines_another(text, self.key)
        if self.of_several:
            return bool(checks)
        if not checks:
            return _OF_THE_CHAT.match(text) is not None
        is_claim = gives_values(text, checks) or names_a_group(text, checks)
        return is_claim or describes(checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer says that it is not known, and nothing wrong beside."""
        return declines(text) and self.key in properties_in(text) and not says_wrong(checks)


@dataclass(frozen=True)
class PredictedValue:
    """A property that is not computed and that the language model predicts, as was measured.

    Attributes:
        key: Which one, as checks on it are called.
        number: Number of the molecule.
    """

    key: str
    number: int

    @property
    def question(self) -> str:
        """The question in the plainest words."""
        return plain_question(self.key, f"molecule {self.number}")

    lines: ClassVar[None] = None

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer declines or gives other values."""
        if any(check.kind == self.key for check in checks):
            return False
        return declines(text) or gives_values(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it gives a value, and nothing wrong."""
        gives = any(check.kind == self.key for check in checks)
        return gives and not declines(text) and not says_wrong(checks)


def wordings_of(wanted: Wanted) -> tuple[str, ...]:
    """The plain question, and what it may be put as where the answer misses that one, too.

    A small model declines a property in most plain words and not in all.
    """
    if not isinstance(wanted, UnknownValue | PredictedValue):
        return (wanted.question,)
    what = f"the {wanted.key} of molecule {wanted.number}"
    return (wanted.question, f"Do you know {what}?", f"Can you tell me {what}?")


@dataclass(frozen=True)
class WantedElement:
    """How many atoms of an element there are, or whether there is one; the formula tells it.

    Attributes:
        symbol: Of the element.
        number: Number of the molecule.
    """

    symbol: str
    number: int

    @property
    def question(self) -> str:
        """The formula is asked for: the model copies it, where it may miscount."""
        return PLAIN_QUESTIONS["formula"].format(f"molecule {self.number}")

    @property
    def lines(self) -> frozenset[str]:
        """The line of the formula."""
        return frozenset({"formula"})

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer declines or gives other values, with no claim on atoms."""
        if any(check.kind in _OF_ATOMS for check in checks):
            return False
        return declines(text) or gives_values(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer says it, and nothing wrong."""
        if says_wrong(checks):
            return False
        return any(c.verdict == "confirmed" and c.kind in _OF_ATOMS for c in checks)


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
        return declines(text) or bool(said) or gives_values(text, checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether it lists groups, or says that there is none, and nothing wrong."""
        if says_wrong(checks):
            return False
        lists = any(c.verdict == "confirmed" and c.kind == "group" for c in checks)
        return lists or _NO_GROUP.search(text.lower()) is not None


@dataclass(frozen=True)
class WantedClass(WantedGroup):
    """Whether a molecule is a peptide, a sugar, …, which no fact decides; groups tell part of it.

    Attributes:
        group: The class.
        number: Number of the molecule.
    """

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer declines, gives values, or denies some group that nobody named."""
        denied = [(check.truth or "").startswith("no ") for check in checks]
        denies = names_a_group(text, checks) and all(denied)
        return declines(text) or gives_values(text, checks) or denies


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
        if says_wrong(checks):
            return False
        return any(c.verdict == "confirmed" and c.molecule == self.number for c in checks)
