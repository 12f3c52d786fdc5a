"""Words of a question that name another species than the one drawn: "the dimer", "[M+H]+".

Every value is computed of the structure as it is drawn. Asked "MW of the monohydrate?", an answer
with the mass of the anhydrous molecule is right of what is drawn and wrong of what was meant; the
page says so where it shows what was checked. Rather one too few than one too many: a species
counts only beside a value, in the place where a question names what the value is of. The words
are in `species_words.py`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from assistant.chat.asked_words import PLAIN_QUESTIONS, plain_text
from assistant.chat.asking.terms import asked_terms, value_key
from assistant.chat.check import Check
from assistant.chat.claims.text import split_sentences
from assistant.chat.conversation import Conversation, Message
from assistant.chat.species_words import (
    ABROAD,
    ADDUCT,
    CHANGES,
    NAMED,
    UNLESS_CHARGED,
    UNLESS_ESTER,
    UNLESS_NEUTRAL,
    UNLESS_SALT,
    unaccented,
)
from assistant.chem.facts import Facts

_MOST_CHARS = 400
_SENTENCE = re.compile(r"[^.?!;\n]*(?:[.?!;]+(?!\s|$)[^.?!;\n]*)*")
_GOES_ON = re.compile(r"(?:and|or|also|then|now|und|et|y|e)?\s*(?:of|for)\s", re.IGNORECASE)
"""A sentence that asks for the value before of something else: "And of the dimer?"."""
_MORE_VALUES = re.compile(
    r"\bm/z\b|\bweighs?\b|\bhow heavy\b|\[\d?M\s?[+-]|\b(?:mass[ea]?|masa|formule|poids|peso|ladung"
    r"|carga|carica)\b",
    re.IGNORECASE,
)
_CHANGED = re.compile(
    r"(?:after|upon|following|post|on|with|without|if|when|once|minus|plus|less|losing|nach|ohne"
    r"|apres"
    r"|tras|despues|dopo)\b",
    re.IGNORECASE,
)
"""How words begin that say what is done to the molecule: "after demethylation"."""
_MENTION = "·"
_VALUE_KINDS = frozenset(PLAIN_QUESTIONS) | {"clogp", "number"}


@dataclass(frozen=True)
class Drawn:
    """What the molecules that a question is about are themselves, so that "the salt" may mean them.

    Attributes:
        is_salt: One has several parts.
        is_charged: One has a net charge.
        is_ester: One has an ester.
    """

    is_salt: bool = False
    is_charged: bool = False
    is_ester: bool = False

    @classmethod
    def of(cls, facts: Sequence[Facts]) -> "Drawn":
        """Of all molecules together."""
        groups = {group.name for one in facts for group in one.groups}
        return cls(
            is_salt=any(one.fragments > 1 for one in facts),
            is_charged=any(one.charge for one in facts),
            is_ester=any("ester" in name for name in groups),
        )


@lru_cache(maxsize=4096)  # a dialogue is rendered again at every turn
def other_species(
    question: str, drawn: Drawn | None = None, *, mentions: tuple[tuple[int, int, int], ...] = ()
) -> str:
    """The words of a question for a value that name another species than the one drawn.

    Args:
        question: What was asked.
        drawn: What is drawn: of a salt "the salt" names no other species. None where it is not
            known; then every species counts.
        mentions: Where the question names molecules that have numbers, see `Message`: "sodium
            benzoate" is then drawn as it is named.

    Returns:
        The words as they are written, "" where there are none.
    """
    if len(question) > _MOST_CHARS:
        return ""
    text = question
    for start, end, _ in mentions:
        text = text[:start] + _MENTION * (end - start) + text[end:]
    plain = unaccented(text)
    for match in _SENTENCE.finditer(plain):
        sentence = match[0]
        if not (_asks_for_value(sentence) or _GOES_ON.match(sentence.strip())):
            continue
        span = _first_species(sentence, drawn)
        if span is not None:
            begin = match.start()
            return question[begin + span[0] : begin + span[1]]
    return ""


@dataclass(frozen=True)
class Elsewhere:
    """Values of another species than the one that was asked for.

    Attributes:
        words: What the question calls it: "the dimer".
        numbers: Of the molecules that the values are of.
    """

    words: str
    numbers: tuple[int, ...]

    @property
    def line(self) -> str:
        """What is said of it."""
        noun = "molecule" if len(self.numbers) == 1 else "molecules"
        listed = " and ".join(map(str, self.numbers))
        of = "" if _CHANGED.match(unaccented(self.words)) else "of "
        return f"values are of {noun} {listed} as drawn, not {of}“{self.words}”"


def values_elsewhere(
    conversation: Conversation,
    turn: int,
    answer: Message,
    facts_of: Callable[[int], Facts | None],
) -> Elsewhere | None:
    """What is to be said of an answer with values of another species; None for most.

    Args:
        conversation: With its question.
        turn: Index of the question, 0-based.
        answer: With its checks.
        facts_of: Facts of a molecule by its number, None where they are not known (nothing is said
            then); called for few answers only.
    """
    question = conversation.questions[turn]
    numbers = confirmed_numbers(answer.checks)
    if not numbers or not other_species(question.text, mentions=question.mentions):
        return None
    known = {entry.number for entry in conversation.molecules}
    about = sorted(known & {*conversation.focus(turn), *numbers})
    facts = [facts_of(number) for number in about]
    if None in facts:
        return None
    drawn = Drawn.of([one for one in facts if one is not None])
    words = other_species(question.text, drawn, mentions=question.mentions)
    return Elsewhere(words, numbers) if words else None


def confirmed_numbers(checks: Sequence[Check]) -> tuple[int, ...]:
    """Numbers of the molecules of which an answer has a confirmed value, in order."""
    good = (c for c in checks if c.verdict == "confirmed" and c.kind in _VALUE_KINDS)
    return tuple(sorted({c.molecule for c in good if c.molecule is not None}))


def _asks_for_value(sentence: str) -> bool:
    if _MORE_VALUES.search(sentence):
        return True
    tokens = [token for part in split_sentences(plain_text(sentence), []) for token in part.tokens]
    return any(
        match.term.family != "skip" and value_key(match.term) in PLAIN_QUESTIONS
        for match in asked_terms(tokens)
    )


def _first_species(sentence: str, drawn: Drawn | None) -> tuple[int, int] | None:
    """Where the first species that is not the drawn one is named."""
    spans = [
        match.span("what")
        for pattern in (ADDUCT, *CHANGES, *NAMED, *ABROAD)
        for match in pattern.finditer(sentence)
        if drawn is None or not _is_drawn(match["what"], drawn)
    ]
    return min(spans, default=None)


def _is_drawn(words: str, drawn: Drawn) -> bool:
    """Whether words like "the salt" name what is drawn."""
    if UNLESS_SALT.search(words):
        return drawn.is_salt
    if UNLESS_NEUTRAL.search(words):
        return not (drawn.is_charged or drawn.is_salt)
    if UNLESS_CHARGED.search(words):
        return drawn.is_charged
    return bool(UNLESS_ESTER.search(words)) and drawn.is_ester
