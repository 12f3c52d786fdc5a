"""A small table of dyes in solvents, and a head trained on it for a moment."""

import csv
import gzip
import itertools
from pathlib import Path

from assistant.train.pair_recipe import Descriptors, PairRecipe, Sizes
from assistant.train.pair_tables import TableSource

DYES = [
    f"{left}{middle}{right}"
    for left, middle, right in itertools.product(
        ("CN(C)c1ccc(", "COc1ccc(", "c1ccc("),
        ("C=C", "/C=C/", "C=CC=C", "C#C"),
        ("c2ccccc2)cc1", "c2ccc(C#N)cc2)cc1"),
    )
]
SOLVENTS = ("CCO", "ClCCl", "Cc1ccccc1", "O")
SOURCE = TableSource(
    "csi/dyes.csv.gz",
    "chromophore",
    "solvent",
    {"absorption": "abs_max_nm", "emission": "emi_max_nm"},
    "split",
)
RECIPE = PairRecipe(
    "chromophore_solvent",
    ("absorption", "emission"),
    SOURCE,
    Sizes(n_layers=2, d_model=16, n_tokens=2, hidden=16),
    Descriptors(),
    epochs=4,
    batch=6,
    check_every=2,
    licence="made up",
    known_shipped=True,
)


def write_dyes(data: Path, *, leak: bool = False) -> Path:
    """Writes the table below a data directory: longer chains absorb further in the red."""
    path = data / SOURCE.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["chromophore", "solvent", "abs_max_nm", "emi_max_nm", "split"])
        for i, dye in enumerate(DYES):
            split = ("test", "valid", *["train"] * 6)[i % 8]
            for j, solvent in enumerate(SOLVENTS):
                value = 300 + 40 * dye.count("C=C") + 30 * dye.count("N") + 5 * j
                writer.writerow([dye, solvent, value, value + 60 if j else "", split])
        writer.writerow(["C1CC", "CCO", 300, 300, "train"])
        writer.writerow([DYES[2], "gas", 300, 300, "train"])
        writer.writerow([DYES[2], SOLVENTS[0], 400, "", "train"])
        if leak:
            writer.writerow([DYES[0], "CCCO", 310, 350, "train"])
    return data


def write_recipe(path: Path) -> Path:
    """The recipe as a TOML file."""
    path.write_text(
        """
name = "chromophore_solvent"
tasks = ["absorption", "emission"]
epochs = 4
batch = 6
check_every = 2
licence = "made up"
known_shipped = true

[source]
path = "csi/dyes.csv.gz"
first = "chromophore"
second = "solvent"

[source.columns]
absorption = "abs_max_nm"
emission = "emi_max_nm"

[sizes]
n_layers = 2
d_model = 16
n_tokens = 2
hidden = 16
""",
        encoding="utf-8",
    )
    return path
