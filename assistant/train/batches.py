"""Padded batches of dialogues of similar length, with their molecules' graphs."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from assistant.chem.graph import MoleculeGraph, to_graph
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import own_motif_rows
from assistant.graph.projector import pad_motifs
from assistant.train.dialogues import Dialogue, DialogueWriter
from assistant.train.encode import Encoder, Example

_POOL = 192
"""Dialogues that are sorted by length together: little padding, yet mixed batches."""


@dataclass(frozen=True)
class Batch:
    """`b` dialogues padded to `t` tokens, with `m` molecules.

    Attributes:
        ids: (b, t) int64. mask: (b, t) int64, 1 at tokens. weights: (b, t) float32.
        segments: Index into `focuses`, (b, t) int64; 0 = no ΔW.
        focuses: Indices of molecules per segment; entry 0 is empty.
        graphs, motifs, motif_mask: The molecules, m graphs, (m, f, 73), (m, f).
        slot_row, slot_column: Places of graph tokens, (s,). slot_molecule, slot_place: Which token
            of which molecule goes there, (s,).
    """

    ids: Tensor
    mask: Tensor
    weights: Tensor
    segments: Tensor
    focuses: tuple[tuple[int, ...], ...]
    graphs: list[MoleculeGraph]
    motifs: Tensor
    motif_mask: Tensor
    slot_row: Tensor
    slot_column: Tensor
    slot_molecule: Tensor
    slot_place: Tensor


@lru_cache(maxsize=50_000)
def _features(molecule: Molecule) -> tuple[MoleculeGraph, np.ndarray]:
    return to_graph(molecule), own_motif_rows(molecule)


class BatchMaker:
    """Writes dialogues and groups them into batches of about `tokens` tokens."""

    def __init__(self, writer: DialogueWriter, encoder: Encoder, *, tokens: int, seed: int) -> None:
        self.writer, self.encoder, self.tokens = writer, encoder, tokens
        self.rng = random.Random(seed)

    def batches(self) -> Iterator[Batch]:
        """Endless batches."""
        while True:
            pool = [self._example() for _ in range(_POOL)]
            pool.sort(key=lambda pair: len(pair[1].ids))
            groups = list(self._grouped(pool))
            self.rng.shuffle(groups)
            yield from (collate_examples(group) for group in groups)

    def _example(self) -> tuple[Dialogue, Example]:
        dialogue = self.writer.write()
        return dialogue, self.encoder.encode(dialogue)

    def _grouped(
        self, pool: list[tuple[Dialogue, Example]]
    ) -> Iterator[list[tuple[Dialogue, Example]]]:
        group: list[tuple[Dialogue, Example]] = []
        for pair in pool:
            if group and (len(group) + 1) * len(pair[1].ids) > self.tokens:
                yield group
                group = []
            group.append(pair)
        yield group


def collate_examples(group: list[tuple[Dialogue, Example]]) -> Batch:
    """Pads examples and numbers their molecules and segments across the batch."""
    n_rows, n_tokens = len(group), max(len(e.ids) for _, e in group)
    ids = np.zeros((n_rows, n_tokens), np.int64)
    mask, segments = np.zeros_like(ids), np.zeros_like(ids)
    weights = np.zeros((n_rows, n_tokens), np.float32)
    molecules: list[Molecule] = []
    focuses: list[tuple[int, ...]] = [()]
    places: list[np.ndarray] = []
    for row, (dialogue, example) in enumerate(group):
        length = len(example.ids)
        ids[row, :length], mask[row, :length], weights[row, :length] = (
            example.ids,
            1,
            example.weights,
        )
        index_of = {}
        for number in dialogue.views:
            index_of[number] = len(molecules)
            molecules.append(dialogue.conversation.molecule(number).molecule)
        for segment, focus in enumerate(example.focuses):
            if focus:
                segments[row, :length][example.segments == segment] = len(focuses)
                focuses.append(tuple(index_of[n] for n in focus))
        columns = np.flatnonzero(example.slots)
        if len(columns):
            owners = np.array([index_of[n] for n in example.slots[columns]])
            starts = np.flatnonzero(np.r_[True, np.diff(owners) != 0])
            order = np.arange(len(columns)) - np.repeat(
                starts, np.diff(np.r_[starts, len(columns)])
            )
            places.append(np.stack([np.full(len(columns), row), columns, owners, order]))
    features = [_features(m) for m in molecules]
    motifs, motif_mask = pad_motifs([rows for _, rows in features])
    slots = torch.from_numpy(
        np.concatenate(places, axis=1) if places else np.zeros((4, 0), np.int64)
    )
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(mask),
        torch.from_numpy(weights),
        torch.from_numpy(segments),
        tuple(focuses),
        [graph for graph, _ in features],
        motifs,
        motif_mask,
        *slots,
    )
