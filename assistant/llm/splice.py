"""Puts graph tokens into the prompt and gives every token its ΔW slot.

pieces ─► embeddings of ids │ graph tokens │ embeddings of ids ─► inputs_embeds (1, t, h)
          slot of the focus │ slot of molecule │ …             ─► segment_index (1, t)
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from assistant.adapters.weights import Combination, LoraWeights, Scope, combine, content_hash
from assistant.chat.prompts import PairSlot
from assistant.encoding import MoleculeEncoding
from assistant.llm.layout import IdsPiece, Layout, PairPiece, Segment, SlotPiece
from assistant.pair_encoding import PairEncoding


@dataclass(frozen=True)
class Spliced:
    """A prompt as the LLM takes it.

    Attributes:
        inputs_embeds: (1, t, h).
        segment_index: ΔW slot of each token, (1, t); 0 = none, s = `deltas[s - 1]`.
        deltas: The ΔW in use, one per distinct segment.
        answer_slot: Slot of the tokens that will be generated.
        content: Per token what its keys and values depend on besides the prefix: the id or the
            hash of the graph token, and the hash of its ΔW. Equal prefixes mean equal caches.
        answer_content: The hash of the answer's ΔW.
        turns: The user turn of each token, -1 for the system text.
        asked: Whether a token is part of its turn's question (and not of the answer).
    """

    inputs_embeds: Tensor
    segment_index: Tensor
    deltas: tuple[LoraWeights, ...]
    answer_slot: int
    content: tuple[tuple[int | str, str], ...]
    answer_content: str = ""
    turns: tuple[int, ...] = ()
    asked: tuple[bool, ...] = ()

    @property
    def n_tokens(self) -> int:
        """Length of the prompt."""
        return self.inputs_embeds.shape[1]


def splice(
    layout: Layout,
    encodings: Mapping[int, MoleculeEncoding],
    embed_tokens: nn.Module,
    *,
    mode: Combination = "mean",
    scope: Scope = "turn",
    static: LoraWeights | None = None,
    pairs: Mapping[PairSlot, PairEncoding] | None = None,
) -> Spliced:
    """Joins text and molecules.

    Args:
        layout: The pieces of the prompt.
        encodings: By molecule number; a molecule without graph tokens leaves its slot empty, one
            without ΔW adds none.
        embed_tokens: The LLM's input embedding.
        mode: How the ΔW of several molecules in focus are combined.
        scope: "turn": each token under the ΔW of its own segment. "whole": every token under that
            of the answer, as published MoRA weights were trained; a change of focus then changes
            the content of the whole prompt, so that nothing cached fits and it is computed again.
        static: A ΔW for every token, beside the molecules' (an ordinary LoRA).
        pairs: By slot; a pair without tokens leaves its slot empty.
    """
    slots = _Slots(encodings, mode, static)
    weight = embed_tokens.weight
    rows: list[Tensor] = []
    index: list[int] = []
    content: list[tuple[int | str, str]] = []
    turns: list[tuple[int, bool]] = []
    for piece in layout.pieces:
        if isinstance(piece, IdsPiece):
            ids = torch.tensor(piece.ids, device=weight.device)
            rows.append(embed_tokens(ids))
            marks: list[int | str] = list(piece.ids)
        else:
            tokens, tokens_hash = _slot_tokens(piece, encodings, pairs or {})
            if tokens is None:
                continue
            rows.append(tokens.to(weight.device, weight.dtype))
            marks = [f"{tokens_hash}:{i}" for i in range(len(tokens))]
        segment = piece.segment if scope == "turn" else layout.answer_segment
        slot, delta_hash = slots.of(segment)
        index += [slot] * len(marks)
        content += [(mark, delta_hash) for mark in marks]
        turns += [(piece.turn, piece.asked)] * len(marks)
    answer_slot, answer_hash = slots.of(layout.answer_segment)
    return Spliced(
        torch.cat(rows)[None],
        torch.tensor([index], device=weight.device),
        tuple(slots.deltas),
        answer_slot,
        tuple(content),
        answer_hash,
        turns=tuple(turn for turn, _ in turns),
        asked=tuple(asked for _, asked in turns),
    )


def continued(spliced: Spliced, ids: Sequence[int], embed_tokens: nn.Module) -> Spliced:
    """The prompt with the beginning of its answer behind it, under the answer's own ΔW.

    Args:
        spliced: The prompt.
        ids: Token ids of the answer so far, maybe none.
        embed_tokens: The LLM's input embedding.
    """
    if not ids:
        return spliced
    embeds = spliced.inputs_embeds
    with torch.inference_mode():
        more = embed_tokens(torch.tensor([list(ids)], device=embeds.device))
    slots = spliced.segment_index.new_full((1, len(ids)), spliced.answer_slot)
    turn = spliced.turns[-1:] * len(ids)
    return replace(
        spliced,
        inputs_embeds=torch.cat([embeds, more.to(embeds.dtype)], dim=1),
        segment_index=torch.cat([spliced.segment_index, slots], dim=1),
        content=(*spliced.content, *((token, spliced.answer_content) for token in ids)),
        turns=(*spliced.turns, *turn),
        asked=(*spliced.asked, *(False for _ in turn)),
    )


def _slot_tokens(
    piece: SlotPiece | PairPiece,
    encodings: Mapping[int, MoleculeEncoding],
    pairs: Mapping[PairSlot, PairEncoding],
) -> tuple[Tensor | None, str]:
    """The embeddings that go into a slot and their hash; none where the component is off."""
    if isinstance(piece, PairPiece):
        pair = pairs.get(piece.slot, PairEncoding())
        return pair.tokens, pair.tokens_hash
    molecule = encodings.get(piece.number, MoleculeEncoding())
    return molecule.graph_tokens, molecule.tokens_hash


class _Slots:
    """Numbers the distinct segments of one prompt."""

    def __init__(
        self,
        encodings: Mapping[int, MoleculeEncoding],
        mode: Combination,
        static: LoraWeights | None,
    ) -> None:
        self._encodings = encodings
        self._mode = mode
        self._static = static
        self._static_hash = content_hash(static) if static else ""
        self._known: dict[Segment, tuple[int, str]] = {} if static else {(): (0, "")}
        self.deltas: list[LoraWeights] = []

    def of(self, segment: Segment) -> tuple[int, str]:
        """Slot of a segment and the hash of its ΔW; molecules without a ΔW do not count."""
        members = [n for n in segment if n in self._encodings and self._encodings[n].lora]
        key = tuple(members)
        if key not in self._known:
            parts = [self._encodings[n] for n in members]
            delta = combine([part.lora for part in parts if part.lora], self._mode)
            if self._static:
                delta = combine([self._static, delta], "concat") if delta else self._static
            self.deltas.append(delta)
            names = "+".join([self._static_hash, *(part.lora_hash for part in parts)])
            digest = hashlib.sha256(f"{self._mode}:{names}".encode()).hexdigest()
            self._known[key] = (len(self.deltas), digest)
        return self._known[key]
