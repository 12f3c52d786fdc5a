"""Alignment: a molecule's nodes, however many, become k tokens.

    mlp       t_q = sum_i w_qi MLP(h_i),  w_q = softmax over the nodes of S h_i;  MLP: d -> 2d -> d
    qformer   k learned queries: self-attention, cross-attention to the nodes in every 2nd layer,
              feed-forward; post-norm as in BERT (BLIP-2, Li et al. 2023, arXiv 2301.12597)

The published MLP takes the first k nodes as they come and drops the rest, so that the order of the
atoms decides what is seen; weights over all nodes do not. The published Q-Former starts from
SciBERT's weights at its width of 768; this one is trained with the rest, at the pair model's width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class AlignmentConfig:
    """Which alignment.

    Attributes:
        kind: A name of `ALIGNMENTS`.
        n_tokens: Tokens per molecule, and of the pair.
        n_layers: Layers (qformer).
        n_heads: Attention heads (qformer).
        cross_every: Layers 0, n, 2n, … look at the nodes (qformer).
    """

    kind: str = "qformer"
    n_tokens: int = 8
    n_layers: int = 2
    n_heads: int = 4
    cross_every: int = 2

    def __post_init__(self) -> None:
        if self.kind not in ALIGNMENTS:
            raise ValueError(
                f"alignment kind {self.kind!r} is unknown; known are {', '.join(ALIGNMENTS)}"
            )
        if min(self.n_tokens, self.n_layers, self.n_heads, self.cross_every) < 1:
            raise ValueError(
                f"alignment n_tokens {self.n_tokens}, n_layers {self.n_layers}, n_heads"
                f" {self.n_heads} and cross_every {self.cross_every} must be positive"
            )


def check_alignment(config: AlignmentConfig, d_model: int) -> None:
    """Refuses a width that does not go with the alignment.

    Raises:
        ValueError: The width does not fit the heads.
    """
    if config.kind == "qformer" and d_model % config.n_heads:
        raise ValueError(
            f"alignment qformer: d_model {d_model} is not a multiple of n_heads {config.n_heads}"
        )


def build_alignment(config: AlignmentConfig, d_model: int) -> nn.Module:
    """The alignment at width `d_model`, which is checked first."""
    check_alignment(config, d_model)
    return ALIGNMENTS[config.kind](config, d_model)


class MLPAlignment(nn.Module):
    """Weighted means of transformed nodes."""

    def __init__(self, d_model: int, n_tokens: int) -> None:
        super().__init__()
        self.score = nn.Linear(d_model, n_tokens, bias=False)  # a softmax sees no bias
        self.mlp = nn.Sequential(
            nn.Linear(d_model, 2 * d_model), nn.ReLU(), nn.Linear(2 * d_model, d_model)
        )

    def forward(self, nodes: Tensor, mask: Tensor) -> Tensor:
        """Tokens (b, k, d) from nodes (b, n, d) and a mask (b, n), True where a node is."""
        scores = self.score(nodes).masked_fill(~mask[:, :, None], -torch.inf)
        return scores.softmax(dim=1).transpose(1, 2) @ self.mlp(nodes)


class QFormerLayer(nn.Module):
    """One layer of queries."""

    def __init__(self, d_model: int, n_heads: int, *, looks: bool) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.norm_self = nn.LayerNorm(d_model)
        if looks:
            self.cross_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
            self.norm_cross = nn.LayerNorm(d_model)
        self.looks = looks
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model)
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(self, queries: Tensor, nodes: Tensor, hidden: Tensor) -> Tensor:
        """Queries (b, k, d); `hidden` (b, n) is True at padding."""
        own, _ = self.self_attn(queries, queries, queries, need_weights=False)
        queries = self.norm_self(queries + own)
        if self.looks:
            seen, _ = self.cross_attn(
                queries, nodes, nodes, key_padding_mask=hidden, need_weights=False
            )
            queries = self.norm_cross(queries + seen)
        return self.norm(queries + self.feed_forward(queries))


class QFormer(nn.Module):
    """Learned queries that read the nodes."""

    def __init__(
        self, d_model: int, n_tokens: int, n_layers: int, n_heads: int, cross_every: int
    ) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(n_tokens, d_model))
        self.norm = nn.LayerNorm(d_model)
        self.layers = nn.ModuleList(
            QFormerLayer(d_model, n_heads, looks=index % cross_every == 0)
            for index in range(n_layers)
        )

    def forward(self, nodes: Tensor, mask: Tensor) -> Tensor:
        """Tokens (b, k, d) from nodes (b, n, d) and a mask (b, n), True where a node is."""
        queries = self.norm(self.queries).expand(nodes.shape[0], -1, -1)
        for layer in self.layers:
            queries = layer(queries, nodes, ~mask)
        return queries


def _qformer(config: AlignmentConfig, d_model: int) -> nn.Module:
    return QFormer(d_model, config.n_tokens, config.n_layers, config.n_heads, config.cross_every)


ALIGNMENTS: Mapping[str, Callable[[AlignmentConfig, int], nn.Module]] = MappingProxyType(
    {"mlp": lambda config, d: MLPAlignment(d, config.n_tokens), "qformer": _qformer}
)
"""Name -> builder of a module from nodes (b, n, d) and mask (b, n) to tokens (b, k, d)."""
