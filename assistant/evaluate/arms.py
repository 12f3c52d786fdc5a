"""Controls: the same questions with a part of what is shown of a molecule changed.

    full            as the page does
    text-only       SMILES, no card, no graph, no ΔW
    card-only       the fact card, no SMILES, no graph, no ΔW
    no-card         SMILES, graph and ΔW, no facts
    no-graph        SMILES and card, no graph tokens, no ΔW
    zero-graph      graph tokens that are all zero, no ΔW
    wrong-molecule  graph tokens and ΔW of another molecule
    wrong-graph     graph tokens of another molecule, its own ΔW
    wrong-generator its own graph tokens, ΔW of another molecule
    no-generator    graph tokens, no ΔW
    generator-only  ΔW, no graph tokens
    first-attempt   everything, but no answer is written again that the structure contradicts

Of a bundle with a specialist, numbers that its language model writes from graph tokens follow the
arms of these (zero-graph, wrong-molecule, wrong-graph). Answers to reactions read nothing but the
SMILES and are off in arms that hide something:

    templates-alone reaction templates choose, the specialist's language model is not asked
    model-chooses   its language model chooses among what templates make, whatever they think of it
    no-templates    its language model writes alone, and chooses among what it wrote
    one-draft       its language model writes alone and once
    no-specialist   the bundle's own language model answers

Interaction tokens of a pair follow the graph tokens. Nothing is trained here: an arm says what a
trained bundle makes of a part, not what another bundle would have learned without it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import torch

from assistant.assistant import Assistant
from assistant.chat.card import NO_CARD, card_lines, card_text
from assistant.chat.conversation import Conversation, NumberedMolecule
from assistant.chat.prompts import Prompt, identity_text, render_with
from assistant.chat.retrieved import NearestFor
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import MoleculePair
from assistant.commands import near
from assistant.components import Components
from assistant.encoding import MoleculeEncoder, MoleculeEncoding
from assistant.errors import AssistantError
from assistant.pair_encoding import PairEncoder, PairEncoding
from assistant.prompting import Render, facts_of
from assistant.specialist.service import Specialist
from assistant.specialist.templates import TEMPLATES_ALONE
from assistant.specialist.writer import N_ALONE

Source = Literal["own", "none", "zero", "other"]
Reactions = Literal["own", "templates", "model", "written", "once", "none"]


@dataclass(frozen=True)
class Arm:
    """What is shown of a molecule: whose graph tokens, whose ΔW, its card, its SMILES.

    And whether an answer that its structure contradicts may be written again, in tasks that do so,
    and who answers questions about reactions.
    """

    name: str
    graph: Source = "own"
    lora: Source = "own"
    card: bool = True
    smiles: bool = True
    second_thoughts: bool = True
    reactions: Reactions = "own"

    @property
    def shows_all(self) -> bool:
        """Whether a molecule is shown as on the page: only second thoughts may differ."""
        return self.graph == self.lora == "own" and self.card and self.smiles


ARMS: MappingProxyType[str, Arm] = MappingProxyType(
    {
        arm.name: arm
        for arm in (
            Arm("full"),
            Arm("text-only", graph="none", lora="none", card=False),
            Arm("card-only", graph="none", lora="none", smiles=False),
            Arm("no-card", card=False),
            Arm("no-graph", graph="none", lora="none"),
            Arm("zero-graph", graph="zero", lora="none"),
            Arm("wrong-molecule", graph="other", lora="other"),
            Arm("wrong-graph", graph="other"),
            Arm("wrong-generator", lora="other"),
            Arm("no-generator", lora="none"),
            Arm("generator-only", graph="none"),
            Arm("first-attempt", second_thoughts=False),
            Arm("templates-alone", reactions="templates"),
            Arm("model-chooses", reactions="model"),
            Arm("no-templates", reactions="written"),
            Arm("one-draft", reactions="once"),
            Arm("no-specialist", reactions="none"),
        )
    }
)
_NEED_GENERATOR = ("wrong-generator", "no-generator", "generator-only")
_NEED_GRAPH = ("zero-graph", "wrong-molecule", "wrong-graph")


def in_arm(assistant: Assistant, arm: Arm, others: Sequence[Molecule]) -> Assistant:
    """The assistant as it answers in an arm.

    Args:
        assistant: With the whole bundle.
        arm: What is shown.
        others: Molecules to take another one's graph from.

    Raises:
        AssistantError: The bundle lacks the part that the arm changes.
    """
    specialist = _specialist_in(arm, assistant.specialist, others)
    assistant = assistant.with_specialist(specialist)
    if arm.shows_all:
        return assistant
    parts = assistant.components
    _refuse_idle(arm, parts)
    encoder = parts.encoder
    if encoder is not None:
        both_off = arm.graph == "none" and arm.lora == "none"
        encoder = None if both_off else ControlledEncoder(encoder, arm, others)
    n_graph_tokens = 0 if arm.graph == "none" else parts.n_graph_tokens
    pairs = parts.pairs
    if pairs is not None and arm.graph != "own":
        pairs = None if arm.graph == "none" else ControlledPairs(pairs, arm, others)
    changed = replace(parts, encoder=encoder, n_graph_tokens=n_graph_tokens, pairs=pairs)
    return assistant.with_parts(changed, _render_in(arm))


def _specialist_in(
    arm: Arm, specialist: Specialist | None, others: Sequence[Molecule]
) -> Specialist | None:
    if not arm.shows_all:
        return _with_other_graphs(arm, specialist, others)
    if arm.reactions == "none":
        return None
    if arm.reactions == "own":
        return specialist
    writes = arm.reactions in ("written", "once")
    if specialist is None or not (writes or specialist.has_templates):
        missing = "a specialist for reactions" if writes else "reaction templates"
        raise AssistantError(f"Arm {arm.name} needs {missing}, which this bundle does not have.")
    proposers = specialist.proposers.items()
    if writes:
        n_drafts = 1 if arm.reactions == "once" else N_ALONE
        alone = {task: proposer.alone() for task, proposer in proposers}
        return replace(specialist, proposers=alone, n_drafts=n_drafts)
    if arm.reactions == "templates":
        weighed = {task: proposer.weighed(TEMPLATES_ALONE) for task, proposer in proposers}
    else:
        weighed = {task: proposer.weighed(proposer.config.alone) for task, proposer in proposers}
    return replace(specialist, proposers=weighed, n_drafts=0)


def _with_other_graphs(
    arm: Arm, specialist: Specialist | None, others: Sequence[Molecule]
) -> Specialist | None:
    """A specialist for numbers alone, of changed graph tokens; none where there are none."""
    if specialist is None or not specialist.numbers or arm.graph not in ("zero", "other"):
        return None
    numbers = {
        name: replace(number, encoder=ControlledEncoder(number.encoder, arm, others))
        for name, number in specialist.numbers.items()
    }
    return replace(specialist, info=replace(specialist.info, tasks=()), numbers=numbers)


def _refuse_idle(arm: Arm, parts: Components) -> None:
    encoder = parts.encoder
    if arm.name in _NEED_GENERATOR and (encoder is None or encoder.generator is None):
        raise AssistantError(
            f"Arm {arm.name} changes the instance LoRA, which this bundle does not have."
        )
    if arm.name in _NEED_GRAPH and not parts.n_graph_tokens:
        raise AssistantError(
            f"Arm {arm.name} changes the graph tokens, which this bundle does not have."
        )


def _render_in(arm: Arm) -> Render:
    def card(entry: NumberedMolecule) -> str:
        return card_text(card_lines(facts_of(entry.molecule))) if arm.card else NO_CARD

    def identity(entry: NumberedMolecule) -> str:
        return identity_text(entry) if arm.smiles else ""

    def render(
        conversation: Conversation,
        model: str,
        nearest: NearestFor | None = None,
        *,
        lines: frozenset[str] | None = None,
    ) -> Prompt:
        return render_with(conversation, card, identity, model=model, nearest=nearest, lines=lines)

    return render


class ControlledEncoder:
    """Stands for an encoder: graph tokens and ΔW as an arm wants them."""

    def __init__(self, inner: MoleculeEncoder, arm: Arm, others: Sequence[Molecule]) -> None:
        self.generator = inner.generator
        self._inner, self._arm, self._others = inner, arm, others

    def encode(self, molecules: Sequence[Molecule]) -> list[MoleculeEncoding]:
        """Encodes molecules in order."""
        return [self._encode(molecule) for molecule in molecules]

    def clear(self) -> None:
        """Empties the caches of the encoder that this stands for."""
        self._inner.clear()

    def _encode(self, molecule: Molecule) -> MoleculeEncoding:
        graph, lora = (self._of(source, molecule) for source in (self._arm.graph, self._arm.lora))
        tokens, tokens_hash = (graph.graph_tokens, graph.tokens_hash) if graph else (None, "")
        if tokens is not None and self._arm.graph == "zero":
            tokens, tokens_hash = torch.zeros_like(tokens), ""
        delta, delta_hash = (lora.lora, lora.lora_hash) if lora else (None, "")
        return MoleculeEncoding(tokens, delta, tokens_hash, delta_hash)

    def _of(self, source: Source, molecule: Molecule) -> MoleculeEncoding | None:
        if source == "none":
            return None
        wanted = another(molecule, self._others) if source == "other" else molecule
        return self._inner.encode([wanted])[0]


class ControlledPairs:
    """Stands for a pair encoder: zero tokens, or those of another pair."""

    def __init__(self, inner: PairEncoder, arm: Arm, others: Sequence[Molecule]) -> None:
        self.n_tokens = inner.n_tokens
        self._inner, self._arm, self._others = inner, arm, others

    def encode(self, pairs: Sequence[MoleculePair]) -> list[PairEncoding]:
        """Encodes pairs in order."""
        return [self._encode(pair) for pair in pairs]

    def clear(self) -> None:
        """Empties the caches of the encoder that this stands for."""
        self._inner.clear()

    def _encode(self, pair: MoleculePair) -> PairEncoding:
        if self._arm.graph == "other":
            first = another(pair.first, self._others)
            pair = MoleculePair(first, another(pair.second, self._others), pair.task)
        found = self._inner.encode([pair])[0]
        if self._arm.graph == "zero" and found.tokens is not None:
            return PairEncoding(torch.zeros_like(found.tokens), note=found.note)
        return found


def another(molecule: Molecule, others: Sequence[Molecule]) -> Molecule:
    """A molecule that is not this one, always the same for it.

    Raises:
        AssistantError: There is no other.
    """
    start = int.from_bytes(hashlib.sha256(molecule.smiles.encode()).digest()[:8], "big")
    for step in range(len(others)):
        candidate = others[(start + step) % len(others)]
        if candidate != molecule:
            return candidate
    raise AssistantError("This arm needs a second molecule; ask about at least two.")


def arm_of(name: str) -> Arm:
    """The arm of a name.

    Raises:
        AssistantError: There is none; the message lists those there are.
    """
    if name not in ARMS:
        raise AssistantError(
            f"There is no arm {name!r}; choose one of {', '.join(ARMS)}.{near(name, ARMS)}"
        )
    return ARMS[name]
