"""Adapters that one answer goes without: the same bundle with a part switched off, and said so.

Nothing is trained or loaded anew: graph tokens that are off leave their slots empty, a ΔW that is
off adds none, so what is left answers exactly as a bundle without that part.
"""

from collections.abc import Sequence
from dataclasses import replace

from assistant.chat.reply import (
    EXPERTS,
    GRAPH,
    LORA,
    PAIRS,
    REACTIONS,
    SWITCHED_OFF,
    AdapterStatus,
    ReplyOptions,
)
from assistant.chem.molecule import Molecule
from assistant.components import Components
from assistant.encoding import MoleculeEncoder, MoleculeEncoding
from assistant.specialist.service import Specialist


def is_switched(options: ReplyOptions) -> bool:
    """Whether an answer needs other parts, or another prompt, than the bundle has."""
    whole = options.graph_tokens and options.instance_lora and options.experts != "off"
    return not whole or bool(options.spellings)


def switched_parts(parts: Components, options: ReplyOptions) -> Components:
    """The components without what is off; interaction tokens of pairs follow the graph tokens."""
    graph, lora = options.graph_tokens, options.instance_lora
    encoder = parts.encoder
    if encoder is not None and not (graph and lora):
        encoder = PartialEncoder(encoder, graph_tokens=graph) if graph or lora else None
    return replace(
        parts,
        encoder=encoder,
        n_graph_tokens=parts.n_graph_tokens if graph else 0,
        pairs=parts.pairs if graph else None,
    )


def adapter_states(
    components: Components, n_captions: int | None, specialist: Specialist | None
) -> tuple[AdapterStatus, ...]:
    """What header and passport say of the parts of a bundle.

    Args:
        components: What is loaded.
        n_captions: Molecules of the index that is quoted; None without one.
        specialist: Of the bundle, if it has one.
    """
    states = [AdapterStatus(name, on, reason) for name, on, reason in components.states]
    if n_captions is not None:
        states.append(AdapterStatus(f"retrieval, {n_captions:,} molecules", True))
    if specialist is not None:
        states.append(AdapterStatus(REACTIONS, True))
        states += [AdapterStatus(name, on, reason) for name, on, reason in specialist.states]
    return tuple(states)


def switched_states(
    adapters: Sequence[AdapterStatus], options: ReplyOptions
) -> tuple[AdapterStatus, ...]:
    """What header and passport say of the adapters; one that was off keeps its own reason."""
    off = set() if options.graph_tokens else {GRAPH, PAIRS}
    off |= set() if options.instance_lora else {LORA}
    off |= {EXPERTS} if options.experts == "off" else set()
    return tuple(
        AdapterStatus(a.name, False, SWITCHED_OFF) if a.on and a.name in off else a
        for a in adapters
    )


class PartialEncoder:
    """Stands for an encoder of which only the graph tokens, or only the ΔW, is wanted.

    Args:
        inner: Computes and keeps both.
        graph_tokens: Which of the two is wanted.
    """

    def __init__(self, inner: MoleculeEncoder, *, graph_tokens: bool) -> None:
        self.generator = None if graph_tokens else inner.generator
        self._inner = inner
        self._graph_tokens = graph_tokens

    def encode(self, molecules: Sequence[Molecule]) -> list[MoleculeEncoding]:
        """Encodes molecules in order."""
        return [self._part(found) for found in self._inner.encode(molecules)]

    def clear(self) -> None:
        """Empties the caches of the encoder that this stands for."""
        self._inner.clear()

    def _part(self, found: MoleculeEncoding) -> MoleculeEncoding:
        if self._graph_tokens:
            return replace(found, lora=None, lora_hash="")
        return replace(found, graph_tokens=None, tokens_hash="")
