"""Key-value caches of conversations, so that the next turn computes only what is new.

A token's keys and values depend on the tokens before it, its own embedding and its own ΔW. So a
cached position is valid exactly when the content marks (`Spliced.content`) agree up to it: ids or
graph-token hashes, and ΔW hashes, never names. One person's cache is never tried for another's
prompt, for the waiting time would give the prompt away; only the system text, which is the same
for all, is shared.

On a GPU what has no room beside the others is spilled, the longest unused first, to the memory of
the machine; a conversation that goes on copies back what it needs, bit for bit, and computes none
of it again. On a processor there is no other memory, and the longest unused is dropped.

With experts there are two such caches (`llm.experts`): what the real pass marks as ΔW holds the
experts' mode and scalings too, and the scaling pass, which has no ΔW, marks tokens by content only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import psutil
import torch
from torch import Tensor
from transformers import DynamicCache, PretrainedConfig

from assistant.llm.kv import RowCache

PREFILL_CHUNK = 256
"""Tokens per prefill step: Stop is looked at between chunks, and memory stays bounded."""

DEFAULT_CACHE_BYTES = 512 * 2**20

DEFAULT_SPILLED_BYTES = 4 * 2**30
_HOST_SHARE = 0.25  # of the machine's free memory may be filled

Mark = tuple[int | str, str]


class SequenceCache(Protocol):
    """What the store needs of a cache; `DynamicCache` and `RowCache` are ones."""

    def get_seq_length(self) -> int:
        """Tokens that are in it."""
        ...

    def crop(self, tokens_to_remove: int) -> None:
        """Drops the last -tokens_to_remove tokens."""
        ...


@dataclass
class KeptCache:
    """A cache and the content marks of the tokens in it.

    Attributes:
        visitor: Whose it is.
        marks: One per token.
        cache: Keys and values.
        scalings: In a scaling pass what the gate gave for each token, (l, expert).
    """

    visitor: str
    marks: list[Mark]
    cache: SequenceCache
    scalings: list[Tensor] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        """Memory of keys and values."""
        if isinstance(self.cache, RowCache):
            return self.cache.n_bytes
        layers = [layer for layer in self.cache.layers if layer.is_initialized]
        tensors = [tensor for layer in layers for tensor in (layer.keys, layer.values)]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    @property
    def is_spilled(self) -> bool:
        """Whether it lies in other memory than the model's."""
        return isinstance(self.cache, RowCache) and self.cache.is_spilled


