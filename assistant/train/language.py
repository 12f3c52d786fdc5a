"""How answers speak: articles, counts, lists, and how a turn names its molecule."""

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assistant.chat.card import CARD_LABELS, card_lines
from assistant.chem.groups import GROUPS
from assistant.train import wording as w

if TYPE_CHECKING:
    from assistant.train.view import View

Turn = tuple[str, str, str]


PLURALS = {group.name: group.plural for group in GROUPS}


_POINTED = (
    "it",
    "it",
    "this molecule",
    "the molecule",
    "this compound",
    "this structure",
    "the compound",
    "the structure",
    "that molecule",
    "this one",
    "my molecule",
    "my compound",
    "this substance",
    "the drawn molecule",
)
"""How a question names the one molecule it can only be about."""


@dataclass
class Naming:
    """How a turn names its molecule."""

    rng: random.Random
    number: int
    alone: bool
    in_focus: bool

    def asked(self) -> str:
        """The molecule as a question names it."""
        rng, n = self.rng, self.number
        if self.in_focus and rng.random() < 0.6:
            return rng.choice(_POINTED)
        return rng.choice(
            (f"molecule {n}", f"molecule {n}", f"compound {n}", f"@{n}", f"Molecule {n}")
        )

    def said(self) -> str:
        """The molecule inside a sentence of the answer."""
        return f"molecule {self.number}"

    def opening(self) -> str:
        """The molecule at the start of a sentence of the answer."""
        if self.alone and self.rng.random() < 0.25:
            return "It"
        return f"Molecule {self.number}"


def article(noun: str) -> str:
    """The noun with its indefinite article, as spoken: an amide, a urea, an N-oxide."""
    first, second = noun[0], noun[1:2]
    if noun == "Fsp3":  # spoken "ef"
        return f"an {noun}"
    if noun.lower().startswith(("ure", "uni", "eu")):
        return f"a {noun}"
    if first in "aeiouAEIO":
        return f"an {noun}"
    letter_by_letter = not second.islower()
    return f"{'an' if letter_by_letter and first in 'FHLMNRSX' else 'a'} {noun}"


def number_word(count: int) -> str:
    """The count as a word up to twelve."""
    return w.NUMBER_WORDS[count] if count < len(w.NUMBER_WORDS) else str(count)


def joined(items: list[str]) -> str:
    """Items as an English list."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def counted_groups(view: "View") -> list[str]:
    """Groups of the molecule as "a ketone", "two esters"."""
    phrases = []
    for group in view.facts.groups:
        n = len(group.atoms)
        phrases.append(article(group.name) if n == 1 else f"{number_word(n)} {PLURALS[group.name]}")
    return phrases


def true_value(view: "View", key: str) -> str:
    """The card value of a fact, whether it is shown or not."""
    return next(line.value for line in card_lines(view.facts) if line.key == key)


def reading(rng: random.Random, view: "View") -> str:
    """Opens an answer that is read off the structure instead of the card."""
    if view.has_card:
        return ""
    source = "SMILES" if view.smiles and not view.graph else "graph"
    return rng.choice((f"Read from the {source}, ", f"From the {source}: "))


def with_reading(rng: random.Random, view: "View", sentence: str) -> str:
    """The sentence, saying so where it is read off the structure instead of the card."""
    opening = reading(rng, view)
    if not opening:
        return sentence
    return opening + sentence[0].lower() + sentence[1:]


def absent(rng: random.Random, key: str, naming: Naming) -> str:
    """That a fact is not known."""
    return rng.choice(w.SAY_ABSENT).format(l=CARD_LABELS[key], m=naming.said())
