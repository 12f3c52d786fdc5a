"""CoAtGIN: convolution over several hops, and attention over the whole molecule.

    local     m_k = neighbours' sum of m_(k-1) + e,  m_0 = h;   l = sum_k MLP_k(m_k)
    virtual   g   = MLP(g + sum of h);                           every atom receives g
    global    a_i = phi(q_i) (sum_j phi(k_j) v_j^T) / phi(q_i) sum_j phi(k_j),  phi = 1 + ELU
    block     h  <- h + LN(l + g + W a)

Cui et al., "CoAtGIN: Marrying Convolution and Attention for Graph-based Molecule Property
Prediction", IEEE BIBM 2022. There is no maintained implementation; this follows the paper's
description (k-hop convolution, virtual node, linear attention) and was not compared with the
authors' weights. ModuLM's own layer of this name takes softmax attention and no bonds, and stops
with an error when it is called.
"""

import torch
from torch import Tensor, nn

from assistant.graph.encoder import ATOM_CLASSES, BOND_CLASSES, ColumnEmbedding, GraphBatch
from assistant.graph.pairs.graph_ops import scatter_sum

_N_HOPS = 3


def _mlp(d_model: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(d_model),
        nn.Linear(d_model, d_model),
        nn.ReLU(),
        nn.Linear(d_model, d_model),
    )


class LinearAttention(nn.Module):
    """Attention of all atoms of a molecule to each other, in time linear in their number.

    Katharopoulos et al. 2020, "Transformers are RNNs".
    """

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.project = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, h: Tensor, batch: Tensor, n_graphs: int) -> Tensor:
        """New states (n, d) from states (n, d)."""
        q, k, v = self.project(h).unflatten(1, (3, self.n_heads, -1)).unbind(1)  # (n, heads, c)
        q, k = 1 + nn.functional.elu(q), 1 + nn.functional.elu(k)
        memory = scatter_sum(k[:, :, :, None] * v[:, :, None, :], batch, n_graphs)
        total = scatter_sum(k, batch, n_graphs)
        read = torch.einsum("nhc,nhcd->nhd", q, memory[batch])
        norm = (q * total[batch]).sum(dim=-1, keepdim=True)  # positive: phi is
        return self.out((read / norm).flatten(1))


class CoAtGINBlock(nn.Module):
    """One round: hops, virtual node, attention."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.embed_bonds = ColumnEmbedding(BOND_CLASSES, d_model)
        self.hops = nn.ModuleList(_mlp(d_model) for _ in range(_N_HOPS))
        self.virtual = _mlp(d_model)
        self.attention = LinearAttention(d_model, n_heads)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, h: Tensor, virtual: Tensor, graph: GraphBatch) -> tuple[Tensor, Tensor]:
        """New atom states (n, d) and virtual nodes (b, d)."""
        source, target = graph.edge_index
        bonds = self.embed_bonds(graph.edge_attr)
        message, local = h, torch.zeros_like(h)
        for hop in self.hops:
            message = scatter_sum(message[source] + bonds, target, h.shape[0])
            local = local + hop(message)
        n_graphs = virtual.shape[0]
        virtual = self.virtual(virtual + scatter_sum(h, graph.batch, n_graphs))
        seen = self.attention(h, graph.batch, n_graphs)
        return h + self.norm(local + virtual[graph.batch] + seen), virtual


class CoAtGIN(nn.Module):
    """Atom states after `n_layers` blocks."""

    def __init__(self, d_model: int, n_layers: int, n_heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.embed_atoms = ColumnEmbedding(ATOM_CLASSES, d_model)
        self.blocks = nn.ModuleList(CoAtGINBlock(d_model, n_heads) for _ in range(n_layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, graph: GraphBatch) -> Tensor:
        """Atom states (atoms, d)."""
        h = self.embed_atoms(graph.x)
        virtual = h.new_zeros(int(graph.batch[-1]) + 1, h.shape[1])
        for block in self.blocks:
            h, virtual = block(h, virtual, graph)
            h = self.dropout(h)
        return h
