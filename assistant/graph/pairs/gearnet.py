"""GearNet: relations between atoms as edge types. Importing this imports PyG (2 s).

    h_i <- h_i + ReLU(LN(W_0 h_i + sum over relations r of sum_{j in N_r(i)} W_r h_j))

Zhang et al. 2023, arXiv 2203.06125, with PyTorch Geometric's relational convolution (RGCN). GearNet
is made for proteins, whose relations are sequence and space; here they are four shells of distance:
bonded (below 1.95 Å), over one angle (2.85 Å), near (4.2 Å), and up to the cut-off.
"""

import torch
from torch import Tensor, nn
from torch_geometric.nn import RGCNConv

from assistant.graph.pairs.encoders3d import N_ELEMENTS
from assistant.graph.pairs.graph_ops import edge_lengths, radius_edges

_SHELLS = (1.95, 2.85, 4.2)


class GearNet(nn.Module):
    """Atom states from elements and distances."""

    def __init__(self, d_model: int, n_layers: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embed = nn.Embedding(N_ELEMENTS, d_model)
        self.layers = nn.ModuleList(
            RGCNConv(d_model, d_model, len(_SHELLS) + 1, aggr="add") for _ in range(n_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(n_layers))
        self.register_buffer("shells", torch.tensor(_SHELLS), persistent=False)

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Atom states (n, d)."""
        edge_index = radius_edges(positions, batch, self.cutoff)
        distances = edge_lengths(positions, edge_index)
        relation = torch.bucketize(distances, self.shells)
        h = self.embed(elements)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            h = h + torch.relu(norm(layer(h, edge_index, relation)))
        return h
