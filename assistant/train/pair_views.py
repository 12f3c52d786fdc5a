"""Views of the molecules of a table: computed once per run, standardised by training rows alone."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rdkit import rdBase
from torch import Tensor

from assistant.chem.molecule import Molecule
from assistant.chem.views import VIEWS_VERSION, view_values
from assistant.graph.pairs.head import PairHead
from assistant.graph.pairs.model import MoleculeTensors
from assistant.train.pair_tables import PairTable
from assistant.train.progress import Progress


def molecules_of(
    table: PairTable, views: Sequence[str], directory: Path | None = None
) -> list[MoleculeTensors]:
    """Graphs and views of all molecules of a table, in order.

    Args:
        table: Pairs.
        views: Names.
        directory: Where the views are kept for the next time; None keeps nothing.
    """
    columns = {name: _rows(table, name, directory) for name in views}
    return [
        MoleculeTensors(graph, views={name: rows[i] for name, rows in columns.items()})
        for i, graph in enumerate(table.graphs())
    ]


def _rows(table: PairTable, name: str, directory: Path | None) -> Tensor:
    """One view of all molecules, (m, f)."""
    made_of = "\n".join((rdBase.rdkitVersion, str(VIEWS_VERSION), name, *table.smiles))
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    path = None if directory is None else directory / f"view-{name}-{digest}.npy"
    if path is not None and path.is_file():
        return torch.from_numpy(np.load(path))
    progress = Progress(f"view {name}", len(table.smiles), unit="molecules")
    found = []
    for smiles in table.smiles:
        found.append(view_values(Molecule(smiles).rdmol(), [name]))
        progress.advance(1)
    rows = np.stack(found)
    if path is not None:
        _keep(rows, path)
    return torch.from_numpy(rows)


def _keep(rows: np.ndarray, path: Path) -> None:
    """Writes rows under a temporary name, then renames the file: it is whole or not there."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, rows)
    temporary.replace(path)


def fit_views(
    head: PairHead,
    table: PairTable,
    molecules: Sequence[MoleculeTensors],
    targets: Tensor,
    strength: float,
) -> None:
    """Settles in place what a head standardises views by, and its additive part.

    Args:
        head: Of whose weights none is trained on pairs yet; it may know descriptors.
        table: Only its training rows are looked at.
        molecules: Of the table.
        targets: Standardised values of all rows, (n, tasks).
        strength: Of the penalty on the additive part.
    """
    pairs = table.pairs[table.rows("train")]
    encoder = head.pair.encoder_1d
    if encoder is not None:
        views = encoder.standard.views
        encoder.fit(torch.stack([molecules[i].row(views) for i in np.unique(pairs)]))
    if head.additive is not None:
        first, second = (
            torch.stack([molecules[i].row(head.additive.views) for i in pairs[:, side]])
            for side in (0, 1)
        )
        head.additive.fit(first, second, targets[table.rows("train")], strength)
