"""Molecules with captions out of own files: CSV, TSV or JSON lines, packed with gzip or not."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, UnreadableFileError
from assistant.retrieval.index import Captioned
from assistant.rows import Row, read_json_lines, read_lines, read_table

_TEXTS = ("description", "caption", "text")
_AT_MOST = 0.05
"""Share of rows that may hold no molecule before a file is refused."""


@dataclass
class Unreadable:
    """Rows that hold no molecule with a caption."""

    n_rows: int = 0
    n: int = 0
    first: str = field(default="")

    def note(self, error: AssistantError) -> None:
        """Counts one."""
        self.n += 1
        self.first = self.first or str(error)


def read_captioned(path: Path, unreadable: Unreadable) -> Iterator[Captioned]:
    """The molecules of a file with the columns `smiles` and `description` (or caption, or text).

    Raises:
        UnreadableFileError: A column is missing, or more than a twentieth of the rows hold no
            molecule with a caption.
    """
    for row in _rows(path):
        unreadable.n_rows += 1
        try:
            molecule = Molecule.parse(row.needed("smiles").replace("\\\\", "\\"))
            text = row.needed(*_TEXTS)
        except UnreadableFileError as error:
            unreadable.note(error)
        except AssistantError as error:
            unreadable.note(row.error(str(error).rstrip(".")))
        else:
            yield Captioned(molecule, text, path.name, row.line)
    if unreadable.n > _AT_MOST * unreadable.n_rows:
        raise UnreadableFileError(
            f"{unreadable.n} of {unreadable.n_rows} rows of {path.name} hold no molecule with a"
            f" caption, too many for an index. The first: {unreadable.first}"
        )


def _rows(path: Path) -> Iterator[Row]:
    _, first = next(read_lines(path), (0, ""))
    if first.startswith("{"):
        return read_json_lines(path)
    # Tab-separated as ChEBI-20 is: quotation marks are part of the text.
    return read_table(path, required=("smiles", "|".join(_TEXTS)), quoted="\t" not in first)
