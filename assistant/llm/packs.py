"""The ΔW of the rows of a step, side by side, kept while the same rows go on."""

from collections.abc import Sequence

from torch import Tensor

from assistant.adapters.packed import PackedDeltas, SiteGroup, TokenDeltas
from assistant.llm.rows import Row

Work = Sequence[tuple[Row, int]]
"""Rows with the number of tokens each computes in a step."""

_KEPT_PACKS = 2  # the rows that decode, and those with a prompt among them


class Packs:
    """Packed ΔW by the hashes of what is in them.

    Args:
        groups: Where the model takes ΔW.
        like: Gives device and type.
    """

    def __init__(self, groups: Sequence[SiteGroup], like: Tensor) -> None:
        self._groups, self._like = groups, like
        self._kept: dict[tuple[str, ...], PackedDeltas] = {}

    def of(self, work: Work) -> TokenDeltas | None:
        """The ΔW of every token of a step; None when no token has one."""
        hashes = [content for row, n_tokens in work for content in row.next_deltas(n_tokens)]
        used = tuple(sorted({content for content in hashes if content is not None}))
        if not used:
            return None
        if used not in self._kept:
            known = {content: delta for row, _ in work for content, delta in row.deltas.items()}
            pack = PackedDeltas.pack([known[content] for content in used], self._groups, self._like)
            while len(self._kept) >= _KEPT_PACKS:
                del self._kept[next(iter(self._kept))]
            self._kept[used] = pack
        places = {content: place for place, content in enumerate(used)}
        if len(used) == 1 and None not in hashes:
            return TokenDeltas(self._kept[used], None)
        return TokenDeltas(self._kept[used], tuple(-1 if h is None else places[h] for h in hashes))

    def clear(self) -> None:
        """Frees the memory."""
        self._kept.clear()
