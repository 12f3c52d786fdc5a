"""Encoder and projector for one molecule at a time, with everything constant computed before.

The same functions as `encoder` and `projector` in `eval()`, up to rounding, for weights that change
no more. A molecule is small, so its time is the calls and the weights that are read:

    encoder     nine look-ups of an atom → one sum over a joined table; three of a bond, per layer →
                one row of a table of all kinds of bonds; batch norms → folded into the linear maps
    projector   keys and values of all levels in one batched product; the projected queries are
                constant; the motif map is folded into the motif keys and values
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from assistant.graph.encoder import COLUMNS_READ, GraphEncoder, GraphLevels, MolecularGraph
from assistant.graph.projector import MultiLevelProjector


class FrozenEncoder:
    """The graph encoder for one graph; weights are copied, so later changes are not seen.

    Args:
        encoder: An encoder whose training is over.
    """

    @torch.no_grad()
    def __init__(self, encoder: GraphEncoder) -> None:
        model = encoder.molecule_node_model
        self._read = COLUMNS_READ[encoder.config.columns]
        n_atom_columns, n_bond_columns = self._read
        tables = [t.weight for t in list(model.atom_encoder.atom_embedding_list)[:n_atom_columns]]
        self._atom_table = torch.cat(tables)
        sizes = torch.tensor([0, *(len(table) for table in tables[:-1])])
        self._atom_starts = sizes.cumsum(0).to(self._atom_table.device)
        classes = [len(t.weight) for t in model.gnns[0].bond_encoder.bond_embedding_list]
        kinds = torch.cartesian_prod(*(torch.arange(n) for n in classes[:n_bond_columns]))
        strides = [math.prod(classes[i + 1 : n_bond_columns]) for i in range(n_bond_columns)]
        self._bond_strides = torch.tensor(strides, device=self._atom_table.device)
        self._layers = [
            _FrozenLayer(layer, norm, kinds.to(self._atom_table.device))
            for layer, norm in zip(model.gnns, model.batch_norms, strict=True)
        ]

    @torch.inference_mode()
    def __call__(self, graph: MolecularGraph) -> GraphLevels:
        """Levels of one graph, as a batch of one."""
        device = self._atom_table.device
        x, bonds = graph.x.to(device), graph.edge_attr.to(device)
        source, target = graph.edge_index.to(device)
        if (x.shape[1], bonds.shape[1]) != self._read:
            raise ValueError(
                f"the graph has {x.shape[1]} atom and {bonds.shape[1]} bond columns, but the"
                f" encoder reads {self._read}"
            )
        kinds = (bonds * self._bond_strides).sum(dim=1)
        h = F.embedding_bag(x + self._atom_starts, self._atom_table, mode="sum")
        levels = [h]
        for index, layer in enumerate(self._layers):
            h = layer(h, source, target, kinds)
            if index < len(self._layers) - 1:
                h = h.relu_()
            levels.append(h)
        mask = torch.ones(1, len(x), dtype=torch.bool, device=device)
        return GraphLevels(torch.stack(levels)[None], mask, h.mean(dim=0, keepdim=True))


class _FrozenLayer:
    def __init__(self, layer: nn.Module, norm: nn.BatchNorm1d, kinds: Tensor) -> None:
        wide, wide_norm, _, narrow = layer.mlp
        self._bond_table = layer.bond_encoder(kinds)
        self._weight = 1 + float(layer.eps)
        self._wide = _folded(wide, wide_norm)
        self._narrow = _folded(narrow, norm)

    def __call__(self, h: Tensor, source: Tensor, target: Tensor, kinds: Tensor) -> Tensor:
        messages = h.index_select(0, source).add_(self._bond_table.index_select(0, kinds)).relu_()
        gathered = (h * self._weight).index_add_(0, target, messages)
        return torch.addmm(
            self._narrow[1],
            torch.addmm(self._wide[1], gathered, self._wide[0]).relu_(),
            self._narrow[0],
        )


def _folded(linear: nn.Linear, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Weight (in, out) and bias of a linear map with the norm behind it."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = (linear.bias - norm.running_mean) * scale + norm.bias
    return (linear.weight * scale[:, None]).t().contiguous(), bias


class FrozenProjector:
    """The projector for one molecule; weights are copied, so later changes are not seen.

    Args:
        projector: A projector whose training is over.
    """

    @torch.no_grad()
    def __init__(self, projector: MultiLevelProjector) -> None:
        config = projector.config
        blocks = list(projector.cross_attention)
        if config.shared_attention:
            blocks *= config.n_levels
        self._motifs_first = config.motifs_first
        self._levels = _FrozenAttention(blocks, projector.query_tokens, None)
        self._motifs: _FrozenAttention | None = None
        self._motif_queries = projector.query_tokens.new_empty(0, config.d_graph)
        if config.n_motif_queries:
            self._motif_queries = projector.motif_query_tokens.detach()
            self._motifs = _FrozenAttention(
                [projector.motif_cross_attention],
                self._motif_queries[None],
                projector.motif_weight.weight,
            )
        self._norm, self._net = projector.layer_norm, projector.net

    @torch.inference_mode()
    def __call__(self, levels: GraphLevels, motifs: Tensor) -> Tensor:
        """Graph tokens (n_tokens, d_llm).

        Args:
            levels: One molecule.
            motifs: Its motif rows (m, 73), maybe none.
        """
        blocks = [self._levels(levels.atoms[0]).flatten(0, 1)]
        if self._motifs is not None:
            own = self._motif_queries
            if len(motifs):
                own = self._motifs(motifs.to(own)[None])[0]
            blocks.insert(0 if self._motifs_first else 1, own)
        tokens = torch.cat(blocks)
        return self._net(self._norm(tokens.float()).to(tokens.dtype))


class _FrozenAttention:
    """Constant queries attending to nodes: s attention blocks, each with its queries and nodes."""

    def __init__(
        self, blocks: list[nn.MultiheadAttention], queries: Tensor, before: Tensor | None
    ) -> None:
        self._n_heads = blocks[0].num_heads
        d = blocks[0].embed_dim
        W = torch.stack([block.in_proj_weight for block in blocks])  # (s, 3 d, d)
        bias = torch.stack([block.in_proj_bias for block in blocks])
        projected = torch.baddbmm(bias[:, None, :d], queries, W[:, :d].transpose(1, 2))
        self._queries = self._by_head(projected)
        weight = W[:, d:] if before is None else W[:, d:] @ before
        self._weight, self._bias = weight.transpose(1, 2).contiguous(), bias[:, None, d:]
        out = [block.out_proj for block in blocks]
        self._out = torch.stack([linear.weight.t() for linear in out])
        self._out_bias = torch.stack([linear.bias for linear in out])[:, None]

    def _by_head(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self._n_heads, -1)).transpose(1, 2)

    def __call__(self, nodes: Tensor) -> Tensor:
        """What the queries see, (s, queries, d), of nodes (s, n, width)."""
        keys, values = torch.baddbmm(self._bias, nodes, self._weight).chunk(2, dim=-1)
        seen = F.scaled_dot_product_attention(
            self._queries, self._by_head(keys), self._by_head(values)
        )
        return torch.baddbmm(self._out_bias, seen.transpose(1, 2).flatten(2), self._out)
