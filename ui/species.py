"""Finds the answers whose values are not of the species that the question names."""

from collections import OrderedDict
from threading import Lock

from assistant.chat.conversation import Conversation, Message
from assistant.chat.other_species import Elsewhere, values_elsewhere
from assistant.chem.facts import Facts
from assistant.errors import AssistantError
from ui.molecules import Chemistry, inspect_smiles

MAX_KEPT = 256


class SpeciesNotes:
    """What is said of such answers; facts of what is drawn are kept by structure."""

    def __init__(self, chemistry: Chemistry) -> None:
        self._chemistry = chemistry
        self._lock = Lock()
        self._kept: OrderedDict[str, Facts | None] = OrderedDict()

    def of(self, conversation: Conversation, turn: int, answer: Message) -> Elsewhere | None:
        """What is to be said of an answer, None for most; see `values_elsewhere`."""

        def facts_of(number: int) -> Facts | None:
            return self._facts(conversation.molecule(number).molecule.smiles)

        return values_elsewhere(conversation, turn, answer, facts_of)

    def _facts(self, smiles: str) -> Facts | None:
        """Facts of a structure; None, and not asked for again, where it takes too long."""
        with self._lock:
            if smiles in self._kept:
                self._kept.move_to_end(smiles)
                return self._kept[smiles]
        try:
            facts = Facts.from_dict(inspect_smiles(self._chemistry, smiles)["facts"])
        except AssistantError:
            facts = None
        with self._lock:
            self._kept[smiles] = facts
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return facts
