"""EGNN: messages from distances, and positions that move along the bonds between atoms.

    m_ij = phi_e([h_i ; h_j ; d_ij² / c²]) f_c(d_ij)
    x_i <- x_i + mean_j (x_i - x_j) / (d_ij + 1) · tanh(phi_x(m_ij))
    h_i <- h_i + phi_h([h_i ; sum_j m_ij])

Satorras, Hoogeboom and Welling 2021, arXiv 2102.09844. The positions are equivariant, so the states
are invariant. Scaled distances, the cut-off and the bounded step keep random weights from blowing a
molecule up; ModuLM's shorter form is in `published`.
"""

import torch
from torch import Tensor, nn

from assistant.graph.pairs.encoders3d import N_ELEMENTS
from assistant.graph.pairs.graph_ops import edge_lengths, radius_edges, scatter_mean, scatter_sum
from assistant.graph.pairs.radial import cosine_cutoff


class EGNNLayer(nn.Module):
    """One round of messages and, unless nobody looks at the positions afterwards, moves."""

    def __init__(self, d_model: int, cutoff: float, *, moves: bool) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.edge_mlp = nn.Sequential(
            nn.Linear(2 * d_model + 1, d_model), nn.SiLU(), nn.Linear(d_model, d_model), nn.SiLU()
        )
        self.coord_mlp = None
        if moves:
            self.coord_mlp = nn.Sequential(
                nn.Linear(d_model, d_model), nn.SiLU(), nn.Linear(d_model, 1, bias=False), nn.Tanh()
            )
        self.node_mlp = nn.Sequential(
            nn.Linear(2 * d_model, d_model), nn.SiLU(), nn.Linear(d_model, d_model)
        )

    def forward(
        self, h: Tensor, positions: Tensor, edge_index: Tensor, fade: Tensor
    ) -> tuple[Tensor, Tensor]:
        """New states (n, d) and positions (n, 3); `fade` (e,) is the cut-off at the start."""
        source, target = edge_index
        n_atoms = h.shape[0]
        away = positions[target] - positions[source]
        square = away.square().sum(dim=-1, keepdim=True)
        scaled = square / self.cutoff**2
        messages = self.edge_mlp(torch.cat([h[target], h[source], scaled], dim=-1))
        messages = messages * fade[:, None]
        if self.coord_mlp is not None:
            step = away / (square.clamp_min(1e-12).sqrt() + 1) * self.coord_mlp(messages)
            positions = positions + scatter_mean(step, target, n_atoms)
        gathered = scatter_sum(messages, target, n_atoms)
        return h + self.node_mlp(torch.cat([h, gathered], dim=-1)), positions


class EGNN(nn.Module):
    """Atom states from elements and positions; edges are those of the shape as it comes."""

    def __init__(self, d_model: int, n_layers: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embed = nn.Embedding(N_ELEMENTS, d_model)
        self.layers = nn.ModuleList(
            EGNNLayer(d_model, cutoff, moves=index < n_layers - 1) for index in range(n_layers)
        )

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Atom states (n, d)."""
        edge_index = radius_edges(positions, batch, self.cutoff)
        fade = cosine_cutoff(edge_lengths(positions, edge_index), self.cutoff)
        h = self.embed(elements)
        for layer in self.layers:
            h, positions = layer(h, positions, edge_index, fade)
        return h
