"""Variants of a pair recipe: they differ in what they say, controls control, runs resume."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.errors import AssistantError
from assistant.train.pair_study.__main__ import complete_seeds, main, study_rows, train_all
from assistant.train.pair_study.cell import cell_path, read_cell
from assistant.train.pair_study.heads import AddedHead, BesideHead, head_of_variant
from assistant.train.pair_study.measure import Measured, Scores
from assistant.train.pair_study.recipe import StudyRecipe, StudyTask, Variant
from assistant.train.pair_study.rows import (
    StudyRows,
    asked_molecules,
    drawn_rows,
    part_of,
    shown_pairs,
)
from assistant.train.pair_study.shapes import shapes_of
from assistant.train.pair_tables import PairTable, read_pairs
from tests.pairing.tiny import DYES, SOLVENTS

CONFIG = Path(__file__).parents[3] / "assistant/train/configs/pair_study_cpu.toml"
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


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Absorption rises with the chain and, less, with the solvent; one molecule is large."""
    directory = tmp_path_factory.mktemp("data")
    path = directory / "csi" / "chromophore_db.csv.gz"
    path.parent.mkdir()
    head = ["chromophore", "solvent", "abs_max_nm", "split_by_chromophore"]
    rows = [
        [dye, solvent, 300 + 40 * dye.count("C=C") + 10 * j, ("test", *["train"] * 3)[i % 4]]
        for i, dye in enumerate(DYES)
        for j, solvent in enumerate(SOLVENTS)
    ]
    rows.append(["C" * 40, "O", 200, "train"])
    with gzip.open(path, "wt", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return directory


@pytest.fixture
def study(tmp_path: Path) -> StudyRecipe:
    return StudyRecipe.load(write_study(tmp_path))


@pytest.fixture
def table(study: StudyRecipe, data: Path) -> PairTable:
    task = study.tasks[0]
    return drawn_rows(task, read_pairs(task.recipe.source, task.recipe.tasks, data))[0]


def write_study(directory: Path, text: str = TEXT) -> Path:
    path = directory / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def variant(study: StudyRecipe, name: str) -> Variant:
    return next(one for one in study.variants if one.name == name)


def blocks_of(head: torch.nn.Module, n: int, seed: int) -> torch.Tensor:
    model = head.config.model
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n, model.n_tokens * model.d_model + 1, generator=random)


def test_the_command_trains_measures_and_writes_a_page(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the plot: pip install -e .[train]")
    config, run, page = write_study(tmp_path), tmp_path / "run", tmp_path / "parts.md"
    arguments = ["--config", str(config), "--run", str(run), "--data", str(data)]
    assert main([*arguments, "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert str(tmp_path / "run") not in text
    assert str(data) not in text
    assert page.with_suffix(".png").stat().st_size > 1000
    for words in (
        "none, added",
        "Morgan + ridge",
        "single seeds",
        "MiB kept by a step",
        "seeds 1, 2",
    ):
        assert words in text, words
    assert "12 first molecules, 24 test rows with 6 molecules that training never saw" in text
    assert "(1 training and test rows left out)" in text
    assert not list(run.rglob("*.pt"))  # weights are not kept
    kept = {path: path.stat().st_mtime_ns for path in run.rglob("cell.json")}
    assert len(kept) == 4 * 2
    assert main([*arguments, "--page", str(page)]) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("cell.json")} == kept
