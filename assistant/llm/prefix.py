"""Key-value caches of conversations, so that the next turn computes only what is new.

A token's keys and values depend on the tokens before it, its own embedding and its own ΔW. So a
cached position is valid exactly when the content marks (`Spliced.content`) agree up to it: ids or
graph-token hashes, and ΔW hashes, never names. One person's cache is never tried for another's
prompt, for the waiting time would give the prompt away; only the system text, which is the same
for all, is shared.

With experts there are two such caches (`llm.experts`): what the real pass marks as ΔW holds the
experts' mode and scalings too, and the scaling pass, which has no ΔW, marks tokens by content only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor
from transformers import DynamicCache, PretrainedConfig

from assistant.llm.kv import RowCache

PREFILL_CHUNK = 256
"""Tokens per prefill step: Stop is looked at between chunks, and memory stays bounded."""

DEFAULT_CACHE_BYTES = 512 * 2**20

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


class PrefixStore:
    """Caches of conversations that nobody is computing with, the least recently used dropped first.

    Args:
        config: The LLM's config, which shapes the cache.
        enabled: False for models whose cache cannot be cut back (sliding windows, hybrids).
        fresh: Makes an empty cache; by default one of `transformers`.
        max_conversations: Most caches kept.
        max_bytes: Most memory kept.
    """

    def __init__(
        self,
        config: PretrainedConfig,
        *,
        enabled: bool,
        fresh: Callable[[], SequenceCache] | None = None,
        max_conversations: int = 1,
        max_bytes: int = DEFAULT_CACHE_BYTES,
    ) -> None:
        self._enabled = enabled
        self._new_cache = fresh or (lambda: DynamicCache(config=config))
        self._max_conversations = max_conversations
        self._max_bytes = max_bytes
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
        found = None if best is None else self._cut(best, visitor, common)
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

    def _cut(self, kept: KeptCache, visitor: str, length: int) -> KeptCache:
        """The first tokens of a cache: itself, or a copy where it is worth keeping for itself."""
        surplus = len(kept.marks) - length
        marks, scalings = kept.marks[:length], kept.scalings[:length]
        copies = kept is self._system or surplus > length
        if copies and isinstance(kept.cache, RowCache):
            return KeptCache(visitor, marks, kept.cache.fork(length), scalings)
        self._kept = [other for other in self._kept if other is not kept]
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
        while len(self._kept) > self._max_conversations or self.n_bytes > self._max_bytes:
            self._kept.pop(0)

    @property
    def n_bytes(self) -> int:
        """Memory of all caches that wait for their next turn."""
        return sum(kept.n_bytes for kept in tuple(self._kept))  # read by other threads too

    def clear(self) -> None:
        """Frees the memory."""
        self._kept.clear()
        self._system = None


def _common_length(first: Sequence[Mark], second: Sequence[Mark]) -> int:
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
