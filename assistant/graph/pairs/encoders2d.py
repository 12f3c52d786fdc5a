"""2D encoders of a pair model, by name: from the molecular graph to one state per atom.

    gin · gcn · gat · graphsage   message passing over bonds     `GraphStack`, `convolutions`
    attentivefp                   attention and gated memory     `attentive_fp`
    coatgin                       several hops and all atoms     `coatgin`
    mpnn · neuralfp               PyTorch Geometric's layers     `pyg2d`, imported when asked for

All read OGB's nine atom and three bond columns, where the published code reads two and two, and
normalise per atom (LayerNorm), so that neither the size nor the company of a batch matters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from assistant.graph.encoder import ATOM_CLASSES, BOND_CLASSES, ColumnEmbedding, GraphBatch
from assistant.graph.pairs.convolutions import (
    GATConvolution,
    GCNConvolution,
    GINConvolution,
    SAGEConvolution,
)
from assistant.graph.pairs.graph_ops import with_self_loops


@dataclass(frozen=True)
class Encoder2DConfig:
    """Which 2D encoder, and its sizes.

    Attributes:
        kind: A name of `ENCODERS_2D`.
        d_model: Width of the atom states.
        n_layers: Rounds of messages.
        n_heads: Attention heads (gat, coatgin).
        dropout: After each layer.
    """

    kind: str = "gin"
    d_model: int = 128
    n_layers: int = 4
    n_heads: int = 4
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ENCODERS_2D:
            raise ValueError(
                f"encoder_2d kind {self.kind!r} is unknown; known are {', '.join(ENCODERS_2D)}"
            )
        if min(self.d_model, self.n_layers, self.n_heads) < 1:
            raise ValueError(
                f"encoder_2d d_model {self.d_model}, n_layers {self.n_layers} and n_heads"
                f" {self.n_heads} must be positive"
            )
        if self.kind == "coatgin" and self.d_model % self.n_heads:
            raise ValueError(
                f"encoder_2d coatgin: d_model {self.d_model} is not a multiple of n_heads"
                f" {self.n_heads}"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"encoder_2d dropout {self.dropout} is outside [0, 1)")


class GraphStack(nn.Module):
    """Rounds of one kind of convolution, each h + ReLU(LayerNorm(conv(h))), the last without ReLU.

    Args:
        config: Sizes.
        convolution: Makes the layer of one round.
    """

    def __init__(
        self, config: Encoder2DConfig, convolution: Callable[[Encoder2DConfig], nn.Module]
    ) -> None:
        super().__init__()
        layers = [convolution(config) for _ in range(config.n_layers)]
        self.embed_atoms = ColumnEmbedding(ATOM_CLASSES, config.d_model)
        self.convolutions = nn.ModuleList(layers)
        self.embed_bonds = nn.ModuleList(ColumnEmbedding(BOND_CLASSES, c.d_edge) for c in layers)
        self.self_loops = nn.ParameterList(torch.zeros(1, c.d_edge) for c in layers)
        self.norms = nn.ModuleList(nn.LayerNorm(config.d_model) for _ in layers)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, graph: GraphBatch) -> Tensor:
        """Atom states (atoms, d)."""
        h = self.embed_atoms(graph.x)
        n_atoms = h.shape[0]
        edge_index = with_self_loops(graph.edge_index, n_atoms)
        last = len(self.convolutions) - 1
        for index, convolution in enumerate(self.convolutions):
            bonds = self.embed_bonds[index](graph.edge_attr)
            edges = torch.cat([bonds, self.self_loops[index].expand(n_atoms, -1)])
            update = self.norms[index](convolution(h, edge_index, edges))
            h = h + self.dropout(update if index == last else torch.relu(update))
        return h


def _gin(config: Encoder2DConfig) -> nn.Module:
    return GraphStack(config, lambda c: GINConvolution(c.d_model, nn.ReLU()))


def _gcn(config: Encoder2DConfig) -> nn.Module:
    return GraphStack(config, lambda c: GCNConvolution(c.d_model))


def _gat(config: Encoder2DConfig) -> nn.Module:
    return GraphStack(config, lambda c: GATConvolution(c.d_model, c.n_heads))


def _graphsage(config: Encoder2DConfig) -> nn.Module:
    return GraphStack(config, lambda c: SAGEConvolution(c.d_model))


def _attentivefp(config: Encoder2DConfig) -> nn.Module:
    from assistant.graph.pairs.attentive_fp import AttentiveFP

    return AttentiveFP(config.d_model, config.n_layers, dropout=config.dropout)


def _coatgin(config: Encoder2DConfig) -> nn.Module:
    from assistant.graph.pairs.coatgin import CoAtGIN

    return CoAtGIN(config.d_model, config.n_layers, config.n_heads, dropout=config.dropout)


def _mpnn(config: Encoder2DConfig) -> nn.Module:
    from assistant.graph.pairs.pyg2d import MPNN

    return MPNN(config.d_model, config.n_layers)


def _neuralfp(config: Encoder2DConfig) -> nn.Module:
    from assistant.graph.pairs.pyg2d import NeuralFP

    return NeuralFP(config.d_model, config.n_layers)


ENCODERS_2D: Mapping[str, Callable[[Encoder2DConfig], nn.Module]] = MappingProxyType(
    {
        "gin": _gin,
        "gcn": _gcn,
        "gat": _gat,
        "attentivefp": _attentivefp,
        "graphsage": _graphsage,
        "mpnn": _mpnn,
        "neuralfp": _neuralfp,
        "coatgin": _coatgin,
    }
)
"""Name -> builder of a module from `GraphBatch` to atom states (atoms, d_model)."""
