"""The generator: a molecule writes its own low-rank weights.

    nodes of all levels ─ Linear + level embedding ─► keys (6 n, D)
                                                        │ mask: the atoms of this molecule
    site query + rank query (+ role) ─► decoder blocks ─┴─► z (sites · r, D) ─ basis of type ─► A
    B: one learned matrix per site, zero at the start, shared by all molecules

MoRA (arXiv 2510.12245) generates A per molecule and shares B: ΔW = (alpha / r) · B A(molecule).
Here the head is factorised. Row j of the A of site s is

    A[s, j] = z[s, j] · U[type of s],   z[s, j] = LN(decoder(q_s + p_j, keys)),   U: (D, in)

so every rank component attends to its own atoms, and one basis U serves all layers of a type.
Parameters: (sites + r + levels) D + blocks · 16 D² + d_graph D + Σ_types D · in + Σ_sites r · out.
For a 7B LLM (40 sites, r 64, D 512, 4 blocks) that is 38 million, where the published head alone
(one Linear D -> in · r per type) takes 1.3 billion. B is rectangular, so grouped-query LLMs fit,
and the mask makes a batch equal to one by one, which the published code does not. Sites that are
rows of one fused projection are written side by side into one ΔW of that module.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from assistant.adapters.sites import SiteSpec
from assistant.adapters.weights import (
    Combination,
    Scope,
    StackedLora,
    StackedLowRank,
    check_use,
)
from assistant.checkpoint import ADDED_LATER
from assistant.graph.encoder import GraphLevels


@dataclass(frozen=True)
class GeneratorConfig:
    """Sizes of the generator and the places it writes for.

    Attributes:
        sites: The places in the LLM, from `find_sites`; stored, so that a wrong LLM is noticed.
        n_roles: Roles a molecule can have (solute, solvent, …); 0 for none.
        scope: Which tokens of a conversation its ΔW is for.
        combination: How the ΔW of several molecules in focus become one.
        n_site_blocks: How many of the first blocks work on one query per site, before each rank
            component becomes a query of its own. 0 gives every component all blocks; more is that
            much cheaper, for the work grows with sites · r.
    """

    d_graph: int
    sites: tuple[SiteSpec, ...]
    n_levels: int = 6
    rank: int = 8
    alpha: float = 16.0
    d_model: int = 128
    n_blocks: int = 2
    n_heads: int = 4
    ffn_factor: int = 2
    n_roles: int = 0
    scope: Scope = field(default="turn", metadata=ADDED_LATER)
    combination: Combination = field(default="mean", metadata=ADDED_LATER)
    n_site_blocks: int = field(default=0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        sites = tuple(s if isinstance(s, SiteSpec) else SiteSpec(**s) for s in self.sites)
        object.__setattr__(self, "sites", sites)
        if not sites:
            raise ValueError("a generator needs at least one site; find_sites lists them")
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model {self.d_model} is not a multiple of n_heads {self.n_heads}")
        if self.rank < 1:
            raise ValueError(f"rank {self.rank} must be positive")
        if not 0 <= self.n_site_blocks <= self.n_blocks:
            raise ValueError(f"n_site_blocks {self.n_site_blocks} is not in 0…{self.n_blocks}")
        check_use(self.scope, self.combination)
        widths: dict[str, int] = {}
        for site in sites:
            if widths.setdefault(site.kind, site.in_features) != site.in_features:
                raise ValueError(f"sites of type {site.kind} differ in input width: {site.name}")

    def to_dict(self) -> dict[str, object]:
        """JSON form; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "GeneratorConfig":
        """From the JSON form; unknown keys raise."""
        return cls(**values)  # type: ignore[arg-type]

    @property
    def scaling(self) -> float:
        """LoRA's alpha / r."""
        return self.alpha / self.rank


def _as_slice(places: list[int]) -> slice | list[int]:
    """Equally spaced places as a slice: it takes a view, where a list is first sent to the GPU."""
    step = places[1] - places[0] if len(places) > 1 else 1
    regular = places == list(range(places[0], places[-1] + 1, step))
    return slice(places[0], places[-1] + 1, step) if regular else places


