"""Four message-passing layers over bonds, as ModuLM writes them.

    GIN        h_i' = MLP(sum_j f(h_j + e_ij))                             MLP: d -> 2d -> d
    GCN        h_i' = sum_j (W h_j + e_ij) / sqrt(deg_i deg_j)
    GAT        h_i' = mean over heads of sum_j a_ij (W h_j + e_ij) + b,
               a_ij = softmax_j LeakyReLU(a · [W h_i ; W h_j + e_ij])
    GraphSAGE  h_i' = normalise(mean_j (W h_j + e_ij))

j runs over the neighbours and i itself: the caller adds self loops and the states e of all edges.
Xu et al. 2019; Kipf and Welling 2017; Veličković et al. 2018; Hamilton et al. 2017; the edge terms
are those of Hu et al. 2020, "Strategies for Pre-training GNNs". Parameter names are the published
ones, so GraphCL weights load after a change of prefix.
"""

from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from assistant.graph.pairs.graph_ops import scatter_mean, scatter_softmax, scatter_sum


class Convolution(Protocol):
    """One layer; `d_edge` is the width it wants its edge states in."""

    d_edge: int

    def __call__(self, h: Tensor, edge_index: Tensor, edge_states: Tensor) -> Tensor:
        """New states (n, d) from states (n, d), edges (2, e) and edge states (e, d_edge)."""
        ...


class GINConvolution(nn.Module):
    """Sum of neighbours, then an MLP.

    Args:
        d_model: Width of the states.
        message: Applied to h_j + e_ij. The published layer has none, so that the bond terms of an
            atom add up apart from its neighbours; ours takes a ReLU, which ties each to its own.
    """

    def __init__(self, d_model: int, message: nn.Module) -> None:
        super().__init__()
        self.d_edge = d_model
        self.message = message
        self.mlp = nn.Sequential(
            nn.Linear(d_model, 2 * d_model), nn.ReLU(), nn.Linear(2 * d_model, d_model)
        )

    def forward(self, h: Tensor, edge_index: Tensor, edge_states: Tensor) -> Tensor:
        """New states (n, d)."""
        source, target = edge_index
        return self.mlp(scatter_sum(self.message(h[source] + edge_states), target, h.shape[0]))


class GCNConvolution(nn.Module):
    """Sum of neighbours, weighted by the degrees of both ends."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.d_edge = d_model
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, h: Tensor, edge_index: Tensor, edge_states: Tensor) -> Tensor:
        """New states (n, d)."""
        source, target = edge_index
        degree = torch.bincount(target, minlength=h.shape[0]).clamp_min(1).to(h.dtype)
        weight = (degree[source] * degree[target]).rsqrt()[:, None]  # (e, 1)
        return scatter_sum(weight * (self.linear(h)[source] + edge_states), target, h.shape[0])


class GATConvolution(nn.Module):
    """Attention to the neighbours; heads are averaged.

    Args:
        d_model: Width of the states, and of each head.
        n_heads: Attention heads.
        normalise: Weights sum to 1 over the edges into an atom ("target"). The published code sums
            to 1 over the edges out of it ("source"); for parity only.
    """

    def __init__(
        self, d_model: int, n_heads: int, normalise: Literal["target", "source"] = "target"
    ) -> None:
        super().__init__()
        self.d_edge = n_heads * d_model
        self.n_heads = n_heads
        self._normalised_end = 1 if normalise == "target" else 0
        self.weight_linear = nn.Linear(d_model, n_heads * d_model)
        self.att = nn.Parameter(torch.empty(1, n_heads, 2 * d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        nn.init.xavier_uniform_(self.att)

    def forward(self, h: Tensor, edge_index: Tensor, edge_states: Tensor) -> Tensor:
        """New states (n, d)."""
        source, target = edge_index
        heads = self.weight_linear(h).unflatten(1, (self.n_heads, -1))  # (n, heads, d)
        values = heads[source] + edge_states.unflatten(1, (self.n_heads, -1))
        of_target, of_value = self.att.chunk(2, dim=-1)  # a · [x ; y] = a1 · x + a2 · y
        scores = (heads * of_target).sum(dim=-1)[target] + (values * of_value).sum(dim=-1)
        scores = nn.functional.leaky_relu(scores, 0.2)  # (e, heads)
        weights = scatter_softmax(scores, edge_index[self._normalised_end], h.shape[0])
        return scatter_sum(values * weights[:, :, None], target, h.shape[0]).mean(1) + self.bias


class SAGEConvolution(nn.Module):
    """Mean of neighbours, scaled to length 1."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.d_edge = d_model
        self.linear = nn.Linear(d_model, d_model)

    def forward(self, h: Tensor, edge_index: Tensor, edge_states: Tensor) -> Tensor:
        """New states (n, d)."""
        source, target = edge_index
        mean = scatter_mean(self.linear(h)[source] + edge_states, target, h.shape[0])
        return nn.functional.normalize(mean, dim=-1)
