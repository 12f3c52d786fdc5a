"""The columns of a person's own file that are no structure and no name, kept as inert text.

Measured values, batch numbers, series: whatever stands beside the molecules comes along as it was
written, under caps. What a cap cuts is counted, so that it can be said.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

MAX_COLUMNS = 40
MAX_HEAD_CHARS = 60
MAX_CELL_CHARS = 300
LISTED = 5  # names of columns that a notice spells out

Cells = Mapping[str, str]

_SD_FIELD = re.compile(
    r"^>[^<\n]*<([^>\n]+)>[^\n]*\n((?:(?!>[^<\n]*<)[^\n]+(?:\n|\Z))*)", re.MULTILINE
)


@dataclass
class OwnColumns:
    """Heads in the order of the file, and the cells of each molecule.

    Attributes:
        heads: Names of the columns, each once.
        shifted: Numbers of the lines with more cells than the header has.
        clipped: Records with text that no data field holds.
        choices: A sentence where another column could have been the one of the structures.
    """

    heads: list[str] = field(default_factory=list)
    shifted: list[int] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    clipped: list[str] = field(default_factory=list)
    _rows: list[dict[str, str]] = field(default_factory=list)
    _left_out: dict[str, None] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)  # as written → head
    _n_cut_heads: int = 0
    _n_cut_cells: int = 0

    def add(self, cells: Cells) -> None:
        """The cells of the next molecule, by the names that the file gives its columns."""
        row: dict[str, str] = {}
        for written, value in cells.items():
            text = inert(value)
            head = self._head(inert(written))
            if head is not None and text:
                self._n_cut_cells += len(text) > MAX_CELL_CHARS
                row[head] = text[:MAX_CELL_CHARS]
        self._rows.append(row)

    def _head(self, whole: str) -> str | None:
        """The column's name under its cap; None beyond the cap on their number."""
        if whole in self._known:
            return self._known[whole]
        if len(self.heads) == MAX_COLUMNS:
            self._left_out[whole[:MAX_HEAD_CHARS]] = None
            return None
        self._n_cut_heads += len(whole) > MAX_HEAD_CHARS
        (head,) = distinct([whole[:MAX_HEAD_CHARS].rstrip()], taken=self.heads)
        self._known[whole] = head
        self.heads.append(head)
        return head

    @property
    def rows(self) -> list[list[str]]:
        """The cells of each molecule in the order of the heads; "" where there is none."""
        return [[row.get(head, "") for head in self.heads] for row in self._rows]

    @property
    def notices(self) -> list[str]:
        """A sentence for what a cap cut, and for cells that may stand in a wrong column."""
        found = list(self.choices)
        if n := len(self.shifted):
            which = ", ".join(map(str, self.shifted[:LISTED])) + (", …" if n > LISTED else "")
            found.append(
                f"{n:,} {'line has' if n == 1 else 'lines have'} more cells than the header, so"
                f" values there may stand in a wrong column (line {which}). Put quotation marks"
                " around cells that hold the delimiter."
            )
        if n := len(self.clipped):
            which = ", ".join(self.clipped[:LISTED]) + (", …" if n > LISTED else "")
            found.append(
                "Text behind an empty line within a data field was left out, for an SD file ends a"
                f" value there: {which}."
            )
        if names := [f"“{name}”" for name in self._left_out]:
            more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
            found.append(
                f"Only the first {MAX_COLUMNS} of the {MAX_COLUMNS + len(names):,} columns of the"
                f" file were kept. Left out: {', '.join(names[:LISTED])}{more}."
            )
        if n := self._n_cut_heads:
            what = "column name" if n == 1 else "column names"
            found.append(f"{n:,} {what} cut after {MAX_HEAD_CHARS} characters.")
        if n := self._n_cut_cells:
            what = "cell" if n == 1 else "cells"
            found.append(f"{n:,} {what} of the file cut after {MAX_CELL_CHARS} characters.")
        return found


def inert(text: str) -> str:
    """Text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def sd_fields(record: str) -> dict[str, str]:
    """The data fields of a record of an SD file by name, one that comes again under a number.

    A value of several lines becomes one.
    """
    found = _SD_FIELD.findall(record)
    names = distinct(inert(key) for key, _ in found)
    return {name: inert(value) for name, (_, value) in zip(names, found, strict=True)}


def has_stray_text(record: str) -> bool:
    """Whether there is text behind the molecule of a record that belongs to none of its fields."""
    _, _, behind = record.partition("\nM  END")
    return bool(_SD_FIELD.sub("", behind.lstrip(" ")).strip())


def distinct(names: Iterable[str], taken: Iterable[str] = ()) -> Iterator[str]:
    """The names in order; one that was there before, in any case, gets a number behind it."""
    seen = {name.casefold() for name in taken}
    for name in names:
        unique, n = name, 2
        while unique.casefold() in seen:
            unique, n = f"{name} ({n})", n + 1
        seen.add(unique.casefold())
        yield unique
