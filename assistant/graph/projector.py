"""The projector: from graph levels to tokens that the language model reads.

    4 queries × each level l ── Attn^(l)(q, h_l, h_l) ─► P_l (4 tokens) ┐
    4 motif queries ─────────── Attn(q, W f, W f) ─────► P_m (4 tokens) ├─ LayerNorm, MLP ─► (28, h)
                                  f: rows of functional groups          ┘

LLaMo's multi-level projector (Park et al., NeurIPS 2024, arXiv 2411.00871). The paper gives every
level its own attention block (default); the published code shares one (`shared_attention`).
The paper puts the motif tokens last, the published weights were trained with them first (default).
A molecule without motif rows keeps the raw motif queries, decided per molecule.
State-dict keys are those of LLaMo's `abstractor`; with `shared_attention` only block 0 is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from assistant.checkpoint import ADDED_LATER
from assistant.graph.encoder import GraphLevels

N_MOTIF_FEATURES = 73


@dataclass(frozen=True)
class ProjectorConfig:
    """Sizes of the projector.

    Published: `d_graph` 300, `n_heads` 4, `mlp_depth` 6, `d_hidden` = `d_llm` (85 M parameters for
    4096). `d_hidden` None means `d_llm`.

    Attributes:
        shared_attention: One attention block for all levels, as in the published code.
        motifs_first: Motif tokens before the level tokens, as in the published weights.
        motif_rows: Which motif rows it was trained with: the published extraction, which has none
            for some molecules, or our own, which has some for every molecule.
    """

    d_graph: int
    d_llm: int
    n_levels: int = 6
    n_heads: int = 4
    n_queries: int = 4
    n_motif_queries: int = 4
    mlp_depth: int = 2
    d_hidden: int | None = None
    shared_attention: bool = False
    motifs_first: bool = True
    motif_rows: Literal["own", "published"] = field(default="own", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if self.d_graph % self.n_heads:
            raise ValueError(f"d_graph {self.d_graph} is not a multiple of n_heads {self.n_heads}")
        if self.mlp_depth < 1:
            raise ValueError(f"mlp_depth {self.mlp_depth} must be at least 1")
        if min(self.n_levels, self.n_queries, self.d_llm) < 1 or self.n_motif_queries < 0:
            raise ValueError("n_levels, n_queries and d_llm must be positive")
        if self.motif_rows not in ("own", "published"):
            raise ValueError(f"motif_rows {self.motif_rows!r} must be 'own' or 'published'")

    @property
    def n_tokens(self) -> int:
        """Graph tokens per molecule."""
        return self.n_motif_queries + self.n_levels * self.n_queries


def pad_motifs(rows: Sequence[np.ndarray | None]) -> tuple[Tensor, Tensor]:
    """Motif rows of several molecules as one padded tensor.

    Args:
        rows: Per molecule (m, 73), or None where no motif was found.

    Returns:
        The rows (b, m, 73) float32 and a mask (b, m), True where a row is.
    """
    counts = [0 if row is None else len(row) for row in rows]
    motifs = torch.zeros(len(rows), max(counts, default=0), N_MOTIF_FEATURES)
    mask = torch.zeros(motifs.shape[:2], dtype=torch.bool)
    for index, (row, count) in enumerate(zip(rows, counts, strict=True)):
        if row is not None and count:
            motifs[index, :count] = torch.as_tensor(np.asarray(row), dtype=torch.float32)
            mask[index, :count] = True
    return motifs, mask


class MultiLevelProjector(nn.Module):
    """Graph levels and motif rows in, `config.n_tokens` embeddings of the LLM's width out."""

    def __init__(self, config: ProjectorConfig) -> None:
        super().__init__()
        self.config = config
        d_graph = config.d_graph
        n_blocks = 1 if config.shared_attention else config.n_levels
        self.query_tokens = nn.Parameter(torch.randn(config.n_levels, config.n_queries, d_graph))
        self.cross_attention = nn.ModuleList(_attention(config) for _ in range(n_blocks))
        if config.n_motif_queries:
            self.motif_query_tokens = nn.Parameter(torch.randn(config.n_motif_queries, d_graph))
            self.motif_weight = nn.Linear(N_MOTIF_FEATURES, d_graph, bias=False)
            self.motif_cross_attention = _attention(config)
            nn.init.normal_(self.motif_weight.weight, std=0.02)
        self.layer_norm = nn.LayerNorm(d_graph, eps=1e-5)
        self.net = _mlp(config)

    def forward(
        self,
        levels: GraphLevels,
        motifs: Tensor | None = None,
        motif_mask: Tensor | None = None,
    ) -> Tensor:
        """Graph tokens, (b, n_tokens, d_llm).

        Args:
            levels: The encoder's output for b molecules.
            motifs: Motif rows (b, m, 73); none at all when absent.
            motif_mask: True where a motif row is, (b, m).
        """
        # Taken apart at once: the gradient of a level alone is zeros of all levels, for each anew.
        nodes = levels.atoms.unbind(dim=1)
        blocks = [self._level_tokens(levels, n, one) for n, one in enumerate(nodes)]
        if self.config.n_motif_queries:
            motif_tokens = self._motif_tokens(len(levels), motifs, motif_mask)
            blocks.insert(0 if self.config.motifs_first else len(blocks), motif_tokens)
        tokens = torch.cat(blocks, dim=1)  # (b, n_tokens, d_graph)
        normed = self.layer_norm(tokens.float()).to(tokens.dtype)
        return self.net(normed)

    def level_tokens(self, levels: GraphLevels, level: int) -> Tensor:
        """What the queries of one level see of its nodes, (b, n_queries, d_graph)."""
        return self._level_tokens(levels, level, levels.atoms[:, level])

    def _level_tokens(self, levels: GraphLevels, level: int, nodes: Tensor) -> Tensor:
        """The same of nodes (b, n, d) that are taken out already."""
        attention = self.cross_attention[0 if self.config.shared_attention else level]
        queries = self.query_tokens[level].expand(len(levels), -1, -1)
        tokens, _ = attention(
            queries, nodes, nodes, key_padding_mask=~levels.mask, need_weights=False
        )
        return tokens

    def _motif_tokens(
        self, n_molecules: int, motifs: Tensor | None, motif_mask: Tensor | None
    ) -> Tensor:
        queries = self.motif_query_tokens.expand(n_molecules, -1, -1)
        if motifs is None or motif_mask is None or motifs.shape[1] == 0:
            return queries
        device = queries.device
        motif_mask = motif_mask.to(device)
        has_motif = motif_mask.any(dim=1)  # (b,)
        # An attention row with every key masked is NaN, also in the gradient: open one padding key.
        hidden = ~motif_mask
        hidden[:, 0] &= has_motif
        rows = self.motif_weight(motifs.to(device, self.motif_weight.weight.dtype))
        tokens, _ = self.motif_cross_attention(
            queries, rows, rows, key_padding_mask=hidden, need_weights=False
        )
        return torch.where(has_motif[:, None, None], tokens, queries.to(tokens.dtype))


def _attention(config: ProjectorConfig) -> nn.MultiheadAttention:
    attention = nn.MultiheadAttention(config.d_graph, config.n_heads, batch_first=True)
    nn.init.normal_(attention.out_proj.weight, std=0.02)
    return attention


def _mlp(config: ProjectorConfig) -> nn.Sequential:
    d_hidden = config.d_hidden or config.d_llm
    widths = [config.d_graph] + [d_hidden] * (config.mlp_depth - 1) + [config.d_llm]
    layers: list[nn.Module] = []
    for d_in, d_out in pairwise(widths):
        linear = nn.Linear(d_in, d_out)
        nn.init.normal_(linear.weight, std=0.02)
        nn.init.zeros_(linear.bias)
        layers += [nn.SiLU(), linear] if layers else [linear]
    return nn.Sequential(*layers)
