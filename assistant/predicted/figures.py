"""What was measured of a quantity that the language model of a bundle writes.

    predicted/homo/figures.json     errors on test rows, by similarity to the training molecules
    predicted/homo/known.csv.gz     smiles,value of the training rows

Written by `python -m assistant.evaluate.predicted`. Where the terms of the data do not allow its
values to be given away, the column of values is empty.
"""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.checkpoint import read_record, write_json
from assistant.errors import BundleError
from assistant.retrieval.error_bins import Bin

FIGURES, KNOWN = "figures.json", "known.csv.gz"


@dataclass(frozen=True)
class PredictedFigures:
    """Of one quantity.

    Attributes:
        term: What claims on it are called (`chat.claims.lexicon`), "HOMO energy".
        unit: Of the values and errors; "" for a plain number.
        decimals: Of a value that is shown.
        table: The test rows' table.
        n_train: Training molecules.
        n_test: Test molecules; none was trained on.
        failed: Those of them for which the model wrote no value; each counts as the mean.
        mae: Mean absolute error.
        constant: That of the training mean instead.
        bins: Errors by similarity to the training molecules.
        llm: Fingerprint of the language model that was measured.
        command: What measured it.
        date: When.
    """

    term: str
    unit: str
    decimals: int
    table: str
    n_train: int
    n_test: int
    failed: int
    mae: float
    constant: float
    bins: tuple[Bin, ...]
    llm: str
    command: str
    date: str

    def __post_init__(self) -> None:
        bins = (Bin(**b) if isinstance(b, Mapping) else b for b in self.bins)
        object.__setattr__(self, "bins", tuple(bins))

    def with_unit(self, value: float) -> str:
        """A value or an error as it is shown."""
        return f"{value:.{self.decimals}f} {self.unit}".rstrip()

    def write(self, directory: Path) -> None:
        """Writes them."""
        directory.mkdir(parents=True, exist_ok=True)
        write_json(directory / FIGURES, asdict(self))

    @classmethod
    def read(cls, directory: Path) -> "PredictedFigures":
        """Reads them.

        Raises:
            BundleError: The file is missing or is no such record.
        """
        what = "figures of a predicted value"
        return read_record(directory / FIGURES, cls, what, "measure again")


def write_known(directory: Path, smiles: Sequence[str], values: Sequence[float | None]) -> None:
    """Writes training molecules, in canonical SMILES, with their values; None leaves one out.

    In the order of their SMILES, in which neighbours are alike and less has to be stored.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("smiles", "value"))
    ordered = sorted(zip(smiles, values, strict=True), key=lambda row: row[0])
    rows.writerows((s, "" if v is None else v) for s, v in ordered)
    # No time of writing inside, so that the same rows are the same file.
    (directory / KNOWN).write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))


def read_known(directory: Path) -> tuple[list[str], list[float | None]]:
    """What `write_known` wrote.

    Raises:
        BundleError: The file is missing or damaged, or holds no molecules.
    """
    path = directory / KNOWN
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        smiles = [row["smiles"] for row in rows]
        values = [float(row["value"]) if row["value"] else None for row in rows]
    except (OSError, EOFError, KeyError, ValueError, csv.Error) as error:
        raise BundleError(
            f"{path} cannot be read as known molecules ({error}); restore it."
        ) from error
    if not smiles:
        raise BundleError(f"{path} holds no molecules; restore it.")
    return smiles, values
