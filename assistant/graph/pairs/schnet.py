"""SchNet: continuous filters of the distance.

    h_i <- h_i + W3 ssp(W2 sum_j (W1 h_j) ∘ F(d_ij) f_c(d_ij))
    F: Gaussian expansion -> Linear -> ssp -> Linear,   f_c: cosine cut-off

Schütt et al. 2017, arXiv 1706.08566. Same equations as PyTorch Geometric's `SchNet` (compared in
the tests), without its import, and without its limit of 100 elements and 32 neighbours.
"""

from torch import Tensor, nn

from assistant.graph.pairs.encoders3d import N_ELEMENTS
from assistant.graph.pairs.graph_ops import edge_lengths, radius_edges, scatter_sum
from assistant.graph.pairs.radial import GaussianBasis, ShiftedSoftplus, cosine_cutoff


class SchNetLayer(nn.Module):
    """One interaction block."""

    def __init__(self, d_model: int, n_radial: int) -> None:
        super().__init__()
        self.filter = nn.Sequential(
            nn.Linear(n_radial, d_model), ShiftedSoftplus(), nn.Linear(d_model, d_model)
        )
        self.linear_in = nn.Linear(d_model, d_model, bias=False)
        self.linear_out = nn.Sequential(
            nn.Linear(d_model, d_model), ShiftedSoftplus(), nn.Linear(d_model, d_model)
        )

    def forward(self, h: Tensor, edge_index: Tensor, basis: Tensor, fade: Tensor) -> Tensor:
        """What is added to the states, (n, d)."""
        source, target = edge_index
        messages = self.linear_in(h)[source] * self.filter(basis) * fade[:, None]
        return self.linear_out(scatter_sum(messages, target, h.shape[0]))


class SchNet(nn.Module):
    """Atom states from elements and distances."""

    def __init__(self, d_model: int, n_layers: int, cutoff: float, n_radial: int) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embed = nn.Embedding(N_ELEMENTS, d_model)
        self.expand = GaussianBasis(n_radial, cutoff)
        self.layers = nn.ModuleList(SchNetLayer(d_model, n_radial) for _ in range(n_layers))

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Atom states (n, d)."""
        edge_index = radius_edges(positions, batch, self.cutoff)
        distances = edge_lengths(positions, edge_index)
        basis, fade = self.expand(distances), cosine_cutoff(distances, self.cutoff)
        h = self.embed(elements)
        for layer in self.layers:
            h = h + layer(h, edge_index, basis, fade)
        return h
