"""Which value a question asks for, where that is beyond doubt, and whether an answer gives it.

Only a question counts that names one value of the fact card, of one molecule, and says nothing
else: "QED of this compound, two decimals", "mw?". Every word besides must be one of those that any
such question may have, so that "the measured logP" or "the mass spectrum" ask for nothing here. Of
3,700 questions of the training generator that no fact answers none is taken for one that asks for a
value, of its questions for a value every second (`tests/chat/test_wanted.py`).

A question for a property that is not computed ("lambda max?", "the measured logP") is answered by
nothing but a word on that, or that it is not known: the number of rings misses it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from assistant.chat.claims.asked import declines
from assistant.chat.claims.lexicon import TermMatch, find_terms
from assistant.chat.claims.model import Check
from assistant.chat.claims.text import Token, normalise, split_sentences
from assistant.chat.claims.wordlist import words
from assistant.chat.conversation import Conversation, referred_numbers

_MOST_TOKENS = 32
_QUESTIONS = {
    "formula": "What is the formula of {}?",
    "average_mass": "What is the average mass of {}?",
    "exact_mass": "What is the exact mass of {}?",
    "mass": "What is the average mass of {}?",  # either may be meant
    "charge": "What is the charge of {}?",
    "heavy_atoms": "How many heavy atoms does {} have?",
    "logp": "What is the cLogP of {}?",
    "tpsa": "What is the TPSA of {}?",
    "hbd": "How many H-bond donors does {} have?",
    "hba": "How many H-bond acceptors does {} have?",
    "rotatable_bonds": "How many rotatable bonds does {} have?",
    "rings": "How many rings does {} have?",
    "ring_systems": "How many ring systems does {} have?",
    "aromatic_rings": "How many aromatic rings does {} have?",
    "fsp3": "What is the Fsp3 of {}?",
    "qed": "What is the QED of {}?",
    "stereocentres": "How many stereocentres does {} have?",
    "double_bonds": "How many stereo double bonds does {} have?",
    "alerts": "Which PAINS or Brenk alerts does {} have?",
    "rule_of_five": "Does {} pass the rule of five?",
    "fragments": "How many fragments does {} have?",
}
"""Each value of the card in the plainest words."""
_OTHER_KEYS = {
    "clogp": "logp",
    "pains": "alerts",
    "brenk": "alerts",
    "ro5": "rule_of_five",
}
"""Keys of terms that are not those of values."""
_MASSES = {"average_mass": "average mass", "exact_mass": "exact mass"}
_RULE = re.compile(
    r"\b(?:lipinski(?:'s)? )?rules? of (?:five|5)|\blipinski(?:'s)?(?: rules?)?|\bro5"
)
_DECIMALS = re.compile(
    r"\b(?:to |with |in )?(?:one|two|three|four|\d) (?:decimals?|decimal places?|digits?)\b"
)
_MOLECULE = re.compile(r"@\d+|\b(?:molecule|compound|structure)s? #?\d+\b")
_PLACE = re.compile(
    r"\bthe (?P<place>first|second|third|fourth|last|other)"
    r"(?: (?:one|molecule|compound|structure|drug|substance))?(?= *(?:[?.!,]|$))"
)
_PLACES = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
_OF_A_MOLECULE = words(
    "the its it's many much of for in has have does do it this that here molecule compound "
    "structure drug substance salt entry record species cmpd cpd cmpds cpds mol one"
)
"""One of these stands in a question about a molecule, but for the shortest."""
_ASKS = words("what what's whats which how")
_HOW = words("many much high low large big heavy light polar lipophilic")
_PLAIN = _OF_A_MOLECULE | _ASKS | _HOW | words(
    "a an and also again now then so ok okay hi hello hey thanks thank please pls plz kindly just "
    "only is are was has had can could would will should shall may i me my we us our you your "
    "to at on with from by about give tell show list report state calculate compute determine find "
    "get say print read look up count check know need want like see provide return briefly "
    "calculated computed rdkit value values number no nos amount figure score result total overall "
    "altogether there any all g da dalton daltons unit units fine enough rounded next question "
    "pass passes fail fails obey obeys follow follows violate violates break "
    "breaks satisfy satisfies"
)  # fmt: skip
MEASURED = "measured logP"
_MEASURED = re.compile(
    r"\b(?:experiment\w*|measured|literature|reported|observed|shake flask|shake-flask)\b"
)
_TURNS_AWAY = re.compile(
    r"\b(?:no|not|never|missing|without|before|instead|just|only|but|comput\w+|calculat\w+"
    r"|predict\w+|estimat\w+)\b|n't\b"
)
"""Words of a question that names a property and asks for another value."""
_NAMES = ("IUPAC name", "CAS number")  # the page knows some
_SYMBOLS = frozenset("-,?.()':;/&!#²å\"")


class Wanted(Protocol):
    """What a question asks for."""

    @property
    def number(self) -> int:
        """Number of the molecule."""

    @property
    def question(self) -> str:
        """The question in the plainest words."""

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
        return _QUESTIONS[self.key].format(f"molecule {self.number}")

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer has no claim on it; where it has wrong ones, no right claim on it."""
        if any(check.verdict == "contradicted" for check in checks):
            return not self._is_right_in(checks)
        return bool(text.strip()) and not any(self._is_on_it(check) for check in checks)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives it, and nothing wrong."""
        is_wrong = any(check.verdict == "contradicted" for check in checks)
        return self._is_right_in(checks) and not is_wrong

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
        number: Number of the molecule.
    """

    key: str
    number: int

    @property
    def question(self) -> str:
        """The question in the plainest words."""
        return f"What is the {self.key} of molecule {self.number}?"

    def is_missed_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer gives other values of the card, with no word on it or on not knowing.

        One that speaks of groups may explain the property.
        """
        gives_values = bool(checks) and all(check.kind in _QUESTIONS for check in checks)
        return gives_values and not declines(text) and self.key not in _keys_in(text)

    def is_met_by(self, text: str, checks: Sequence[Check]) -> bool:
        """Whether an answer says that it is not known, and claims nothing."""
        return declines(text) and self.key in _keys_in(text) and not checks


def _keys_in(text: str) -> set[str]:
    """The properties that are not computed and that a text speaks of."""
    plain = normalise(text).lower()
    keys = {match.term.key for match in find_terms(_tokens(plain))}
    return keys | ({MEASURED} if _MEASURED.search(plain) else set())


def wanted_value(conversation: Conversation) -> Wanted | None:
    """The one value that the last question asks for; None where it asks for anything else too."""
    question = conversation.messages[-1]
    plain = normalise(question.asked).lower().replace("³", "3")
    numbers = referred_numbers(question.asked) or _pointed_at(plain, conversation)
    if len(numbers) != 1 or question.pair is not None:
        return None
    plain = _PLACE.sub("it", plain)
    if unknown := asked_unknown(plain):
        return UnknownValue(unknown, numbers[0])
    key = asked_key(plain)
    return None if key is None else WantedValue(key, numbers[0])


def _pointed_at(plain: str, conversation: Conversation) -> tuple[int, ...]:
    """Numbers of the molecules that a question without a number is about."""
    turn = conversation.n_turns - 1
    found = _PLACE.search(plain)
    if found is None:
        return conversation.focus(turn)
    known = [molecule.number for molecule in conversation.molecules]
    if found["place"] == "other":
        alone = (conversation.focus(earlier) for earlier in range(turn - 1, -1, -1))
        before = next((focus for focus in alone if len(focus) == 1), ())
        return tuple(n for n in known if n not in before) if len(known) == 2 else ()
    place = _PLACES[found["place"]]
    return (known[place],) if -1 <= place < len(known) else ()


def asked_key(plain: str) -> str | None:
    """The value that words ask for (lower case, as `normalise` gives them)."""
    plain = _RULE.sub("rule of five violations", plain)
    plain = _DECIMALS.sub(" ", _MOLECULE.sub("it", plain))
    tokens = _tokens(plain)
    if len(tokens) > _MOST_TOKENS:
        return None
    terms = find_terms(tokens)
    keys = {_OTHER_KEYS.get(match.term.key, match.term.key) for match in terms}
    if len(keys) != 1 or not _says_nothing_else(tokens, terms):
        return None
    (key,) = keys
    return key if key in _QUESTIONS else None


def asked_unknown(plain: str) -> str | None:
    """The one property that words ask for and that is not computed, as checks call it."""
    tokens = _tokens(plain)
    terms = find_terms(tokens)
    keys = {match.term.key for match in terms if match.term.family != "skip"}
    if len(keys) != 1 or len(tokens) > _MOST_TOKENS or _TURNS_AWAY.search(plain):
        return None
    term = next(match.term for match in terms if match.term.family != "skip")
    if term.key in ("logp", "clogp") and _MEASURED.search(plain):
        return MEASURED
    return term.key if term.family == "opaque" and term.key not in _NAMES else None


def _tokens(plain: str) -> list[Token]:
    return [token for sentence in split_sentences(plain, []) for token in sentence.tokens]


def _says_nothing_else(tokens: Sequence[Token], terms: Sequence[TermMatch]) -> bool:
    """Whether every word beside the terms may stand in any question for a value of a molecule."""
    of_terms = {i for match in terms for i in range(match.first, match.behind)}
    rest = [token.text for i, token in enumerate(tokens) if i not in of_terms]
    if not all(text in _PLAIN or text in _SYMBOLS for text in rest):
        return False
    everything = [token.text for token in tokens]
    for text, after in zip(everything, [*everything[1:], ""], strict=True):
        if text == "how" and after not in _HOW:
            return False  # "how is it computed"
    return bool(_OF_A_MOLECULE.intersection(rest)) or not _ASKS.intersection(rest)
