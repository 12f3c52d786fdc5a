"""Rows of the files people bring, one at a time: CSV, TSV, JSON lines and arrays, gzip or not.

Nothing is held in memory but the row at hand, so a file of any size can be read; a line or object
over the cap is refused. Every error names the file and the line. What rows mean is for the caller.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.errors import UnreadableFileError

MAX_ROW_CHARS = 2**20
NOT_MEASURED = frozenset({"", "na", "n/a", "nan", "none", "null"})
"""What stands in lower case in a cell without a value."""

UNREADABLE = (UnicodeDecodeError, OSError, EOFError, zlib.error)
"""What reading a file raises that is not UTF-8, or a damaged gzip file."""
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 2**18


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        values: By column name or key; of a table always text.
        line: 1-based line of the file on which the row ends (tables) or begins (JSON).
        path: The file.
    """

    values: Mapping[str, object]
    line: int
    path: Path

    @property
    def place(self) -> str:
        """File and line, as errors name them."""
        return f"{self.path.name}, line {self.line}"

    def text(self, *names: str) -> str:
        """The first of these columns that holds text, stripped; "" when none does."""
        for name in names:
            value = self.values.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
            if isinstance(value, int | float) and not isinstance(value, bool):
                return str(value)
        return ""

    def needed(self, *names: str) -> str:
        """The first of these columns that holds text.

        Raises:
            UnreadableFileError: None of them does.
        """
        found = self.text(*names)
        if not found:
            raise self.error(f"{' or '.join(names)} is missing or empty")
        return found

    def error(self, reason: str) -> UnreadableFileError:
        """An error about this row."""
        return UnreadableFileError(f"{self.place}: {reason}.")


def open_text(path: Path) -> io.TextIOWrapper:
    """A text file for reading, unpacked when its first bytes are gzip's.

    Raises:
        UnreadableFileError: There is no such file, or it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
        raw = gzip.open(path, "rb") if packed else path.open("rb")  # noqa: SIM115  closed by the wrapper
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers and lines with their ends.

    Raises:
        UnreadableFileError: Not UTF-8, a damaged gzip file, or a line over the cap.
    """
    number = 0
    with open_text(path) as file:
        try:
            while line := file.readline(MAX_ROW_CHARS + 1):
                number += 1
                if len(line) > MAX_ROW_CHARS:
                    raise UnreadableFileError(
                        f"{path.name}, line {number}: longer than {MAX_ROW_CHARS:,} characters;"
                        " this is not a table of molecules."
                    )
                yield number, line
        except UNREADABLE as error:
            raise UnreadableFileError(
                f"{path.name}, after line {number}: not UTF-8 text, or a damaged gzip file"
                f" ({error}). Save it as UTF-8, or pack it again."
            ) from error


def first_line(path: Path) -> str:
    """The first line, "" of an empty file; raises as `read_lines` does."""
    return next(read_lines(path), (0, ""))[1]


def read_header(path: Path) -> tuple[list[str], str]:
    """Column names of a table as written, and the sign that separates them.

    Raises:
        UnreadableFileError: The file is empty.
    """
    header = first_line(path)
    if not header.strip():
        raise UnreadableFileError(f"{path.name} is empty: a header line with column names is read.")
    delimiter = separator_of(header) or ","
    return [name.strip() for name in next(csv.reader([header], delimiter=delimiter))], delimiter


def separator_of(header: str, order: str = "\t,;") -> str | None:
    """The first of these signs that stands in a line of column names; None where none does."""
    return next((sign for sign in order if sign in header), None)


