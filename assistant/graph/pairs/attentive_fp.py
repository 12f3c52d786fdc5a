"""AttentiveFP's atom part: attention over bonds, and a gated memory per atom.

    round 1    c_i = ELU(sum_j a_ij W2 LeakyReLU(W1 [h_j ; e_ij])),  a_ij from the bonded neighbour
    later      c_i = ELU(sum_j a_ij W h_j),                          a_ij from [W h_i ; W h_j]
    each       h_i = ReLU(GRU(c_i, h_i))

Xiong et al., J. Med. Chem. 2020, 63, 8749. Its readout over the molecule is left out: the alignment
reads the atoms. The equations, and the tests, follow PyTorch Geometric's `AttentiveFP`.
"""

import torch
from torch import Tensor, nn

from assistant.graph.encoder import ATOM_CLASSES, BOND_CLASSES, ColumnEmbedding, GraphBatch
from assistant.graph.pairs.graph_ops import scatter_softmax, scatter_sum

_SLOPE = 0.01


class BondAttention(nn.Module):
    """The first round: neighbours together with their bonds."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.neighbour = nn.Linear(2 * d_model, d_model, bias=False)
        self.score_neighbour = nn.Linear(d_model, 1, bias=False)
        self.score_atom = nn.Linear(d_model, 1, bias=False)
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, h: Tensor, edge_index: Tensor, bonds: Tensor) -> Tensor:
        """Contexts (n, d)."""
        source, target = edge_index
        bonded = nn.functional.leaky_relu(
            self.neighbour(torch.cat([h[source], bonds], dim=-1)), _SLOPE
        )
        scores = self.score_neighbour(bonded) + self.score_atom(h)[target]  # (e, 1)
        weights = scatter_softmax(nn.functional.leaky_relu(scores, _SLOPE), target, n := h.shape[0])
        return scatter_sum(weights * self.value(h)[source], target, n) + self.bias


class NeighbourAttention(nn.Module):
    """A later round: neighbours alone."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.score_neighbour = nn.Linear(d_model, 1, bias=False)
        self.score_atom = nn.Linear(d_model, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(self, h: Tensor, edge_index: Tensor) -> Tensor:
        """Contexts (n, d)."""
        source, target = edge_index
        values = self.value(h)
        scores = self.score_neighbour(values)[source] + self.score_atom(values)[target]
        weights = scatter_softmax(nn.functional.leaky_relu(scores, _SLOPE), target, n := h.shape[0])
        return scatter_sum(weights * values[source], target, n) + self.bias


class AttentiveFP(nn.Module):
    """Atom states after `n_layers` rounds."""

    def __init__(self, d_model: int, n_layers: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed_atoms = ColumnEmbedding(ATOM_CLASSES, d_model)
        self.embed_bonds = ColumnEmbedding(BOND_CLASSES, d_model)
        self.first = BondAttention(d_model)
        self.rounds = nn.ModuleList(NeighbourAttention(d_model) for _ in range(n_layers - 1))
        self.memories = nn.ModuleList(nn.GRUCell(d_model, d_model) for _ in range(n_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, graph: GraphBatch) -> Tensor:
        """Atom states (atoms, d)."""
        h = nn.functional.leaky_relu(self.embed_atoms(graph.x), _SLOPE)
        context = self.first(h, graph.edge_index, self.embed_bonds(graph.edge_attr))
        h = self._remember(0, context, h)
        for index, attention in enumerate(self.rounds, start=1):
            h = self._remember(index, attention(h, graph.edge_index), h)
        return h

    def _remember(self, index: int, context: Tensor, h: Tensor) -> Tensor:
        context = self.dropout(nn.functional.elu(context))
        return torch.relu(self.memories[index](context, h))
