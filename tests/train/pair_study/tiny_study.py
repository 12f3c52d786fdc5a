"""A small study of dyes in solvents: four variants, two seeds, seconds."""

import csv
import gzip
from pathlib import Path

from tests.pairing.tiny import DYES, SOLVENTS

TEXT = """
seeds = [1, 2]

[[tasks]]
name = "pairs:absorption"
baseline = "gin"
n_molecules = 12
max_atoms = 30

[tasks.recipe]
tasks = ["absorption"]
epochs = 2
batch = 6
check_every = 2
ema = 0.5
licence = "made up"

[tasks.recipe.source]
path = "csi/chromophore_db.csv.gz"
first = "chromophore"
second = "solvent"
split = "split_by_chromophore"

[tasks.recipe.source.columns]
absorption = "abs_max_nm"

[tasks.recipe.sizes]
n_layers = 1
d_model = 16
n_tokens = 2
hidden = 8
view_width = 8
view_dropout = 0.2
dropout = 0.2

[[variants]]
name = "gin"
says = "the baseline"
group = "interaction"

[[variants]]
name = "none, added"
says = "no interaction"
group = "interaction"
join = "added"

[[variants]]
name = "left out"
says = "the same second molecule"
group = "second molecule"
second = "none"

[[variants]]
name = "1D and 3D"
says = "views and shapes"
group = "encoder"
sizes = { encoder = "", views = ["lingo"] }
encoder_3d = "schnet"
against = "none, added"
"""


def write_study(directory: Path, text: str = TEXT) -> Path:
    """The recipe as a TOML file."""
    path = directory / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def write_table(directory: Path, *more: list[object]) -> Path:
    """Absorption rises with the chain and, less, with the solvent; one molecule is large."""
    path = directory / "csi" / "chromophore_db.csv.gz"
    path.parent.mkdir(parents=True)
    head = ["chromophore", "solvent", "abs_max_nm", "split_by_chromophore"]
    rows = [
        [dye, solvent, 300 + 40 * dye.count("C=C") + 10 * j, ("test", *["train"] * 3)[i % 4]]
        for i, dye in enumerate(DYES)
        for j, solvent in enumerate(SOLVENTS)
    ]
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows([head, *rows, ["C" * 40, "O", 200, "train"], *more])
    return directory