class DecoderBlock(nn.Module):
    """Pre-norm: self-attention, cross-attention to the atoms, feed-forward (MoRA's block)."""

    def __init__(self, d_model: int, n_heads: int, ffn_factor: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.linear1 = nn.Linear(d_model, ffn_factor * d_model)
        self.linear2 = nn.Linear(ffn_factor * d_model, d_model)

    def forward(self, queries: Tensor, keys: Tensor, hidden: Tensor | None) -> Tensor:
        """Queries (b, q, D) after one block; `hidden` is True at padding keys, (b, n)."""
        return self.after_itself(self.attend_itself(queries), keys, hidden)

    def attend_itself(self, queries: Tensor) -> Tensor:
        """Its first part, which knows nothing of the molecule."""
        normed = self.norm1(queries)
        return queries + self.self_attn(normed, normed, normed, need_weights=False)[0]

    def after_itself(self, queries: Tensor, keys: Tensor, hidden: Tensor | None) -> Tensor:
        """The parts behind it."""
        seen, _ = self.multihead_attn(
            self.norm2(queries), keys, keys, key_padding_mask=hidden, need_weights=False
        )
        queries = queries + seen
        return queries + self.linear2(nn.functional.gelu(self.linear1(self.norm3(queries))))


class LoraGenerator(nn.Module):
    """Graph levels of b molecules in, b sets of low-rank weights out."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self._constant: Tensor | None = None
        d_model, rank = config.d_model, config.rank
        self.node_proj = nn.Linear(config.d_graph, d_model)
        self.node_norm = nn.LayerNorm(d_model)
        self.level_embedding = nn.Parameter(torch.randn(config.n_levels, d_model) * 0.02)
        self.site_queries = nn.Parameter(torch.randn(len(config.sites), d_model))
        self.rank_queries = nn.Parameter(torch.randn(rank, d_model))
        self.role_embedding = (
            nn.Parameter(torch.zeros(config.n_roles, d_model)) if config.n_roles else None
        )
        self.blocks = nn.ModuleList(
            DecoderBlock(d_model, config.n_heads, config.ffn_factor) for _ in range(config.n_blocks)
        )
        self.norm = nn.LayerNorm(d_model)
        in_widths = {site.kind: site.in_features for site in config.sites}
        self.basis = nn.ParameterDict(
            # Variance 1 / (D · in): a row of A then has unit length, as LoRA's own init of A.
            {
                kind: nn.Parameter(torch.randn(d_model, width) * (d_model * width) ** -0.5)
                for kind, width in in_widths.items()
            }
        )
        self.lora_B = nn.ParameterList(
            nn.Parameter(torch.zeros(site.out_features, rank)) for site in config.sites
        )

    def forward(
        self,
        levels: GraphLevels,
        roles: Tensor | None = None,
        *,
        dtype: torch.dtype | None = None,
    ) -> StackedLora:
        """Low-rank weights of each molecule; slot i + 1 of a step is molecule i.

        Args:
            levels: The encoder's output for b molecules.
            roles: Role of each molecule, (b,) int64; only with `n_roles`.
            dtype: Of each A; that of the weights when not given.
        """
        states = self._decode(levels, roles)  # (b, sites, r, D)
        A_of_site: dict[int, Tensor] = {}
        for kind, basis in self.basis.items():
            places = [i for i, site in enumerate(self.config.sites) if site.kind == kind]
            A = states[:, _as_slice(places)] @ basis  # (b, sites of this type, r, in)
            A_of_site.update(zip(places, A.to(dtype or A.dtype).unbind(dim=1), strict=True))
        stacked = StackedLora()
        stacked.codes = states
        for name, places in self._places_of_modules().items():
            parts = [A_of_site[place] for place in places]
            # On a GPU a copy for each module would be most of the time of a molecule.
            A = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)  # (b, parts * r, in)
            stacked[name] = StackedLowRank(A, self._B_of_module(places), self.config.scaling)
        return stacked

    def shared_B(self) -> dict[str, Tensor]:
        """The B (out, r) of every module by name, which all molecules share.

        A fused projection has rank parts · r: each part's B is zero outside its own rows.
        """
        modules = self._places_of_modules().items()
        return {name: self._B_of_module(places) for name, places in modules}

    def _places_of_modules(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for index, site in enumerate(self.config.sites):
            places.setdefault(site.name, []).append(index)
        return places

    def _B_of_module(self, places: list[int]) -> Tensor:
        parts = []
        for place in places:
            site, B = self.config.sites[place], self.lora_B[place]
            if site.of_rows is not None:
                below = site.of_rows - site.first_row - site.out_features
                B = nn.functional.pad(B, (0, 0, site.first_row, below))
            parts.append(B)
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _decode(self, levels: GraphLevels, roles: Tensor | None) -> Tensor:
        keys, hidden = self._keys(levels)
        blocks = list(self.blocks)
        if roles is None and self._constant is not None:
            queries = self._constant.expand(len(levels), -1, -1)
            queries = blocks[0].after_itself(queries, keys, hidden)
            start = 1
        else:
            queries, start = self._queries(len(levels), roles), 0
        for index, block in enumerate(blocks[start:], start):
            queries = block(self._spread(queries, index), keys, hidden)
        queries = self._spread(queries, len(blocks))
        return self.norm(queries).unflatten(1, (len(self.config.sites), self.config.rank))

    def _queries(self, n_molecules: int, roles: Tensor | None) -> Tensor:
        queries = self.site_queries.expand(n_molecules, -1, -1)  # (b, sites, D)
        if roles is None:
            return queries
        if self.role_embedding is None:
            raise ValueError("roles are given, but the generator was made with n_roles = 0")
        return queries + self.role_embedding[roles][:, None]

    def _spread(self, queries: Tensor, block: int) -> Tensor:
        """Before the first block that works on rank components, each becomes a query."""
        if block != self.config.n_site_blocks:
            return queries
        return (queries[:, :, None] + self.rank_queries).flatten(1, 2)  # (b, sites * r, D)

    @torch.no_grad()
    def freeze(self) -> None:
        """Keeps what is the same for all molecules; for weights that change no more."""
        self.eval().requires_grad_(False)
        if len(self.blocks):
            self._constant = self.blocks[0].attend_itself(self._spread(self._queries(1, None), 0))

    def train(self, mode: bool = True) -> "LoraGenerator":
        """As for any module; leaving `eval` forgets what `freeze` kept."""
        if mode:
            self._constant = None
        return super().train(mode)

    def _keys(self, levels: GraphLevels) -> tuple[Tensor, Tensor | None]:
        n_levels = self.config.n_levels
        if levels.atoms.shape[1] != n_levels:
            raise ValueError(f"{levels.atoms.shape[1]} graph levels given, {n_levels} expected")
        nodes = self.node_norm(self.node_proj(levels.atoms))  # (b, levels, n, D)
        keys = (nodes + self.level_embedding[:, None]).flatten(1, 2)  # (b, levels * n, D)
        # One molecule has no padding, and attention without a mask is faster.
        hidden = None if len(levels) == 1 else (~levels.mask).repeat(1, n_levels)
        return keys, hidden
