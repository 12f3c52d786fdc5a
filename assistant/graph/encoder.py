"""The graph encoder: a molecule's atoms at six levels of neighbourhood.

    x (atoms, 9 columns) ── sum of embeddings ─► h0 ─► GIN 1 ─► h1 ─► … ─► GIN 5 ─► h5
                                                 └──────────── all kept ────────────┘

A 5-layer GIN as pre-trained by MoleculeSTM (Liu et al., arXiv 2212.10789), on OGB's features:

    m_i = sum over neighbours j of ReLU(h_j + e_ji)
    h_i' = BN(MLP((1 + eps) h_i + m_i)),   then ReLU except after the last layer

Where LLaMo and MoRA read one level, all six are handed on here. State-dict keys are those of
MoleculeSTM, so published weights load without renaming. Featurisation is `chem.graph`'s business;
padding to dense rows happens here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from assistant.checkpoint import ADDED_LATER, load_weights, read_config

ATOM_CLASSES = (119, 5, 12, 12, 10, 6, 6, 2, 2)  # OGB >= 1.3.6; before, chirality had 4 classes
BOND_CLASSES = (5, 6, 2)
COLUMNS_READ = {"ogb": (9, 3), "mora": (2, 2)}  # of atoms and of bonds


@dataclass(frozen=True)
class GraphEncoderConfig:
    """Sizes of the encoder; the published weights have `d_model` 300 and `n_layers` 5.

    Attributes:
        columns: Which integer columns the graphs have: all of OGB's, or the two per atom and per
            bond that MoRA reads (the other tables are then there, but not used).
    """

    d_model: int = 300
    n_layers: int = 5
    dropout: float = 0.0
    atom_classes: tuple[int, ...] = ATOM_CLASSES
    bond_classes: tuple[int, ...] = BOND_CLASSES
    columns: Literal["ogb", "mora"] = field(default="ogb", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        object.__setattr__(self, "atom_classes", tuple(self.atom_classes))
        object.__setattr__(self, "bond_classes", tuple(self.bond_classes))
        if self.d_model < 1 or self.n_layers < 1:
            raise ValueError(
                f"d_model {self.d_model} and n_layers {self.n_layers} must be positive"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout {self.dropout} is outside [0, 1)")
        if self.columns not in COLUMNS_READ:
            raise ValueError(f"columns {self.columns!r} must be one of {', '.join(COLUMNS_READ)}")

    @property
    def n_levels(self) -> int:
        """Node-state sets handed on: the atom embedding and one per layer."""
        return self.n_layers + 1


@dataclass(frozen=True)
class GraphLevels:
    """What the encoder knows of `b` molecules, padded to the largest (`n` atoms).

    Attributes:
        atoms: Node states of every level, (b, levels, n, d); padding is zero.
        mask: True where an atom is, (b, n).
        graph: Mean of the last level over the atoms, (b, d).
    """

    atoms: Tensor
    mask: Tensor
    graph: Tensor

    def __len__(self) -> int:
        return self.atoms.shape[0]

    def to(self, device: torch.device | str) -> "GraphLevels":
        """The same levels on another device."""
        return GraphLevels(self.atoms.to(device), self.mask.to(device), self.graph.to(device))


class MolecularGraph(Protocol):
    """What the encoder needs of one graph; a PyG `Data` fits."""

    x: Tensor  # (n, 9) int64
    edge_index: Tensor  # (2, e) int64
    edge_attr: Tensor  # (e, 3) int64


@dataclass(frozen=True)
class GraphBatch:
    """Several graphs as one disconnected graph; `batch[i]` is the molecule of atom i."""

    x: Tensor
    edge_index: Tensor
    edge_attr: Tensor
    batch: Tensor

    def to(self, device: torch.device | str) -> "GraphBatch":
        """The same graphs on another device."""
        parts = (self.x, self.edge_index, self.edge_attr, self.batch)
        return GraphBatch(*(part.to(device) for part in parts))


def collate(graphs: Sequence[MolecularGraph]) -> GraphBatch:
    """Joins graphs into one batch (what PyG's `Batch` does, without importing PyG to chat)."""
    if not graphs:
        raise ValueError("a batch needs at least one graph")
    sizes = torch.tensor([graph.x.shape[0] for graph in graphs])
    starts = (sizes.cumsum(0) - sizes).tolist()
    return GraphBatch(
        x=torch.cat([graph.x for graph in graphs]),
        edge_index=torch.cat(
            [graph.edge_index + start for graph, start in zip(graphs, starts, strict=True)], dim=1
        ),
        edge_attr=torch.cat([graph.edge_attr for graph in graphs]),
        batch=torch.repeat_interleave(torch.arange(len(graphs)), sizes),
    )


class ColumnEmbedding(nn.ModuleList):
    """Sum over the integer columns (n, c) of one embedding table each; more tables are unused."""

    def __init__(self, classes: Sequence[int], d_model: int) -> None:
        super().__init__(nn.Embedding(n_classes, d_model) for n_classes in classes)
        for table in self:
            nn.init.xavier_uniform_(table.weight)

    def forward(self, columns: Tensor) -> Tensor:
        """Sums (n, d) of integer columns (n, c)."""
        total = self[0](columns[:, 0])
        for index in range(1, columns.shape[1]):
            total = total + self[index](columns[:, index])
        return total


class _AtomEncoder(nn.Module):
    def __init__(self, classes: Sequence[int], d_model: int) -> None:
        super().__init__()
        self.atom_embedding_list = ColumnEmbedding(classes, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.atom_embedding_list(x)


class _BondEncoder(nn.Module):
    def __init__(self, classes: Sequence[int], d_model: int) -> None:
        super().__init__()
        self.bond_embedding_list = ColumnEmbedding(classes, d_model)

    def forward(self, edge_attr: Tensor) -> Tensor:
        return self.bond_embedding_list(edge_attr)


class _GINLayer(nn.Module):
    def __init__(self, d_model: int, bond_classes: Sequence[int]) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(d_model, 2 * d_model),
            nn.BatchNorm1d(2 * d_model),
            nn.ReLU(),
            nn.Linear(2 * d_model, d_model),
        )
        self.eps = nn.Parameter(torch.zeros(1))
        self.bond_encoder = _BondEncoder(bond_classes, d_model)

    def forward(self, h: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        source, target = edge_index
        messages = torch.relu(h[source] + self.bond_encoder(edge_attr))  # (e, d)
        gathered = torch.zeros_like(h).index_add(0, target, messages.to(h.dtype))
        return self.mlp((1 + self.eps) * h + gathered)


class _NodeModel(nn.Module):
    def __init__(self, config: GraphEncoderConfig) -> None:
        super().__init__()
        d_model, n_layers = config.d_model, config.n_layers
        self.atom_encoder = _AtomEncoder(config.atom_classes, d_model)
        self.gnns = nn.ModuleList(_GINLayer(d_model, config.bond_classes) for _ in range(n_layers))
        self.batch_norms = nn.ModuleList(nn.BatchNorm1d(d_model) for _ in range(n_layers))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> list[Tensor]:
        levels = [self.atom_encoder(x)]
        last = len(self.gnns) - 1
        for index, (layer, norm) in enumerate(zip(self.gnns, self.batch_norms, strict=True)):
            h = norm(layer(levels[-1], edge_index, edge_attr))
            levels.append(self.dropout(h if index == last else torch.relu(h)))
        return levels


class GraphEncoder(nn.Module):
    """GIN encoder whose every level is an output.

    Keep it in `eval()` when its weights are frozen: BatchNorm must use the running statistics.
    """

    def __init__(self, config: GraphEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.molecule_node_model = _NodeModel(config)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor,
        batch: Tensor | None = None,
    ) -> GraphLevels:
        """Encodes a batch of graphs.

        Args:
            x: Atom columns, (atoms, 9) int64.
            edge_index: Directed bonds, (2, e) int64, (2, 0) if there are none.
            edge_attr: Bond columns, (e, 3) int64.
            batch: Molecule of each atom, sorted, (atoms,); one molecule when absent.
        """
        if x.shape[0] == 0:
            raise ValueError("a graph without atoms cannot be encoded; parse the molecule first")
        read = (x.shape[1], edge_attr.shape[1])
        if read != COLUMNS_READ[self.config.columns]:
            raise ValueError(
                f"the graphs have {read[0]} atom and {read[1]} bond columns, but the encoder reads"
                f" {self.config.columns!r} ones, {COLUMNS_READ[self.config.columns]}"
            )
        if batch is None:
            batch = x.new_zeros(x.shape[0])
        states = torch.stack(
            self.molecule_node_model(x, edge_index, edge_attr)
        )  # (levels, atoms, d)
        sizes = torch.bincount(batch)
        if bool((sizes == 0).any()):
            raise ValueError("every molecule of a batch needs at least one atom")
        starts = sizes.cumsum(0) - sizes
        place = torch.arange(x.shape[0], device=x.device) - starts[batch]
        n_molecules, n_atoms = sizes.shape[0], int(sizes.max())
        dense = states.new_zeros(n_molecules, n_atoms, states.shape[0], states.shape[2])
        dense = dense.index_put((batch, place), states.transpose(0, 1))
        mask = torch.arange(n_atoms, device=x.device) < sizes[:, None]
        graph = dense[:, :, -1].sum(dim=1) / sizes[:, None]
        return GraphLevels(atoms=dense.transpose(1, 2), mask=mask, graph=graph)

    def encode(self, graphs: Sequence[MolecularGraph]) -> GraphLevels:
        """Encodes graphs on the device of the weights."""
        joined = collate(graphs).to(next(self.parameters()).device)
        return self(joined.x, joined.edge_index, joined.edge_attr, joined.batch)


def read_encoder(directory: Path) -> GraphEncoder:
    """The encoder of a component's directory, in the precision of its file.

    Raises:
        BundleError: The directory holds no encoder, or its weights do not fit its config.
    """
    encoder = GraphEncoder(read_config(directory, GraphEncoderConfig, component="encoder"))
    load_weights(directory, encoder)
    return encoder
