"""MoRA's generator as published, for imported weights and for parity.

    h5 (n, 300) ─ Linear ─► v (n, D)
    per type of "qkvom": queries (layers, D) ─ decoder blocks (keys v) ─ LN ─ Linear ─► A

Equations and key names of arXiv 2510.12245 (`weights_generater.py`). One difference: padding atoms
are masked, so each molecule gets its own A also in a batch; `as_one_sequence` is the parity mode
that gives what the published training path computes. Widths must be square, as published, so LLMs
with grouped-query heads do not fit; `generator.py` is what we train.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from assistant.adapters.generator import DecoderBlock
from assistant.adapters.sites import SiteKind
from assistant.adapters.weights import (
    Combination,
    Scope,
    StackedLora,
    StackedLowRank,
    check_use,
)
from assistant.graph.encoder import GraphLevels

MORA_COMPONENT = "mora_generator"

_NAME_OF_KIND: dict[SiteKind, str] = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "m": "mlp",
}


@dataclass(frozen=True)
class MoraConfig:
    """Sizes as in the published scripts: 2.03 billion parameters.

    Attributes:
        every: Every n-th layer of the LLM gets a ΔW (`skip_layers` there).
        kinds: Which of q, k, v, o and the MLP bypass m, in the order of the stored tensors.
        separate: One sub-generator per type (published), or one for all.
        n_positions: Rows of a table that is stored but used nowhere.
        scope: Which tokens its ΔW is for; published weights were trained on whole sequences.
        combination: How the ΔW of several molecules become one; the published code has no several.
    """

    d_graph: int = 300
    d_llm: int = 4096
    llm_depth: int = 32
    every: int = 4
    rank: int = 64
    alpha: float = 64.0
    d_model: int = 1024
    n_blocks: int = 8
    n_heads: int = 16
    ffn_factor: int = 4
    kinds: str = "qkvom"
    separate: bool = True
    n_positions: int = 21
    scope: Scope = "whole"
    combination: Combination = "mean"

    def __post_init__(self) -> None:
        if not set(self.kinds) <= set(_NAME_OF_KIND):
            raise ValueError(f"kinds {self.kinds!r} must be from qkvom")
        check_use(self.scope, self.combination)
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model {self.d_model} is not a multiple of n_heads {self.n_heads}")
        if not self.layers:
            raise ValueError(f"every {self.every} leaves no layer of {self.llm_depth}")

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers of the LLM that get a ΔW."""
        return tuple(range(self.every - 1, self.llm_depth, self.every))

    @property
    def site_names(self) -> list[str]:
        """Names of the sites in a Llama-style model, by type and then by layer."""
        names = [_NAME_OF_KIND[kind] for kind in self.kinds]  # type: ignore[index]
        return [f"model.layers.{layer}.{name}" for name in names for layer in self.layers]


class _SubGenerator(nn.Module):
    def __init__(self, config: MoraConfig, n_queries: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, n_queries, config.d_model))
        self.decoders = nn.ModuleList(
            DecoderBlock(config.d_model, config.n_heads, config.ffn_factor)
            for _ in range(config.n_blocks)
        )
        self.norm = nn.LayerNorm(config.d_model)
        self.weights_head = nn.Linear(config.d_model, config.d_llm * config.rank)

    def forward(self, keys: Tensor, hidden: Tensor) -> Tensor:
        states = self.queries.expand(keys.shape[0], -1, -1)
        for block in self.decoders:
            states = block(states, keys, hidden)
        return self.weights_head(self.norm(states))  # (b, queries, in * r)


class MoraGenerator(nn.Module):
    """Last-level node states in, the published A and B out."""

    def __init__(self, config: MoraConfig) -> None:
        super().__init__()
        self.config = config
        n_layers, n_kinds = len(config.layers), len(config.kinds)
        n_sites, n_values = n_kinds * n_layers, config.d_llm * config.rank
        self.visual_proj = nn.Linear(config.d_graph, config.d_model)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.n_positions, config.d_model))
        self.gen: nn.Module = (
            nn.ModuleList(_SubGenerator(config, n_layers) for _ in range(n_kinds))
            if config.separate
            else _SubGenerator(config, n_sites)
        )
        self.Bs = nn.Parameter(torch.zeros(1, n_sites, n_values))

    @classmethod
    def without_memory(cls, config: MoraConfig) -> "MoraGenerator":
        """On the meta device, to be filled from a file: 2 billion values are not drawn twice."""
        with torch.device("meta"):
            return cls(config)

    def forward(self, levels: GraphLevels, *, dtype: torch.dtype | None = None) -> StackedLora:
        """Low-rank weights of each molecule.

        Args:
            levels: The encoder's output for b molecules.
            dtype: Of each A; that of the weights when not given.
        """
        config = self.config
        nodes = levels.atoms[:, -1].to(self.visual_proj.weight.dtype)
        keys, hidden = self.visual_proj(nodes), ~levels.mask
        parts = self.gen if isinstance(self.gen, nn.ModuleList) else [self.gen]
        flat = torch.cat([part(keys, hidden) for part in parts], dim=1)  # (b, sites, in * r)
        A = flat.unflatten(2, (config.d_llm, config.rank)).transpose(2, 3)  # (b, sites, r, in)
        A = A.to(dtype or A.dtype)
        scaling = config.alpha / config.rank
        return StackedLora(
            (name, StackedLowRank(A[:, index], B, scaling))
            for index, (name, B) in enumerate(self.shared_B().items())
        )

    def shared_B(self) -> dict[str, Tensor]:
        """The B (out, r) of every site by name, which all molecules share."""
        B = self.Bs[0].unflatten(1, (self.config.d_llm, self.config.rank))  # (sites, out, r)
        return dict(zip(self.config.site_names, B, strict=True))


def as_one_sequence(levels: GraphLevels) -> GraphLevels:
    """Parity mode: all atoms of a batch as those of one molecule, as the published training does.

    There a batch reaches the generator as one flat atom sequence, so that one A, which has seen
    every molecule, is used for all of them. Nothing but parity should want that.
    """
    atoms = levels.atoms.transpose(1, 2)[levels.mask].transpose(0, 1)[None]  # (1, levels, n, d)
    mask = levels.mask.new_ones(1, atoms.shape[2])
    return GraphLevels(atoms, mask, atoms[:, -1].mean(dim=1))