def read_table(path: Path, *, required: Sequence[str] = (), quoted: bool = True) -> Iterator[Row]:
    """Rows of a table with a header line; tabs, commas or semicolons separate, as in the header.

    Column names are read in lower case, without blanks around them.

    Args:
        path: CSV or TSV, packed or not.
        required: Columns that must be there; "a|b" takes either.
        quoted: Whether quotation marks wrap cells; in ChEBI-20's own files they are text.

    Raises:
        UnreadableFileError: A column is missing (the message lists those there are), or the file
            cannot be read as a table.
    """
    names, delimiter = read_header(path)
    columns = [name.lower() for name in names]
    _check_columns(path, columns, required)
    lines = read_lines(path)
    next(lines)
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader((line for _, line in lines), delimiter=delimiter, quoting=quoting)
    try:
        for cells in reader:
            if not any(cells):
                continue
            line = reader.line_num + 1
            if len(cells) != len(columns):
                raise UnreadableFileError(
                    f"{path.name}, line {line}: {len(cells)} cells, but the header names"
                    f" {len(columns)} columns ({', '.join(columns[:8])})."
                )
            yield Row(dict(zip(columns, cells, strict=True)), line, path)
    except csv.Error as error:
        raise UnreadableFileError(
            f"{path.name}, line {reader.line_num + 1}: not a table row ({error})."
        ) from error


def _check_columns(path: Path, columns: list[str], required: Sequence[str]) -> None:
    missing = [names for names in required if not set(names.split("|")) & set(columns)]
    if missing:
        wanted = " and ".join(names.replace("|", " or ") for names in missing)
        raise UnreadableFileError(
            f"{path.name}, line 1: no column {wanted};"
            f" the columns are {', '.join(columns[:12]) or 'none'}."
        )


def read_json_lines(path: Path) -> Iterator[Row]:
    """One JSON object a line; empty lines are passed over.

    Raises:
        UnreadableFileError: A line is no JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise UnreadableFileError(
                f"{path.name}, line {number}: not JSON ({error}); one object a line is read."
            ) from error
        yield _object(value, number, path)


def read_json_array(path: Path) -> Iterator[Row]:
    """The objects of one JSON array, decoded one after the other.

    Raises:
        UnreadableFileError: The file holds no array of objects, or ends inside one.
    """
    decoder = json.JSONDecoder()
    with open_text(path) as file:
        scan = _Scan(file, path)
        if scan.next_sign() != "[":
            raise UnreadableFileError(f"{path.name}, line 1: a JSON array ([…]) is expected.")
        scan.take(1)
        while (sign := scan.next_sign()) != "]":
            if sign == ",":
                scan.take(1)
                scan.next_sign()
            line = scan.line
            yield _object(scan.decode(decoder), line, path)


def _object(value: object, line: int, path: Path) -> Row:
    if not isinstance(value, dict):
        raise UnreadableFileError(
            f"{path.name}, line {line}: a JSON object ({{…}}) is expected, not"
            f" {type(value).__name__}."
        )
    return Row(value, line, path)


class _Scan:
    """A window on a text file that moves forward."""

    def __init__(self, file: io.TextIOWrapper, path: Path) -> None:
        self._file, self._path = file, path
        self._text = ""
        self._ended = False
        self.line = 1

    def take(self, n: int) -> None:
        """Passes over characters and counts their lines."""
        self.line += self._text.count("\n", 0, n)
        self._text = self._text[n:]

    def next_sign(self) -> str:
        """The next character that is no blank, at the window's start; an error at the end."""
        while True:
            stripped = self._text.lstrip()
            self.take(len(self._text) - len(stripped))
            if self._text:
                return self._text[0]
            if not self._read():
                raise UnreadableFileError(
                    f"{self._path.name}, line {self.line}: the file ends inside its array."
                )

    def decode(self, decoder: json.JSONDecoder) -> object:
        """The value at the window's start."""
        while True:
            try:
                value, end = decoder.raw_decode(self._text)
            except (json.JSONDecodeError, RecursionError) as error:
                if len(self._text) > MAX_ROW_CHARS or not self._read():
                    raise UnreadableFileError(
                        f"{self._path.name}, line {self.line}: the object that begins here is not"
                        f" JSON ({error}), or longer than {MAX_ROW_CHARS:,} characters."
                    ) from error
                continue
            self.take(end)
            return value

    def _read(self) -> bool:
        if self._ended:
            return False
        try:
            more = self._file.read(_CHUNK)
        except UNREADABLE as error:
            raise UnreadableFileError(
                f"{self._path.name}, after line {self.line}: not UTF-8 text, or a damaged gzip"
                f" file ({error})."
            ) from error
        self._ended = not more
        self._text += more
        return bool(more)
