"""Padded batches of examples of similar length, with their molecules' graphs."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from assistant.chem.graph import MoleculeGraph, to_graph
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import own_motif_rows
from assistant.graph.encoder import GraphBatch, collate
from assistant.graph.projector import pad_motifs
from assistant.train.encode import Example

_POOL_BATCHES = 12
"""Batches that are sorted by length together: an eighth of the places is padding (a fifth with 6)
where lengths are spread as in `default_gpu_tasks.toml`."""
_FIRST_POOL = 2
"""Batches of the first pool, which someone waits for; each is twice the one before."""
_LEAST_EXAMPLES = 192
_WORKER_SEEDS = 7919


@dataclass(frozen=True)
class Batch:
    """`b` dialogues padded to `t` tokens, with `m` molecules.

    Attributes:
        ids: (b, t) int64. mask: (b, t) int64, 1 at tokens. weights: (b, t) float32.
        segments: Index into `focuses`, (b, t) int64; 0 = no ΔW.
        focuses: Indices of molecules per segment; entry 0 is empty.
        graphs, motifs, motif_mask: The m molecules as one graph (None without any), (m, f, 73),
            (m, f).
        slot_row, slot_column: Places of graph tokens, (s,). slot_molecule, slot_place: Which token
            of which molecule goes there, (s,).
    """

    ids: Tensor
    mask: Tensor
    weights: Tensor
    segments: Tensor
    focuses: tuple[tuple[int, ...], ...]
    graphs: GraphBatch | None
    motifs: Tensor
    motif_mask: Tensor
    slot_row: Tensor
    slot_column: Tensor
    slot_molecule: Tensor
    slot_place: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device; `segments` stay, for ΔW is planned on the processor."""
        moved = {
            entry.name: value.to(device, non_blocking=True)
            for entry in fields(self)
            if isinstance(value := getattr(self, entry.name), Tensor) and entry.name != "segments"
        }
        return replace(self, **moved, graphs=self.graphs and self.graphs.to(device))


@lru_cache(maxsize=50_000)
def _features(molecule: Molecule) -> tuple[MoleculeGraph, np.ndarray]:
    return to_graph(molecule), own_motif_rows(molecule)


def written_ahead(feed: IterableDataset[Batch], workers: int) -> Iterator[Batch]:
    """Batches of a feed, written by this process (0) or ahead by so many workers."""
    if not workers:
        return iter(feed)
    # A batch has a dozen tensors; handing over their descriptors would use up the open files.
    torch.multiprocessing.set_sharing_strategy("file_system")
    return iter(DataLoader(feed, batch_size=None, num_workers=workers, prefetch_factor=8))


def worker_seed(seed: int) -> int:
    """The seed of the worker that asks; its products then use one thread."""
    worker = get_worker_info()
    if worker is None:
        return seed
    torch.set_num_threads(1)
    return seed + _WORKER_SEEDS * worker.id


class Awaited(Iterator[Batch]):
    """Batches, and how long they were waited for: whether it is the writers that are too few.

    Args:
        batches: Written ahead, or when they are asked for.
        seconds: That were waited before.
    """

    def __init__(self, batches: Iterator[Batch], seconds: float = 0.0) -> None:
        self._batches, self.seconds = batches, seconds

    def __next__(self) -> Batch:
        began = time.perf_counter()
        batch = next(self._batches)
        self.seconds += time.perf_counter() - began
        return batch


class BatchMaker:
    """Groups examples into batches of about `tokens` tokens.

    Args:
        draw: Gives the next example.
        tokens: Padded size of a batch.
        seed: Orders the batches.
    """

    def __init__(self, draw: Callable[[], Example], *, tokens: int, seed: int) -> None:
        self.draw, self.tokens = draw, tokens
        self.rng = random.Random(seed)

    def batches(self) -> Iterator[Batch]:
        """Endless batches."""
        n_batches = _FIRST_POOL
        while True:
            pool = sorted(self._pool(n_batches * self.tokens), key=lambda e: len(e.ids))
            groups = list(self._grouped(pool))
            self.rng.shuffle(groups)
            yield from (collate_examples(group) for group in groups)
            n_batches = min(2 * n_batches, _POOL_BATCHES)

    def _pool(self, tokens: int) -> Iterator[Example]:
        """Examples of so many tokens together, and not too few of them."""
        n_examples = n_tokens = 0
        while n_tokens < tokens or n_examples < _LEAST_EXAMPLES:
            example = self.draw()
            n_examples, n_tokens = n_examples + 1, n_tokens + len(example.ids)
            yield example

    def _grouped(self, pool: Sequence[Example]) -> Iterator[list[Example]]:
        group: list[Example] = []
        for example in pool:
            if group and (len(group) + 1) * len(example.ids) > self.tokens:
                yield group
                group = []
            group.append(example)
        yield group


def collate_examples(group: Sequence[Example]) -> Batch:
    """Pads examples and numbers their molecules and segments across the batch."""
    n_rows, n_tokens = len(group), max(len(example.ids) for example in group)
    ids = np.zeros((n_rows, n_tokens), np.int64)
    mask, segments = np.zeros_like(ids), np.zeros_like(ids)
    weights = np.zeros((n_rows, n_tokens), np.float32)
    molecules: list[Molecule] = []
    focuses: list[tuple[int, ...]] = [()]
    places: list[np.ndarray] = []
    for row, example in enumerate(group):
        length = len(example.ids)
        ids[row, :length], mask[row, :length] = example.ids, 1
        weights[row, :length] = example.weights
        index_of = {number: len(molecules) + i for i, number in enumerate(example.molecules)}
        molecules += example.molecules.values()
        for segment, focus in enumerate(example.focuses):
            if focus:
                segments[row, :length][example.segments == segment] = len(focuses)
                focuses.append(tuple(index_of[n] for n in focus))
        columns = np.flatnonzero(example.slots)
        if len(columns):
            places.append(_places(row, columns, example.slots[columns], index_of))
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
        collate([graph for graph, _ in features]) if features else None,
        motifs,
        motif_mask,
        *slots,
    )


def _places(
    row: int, columns: np.ndarray, numbers: np.ndarray, index_of: dict[int, int]
) -> np.ndarray:
    """Row, column, molecule and place among its graph tokens, of each graph token, (4, s)."""
    owners = np.array([index_of[n] for n in numbers])
    starts = np.flatnonzero(np.r_[True, np.diff(owners) != 0])
    order = np.arange(len(columns)) - np.repeat(starts, np.diff(np.r_[starts, len(columns)]))
    return np.stack([np.full(len(columns), row), columns, owners, order])