class PrefixStore:
    """Caches of conversations that nobody is computing with, the longest unused given up first.

    Args:
        config: The LLM's config, which shapes the cache.
        enabled: False for models whose cache cannot be cut back (sliding windows, hybrids).
        fresh: Makes an empty cache; by default one of `transformers`.
        max_conversations: Most caches kept.
        max_bytes: Most memory kept.
        spill_to: Where caches go that have no room; by default they are dropped.
        max_spilled_bytes: Most memory taken there.
    """

    def __init__(
        self,
        config: PretrainedConfig,
        *,
        enabled: bool,
        fresh: Callable[[], SequenceCache] | None = None,
        max_conversations: int = 1,
        max_bytes: int = DEFAULT_CACHE_BYTES,
        spill_to: torch.device | None = None,
        max_spilled_bytes: int = DEFAULT_SPILLED_BYTES,
    ) -> None:
        self._enabled = enabled
        self._new_cache = fresh or (lambda: DynamicCache(config=config))
        self._max_conversations = max_conversations
        self._max_bytes = max_bytes
        self._spill_to = spill_to
        self._max_spilled_bytes = max_spilled_bytes
        self._kept: list[KeptCache] = []  # the most recently used last
        self._system: KeptCache | None = None

    def take(self, visitor: str, marks: Sequence[Mark], *, whole: bool = False) -> KeptCache:
        """A cache that holds a true prefix of the prompt, in the best case all but its last token.

        It belongs to the caller; hand it back with `keep` when the answer is done.

        Args:
            visitor: Whose prompt it is.
            marks: Content marks of the prompt.
            whole: In the best case all of the prompt: the last token's output is not needed.
        """
        wanted = marks if whole else marks[:-1]
        own = [kept for kept in self._kept if kept.visitor == visitor]
        candidates = own if self._system is None else [self._system, *own]
        lengths = [_common_length(kept.marks, wanted) for kept in candidates]
        common = max(lengths, default=0)
        # Of equal ones the most recent, which is the last.
        best = None if common == 0 else candidates[len(lengths) - 1 - lengths[::-1].index(common)]
        found = None if best is None else self._try_to_cut(best, visitor, common)
        while len(self._kept) >= self._max_conversations:
            self._kept.pop(0)
        return found or KeptCache(visitor, [], self._new_cache())

    def start(self, visitor: str, marks: Sequence[Mark]) -> KeptCache:
        """A cache with no more than the shared system text; the conversations' own stay kept."""
        wanted = marks[:-1]
        common = 0 if self._system is None else _common_length(self._system.marks, wanted)
        if common and isinstance(self._system.cache, RowCache):
            return KeptCache(visitor, list(wanted[:common]), self._system.cache.fork(common))
        return KeptCache(visitor, [], self._new_cache())

    def _try_to_cut(self, kept: KeptCache, visitor: str, length: int) -> KeptCache | None:
        """As `_cut`; None where a copy has no room, for a lost cache only costs time."""
        try:
            return self._cut(kept, visitor, length)
        except torch.OutOfMemoryError:
            return None

    def _cut(self, kept: KeptCache, visitor: str, length: int) -> KeptCache:
        """The first tokens of a cache: itself, or a copy where it is worth keeping for itself."""
        surplus = len(kept.marks) - length
        marks, scalings = kept.marks[:length], kept.scalings[:length]
        stays = isinstance(kept.cache, RowCache) and (kept is self._system or surplus > length)
        copied = kept.cache.fork(length) if stays or kept.is_spilled else None
        if not stays:
            self._drop(kept)
        if copied is not None:
            return KeptCache(visitor, marks, copied, scalings)
        if surplus:
            kept.cache.crop(-surplus)
        return KeptCache(visitor, marks, kept.cache, scalings)

    def keep(self, used: KeptCache, *, n_system: int = 0) -> None:
        """Keeps the cache of a finished answer.

        Args:
            used: The cache.
            n_system: Tokens at its beginning that are the same for everyone.
        """
        if not self._enabled or used.cache.get_seq_length() != len(used.marks):
            return
        if 0 < n_system <= len(used.marks) and isinstance(used.cache, RowCache):
            shared = used.marks[:n_system]
            if self._system is None or self._system.marks != shared:
                scalings = used.scalings[:n_system]
                self._system = KeptCache("", shared, used.cache.fork(n_system), scalings)
        self._kept.append(used)
        while len(self._kept) > self._max_conversations:
            self._kept.pop(0)
        self._leave_room(self._max_bytes)

    def free(self) -> None:
        """Frees the memory where the model computes; what has room elsewhere is spilled."""
        if self._spill_to is None:
            self.clear()
            return
        self._leave_room(0)
        if self._system is not None and isinstance(self._system.cache, RowCache):
            self._system.cache.spill(self._spill_to)

    def _leave_room(self, max_bytes: int) -> None:
        """Spills or drops the least recently used until the others take no more memory."""
        room = self._room_elsewhere()
        for kept in tuple(self._kept):
            if self.n_bytes <= max_bytes:
                return
            if kept.is_spilled:
                continue
            if not isinstance(kept.cache, RowCache) or not 0 < kept.n_bytes <= room:
                self._drop(kept)
                continue
            while self.n_spilled_bytes + kept.n_bytes > room:
                self._drop(next(other for other in self._kept if other.is_spilled))
            kept.cache.spill(self._spill_to)

    def _drop(self, kept: KeptCache) -> None:
        self._kept = [other for other in self._kept if other is not kept]

    def _room_elsewhere(self) -> int:
        """Most bytes that may be spilled, those included that are."""
        if self._spill_to is None:
            return 0
        free = int(psutil.virtual_memory().available * _HOST_SHARE)
        return min(self._max_spilled_bytes, self.n_spilled_bytes + free)

    @property
    def n_bytes(self) -> int:
        """Memory, where the model computes, of all caches that wait for their next turn."""
        kept = tuple(self._kept)  # read by other threads too
        return sum(one.n_bytes for one in kept if not one.is_spilled)

    @property
    def n_spilled_bytes(self) -> int:
        """Memory of those that lie elsewhere."""
        return sum(one.n_bytes for one in tuple(self._kept) if one.is_spilled)

    def clear(self) -> None:
        """Frees the memory, elsewhere too."""
        self._kept.clear()
        self._system = None


def _common_length(first: Sequence[Mark], second: Sequence[Mark]) -> int:
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
