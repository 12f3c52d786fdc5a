"""Descriptions of molecules: ChEBI-20 and PubChem324k.

ChEBI-20 as published (Edwards et al. 2021) is tab-separated, `CID SMILES description`, unquoted and
with doubled backslashes. PubChem324k (Liu et al. 2023, MolCA) comes as a table or as JSON lines
with `smiles` and one of `description`, `text`, `enriched_description`; its PyTorch files are
pickles and are not read.
"""

from collections.abc import Iterator
from pathlib import Path

from assistant.errors import UnreadableFileError
from assistant.rows import Row, first_line, read_json_lines, read_table
from assistant.train.sources.records import Caption, Skipped, in_split, molecule_in, usable

_TEXTS = ("description", "enriched_description", "text", "caption")


def read_chebi20(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Caption]:
    """Captions of a ChEBI-20 file: the published text, or a CSV with the same columns."""
    is_published = "\t" in first_line(path)
    rows = read_table(path, required=("smiles", "description"), quoted=not is_published)
    return _captions(rows, split, skipped)


def read_pubchem324k(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Caption]:
    """Captions of PubChem324k: a table, or JSON lines."""
    if path.suffix in (".pt", ".pth", ".pkl"):
        raise UnreadableFileError(
            f"{path.name} is a pickle, which can run code and is not read. Convert it with the"
            " program it came from to a CSV with the columns smiles and description."
        )
    is_json = first_line(path).startswith("{")
    rows = (
        read_json_lines(path)
        if is_json
        else read_table(path, required=("smiles", "|".join(_TEXTS)))
    )
    return _captions(rows, split, skipped)


def _captions(rows: Iterator[Row], split: str, skipped: Skipped | None) -> Iterator[Caption]:
    def read(row: Row) -> Iterator[Caption]:
        if in_split(row, split):
            yield Caption(molecule_in(row, "smiles"), row.needed(*_TEXTS), row.place)

    return usable(rows, read, skipped)
