"""Property tables: MoleculeNet (Wu et al. 2018) and QM9, a SMILES column and columns of values.

`quantities.toml` says what the columns mean; files whose every column is an assay (Tox21, ToxCast,
MUV, SIDER) are known by their names. An empty cell was not measured and gives no record.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.errors import UnreadableFileError
from assistant.rows import NOT_MEASURED, Row, read_header, read_table
from assistant.train.sources.pairs import number_in
from assistant.train.sources.records import Label, Skipped, Value, in_split, molecule_in, usable

_SMILES = ("smiles", "mol")
_NOT_ASSAYS = frozenset({"smiles", "mol", "mol_id", "split", "name", "num", "activity"})
_LABELS = {"1": True, "1.0": True, "0": False, "0.0": False}


@dataclass(frozen=True)
class _Quantity:
    name: str
    unit: str
    decimals: int


_Meaning = _Quantity | str
"""Of a column: a quantity, or the claim that its labels are about."""


def read_moleculenet(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Value | Label]:
    """Every known value and label of a MoleculeNet or QM9 table.

    Raises:
        UnreadableFileError: No column is known; the message lists them.
    """
    names, _ = read_header(path)
    meanings = column_meanings(path.name, names)
    if not meanings:
        raise UnreadableFileError(
            f"{path.name}, line 1: none of the columns {', '.join(names[:12])} is a known quantity"
            " (quantities.toml lists them)."
        )

    def read(row: Row) -> Iterator[Value | Label]:
        measured = {c: row.text(c) for c in meanings if row.text(c).lower() not in NOT_MEASURED}
        if measured and in_split(row, split):
            molecule = molecule_in(row, *_SMILES)
            for column, text in measured.items():
                yield _record(row, molecule, column, text, meanings[column])

    return usable(read_table(path, required=("|".join(_SMILES),)), read, skipped)


def _record(
    row: Row, molecule: Molecule, column: str, text: str, meaning: _Meaning
) -> Value | Label:
    if isinstance(meaning, _Quantity):
        value = number_in(row, column, text)
        return Value(molecule, meaning.name, value, meaning.unit, meaning.decimals, row.place)
    if text not in _LABELS:
        raise row.error(f"{column} is {text!r}, neither 1 nor 0 nor empty")
    return Label(molecule, meaning, _LABELS[text], row.place)


def column_meanings(file_name: str, columns: list[str]) -> Mapping[str, _Meaning]:
    """What the columns of a file mean, by name in lower case; unknown ones are left out."""
    stem = file_name.lower()
    table = _table()
    found: dict[str, _Meaning] = {}
    for entry in (*table["value"], *table["label"]):
        if "files" in entry and not stem.startswith(tuple(entry["files"])):
            continue
        is_label = "claim" in entry
        meaning = (
            entry["claim"]
            if is_label
            else _Quantity(entry["quantity"], entry["unit"], entry["decimals"])
        )
        wanted = set(entry["columns"]) & {column.lower() for column in columns}
        found |= dict.fromkeys(sorted(wanted), meaning)
    for entry in table["assays"]:
        if stem.startswith(tuple(entry["files"])):
            assays = [column for column in columns if column.lower() not in _NOT_ASSAYS]
            found |= {c.lower(): entry["claim"].format(column=c) for c in assays}
    return found


@cache
def _table() -> Mapping[str, list[dict]]:
    path = Path(__file__).with_name("quantities.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
