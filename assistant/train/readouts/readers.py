"""The readers: from levels and motif rows to graph tokens, and the head that reads those.

All see the same levels of the same frozen encoder. Sizes are chosen so that trained parameters come
near each other where that is natural: a reader that leaves a part out has as many fewer.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from assistant.evaluate.pairs import n_parameters
from assistant.graph.encoder import GraphLevels
from assistant.graph.pairs.alignment import QFormer
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.train.readouts.levels import Seen
from assistant.train.readouts.recipe import Variant, levels_read

N_HEADS, N_QUERIES = 4, 4
_RESAMPLER_TOKENS, _RESAMPLER_LAYERS, _LOOKS_EVERY = 28, 2, 2


class Reader(Protocol):
    """Graph tokens (b, k, d_token) of what is seen of b molecules."""

    def __call__(self, seen: Seen) -> Tensor:
        """The tokens."""
        ...


class QueryReader(nn.Module):
    """LLaMo's projector; its places for levels are filled with the levels that the variant reads.

    With six places and one level in all of them it has the parameters, the tokens and the work of
    the whole projector, and knows one level.
    """

    def __init__(self, variant: Variant, *, d_graph: int, n_levels: int, d_token: int) -> None:
        super().__init__()
        read = levels_read(variant.levels, n_levels)
        n_places = len(read) if variant.short else n_levels
        self.mixes = variant.levels == "mean"
        self.places = [read[place * len(read) // n_places] for place in range(n_places)]
        self.projector = MultiLevelProjector(
            ProjectorConfig(
                d_graph=d_graph,
                d_llm=d_token,
                n_levels=n_places,
                n_heads=N_HEADS,
                n_queries=N_QUERIES,
                n_motif_queries=N_QUERIES if variant.motifs else 0,
                shared_attention=variant.shared,
            )
        )

    def forward(self, seen: Seen) -> Tensor:
        """Tokens (b, k, d_token)."""
        atoms = seen.levels.atoms
        if self.mixes:
            atoms = atoms.mean(1, keepdim=True).expand(-1, len(self.places), -1, -1)
        elif self.places != list(range(atoms.shape[1])):
            atoms = atoms[:, self.places]
        levels = GraphLevels(atoms, seen.levels.mask, seen.levels.graph)
        return self.projector(levels, seen.motifs, seen.motif_mask)


class MeanReader(nn.Module):
    """Means over the atoms of each level, side by side, two linear maps, one token.

    Args:
        variant: Which levels.
        d_graph: Width of the levels.
        n_levels: Of the encoder.
        d_token: Width of the token.
        n_parameters: What it should come near to; its inner width follows.
    """

    def __init__(
        self, variant: Variant, *, d_graph: int, n_levels: int, d_token: int, n_parameters: int
    ) -> None:
        super().__init__()
        self.read = levels_read(variant.levels, n_levels)
        d_in = d_graph * len(self.read)
        d_inner = max(1, round((n_parameters - 2 * d_in - d_token) / (d_in + d_token + 1)))
        self.norm = nn.LayerNorm(d_in)
        self.net = nn.Sequential(nn.Linear(d_in, d_inner), nn.SiLU(), nn.Linear(d_inner, d_token))

    def forward(self, seen: Seen) -> Tensor:
        """Token (b, 1, d_token)."""
        atoms = seen.levels.atoms[:, self.read]
        means = atoms.sum(2) / seen.levels.mask.sum(1)[:, None, None]
        return self.net(self.norm(means.flatten(1)))[:, None]


class ResamplerReader(nn.Module):
    """A Q-Former over the atoms of all levels at once, each marked with its level's embedding."""

    def __init__(self, *, d_graph: int, n_levels: int, d_token: int) -> None:
        super().__init__()
        self.level = nn.Parameter(0.02 * torch.randn(n_levels, 1, d_graph))
        self.resampler = QFormer(
            d_graph, _RESAMPLER_TOKENS, _RESAMPLER_LAYERS, N_HEADS, _LOOKS_EVERY
        )
        self.net = nn.Sequential(
            nn.Linear(d_graph, d_token), nn.SiLU(), nn.Linear(d_token, d_token)
        )

    def forward(self, seen: Seen) -> Tensor:
        """Tokens (b, k, d_token)."""
        atoms = seen.levels.atoms + self.level  # (b, levels, n, d)
        n_levels = atoms.shape[1]
        mask = seen.levels.mask.repeat(1, n_levels)
        return self.net(self.resampler(atoms.flatten(1, 2), mask))


class Readout(nn.Module):
    """A reader and the head that all share: one learned query looks at the tokens, a linear map.

    Args:
        variant: Which reader.
        d_graph: Width of the encoder's levels.
        n_levels: Their number.
        d_token: Width of the graph tokens.
    """

    def __init__(self, variant: Variant, *, d_graph: int, n_levels: int, d_token: int) -> None:
        super().__init__()
        sizes = {"d_graph": d_graph, "n_levels": n_levels, "d_token": d_token}
        self.reader: nn.Module
        if variant.kind == "mlp":
            # The baseline's size, counted on the meta device: no random number is drawn for it.
            with torch.device("meta"):
                budget = n_parameters(QueryReader(Variant("all"), **sizes))
            self.reader = MeanReader(variant, **sizes, n_parameters=budget)
        elif variant.kind == "resampler":
            self.reader = ResamplerReader(**sizes)
        else:
            self.reader = QueryReader(variant, **sizes)
        self.norm = nn.LayerNorm(d_token)
        self.query = nn.Parameter(torch.zeros(d_token))
        self.value = nn.Linear(d_token, 1)

    def forward(self, seen: Seen) -> Tensor:
        """Standardised values (b,)."""
        tokens = self.norm(self.reader(seen))  # (b, k, d)
        weights = (tokens @ self.query / tokens.shape[-1] ** 0.5).softmax(1)
        return self.value((weights[:, :, None] * tokens).sum(1))[:, 0]
