"""ModuLM's blocks exactly as published, for parity and for importing its weights. Not for training.

Where they differ from ours, on purpose kept here:

    2D      two atom and two bond columns; self loops of bond type 0 (gin) or 4; BatchNorm; GIN
            without ReLU in its messages; GAT normalised over the edges out of an atom
    EGNN    plain distance, sum of unbounded steps, the node MLP does not see the node
    SchNet  Gaussians of fixed width (gamma 10), no cut-off function, no input map
    graph   within a molecule zero but for rounding (the factors are elementwise, so the difference
            is that of equal numbers), every conformer gets weight, messages carry the asker's
            states, both molecules need equally many conformers

Parameter names are the official ones; `published_keys` sets the bond tables of 2D weights apart.
mean, bilinear attention, self and cross attention, highway and gated fusion are the same as ours;
the full bilinear fusion is `bilinear_fusion_full` in `interactions`.
"""

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from assistant.graph.pairs.convolutions import (
    GATConvolution,
    GCNConvolution,
    GINConvolution,
    SAGEConvolution,
)
from assistant.graph.pairs.graph_ops import (
    edge_lengths,
    radius_edges,
    scatter_mean,
    scatter_sum,
    to_dense,
    with_self_loops,
)

PublishedKind = Literal["gin", "gcn", "gat", "graphsage"]

_BOND_KEY = re.compile(r"gnns\.(\d+\.edge_embedding[12]\..*)")


def published_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A 2D state dict under the official keys as one for `PublishedGNN`: bonds stand apart."""
    return {_BOND_KEY.sub(r"bonds.\1", key): value for key, value in state.items()}


def _convolution(kind: PublishedKind, d_model: int, n_heads: int) -> nn.Module:
    if kind == "gin":
        return GINConvolution(d_model, nn.Identity())
    if kind == "gcn":
        return GCNConvolution(d_model)
    if kind == "gat":
        return GATConvolution(d_model, n_heads, normalise="source")
    return SAGEConvolution(d_model)


class PublishedBonds(nn.Module):
    """Bond type and direction, and one state for all self loops."""

    def __init__(self, d_edge: int, n_types: int, n_directions: int, loop_type: int) -> None:
        super().__init__()
        self.loop_type = loop_type
        self.edge_embedding1 = nn.Embedding(n_types, d_edge)
        self.edge_embedding2 = nn.Embedding(n_directions, d_edge)

    def forward(self, edge_attr: Tensor, n_atoms: int) -> Tensor:
        """States (e + n, d_edge) of bonds (e, 2) and self loops."""
        loops = edge_attr.new_zeros(n_atoms, 2)
        loops[:, 0] = self.loop_type
        every = torch.cat([edge_attr, loops])
        return self.edge_embedding1(every[:, 0]) + self.edge_embedding2(every[:, 1])


class PublishedGNN(nn.Module):
    """The 2D encoder; published sizes are 5 layers of 300.

    Args:
        kind: Its layers.
        d_model: Width.
        n_layers: Layers.
        n_heads: Attention heads (gat).
        loop_type: Bond type of the self loops: 0 for gin, else 4.
        classes: Sizes of the tables: atom types, chirality tags, bond types, bond directions.
    """

    def __init__(
        self,
        kind: PublishedKind,
        d_model: int,
        n_layers: int,
        *,
        n_heads: int = 2,
        loop_type: int = 4,
        classes: tuple[int, int, int, int] = (120, 3, 6, 3),
    ) -> None:
        super().__init__()
        atoms, tags, bonds, directions = classes
        layers = [_convolution(kind, d_model, n_heads) for _ in range(n_layers)]
        self.x_embedding1 = nn.Embedding(atoms, d_model)
        self.x_embedding2 = nn.Embedding(tags, d_model)
        self.gnns = nn.ModuleList(layers)
        self.bonds = nn.ModuleList(
            PublishedBonds(layer.d_edge, bonds, directions, loop_type) for layer in layers
        )
        self.batch_norms = nn.ModuleList(nn.BatchNorm1d(d_model) for _ in layers)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and padded atoms (b, 1 + n, d), and the mask (b, 1 + n)."""
        h = self.x_embedding1(x[:, 0]) + self.x_embedding2(x[:, 1])
        edges = with_self_loops(edge_index, h.shape[0])
        last = len(self.gnns) - 1
        for index, (layer, bonds, norm) in enumerate(
            zip(self.gnns, self.bonds, self.batch_norms, strict=True)
        ):
            h = norm(layer(h, edges, bonds(edge_attr, h.shape[0])))
            h = h if index == last else torch.relu(h)
        n_graphs = int(batch[-1]) + 1
        dense, mask = to_dense(h, batch, n_graphs)
        mean = scatter_mean(h, batch, n_graphs)
        nodes = torch.cat([mean[:, None], dense], dim=1)
        return nodes, nn.functional.pad(mask, (1, 0), value=True)


