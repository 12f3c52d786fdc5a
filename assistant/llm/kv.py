"""Keys and values of one conversation, allocated ahead so that a new token is written in place."""

from dataclasses import dataclass

import torch
from torch import Tensor

_BLOCK = 256
"""Tokens by which a cache grows."""

_SPARE = 8
"""And by this part of what it holds, so that the next turn seldom moves a long conversation."""


@dataclass(frozen=True)
class CacheShape:
    """What a cache holds per token: `n_heads` keys and values of `head_dim` in every layer."""

    n_layers: int
    n_heads: int
    head_dim: int
    dtype: torch.dtype
    device: torch.device


class RowCache:
    """The cache of one sequence.

    Attributes:
        keys: Per layer (kv head, capacity, d).
        values: Per layer (kv head, capacity, d).
        length: Tokens that are in it.
        is_spilled: Whether it lies in other memory; what is computed with is a `fork` of it.
    """

    def __init__(self, shape: CacheShape) -> None:
        self.length = 0
        self.is_spilled = False
        self._shape = shape
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        shape = self._shape
        self._store = torch.empty(
            (2, shape.n_layers, shape.n_heads, capacity, shape.head_dim),
            dtype=shape.dtype,
            device=shape.device,
        )
        self.keys: tuple[Tensor, ...] = self._store[0].unbind(0)
        self.values: tuple[Tensor, ...] = self._store[1].unbind(0)

    @property
    def n_bytes(self) -> int:
        """Memory it takes."""
        return self._store.numel() * self._store.element_size()

    @property
    def capacity(self) -> int:
        """Tokens that have room."""
        return self._store.shape[3]

    @property
    def address(self) -> int:
        """Where its memory (2, layer, kv head, capacity, d) begins; another one once it grew."""
        return self._store.data_ptr()

    def reserve(self, n_tokens: int) -> None:
        """Makes room for so many more tokens."""
        needed = self.length + n_tokens
        if needed <= self._store.shape[3]:
            return
        before = self._store
        self._allocate(-(-(needed + needed // _SPARE) // _BLOCK) * _BLOCK)
        self._store[:, :, :, : self.length] = before[:, :, :, : self.length]

    def until(self, end: int) -> Tensor:
        """A view of the first `end` places, (keys and values, layers, 1, kv heads, end, d)."""
        return self._store[:, :, None, :, :end]

    def get_seq_length(self) -> int:
        """Tokens that are in it, as `transformers` caches call it."""
        return self.length

    def crop(self, tokens_to_remove: int) -> None:
        """Drops the last -tokens_to_remove tokens (a negative count, as in `transformers`)."""
        if not -self.length <= tokens_to_remove <= 0:
            raise ValueError(f"cannot crop {tokens_to_remove} of {self.length} tokens")
        self.length += tokens_to_remove

    def spill(self, device: torch.device) -> None:
        """Moves it to other memory, as a whole: a part would first be copied where it lies."""
        self._store = self._store.to(device)
        self.keys, self.values = self._store[0].unbind(0), self._store[1].unbind(0)
        self.is_spilled = True

    def fork(self, length: int) -> "RowCache":
        """A copy of the first `length` tokens, where the model computes."""
        if length > self.length:
            raise ValueError(f"cannot copy {length} of {self.length} tokens")
        copied = RowCache(self._shape)
        copied.reserve(length)
        if self.is_spilled:  # layer by layer: between devices a part goes by way of a copy of it
            mine = (*self.keys, *self.values)
            for part, own in zip((*copied.keys, *copied.values), mine, strict=True):
                part[:, :length] = own[:, :length]
        else:
            copied._store[:, :, :, :length] = self._store[:, :, :, :length]
        copied.length = length
        return copied
