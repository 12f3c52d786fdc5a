"""Transformers over the atoms of a shape, with distances as attention bias.

    unimol      bias_0 = MLP(Gaussians of a_t d_ij + b_t),  t: the pair of elements,
                bias_(l+1) = q k^T / sqrt(c) + bias_l         (the pair states are carried on)
    geoformer   bias = MLP(d_ij), the same for every layer

Uni-Mol: Zhou et al. 2023 (ICLR), whose published size is 15 layers of 512 with 64 heads and whose
weights are for another tokenisation; this is the architecture, to be trained here. GeoFormer is the
form ModuLM gives it, which stops with a shape error there. Layers are pre-norm.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from assistant.graph.pairs.encoders3d import N_ELEMENTS
from assistant.graph.pairs.graph_ops import to_dense


class PairBias(Protocol):
    """Attention bias of each pair of atoms."""

    def __call__(self, distances: Tensor, elements: Tensor) -> Tensor:
        """(b, heads, n, n) from distances (b, n, n) and elements (b, n)."""
        ...


class GaussianPairBias(nn.Module):
    """Uni-Mol's: Gaussians of a distance that is scaled and shifted per pair of elements.

    The scale of a pair is the product, its shift the sum, of one number per element (the published
    table has one per pair of elements, which is 14,161 of each here).
    """

    def __init__(self, n_radial: int, n_heads: int) -> None:
        super().__init__()
        self.scale = nn.Embedding(N_ELEMENTS, 1)
        self.shift = nn.Embedding(N_ELEMENTS, 1)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)
        self.centres = nn.Parameter(torch.linspace(0.0, 8.0, n_radial))
        self.log_width = nn.Parameter(torch.zeros(n_radial))
        self.mlp = nn.Sequential(
            nn.Linear(n_radial, n_radial), nn.GELU(), nn.Linear(n_radial, n_heads)
        )

    def forward(self, distances: Tensor, elements: Tensor) -> Tensor:
        """(b, heads, n, n)."""
        scale, shift = self.scale(elements), self.shift(elements)  # (b, n, 1)
        x = scale * scale.transpose(1, 2) * distances + shift + shift.transpose(1, 2)
        gaussians = torch.exp(
            -0.5 * ((x[..., None] - self.centres) / self.log_width.exp()).square()
        )
        return self.mlp(gaussians).permute(0, 3, 1, 2)


class DistanceBias(nn.Module):
    """GeoFormer's: a small network of the distance alone."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(1, d_model), nn.Tanh(), nn.Linear(d_model, n_heads))

    def forward(self, distances: Tensor, elements: Tensor) -> Tensor:
        """(b, heads, n, n)."""
        return self.mlp(distances[..., None]).permute(0, 3, 1, 2)


class BiasedLayer(nn.Module):
    """Pre-norm self-attention with a bias, then feed-forward."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.project = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.feed_forward = nn.Sequential(
            nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model)
        )

    def forward(self, h: Tensor, bias: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """New states (b, n, d) and scores (b, heads, n, n); mask (b, n), True where an atom is."""
        parts = self.project(self.norm1(h)).unflatten(2, (3, self.n_heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)  # (b, heads, n, c) each
        scores = q @ k.transpose(2, 3) / q.shape[-1] ** 0.5 + bias
        weights = scores.masked_fill(~mask[:, None, None, :], -torch.inf).softmax(dim=-1)
        h = h + self.out((weights @ v).transpose(1, 2).flatten(2))
        return h + self.feed_forward(self.norm2(h)), scores


class DistanceTransformer(nn.Module):
    """Atom states from elements and distances.

    Args:
        d_model: Width.
        n_layers: Layers.
        n_heads: Attention heads.
        bias: First bias of the attention.
        carries_scores: The scores of a layer are the bias of the next (Uni-Mol).
    """

    def __init__(
        self,
        d_model: int,
        n_layers: int,
        n_heads: int,
        bias: nn.Module,
        *,
        carries_scores: bool,
    ) -> None:
        super().__init__()
        self.carries_scores = carries_scores
        self.embed = nn.Embedding(N_ELEMENTS, d_model)
        self.bias = bias
        self.layers = nn.ModuleList(BiasedLayer(d_model, n_heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(d_model)

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Atom states (n, d)."""
        n_shapes = int(batch[-1]) + 1
        places, mask = to_dense(positions, batch, n_shapes)
        kinds = elements.new_zeros(mask.shape).masked_scatter(mask, elements)
        distances = (places[:, :, None] - places[:, None, :]).norm(dim=-1)
        bias = self.bias(distances, kinds)
        h = self.embed(kinds)
        for layer in self.layers:
            h, scores = layer(h, bias, mask)
            bias = scores if self.carries_scores else bias
        return self.norm(h)[mask]