class PublishedEGNNLayer(nn.Module):
    """m = MLP([h_i ; h_j ; d]); x += sum of (x_i - x_j) sigmoid(w m); h += MLP(sum of m)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.edge_mlp = _two_linears(2 * d_model + 1, d_model)
        self.node_mlp = _two_linears(d_model, d_model)
        self.coord_mlp = nn.Sequential(nn.Linear(d_model, 1), nn.Sigmoid())

    def forward(self, h: Tensor, positions: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """New states (n, d) and positions (n, 3)."""
        source, target = edge_index
        away = positions[target] - positions[source]
        lengths = away.norm(dim=-1, keepdim=True)
        messages = self.edge_mlp(torch.cat([h[target], h[source], lengths], dim=-1))
        moved = positions + scatter_sum(away * self.coord_mlp(messages), target, h.shape[0])
        return h + self.node_mlp(scatter_sum(messages, target, h.shape[0])), moved


class PublishedSchNetLayer(nn.Module):
    """h += MLP(sum of filter(d) ∘ h_j)."""

    def __init__(self, d_model: int, n_centres: int) -> None:
        super().__init__()
        self.mlp_edge = _two_linears(n_centres, d_model)
        self.mlp_node = _two_linears(d_model, d_model)

    def forward(self, h: Tensor, edge_index: Tensor, basis: Tensor) -> Tensor:
        """New states (n, d)."""
        source, target = edge_index
        messages = self.mlp_edge(basis) * h[source]
        return h + self.mlp_node(scatter_sum(messages, target, h.shape[0]))


class _Centres(nn.Module):
    def __init__(self, n_centres: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.zeros(n_centres), requires_grad=False)

    def forward(self, distances: Tensor) -> Tensor:
        return torch.exp(-10.0 * (distances[:, None] - self.centers).square())


class PublishedEGNN(nn.Module):
    """Token ids (b, n) and coordinates (b, n, 3) to states; published sizes are 4 layers of 512."""

    def __init__(self, n_tokens: int, d_model: int, n_layers: int, radius: float = 6.0) -> None:
        super().__init__()
        self.radius = radius
        self.embed_tokens = nn.Embedding(n_tokens, d_model)
        self.layers = nn.ModuleList(PublishedEGNNLayer(d_model) for _ in range(n_layers))

    def forward(
        self, tokens: Tensor, coordinates: Tensor, *, pad: int = 0
    ) -> tuple[Tensor, Tensor]:
        """States (b, n, d), zero at padding, and True where padding is (b, n)."""
        h, positions, edges, _ = _flatten(self.embed_tokens, tokens, coordinates, pad, self.radius)
        for layer in self.layers:
            h, positions = layer(h, positions, edges)
        return _unflatten(h, tokens, pad)


class PublishedSchNet(nn.Module):
    """Token ids (b, n) and coordinates (b, n, 3) to states; published sizes are 4 layers of 512."""

    def __init__(
        self, n_tokens: int, d_model: int, n_layers: int, n_centres: int, radius: float = 6.0
    ) -> None:
        super().__init__()
        self.radius = radius
        self.embed_tokens = nn.Embedding(n_tokens, d_model)
        self.rbf = _Centres(n_centres)
        self.layers = nn.ModuleList(
            PublishedSchNetLayer(d_model, n_centres) for _ in range(n_layers)
        )

    def forward(
        self, tokens: Tensor, coordinates: Tensor, *, pad: int = 0
    ) -> tuple[Tensor, Tensor]:
        """States (b, n, d), zero at padding, and True where padding is (b, n)."""
        h, _, edges, lengths = _flatten(self.embed_tokens, tokens, coordinates, pad, self.radius)
        basis = self.rbf(lengths)
        for layer in self.layers:
            h = layer(h, edges, basis)
        return _unflatten(h, tokens, pad)


def _two_linears(d_in: int, d_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(d_in, d_out), nn.SiLU(), nn.Linear(d_out, d_out))


def _flatten(
    embed: nn.Embedding, tokens: Tensor, coordinates: Tensor, pad: int, radius: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States and positions of the atoms that are there, their edges and the edges' lengths."""
    here = tokens != pad
    positions = coordinates[here]
    batch = here.nonzero()[:, 0]
    edges = radius_edges(positions, batch, radius)
    return embed(tokens[here]), positions, edges, edge_lengths(positions, edges)


