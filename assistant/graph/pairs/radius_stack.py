"""GIN, GCN and GAT over atoms that are near in space (ModuLM's gin_esm, gcn_esm, gat_esm).

The published ones see which atoms are near, not how near; here the distance is the edge's state,
faded at the cut-off. Layers are those of `convolutions`. No protein language model is involved: the
names are kept so that a published configuration says the same thing here.
"""

import torch
from torch import Tensor, nn

from assistant.graph.pairs.convolutions import (
    GATConvolution,
    GCNConvolution,
    GINConvolution,
)
from assistant.graph.pairs.encoders3d import N_ELEMENTS, Encoder3DConfig
from assistant.graph.pairs.graph_ops import edge_lengths, radius_edges, with_self_loops
from assistant.graph.pairs.radial import GaussianBasis, cosine_cutoff


def _convolution(kind: str, config: Encoder3DConfig) -> nn.Module:
    if kind == "gin":
        return GINConvolution(config.d_model, nn.ReLU())
    if kind == "gcn":
        return GCNConvolution(config.d_model)
    return GATConvolution(config.d_model, config.n_heads)


class RadiusStack(nn.Module):
    """Atom states from elements and distances."""

    def __init__(self, kind: str, config: Encoder3DConfig) -> None:
        super().__init__()
        layers = [_convolution(kind, config) for _ in range(config.n_layers)]
        self.cutoff = config.cutoff
        self.embed = nn.Embedding(N_ELEMENTS, config.d_model)
        self.expand = GaussianBasis(config.n_radial, config.cutoff)
        self.convolutions = nn.ModuleList(layers)
        self.edges = nn.ModuleList(nn.Linear(config.n_radial, c.d_edge, bias=False) for c in layers)
        self.norms = nn.ModuleList(nn.LayerNorm(config.d_model) for _ in layers)

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Atom states (n, d)."""
        n_atoms = elements.shape[0]
        edge_index = with_self_loops(radius_edges(positions, batch, self.cutoff), n_atoms)
        distances = edge_lengths(positions, edge_index)
        states = self.expand(distances) * cosine_cutoff(distances, self.cutoff)[:, None]
        h = self.embed(elements)
        for convolution, edges, norm in zip(self.convolutions, self.edges, self.norms, strict=True):
            h = h + torch.relu(norm(convolution(h, edge_index, edges(states))))
        return h
