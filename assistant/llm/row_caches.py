"""The caches of conversations between their turns: of the real pass, and of the scaling pass."""

from collections.abc import Callable

import torch

from assistant.llm.experts import scaling_marks
from assistant.llm.kv import RowCache
from assistant.llm.load import LoadedLLM
from assistant.llm.prefix import KeptCache, PrefixStore
from assistant.llm.requests import Request
from assistant.llm.rows import Row

_KEPT_CONVERSATIONS = 64


def memory_elsewhere(device: torch.device) -> torch.device | None:
    """Where caches can go that have no room beside the model; a processor has no other memory."""
    return torch.device("cpu") if device.type == "cuda" else None


class RowCaches:
    """Gives rows the caches of their conversations and takes them back.

    Args:
        llm: The model.
        new_cache: Makes an empty cache.
        max_bytes: Memory for all of them.
        with_scalings: Whether there are scaling passes, which get half of the memory.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        new_cache: Callable[[], RowCache],
        *,
        max_bytes: int,
        with_scalings: bool,
    ) -> None:
        spill_to = memory_elsewhere(llm.device) if max_bytes else None
        share = max_bytes // 2 if with_scalings else max_bytes
        self._real, self._scaling = (
            PrefixStore(
                llm.model.config,
                enabled=llm.supports_cache,
                fresh=new_cache,
                max_conversations=_KEPT_CONVERSATIONS,
                max_bytes=share,
                spill_to=spill_to,
            )
            for _ in range(2)
        )

    def open(self, row: Row) -> None:
        """Gives the row its conversation's cache, once it is known what to look for."""
        if not row.is_open and not row.n_behind:
            content = row.marks()
            # Who only scores an answer must not take its conversation's cache away.
            find = self._real.take if row.may_use_its_cache else self._real.start
            n_known = len(content) - max(len(row.forced) - 1, 0)  # what follows is to be scored
            row.open(find(row.kept.visitor, content[:n_known]), content)

    def take_scalings(self, request: Request) -> KeptCache:
        """The cache of the request's scaling pass."""
        return self._scaling.take(request.visitor, scaling_marks(request.spliced), whole=True)

    def keep(self, row: Row) -> None:
        """Keeps the caches of a finished answer."""
        n_system = 0
        for turn in row.spliced.turns:
            if turn >= 0:
                break
            n_system += 1
        if row.is_open:
            self._real.keep(row.kept, n_system=n_system)
        if row.experts is not None:
            self._scaling.keep(row.experts.kept, n_system=n_system)

    @property
    def n_bytes(self) -> int:
        """Memory of all of them, where the model computes."""
        return self._real.n_bytes + self._scaling.n_bytes

    @property
    def n_spilled_bytes(self) -> int:
        """Memory of those that lie elsewhere."""
        return self._real.n_spilled_bytes + self._scaling.n_spilled_bytes

    def free(self) -> None:
        """Frees the memory where the model computes; what has room elsewhere is spilled."""
        self._real.free()
        self._scaling.free()

    def clear(self) -> None:
        """Frees the memory, elsewhere too."""
        self._real.clear()
        self._scaling.clear()