def _unflatten(h: Tensor, tokens: Tensor, pad: int) -> tuple[Tensor, Tensor]:
    here = tokens != pad
    return h.new_zeros(*tokens.shape, h.shape[1]).masked_scatter(here[..., None], h), ~here


class PublishedConformerGraph(nn.Module):
    """Dynamic graphs over conformers and the update along them; published: 512, 4 heads, k 5."""

    def __init__(self, d_model: int, n_heads: int, k_intra: int = 5, k_inter: int = 5) -> None:
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"d_model {d_model} is not a multiple of n_heads {n_heads}")
        self.dyngraph = _PublishedDynamicGraph(d_model, k_intra, k_inter)
        self.Heg = _PublishedUpdate(d_model, n_heads)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """New states of both, (p, c, d) each."""
        return self.Heg(a, b, *self.dyngraph(a, b))


class _PublishedDynamicGraph(nn.Module):
    def __init__(self, d_model: int, k_intra: int, k_inter: int) -> None:
        super().__init__()
        self.k_intra, self.k_inter = k_intra, k_inter
        self.theta1_intra, self.theta2_intra, self.theta_a_inter, self.theta_b_inter = (
            nn.Parameter(torch.randn(d_model)) for _ in range(4)
        )

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Adjacency within a, within b and between, (p, c, c) each."""
        across = (a * self.theta_a_inter) @ (b * self.theta_b_inter).transpose(1, 2)
        return self._within(a), self._within(b), _keep_top(across.sigmoid(), self.k_inter)

    def _within(self, x: Tensor) -> Tensor:
        forward = (x * self.theta1_intra) @ (x * self.theta2_intra).transpose(1, 2)
        one_way = torch.relu(forward.sigmoid() - forward.transpose(1, 2).sigmoid())
        return _keep_top(one_way, self.k_intra)


def _keep_top(adjacency: Tensor, k: int) -> Tensor:
    top = adjacency.topk(k, dim=-1).indices
    return adjacency * torch.zeros_like(adjacency).scatter(-1, top, 1.0)


class _PublishedUpdate(nn.Module):
    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        c = d_model // n_heads
        self.F1, self.F2, self.F3 = (
            nn.ModuleList(nn.Linear(d_model, c) for _ in range(n_heads)) for _ in range(3)
        )
        self.W_intra_a, self.W_intra_b, self.W_inter = (
            nn.Parameter(torch.randn(c, c)) for _ in range(3)
        )
        self.W_output = nn.Linear(d_model, d_model)
        self.b_output = nn.Parameter(torch.zeros(d_model))

    def forward(
        self, a: Tensor, b: Tensor, within_a: Tensor, within_b: Tensor, across: Tensor
    ) -> tuple[Tensor, Tensor]:
        back = across.transpose(1, 2)
        new_a = self._messages(a, a, within_a, self.W_intra_a)
        new_b = self._messages(b, b, within_b, self.W_intra_b)
        return (
            new_a + self._messages(a, b, across, self.W_inter),
            new_b + self._messages(b, a, back, self.W_inter),
        )

    def _messages(self, asking: Tensor, target: Tensor, graph: Tensor, weight: Tensor) -> Tensor:
        heads = []
        for ask, key, value in zip(self.F1, self.F2, self.F3, strict=True):
            scores = ask(asking) @ (weight @ key(target).transpose(1, 2)) * graph
            heads.append(scores.softmax(dim=-1) @ value(asking))
        return torch.relu(self.W_output(torch.cat(heads, dim=-1))) + self.b_output
