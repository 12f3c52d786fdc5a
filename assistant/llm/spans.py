"""The rows of one packed step: which tokens are whose, and where they stand in their caches."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.llm.kv import RowCache


@dataclass(frozen=True)
class Span:
    """The next `n_tokens` tokens of one row."""

    cache: RowCache
    n_tokens: int


class Row:
    """One row in a step: per layer its cache up to the new tokens, and their places in it.

    Attributes:
        keys: (1, kv heads, length with the new tokens, d).
        values: The same.
        new_keys: (1, kv heads, new tokens, d), a part of `keys`.
        new_values: The same.
        mask: (groups · new tokens, length), what is added to the scores: 0 where a query sees a key
            and -∞ elsewhere, since a mask of truth values would be turned into this in every layer;
            None for one token.
    """

    def __init__(self, span: Span, n_groups: int, like: Tensor) -> None:
        start, end = span.cache.length, span.cache.length + span.n_tokens
        # Sliced once for all layers: a view costs as much as a small product.
        until = span.cache.until(end)
        (self.keys, self.values) = (part.unbind() for part in until)
        (self.new_keys, self.new_values) = (part.unbind() for part in until[..., start:, :])
        self.mask: Tensor | None = None
        if span.n_tokens > 1:
            mask = like.new_full((span.n_tokens, end), float("-inf"))
            self.mask = mask.triu_(start + 1).repeat(n_groups, 1)


@dataclass(frozen=True)
class Run:
    """Neighbouring rows that attend in the same way: one of several tokens, or some of one."""

    rows: list[Row]
    n_tokens: int
    one_each: bool


class Rows:
    """The rows of a step and the position of every packed token.

    Args:
        spans: The rows.
        n_groups: Query heads that share a key-value head.
        like: Gives device and type of the activations.
    """

    def __init__(self, spans: Sequence[Span], n_groups: int, like: Tensor) -> None:
        self.runs: list[Run] = []
        positions: list[int] = []
        for one_each, neighbours in itertools.groupby(spans, lambda span: span.n_tokens == 1):
            group = list(neighbours)
            for span in group:
                positions += range(span.cache.length, span.cache.length + span.n_tokens)
            rows = [Row(span, n_groups, like) for span in group]
            if one_each:
                self.runs.append(Run(rows, len(rows), True))
            else:
                self.runs += [
                    Run([row], span.n_tokens, False) for row, span in zip(rows, group, strict=True)
                ]
        self.positions = torch.tensor(positions, device=like.device)
