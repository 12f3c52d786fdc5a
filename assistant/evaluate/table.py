"""Rows of a table: CSV, TSV or JSONL, packed or not, with the columns a task needs."""

import csv
import gzip
import json
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from assistant.errors import AssistantError

DATA_VARIABLE = "MOLECULE_CHAT_DATA"

Row = dict[str, str]
T = TypeVar("T")

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def data_directory(option: Path | None) -> Path | None:
    """Where the shared tables lie: the option, else the environment variable, else nowhere.

    Raises:
        AssistantError: The directory that is named does not exist.
    """
    named = option or (Path(os.environ[DATA_VARIABLE]) if DATA_VARIABLE in os.environ else None)
    if named is not None and not named.is_dir():
        raise AssistantError(f"No data directory {named}; name it with --data or {DATA_VARIABLE}.")
    return named


def read_table(path: Path, columns: Iterable[str] = ()) -> list[Row]:
    """All rows of a table, every value as text.

    Args:
        path: `.csv`, `.tsv`, `.txt` (tabs) or `.jsonl`, each also with `.gz`.
        columns: What every row must have.

    Raises:
        AssistantError: No such file, another kind of file, no rows, or a missing column.
    """
    rows = list(_rows(path))
    if not rows:
        raise AssistantError(f"{path} has no rows.")
    missing = [column for column in columns if column not in rows[0]]
    if missing:
        raise AssistantError(
            f"{path} has no column {missing[0]!r}; it has {', '.join(rows[0])}."
            f" Needed: {', '.join(columns)}."
        )
    return rows


def some(things: Sequence[T], n: int | None, seed: int) -> list[T]:
    """`n` of the things at random, in their order; all for None, or where there are no more."""
    if n is None or n >= len(things):
        return list(things)
    return [things[i] for i in sorted(random.Random(seed).sample(range(len(things)), n))]


def _rows(path: Path) -> Iterator[Row]:
    if not path.is_file():
        raise AssistantError(f"No table at {path}; name one with --file, or the data with --data.")
    kind = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as lines:
            if kind == ".jsonl":
                yield from (_texts(json.loads(line)) for line in lines if line.strip())
            elif kind in _SEPARATORS:
                # Tab-separated files of the field quote nothing: a caption may hold one quote.
                quoting = csv.QUOTE_MINIMAL if kind == ".csv" else csv.QUOTE_NONE
                separator = _SEPARATORS[kind]
                yield from csv.DictReader(lines, delimiter=separator, quoting=quoting)
            else:
                raise AssistantError(f"{path} is no .csv, .tsv or .jsonl (packed or not).")
    except (UnicodeDecodeError, json.JSONDecodeError, gzip.BadGzipFile, csv.Error) as error:
        raise AssistantError(
            f"{path} cannot be read as {kind[1:] or 'a table'}: {error}"
        ) from error


def _texts(record: dict[str, object]) -> Row:
    return {key: "" if value is None else str(value) for key, value in record.items()}
