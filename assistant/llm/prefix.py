"""The key-value cache of the last conversation, so that its next turn computes only what is new.

A token's keys and values depend on the tokens before it, its own embedding and its own ΔW. So a
cached position is valid exactly when the content marks (`Spliced.content`) agree up to it: ids or
graph-token hashes, and ΔW hashes, never names. One person's cache is never tried for another's
prompt, for the waiting time would give the prompt away.

With experts there are two such caches (`llm.experts`): what the real pass marks as ΔW holds the
experts' mode and scalings too, and the scaling pass, which has no ΔW, marks tokens by content only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor
from transformers import DynamicCache, PretrainedConfig

PREFILL_CHUNK = 256
"""Tokens per prefill step: Stop is looked at between chunks, and memory stays bounded."""

Mark = tuple[int | str, str]


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
    cache: DynamicCache
    scalings: list[Tensor] = field(default_factory=list)


class PrefixStore:
    """Holds at most one conversation's cache.

    Args:
        config: The LLM's config, which shapes the cache.
        enabled: False for models whose cache cannot be cut back (sliding windows, hybrids).
    """

    def __init__(self, config: PretrainedConfig, *, enabled: bool) -> None:
        self._config = config
        self._enabled = enabled
        self._kept: KeptCache | None = None

    def take(self, visitor: str, marks: Sequence[Mark], *, whole: bool = False) -> KeptCache:
        """A cache that holds a true prefix of the prompt, in the best case all but its last token.

        The store is empty afterwards; hand the cache back with `keep` when the answer is done.

        Args:
            visitor: Whose prompt it is.
            marks: Content marks of the prompt.
            whole: In the best case all of the prompt: the last token's output is not needed.
        """
        kept, self._kept = self._kept, None
        if kept is None or kept.visitor != visitor:
            return self._fresh(visitor)
        common = _common_length(kept.marks, marks if whole else marks[:-1])
        if common == 0:
            return self._fresh(visitor)
        surplus = len(kept.marks) - common
        if surplus:
            kept.cache.crop(-surplus)
        return KeptCache(visitor, list(marks[:common]), kept.cache, kept.scalings[:common])

    def keep(self, used: KeptCache) -> None:
        """Keeps the cache of a finished answer."""
        if self._enabled and used.cache.get_seq_length() == len(used.marks):
            self._kept = used

    def clear(self) -> None:
        """Frees the memory."""
        self._kept = None

    def _fresh(self, visitor: str) -> KeptCache:
        return KeptCache(visitor, [], DynamicCache(config=self._config))


def _common_length(first: Sequence[Mark], second: Sequence[Mark]) -> int:
    for index, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return index
    return min(len(first), len(second))
