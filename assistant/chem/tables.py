"""Tables of molecules as people save them: where the header is, which column holds the structures.

Comma, semicolon or tab divide; the header may stand below empty lines, comments and the `sep=;` of
a spreadsheet. Of several columns of SMILES the one with stereochemistry is read: what public
databases call "canonical" has none.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat

from assistant.chem.diagnose import parses
from assistant.chem.limits import MAX_RECORDS, clean_name
from assistant.chem.own_columns import MAX_HEAD_CHARS, Cells, distinct, inert
from assistant.errors import UnreadableFileError

_NAME_HEADS = (
    "name",
    "title",
    "compound name",
    "molecule name",
    "compound",
    "molecule",
    "compound id",
    "molecule id",
    "id",
)
_DELIMITERS = ("\t", ",", ";", "|")
_BLANKS = ("\t", " ")
_EXACT = ("smiles", "cxsmiles")
_MAYBE = ("smi", "structure", "structures", "mol", "molecule", "compound", "inchi", "standardinchi")
"""Heads of columns that hold structures in some files, names or pictures in others."""
_CX_LINE = re.compile(r"(\S+\s+\|[^|]*\|)(?:\s+(.*))?")
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_FORMULA_ESCAPE = re.compile(r"^'(?=[=+\-@])")  # see `assistant.export.cells`
_END = "\ue000"  # a line that no file has
_LOOKED_AT = 12  # lines above a header, and cells below it
_MAX_HEADS = 5000
_SHOWN = 8  # heads that a message spells out


@dataclass(frozen=True)
class TableRow:
    """A line of a table.

    Attributes:
        number: Where it begins in the text, from 1.
        smiles: What stands in the column of structures; "" where nothing does.
        name: What stands in the column of names, if there is one.
        cells: All other cells by the heads of their columns.
        is_shifted: Whether it has more cells than the header.
    """

    number: int
    smiles: str
    name: str | None
    cells: Cells = field(default_factory=dict)
    is_shifted: bool = False


@dataclass(frozen=True)
class Table:
    """A text whose header names a column of structures.

    Attributes:
        header: The names of its columns.
        structures: Which of them holds the structures.
        lines: The cells of each line below the header, and the number of the line they begin on.
    """

    header: tuple[str, ...]
    structures: int
    lines: tuple[tuple[int, list[str]], ...]

    @property
    def column(self) -> str:
        """The head of the structures."""
        return self.header[self.structures]

    @property
    def choices(self) -> list[str]:
        """A sentence where several columns are called SMILES."""
        others = [
            f"“{head}”"
            for k, head in enumerate(distinct(self.header))
            if k != self.structures and "smiles" in _key(head)
        ]
        if not others:
            return []
        return [
            f"The structures are those of the column “{self.column}”; {', '.join(others[:_SHOWN])}"
            f" {'is' if len(others) == 1 else 'are'} kept as text."
        ]

    def rows(self) -> Iterator[TableRow]:
        """The lines that say anything."""
        folded = [head.casefold().replace("_", " ") for head in self.header]
        folded[self.structures] = ""
        named = next((folded.index(one) for one in _NAME_HEADS if one in folded), None)
        heads = list(distinct(head or f"column {k}" for k, head in enumerate(self.header, start=1)))
        n_heads = len(self.header)
        for number, row in self.lines:
            heads += [f"column {k + 1}" for k in range(len(heads), len(row))]  # beyond the header
            cells = {
                heads[k]: cell
                for k, cell in enumerate(row)
                if k not in (self.structures, named)
                and (cell.strip() or (k < n_heads and self.header[k]))
            }
            written = row[self.structures].strip() if len(row) > self.structures else ""
            name = clean_name(row[named]) if named is not None and len(row) > named else None
            is_shifted = any(cell.strip() for cell in row[n_heads:])
            yield TableRow(number, written, name, cells, is_shifted)


def find_table(text: str) -> Table | None:
    """The table that a text is; None where no line among its first ones names such a column.

    Raises:
        UnreadableFileError: A quotation mark that is not closed swallows the rest of the table.
    """
    start, delimiters = _first_line(text)
    found: Table | None = None
    for delimiter in delimiters:
        lines = _cells_of(text, start, delimiter)
        header = _heads(lines)
        if len(header) <= (1 if found is None else len(found.header)):
            continue
        if _may_have_structures(header) and not _is_headless(header):
            below = tuple((number, row) for number, row in lines if any(map(str.strip, row)))
            column = _structures_in(header, [row for _, row in below[:_LOOKED_AT]])
            if column is not None:
                found = Table(header, column, below)
    return found


def lines_as_rows(text: str) -> Iterator[TableRow]:
    """One structure a line, then maybe its name and more cells; without its head."""
    lines = [
        (number, line.strip())
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if lines and _is_head_alone(lines[0][1]):
        del lines[0]
    usual = _delimiter_of(lines[0][1]) if lines else ""
    for number, line in lines[:MAX_RECORDS]:
        own = _delimiter_of(line) or usual or ("\t" if "\t" in line else " ")
        # Commas divide where the first line has them: below a head that names no structures, "C,5"
        # is a label with its value.
        written, *rest = _pieces(line, own if own == usual or own in _BLANKS else " ")
        is_named = bool(rest) and not (len(rest[0]) > 2 and parses(rest[0]))
        cells = {f"column {k}": cell for k, cell in enumerate(rest, start=2) if cell.strip()}
        name = clean_name(cells.pop("column 2", None)) if is_named else None
        yield TableRow(number, written, name, cells)
    # What is beyond the cap is only counted: to divide it would take time.
    yield from repeat(TableRow(0, "", None), len(lines) - MAX_RECORDS)


def _is_head_alone(line: str) -> bool:
    """Whether a line is the head of structures or names, maybe both with a blank between them."""
    keys = (_key(line), _key(line.split()[0]))
    return line.casefold() in _NAME_HEADS or any(
        key.endswith("smiles") or key == "smi" for key in keys
    )


def heads_without_structures(text: str) -> str:
    """The heads of a table that has no column of structures, in words; "" where it is no table."""
    start, delimiters = _first_line(text)
    for delimiter in delimiters:
        lines = _cells_of(text, start, delimiter)
        try:
            heads = [f"“{head[:MAX_HEAD_CHARS]}”" for head in _heads(lines) if head]
            below = [row for _, row in islice(lines, _LOOKED_AT) if any(row)]
        except UnreadableFileError:
            continue
        if len(heads) > 1 and below and all(len(row) > 1 for row in below):
            more = f" and {len(heads) - _SHOWN:,} more" if len(heads) > _SHOWN else ""
            return ", ".join(heads[:_SHOWN]) + more
    return ""


def _heads(lines: Iterator[tuple[int, list[str]]]) -> tuple[str, ...]:
    """The first line of a table; nothing where it is too wide for one."""
    _, cells = next(lines, (0, []))
    return tuple(inert(cell).lstrip("# ") for cell in cells) if len(cells) <= _MAX_HEADS else ()


def _first_line(text: str) -> tuple[int, Sequence[str]]:
    """Index of the line that may be a header, and the delimiters that may divide it."""
    delimiters: Sequence[str] = _DELIMITERS
    lines = text.split("\n", _LOOKED_AT)[:_LOOKED_AT]
    for index, line in enumerate(lines):
        stripped = line.strip()
        if separator := _SEPARATOR_LINE.fullmatch(stripped):
            delimiters = (separator[1],)
        elif stripped and not (stripped.startswith("#") and not _is_marked_header(stripped)):
            return index, delimiters
    return 0, delimiters


def _is_marked_header(line: str) -> bool:
    """Whether a line that looks like a comment names its columns, as in `#SMILES Name`."""
    return _key(re.split(r"[\s,;]", line.lstrip("# "), maxsplit=1)[0]) in _EXACT


def _key(head: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", head.casefold())


def _may_have_structures(header: Sequence[str]) -> bool:
    return any("smiles" in _key(head) or _key(head) in _MAYBE for head in header)


def _is_headless(header: Sequence[str]) -> bool:
    """Whether the first line is a molecule already, whatever word stands behind it."""
    return parses(header[0]) and not any(_key(head) in _EXACT for head in header)


def _structures_in(header: Sequence[str], below: Sequence[Sequence[str]]) -> int | None:
    """The column called SMILES, else one with stereochemistry, else one that holds structures."""
    keys = [_key(head) for head in header]
    smiles = [k for k, key in enumerate(keys) if "smiles" in key]
    for wanted in (lambda key: key in _EXACT, lambda key: "iso" in key, lambda key: True):
        if (found := next((k for k in smiles if wanted(keys[k])), None)) is not None:
            return found
    maybe = (k for k, key in enumerate(keys) if key in _MAYBE)
    return next((k for k in maybe if _holds_structures(below, k)), None)


def _holds_structures(below: Sequence[Sequence[str]], column: int) -> bool:
    """Whether most cells are structures; labels such as B and C alone are none."""
    cells = [row[column].strip() for row in below if len(row) > column and row[column].strip()]
    good = [cell for cell in cells if parses(cell) or cell.startswith("InChI=")]
    return 2 * len(good) >= len(cells) and any(len(cell) > 2 for cell in good)


def _cells_of(text: str, start: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines from an index on, each with the number of the line where it begins."""
    stream = io.StringIO(f"{text}\n{_END}\n", newline="")
    for _ in range(start):
        stream.readline()
    reader = csv.reader(stream, delimiter=delimiter)
    begins = start + 1
    try:
        for row in reader:
            if row == [_END]:
                return
            if row and row[-1].endswith(f"\n{_END}\n"):
                raise csv.Error("the file ends inside quotation marks")
            yield begins, [_FORMULA_ESCAPE.sub("", cell) for cell in row]
            begins = start + reader.line_num + 1
    except csv.Error as error:
        if begins == start + 1 and "smiles" not in text[: _LOOKED_AT * MAX_HEAD_CHARS].casefold():
            return  # a long line, and no header
        raise UnreadableFileError(
            f"The table cannot be read from line {begins} on: {error}. Look for a quotation mark"
            " that is not closed there."
        ) from error


def _delimiter_of(line: str) -> str:
    """What divides a line that begins with a structure; "" where none of the usual ones does."""
    if line.startswith("InChI=") or _CX_LINE.fullmatch(line):
        return "\t" if "\t" in line else " "
    return next((one for one in (*_BLANKS, ",", ";") if parses(_pieces(line, one)[0])), "")


def _pieces(line: str, delimiter: str) -> list[str]:
    if extended := _CX_LINE.fullmatch(line):
        return [piece for piece in extended.groups() if piece]
    if delimiter == " ":
        return line.split(maxsplit=1)
    if delimiter == "\t":
        return line.split("\t")
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:  # longer than cells are; its mistake is told where it is read
        return line.split(delimiter)
