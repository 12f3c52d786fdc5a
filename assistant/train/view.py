"""What a dialogue is: a conversation, and what the model is shown of each of its molecules."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.chat.card import CARD_LABELS, NO_CARD
from assistant.chat.conversation import Conversation
from assistant.chem.facts import Facts

GRAPH_KEYS = frozenset({"rings", "aromatic_rings", "groups", "charge", "fragments"})
"""Facts that are read off the structure when no card is given.

Larger counts (atoms, bonds, the formula) are not among them: graph tokens are averages over atoms,
and a model of this size that is made to answer learns to guess.
"""

GOES_ON = "goes on"
"""Intent of a turn that goes on with a text; its answer is plain text and counts as such."""

OutsideQuestions = dict[str, Sequence[str]]
"""Questions by family ("off_topic", "general_chemistry") taken from open data sets."""


@dataclass(frozen=True)
class Rates:
    """How often parts of a molecule's block are left out (design §5)."""

    card: float = 0.15
    line: float = 0.08
    smiles: float = 0.3
    graph: float = 0.2
    blind: float = 0.0
    """How often everything is left out: only ΔW can tell (in training its generator)."""


@dataclass(frozen=True)
class View:
    """What the model is shown of a molecule.

    Attributes:
        values: Card values by key; lines that were dropped are absent.
        facts: The true facts.
        name: Known name, if shown.
        smiles: The SMILES, if shown.
        graph: Whether the graph tokens are spliced in.
    """

    values: dict[str, str]
    facts: Facts
    name: str | None
    smiles: str | None
    graph: bool

    @property
    def has_card(self) -> bool:
        """Whether any line of the card is shown."""
        return bool(self.values)

    def knows(self, key: str) -> bool:
        """Whether an answer about `key` can be given from what is shown."""
        return key in self.values or (not self.has_card and key in GRAPH_KEYS)

    def card(self) -> str:
        """The card text as the prompt shows it."""
        lines = (f"{CARD_LABELS[k]}: {v}" for k, v in self.values.items())
        return "\n".join(lines) if self.values else NO_CARD

    def identity(self) -> str:
        """The identity lines as the prompt shows them."""
        smiles = f"SMILES: {self.smiles}\n" if self.smiles else ""
        return smiles + (f"name: {self.name}\n" if self.name else "")


@dataclass
class Dialogue:
    """A conversation with answers, and what is shown of each molecule."""

    conversation: Conversation = field(default_factory=Conversation)
    views: dict[int, View] = field(default_factory=dict)
    intents: list[str] = field(default_factory=list)
