"""Many small graphs side by side in few arrays, from which batches are cut without a loop."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from assistant.chem.graph import smiles_to_graphs
from assistant.graph.encoder import GraphBatch

_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PackedGraphs:
    """Graphs of n molecules, each of at most 255 atoms.

    Attributes:
        x: Atom columns of all, (atoms, 9). edges: Bonds within each molecule, (e, 2), directed.
        edge_attr: Bond columns, (e, 3).
        n_atoms, n_edges: Of each molecule, (n,).
    """

    x: _Bytes
    edges: _Bytes
    edge_attr: _Bytes
    n_atoms: _Places
    n_edges: _Places

    def __len__(self) -> int:
        return len(self.n_atoms)

    @classmethod
    def of(cls, smiles: Sequence[str]) -> "PackedGraphs":
        """Of molecules in SMILES that RDKit reads."""
        parts = [
            (
                graph.x.numpy().astype(np.uint8),
                graph.edge_index.T.numpy().astype(np.uint8),
                graph.edge_attr.numpy().astype(np.uint8),
            )
            for graph in smiles_to_graphs(smiles)
        ]
        x, edges, attr = zip(*parts, strict=True)
        counts = ([len(one) for one in each] for each in (x, edges))
        joined = (np.concatenate(each) for each in (x, edges, attr))
        return cls(*joined, *(np.array(each, np.int64) for each in counts))

    def batch(self, rows: _Places) -> GraphBatch:
        """Some of them as one graph, as `graph.encoder.collate` joins them.

        Args:
            rows: Which, (b,).
        """
        atoms = _places(self.n_atoms, rows)
        bonds = _places(self.n_edges, rows)
        sizes = self.n_atoms[rows]
        before = np.repeat(sizes.cumsum() - sizes, self.n_edges[rows])
        edges = self.edges[bonds].astype(np.int64) + before[:, None]
        return GraphBatch(
            x=torch.from_numpy(self.x[atoms].astype(np.int64)),
            edge_index=torch.from_numpy(edges.T.copy()),
            edge_attr=torch.from_numpy(self.edge_attr[bonds].astype(np.int64)),
            batch=torch.from_numpy(np.repeat(np.arange(len(rows)), sizes)),
        )

    def save(self, path: Path) -> None:
        """Writes them."""
        np.savez_compressed(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "PackedGraphs":
        """What `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{name: arrays[name] for name in arrays.files})


def _places(counts: _Places, rows: _Places) -> _Places:
    """Where the parts of some molecules lie, in order."""
    starts, wanted = (counts.cumsum() - counts)[rows], counts[rows]
    within = np.arange(wanted.sum()) - np.repeat(wanted.cumsum() - wanted, wanted)
    return np.repeat(starts, wanted) + within
