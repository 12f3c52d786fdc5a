"""One cell of the study: a variant trained with a seed, its predictions, and what it cost."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rdkit import rdBase

from assistant.checkpoint import write_json
from assistant.chem.views import VIEWS_VERSION
from assistant.evaluate.pairs import kept_bytes, n_parameters
from assistant.evaluate.report import commit
from assistant.graph.pairs.head import PairHead
from assistant.train.guard import refuse_another
from assistant.train.pair_batches import batches
from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_run import PairRun
from assistant.train.pair_study.heads import head_of_variant
from assistant.train.pair_study.recipe import StudyTask, Variant, slug
from assistant.train.pair_study.rows import StudyRows, shown_pairs
from assistant.train.pair_tables import PairTable

_WORDS = frozenset({"says", "group", "against", "tasks"})
"""What decides nothing of a cell: it may be said otherwise without training again."""


@dataclass(frozen=True)
class Cell:
    """What is kept of a finished cell.

    Attributes:
        predicted: Of the test rows, in the task's unit, or probabilities.
        predicted_other: The same with another row's second molecule shown; empty where the variant
            does not read the pair's own.
        parameters: Trained ones.
        steps: Of the training.
        seconds_per_step: Processor seconds.
        seconds_per_pair: Processor seconds, test pairs together, each molecule encoded once.
        kept_bytes: What the first step's batch keeps for its backward pass.
        commit: Of the code that trained it.
        date: When.
    """

    predicted: list[float]
    predicted_other: list[float]
    parameters: int
    steps: int
    seconds_per_step: float
    seconds_per_pair: float
    kept_bytes: int
    commit: str
    date: str


def cell_path(run: Path, task: StudyTask, variant: str, seed: int) -> Path:
    """Where a cell is kept."""
    return run / slug(task.name) / slug(variant) / f"seed-{seed}" / "cell.json"


def train_cell(
    task: StudyTask, variant: Variant, seed: int, rows: StudyRows, run: Path, title: str
) -> None:
    """Trains a variant with a seed and keeps its cell, unless that was done before.

    A cell takes a minute or so: one that was interrupted begins again, with the same random
    numbers, so that the study gives the same however often it was stopped.

    Raises:
        AssistantError: The cell there was made with other settings or rows.
    """
    path = cell_path(run, task, variant.name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_another(path.parent, _settings(task, variant, seed, rows.table))
    if path.is_file():
        return
    recipe = replace(task.recipe, seed=seed, sizes=variant.sizes_of(task.recipe))
    training = PairRun(
        recipe,
        rows.table,
        rows.molecules,
        head=head_of_variant(variant, recipe, rows.table, task.n_conformers),
        shown=shown_pairs(rows.table, variant.second),
    )
    began = time.process_time()
    head = training.train(title)
    seconds = time.process_time() - began
    write_json(path, asdict(_measured(training, head, variant, rows.table, seconds)))


def read_cell(path: Path) -> Cell:
    """A finished cell."""
    return Cell(**json.loads(path.read_text(encoding="utf-8")))


def _settings(
    task: StudyTask, variant: Variant, seed: int, table: PairTable
) -> Mapping[str, object]:
    decides = {key: value for key, value in asdict(variant).items() if key not in _WORDS}
    return {
        "recipe": asdict(task.recipe),
        "variant": decides,
        "seed": seed,
        "n_conformers": task.n_conformers,
        "rows": digest_of(table),
        "made of": [rdBase.rdkitVersion, VIEWS_VERSION],
    }


def digest_of(table: PairTable) -> str:
    """A hash of the rows and their order."""
    parts = ("\n".join(table.smiles).encode(), table.pairs.tobytes(), table.values.tobytes())
    return hashlib.sha256(b"\0".join((*parts, "\n".join(table.split).encode()))).hexdigest()[:16]


def _measured(
    training: PairRun, head: PairHead, variant: Variant, table: PairTable, seconds: float
) -> Cell:
    test = table.rows("test")
    began = time.process_time()
    predicted = training.predict(head, test)[:, 0]
    per_pair = (time.process_time() - began) / max(len(test), 1)
    other: Sequence[float] = ()
    if variant.second == "own":
        shown = torch.from_numpy(shown_pairs(table, "other"))
        other = training.predict(head, test, shown)[:, 0].tolist()
    recipe: PairRecipe = training.recipe
    first = next(batches(recipe, table, np.random.default_rng([recipe.seed, 0])))
    training.head.train()
    return Cell(
        predicted.tolist(),
        list(other),
        n_parameters(head),
        training.step,
        seconds / training.step,
        per_pair,
        kept_bytes(lambda: training.loss(first), training.head),
        commit(),
        time.strftime("%Y-%m-%d", time.gmtime()),
    )
