"""Rows of a table: CSV, TSV or JSONL, packed or not, with the columns a task needs."""

import csv
import math
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from assistant.errors import AssistantError, UnreadableFileError
from assistant.rows import NOT_MEASURED, read_json_lines, read_lines, separator_of

DATA_VARIABLE = "MOLECULE_CHAT_DATA"

T = TypeVar("T")

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


class Row(dict[str, str]):
    """One row, every value as text.

    Attributes:
        place: File and line, as errors name them.
    """

    def __init__(self, values: Mapping[str, str], place: str) -> None:
        super().__init__(values)
        self.place = place


def data_directory(option: Path | None) -> Path | None:
    """Where the shared tables lie: the option, else the environment variable, else nowhere.

    Raises:
        AssistantError: The directory that is named does not exist.
    """
    named = option or (Path(os.environ[DATA_VARIABLE]) if DATA_VARIABLE in os.environ else None)
    if named is not None and not named.is_dir():
        raise AssistantError(f"No data directory {named}; name it with --data or {DATA_VARIABLE}.")
    return named


def read_table(path: Path, columns: Iterable[str] = (), also: Iterable[str] = ()) -> list[Row]:
    """All rows of a table, every value as text.

    Args:
        path: `.csv`, `.tsv`, `.txt` (tabs) or `.jsonl`, each also with `.gz`.
        columns: What a row must have. Where letter case is all that differs, the column of the
            table gets this name.
        also: Columns that count where they are there; named alike.

    Raises:
        AssistantError: No such file, another kind of file, no rows, a missing column, or a row with
            more or fewer cells than the header.
    """
    columns = tuple(columns)
    known = {name.lower(): name for name in (*also, *columns)}
    rows = list(_rows(path, known))
    if not rows:
        raise AssistantError(f"{path} has no rows.")
    names = dict.fromkeys(name for row in rows for name in row)
    missing = [column for column in columns if column not in names]
    if missing:
        raise AssistantError(
            f"{path} has no column {missing[0]!r}; it has {', '.join(names)}."
            f" Needed: {', '.join(columns)}."
        )
    for row in rows:
        if len(row) < len(names):  # lines of JSON may leave out what they do not know
            row.update({name: row.get(name, "") for name in names})
    return rows


def number_of(row: Row, column: str) -> float | None:
    """The number in a cell; None where nothing was measured.

    Raises:
        UnreadableFileError: Something else stands there.
    """
    text = row[column].strip()
    if text.lower() in NOT_MEASURED:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        point = " (with a decimal point)" if "," in text else ""
        raise UnreadableFileError(
            f"{row.place}: {column} is {text!r}; write a number{point}, or nothing where it was not"
            " measured."
        )
    return value


def label_of(row: Row, column: str) -> bool | None:
    """The truth in a cell, 1 or 0; None where nothing was measured.

    Raises:
        UnreadableFileError: Something else stands there.
    """
    text = row[column].strip()
    if text.lower() in NOT_MEASURED:
        return None
    if text not in _TRUTH:
        raise UnreadableFileError(
            f"{row.place}: {column} is {text!r}; write 1 for yes and 0 for no, or nothing where it"
            " is not known."
        )
    return _TRUTH[text]


_TRUTH = {"1": True, "1.0": True, "0": False, "0.0": False}


def some(things: Sequence[T], n: int | None, seed: int) -> list[T]:
    """`n` of the things at random, in their order; all for None, or where there are no more."""
    if n is None or n >= len(things):
        return list(things)
    return [things[i] for i in sorted(random.Random(seed).sample(range(len(things)), n))]


def _rows(path: Path, known: Mapping[str, str]) -> Iterator[Row]:
    if not path.is_file():
        raise AssistantError(f"No table at {path}; name one with --file, or the data with --data.")
    name = path.name.lower().removesuffix(".gz")
    kind = Path(name).suffix
    if kind == ".jsonl":
        for row in read_json_lines(path):
            names = _renamed(list(row.values), known)
            texts = map(_text, row.values.values())
            yield Row(dict(zip(names, texts, strict=True)), row.place)
    elif kind in _SEPARATORS:
        yield from _table_rows(path, kind, known)
    else:
        raise AssistantError(f"{path} is no .csv, .tsv or .jsonl (packed or not).")


def _table_rows(path: Path, kind: str, known: Mapping[str, str]) -> Iterator[Row]:
    lines = read_lines(path)
    _, header = next(lines, (0, ""))
    separator = separator_of(header, f"{_SEPARATORS[kind]}\t,;") or _SEPARATORS[kind]
    # Tab-separated files of the field quote nothing: a caption may hold one quote.
    quoting = csv.QUOTE_NONE if kind != ".csv" and separator == "\t" else csv.QUOTE_MINIMAL
    written = next(csv.reader([header], delimiter=separator, quoting=quoting), [])
    names = _renamed([name.strip() for name in written], known)
    twice = [name for name in known.values() if names.count(name) > 1]
    if twice:
        raise UnreadableFileError(f"{path.name}, line 1: two columns are called {twice[0]!r}.")
    reader = csv.reader((line for _, line in lines), delimiter=separator, quoting=quoting)
    try:
        for cells in reader:
            place = f"{path.name}, line {reader.line_num + 1}"
            if not any(cells):
                continue
            if len(cells) != len(names):
                raise UnreadableFileError(
                    f"{place}: {len(cells)} cells, but the header names {len(names)} columns"
                    f" ({', '.join(names[:8])})."
                )
            yield Row(dict(zip(names, cells, strict=True)), place)
    except csv.Error as error:
        raise UnreadableFileError(
            f"{path.name}, line {reader.line_num + 1}: not a table row ({error})."
        ) from error


def _renamed(names: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """With the known names in the place of those that differ from them in letter case alone."""
    return [
        name if known.get(name.lower(), name) in names else known[name.lower()] for name in names
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value)
