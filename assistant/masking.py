"""What is shown of a molecule to the model when its influence on an answer is measured.

View ─► the same prompt with the molecule's graph tokens and ΔW as they are without some atoms,
        or without any of them, or without what the text says of it (SMILES, name, card)
"""

from collections.abc import Sequence
from dataclasses import replace

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.mora import MoraGenerator
from assistant.chat.card import NO_CARD
from assistant.chat.conversation import Conversation, NumberedMolecule
from assistant.chat.prompts import Prompt, render_with
from assistant.chat.retrieved import NearestFor
from assistant.chat.view import View
from assistant.chem.molecule import Molecule
from assistant.components import Components
from assistant.encoding import MoleculeEncoder, MoleculeEncoding


def masked(components: Components, molecule: Molecule, view: View) -> Components:
    """What stands beside the language model in a view of a molecule."""
    encoder = components.encoder
    if encoder is None or (view.graph and not view.hidden):
        return components
    return replace(components, encoder=MaskedEncoder(encoder, molecule, view))  # type: ignore[arg-type]


class MaskedEncoder:
    """Stands for an encoder: one molecule is seen in a view, the others as they are."""

    def __init__(self, inner: MoleculeEncoder, molecule: Molecule, view: View) -> None:
        self.generator: LoraGenerator | MoraGenerator | None = inner.generator
        self._inner, self._molecule, self._view = inner, molecule, view

    def encode(self, molecules: Sequence[Molecule]) -> list[MoleculeEncoding]:
        """Encodes molecules in order."""
        return [self._encode(molecule) for molecule in molecules]

    def clear(self) -> None:
        """Empties the caches of the encoder that this stands for."""
        self._inner.clear()

    def _encode(self, molecule: Molecule) -> MoleculeEncoding:
        if molecule != self._molecule:
            return self._inner.encode([molecule])[0]
        if not self._view.graph:
            return MoleculeEncoding()
        return self._inner.encode_without(molecule, self._view.hidden)


def render_untold(
    conversation: Conversation,
    model: str,
    nearest: NearestFor | None = None,
    *,
    lines: frozenset[str] | None = None,
) -> Prompt:
    """The prompt without what the text says of molecules; captions of similar ones go as well."""

    def nothing(_: NumberedMolecule) -> str:
        return ""

    def no_card(_: NumberedMolecule) -> str:
        return NO_CARD

    return render_with(conversation, no_card, nothing, model=model, lines=lines)
