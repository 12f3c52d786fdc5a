"""Says above an answer that its values are not of the species that the question names."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from assistant.chat.conversation import Conversation, Message
from assistant.chat.other_species import Drawn, confirmed_numbers, other_species
from assistant.chem.facts import Facts
from assistant.errors import AssistantError
from ui.molecules import Chemistry, inspect_smiles

MAX_KEPT = 256


@dataclass(frozen=True)
class Elsewhere:
    """Values of another species than the one that was asked for.

    Attributes:
        words: What the question calls it: "the dimer".
        numbers: Of the molecules that the values are of.
    """

    words: str
    numbers: tuple[int, ...]


class SpeciesNotes:
    """Finds the answers with values of another species; what is drawn is kept by structure."""

    def __init__(self, chemistry: Chemistry) -> None:
        self._chemistry = chemistry
        self._lock = Lock()
        self._kept: OrderedDict[str, Facts] = OrderedDict()

    def of(self, conversation: Conversation, turn: int, answer: Message) -> Elsewhere | None:
        """What is to be said of an answer, None for most.

        Args:
            conversation: With its question.
            turn: Index of the question, 0-based.
            answer: With its checks.
        """
        question = conversation.questions[turn]
        numbers = confirmed_numbers(answer.checks)
        if not numbers or not other_species(question.text, mentions=question.mentions):
            return None
        about = {*conversation.focus(turn), *numbers}
        try:
            facts = [
                self._facts(entry.molecule.smiles)
                for entry in conversation.molecules
                if entry.number in about
            ]
        except AssistantError:  # a structure that the workers cannot read in time
            return None
        words = other_species(question.text, Drawn.of(facts), mentions=question.mentions)
        return Elsewhere(words, numbers) if words else None

    def _facts(self, smiles: str) -> Facts:
        with self._lock:
            if smiles in self._kept:
                self._kept.move_to_end(smiles)
                return self._kept[smiles]
        facts = Facts.from_dict(inspect_smiles(self._chemistry, smiles)["facts"])
        with self._lock:
            self._kept[smiles] = facts
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return facts
