"""Tables of pairs for `assistant.train.pairs`: distinct molecules, their graphs, pairs and values.

A structure is known by its canonical SMILES. Training rows whose first molecule (for drugs: whose
pair) also stands in a validation or test row are left out, whatever the split column says, and
repeated pairs of a split become one row with the mean value.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.chem.graph import MoleculeGraph, rdmols_to_graphs
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import pair_task
from assistant.errors import AssistantError
from assistant.evaluate.table import Row, label_of, number_of, read_table
from assistant.evaluate.tasks.drug_pairs import is_cold

SPLITS = ("train", "valid", "test")
_NO_SOLVENT = frozenset({"", "gas"})


@dataclass(frozen=True)
class TableSource:
    """Where a table lies and what its columns are.

    Attributes:
        path: Below the data directory.
        first: Column of the first molecule; of its id where there is a table of molecules.
        second: Column of the second molecule.
        columns: Per task, the column of its value.
        split: The split column, or "cold" (drugs): pairs with a drug that `is_cold` are the test.
        molecules: Table of ids and SMILES, below the data directory; "" without.
        id_column: Its column of ids.
    """

    path: str
    first: str
    second: str
    columns: dict[str, str]
    split: str = "split"
    molecules: str = ""
    id_column: str = ""


@dataclass(frozen=True)
class PairTable:
    """Pairs of molecules with values.

    Attributes:
        smiles: Canonical SMILES of the m distinct molecules.
        names: Of the molecules, as the table has them; their SMILES without.
        pairs: Places of both molecules, (n, 2) int64.
        values: (n, tasks) float64; NaN where a row has none.
        split: (n,), one of `SPLITS`.
        n_unread: Rows left out since a structure was not read.
        n_leaking: Training rows left out since they stand in validation or test too.
    """

    smiles: tuple[str, ...]
    names: tuple[str, ...]
    pairs: np.ndarray
    values: np.ndarray
    split: np.ndarray
    n_unread: int = 0
    n_leaking: int = 0

    def rows(self, *splits: str) -> np.ndarray:
        """Places of the rows of these splits."""
        return np.flatnonzero(np.isin(self.split, splits))

    def with_split(self, split: np.ndarray) -> "PairTable":
        """The same rows, split another way."""
        return replace(self, split=split)

    def graphs(self) -> list[MoleculeGraph]:
        """Graphs of all molecules, in order."""
        return list(rdmols_to_graphs(Molecule(text).rdmol() for text in self.smiles))


def read_pairs(source: TableSource, tasks: Sequence[str], data: Path) -> PairTable:
    """Reads a table of the data directory.

    Raises:
        AssistantError: The table or a column is missing, a cell holds no value, or no row can be
            used.
    """
    columns = [source.columns[task] for task in tasks]
    read = [label_of if pair_task(task).is_symmetric else number_of for task in tasks]
    needed = [source.first, source.second, *columns]
    rows = read_table(
        data / source.path, needed if source.split == "cold" else [*needed, source.split]
    )
    known = _known_molecules(source, data)
    found: dict[tuple[str, str, str], list[list[float]]] = {}
    n_unread = 0
    parsed: dict[str, str] = {}
    names: dict[str, str] = {}
    for row, split in _in_splits(rows, source):
        texts = [
            known.get(row[c], row[c]) if known else row[c] for c in (source.first, source.second)
        ]
        cells = [of(row, column) for of, column in zip(read, columns, strict=True)]
        values = [np.nan if cell is None else float(cell) for cell in cells]
        if texts[1] in _NO_SOLVENT or all(np.isnan(values)):
            continue
        first, second = (_canonical(text, parsed) for text in texts)
        if not first or not second:
            n_unread += 1
            continue
        for smiles, column in ((first, source.first), (second, source.second)):
            names.setdefault(smiles, row[column])
        found.setdefault((first, second, split), []).append(values)
    if not found:
        raise AssistantError(f"{source.path} has no row that can be used.")
    return _table(found, names, n_unread, by_pair=bool(known))


def _known_molecules(source: TableSource, data: Path) -> dict[str, str]:
    if not source.molecules:
        return {}
    rows = read_table(data / source.molecules, (source.id_column, "smiles"))
    return {row[source.id_column]: row["smiles"] for row in rows}


def _in_splits(rows: Sequence[Row], source: TableSource) -> Iterator[tuple[Row, str]]:
    """Rows with their split. For "cold" every tenth of the training pairs, by place, validates."""
    n_warm = 0
    for row in rows:
        if source.split != "cold":
            split = row[source.split].strip().lower()
            yield row, {"val": "valid", "validation": "valid"}.get(split, split)
            continue
        if is_cold(row[source.first]) or is_cold(row[source.second]):
            yield row, "test"
            continue
        n_warm += 1
        yield row, "valid" if n_warm % 10 == 0 else "train"


def _canonical(text: str, parsed: dict[str, str]) -> str:
    """Canonical SMILES, or "" where the text is no structure within the limits."""
    if text not in parsed:
        try:
            parsed[text] = Molecule.parse(text).smiles
        except AssistantError:
            parsed[text] = ""
    return parsed[text]


def _table(
    found: dict[tuple[str, str, str], list[list[float]]],
    names: dict[str, str],
    n_unread: int,
    *,
    by_pair: bool,
) -> PairTable:
    held_out = {_identity(f, s, by_pair) for f, s, split in found if split != "train"}
    kept, n_leaking = [], 0
    for (first, second, split), values in found.items():
        if split == "train" and _identity(first, second, by_pair) in held_out:
            n_leaking += len(values)
        elif split in SPLITS:
            kept.append((first, second, split, _means(values)))
    smiles = tuple(dict.fromkeys(text for row in kept for text in row[:2]))
    place = {text: i for i, text in enumerate(smiles)}
    return PairTable(
        smiles,
        tuple(names[text] for text in smiles),
        np.array([[place[row[0]], place[row[1]]] for row in kept]),
        np.array([row[3] for row in kept], dtype=float),
        np.array([row[2] for row in kept]),
        n_unread,
        n_leaking,
    )


def _identity(first: str, second: str, by_pair: bool) -> object:
    """What must not stand in training and in test: the first molecule, or the pair of drugs."""
    return frozenset((first, second)) if by_pair else first


def _means(values: Sequence[Sequence[float]]) -> list[float]:
    columns = zip(*values, strict=True)
    kept = [[value for value in column if not np.isnan(value)] for column in columns]
    return [float(np.mean(column)) if column else np.nan for column in kept]


def write_known(table: PairTable, tasks: Sequence[str], path: Path) -> int:
    """Writes the training pairs with their values as CSV.gz, for the page; returns the rows.

    The file has the same bytes for the same table: no name and no time in the gzip header.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["first", "second", *tasks])
    rows = table.rows("train")
    for i in sorted(rows, key=lambda i: tuple(table.smiles[p] for p in table.pairs[i])):
        values = ["" if np.isnan(v) else f"{v:g}" for v in table.values[i]]
        writer.writerow([*(table.smiles[p] for p in table.pairs[i]), *values])
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.getvalue().encode())
    return len(rows)
