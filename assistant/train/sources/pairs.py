"""Pairs of molecules: ZhangDDI (drug with drug) and Deep4Chem (chromophore with solvent).

ZhangDDI: `smiles_1, smiles_2, label`, or `cid_1, cid_2, label` with the table of drugs beside it (a
file with "drug" in its name and the columns `cid` and `smiles`). Deep4Chem (Joung et al. 2020):
`chromophore, solvent` and the values, under the names of the published table or of uvvisml.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.errors import UnreadableFileError
from assistant.rows import Row, read_table
from assistant.train.sources.records import Pair, Skipped, in_split, molecule_in, parsed, usable

_ID_COLUMNS = ("cid", "pubchem_id", "drugbank_id", "id")
_TRUTH = {"1": True, "0": False, "1.0": True, "0.0": False}
_DEEP4CHEM = {
    "absorption": ("abs_max_nm", "absorption max (nm)", "peakwavs_max"),
    "emission": ("emi_max_nm", "emission max (nm)"),
    "lifetime": ("lifetime_ns", "lifetime (ns)"),
}
_NO_SOLVENT = frozenset({"gas", ""})


def read_zhangddi(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Pair]:
    """Pairs of drugs; true where an interaction is listed.

    Raises:
        UnreadableFileError: The pairs name ids, and no table of drugs lies beside them.
    """
    rows = read_table(
        path, required=("label", "smiles_1|cid_1|drugbank_id_1", "smiles_2|cid_2|drugbank_id_2")
    )
    drugs: dict[str, str] | None = None

    def read(row: Row) -> Iterator[Pair]:
        nonlocal drugs
        if not in_split(row, split):
            return
        if drugs is None and not row.text("smiles_1"):
            drugs = _drugs_beside(path)
        label = row.needed("label")
        if label not in _TRUTH:
            raise row.error(f"label {label!r} is neither 1 nor 0")
        first, second = (_drug(row, side, drugs or {}) for side in ("1", "2"))
        yield Pair(first, second, "drug_drug", _TRUTH[label], row.place)

    return usable(rows, read, skipped)


def _drug(row: Row, side: str, drugs: Mapping[str, str]) -> Molecule:
    if row.text(f"smiles_{side}"):
        return molecule_in(row, f"smiles_{side}")
    number = row.needed(f"cid_{side}", f"drugbank_id_{side}")
    if number not in drugs:
        raise row.error(f"drug {number} is not in the table of drugs")
    return parsed(row, drugs[number])


def _drugs_beside(path: Path) -> dict[str, str]:
    family = path.name.split("_")[0].lower()
    tables = [p for p in sorted(path.parent.iterdir()) if "drug" in p.name.lower() and p != path]
    own = [p for p in tables if p.name.lower().startswith(family)] or tables
    if not own:
        raise UnreadableFileError(
            f"{path.name} names drugs by id; put the table of drugs (columns cid and smiles,"
            f" 'drug' in its file name) into {path.parent}."
        )
    drugs: dict[str, str] = {}
    for row in read_table(own[0], required=("|".join(_ID_COLUMNS), "smiles")):
        for column in _ID_COLUMNS:
            if row.text(column):
                drugs[row.text(column)] = row.needed("smiles")
    return drugs


def read_deep4chem(
    path: Path, *, split: str = "train", skipped: Skipped | None = None
) -> Iterator[Pair]:
    """Chromophores in solvents with absorption, emission, lifetime; rows in the gas give none."""
    every = "|".join(name for names in _DEEP4CHEM.values() for name in names)
    rows = read_table(path, required=("chromophore|smiles", "solvent", every))

    def read(row: Row) -> Iterator[Pair]:
        if not in_split(row, split) or row.text("solvent").lower() in _NO_SOLVENT:
            return
        values = {task: row.text(*names) for task, names in _DEEP4CHEM.items()}
        if not any(values.values()):
            return
        chromophore = molecule_in(row, "chromophore", "smiles")
        solvent = molecule_in(row, "solvent")
        for task, text in values.items():
            if text and text.lower() != "nan":
                yield Pair(chromophore, solvent, task, number_in(row, task, text), row.place)

    return usable(rows, read, skipped)


def number_in(row: Row, name: str, text: str) -> float:
    """A finite number of a row.

    Raises:
        UnreadableFileError: The text is none.
    """
    try:
        value = float(text)
    except ValueError as error:
        raise row.error(f"{name} is {text!r}, not a number") from error
    if not math.isfinite(value):
        raise row.error(f"{name} is {text!r}, not a finite number")
    return value
