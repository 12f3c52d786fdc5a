"""Writes a trained pair head as a component: 16-bit weights, figures, known pairs, card, curve."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from assistant.bundle import PAIR_HEADS, Bundle
from assistant.checkpoint import ComponentInfo, read_info, replace_directory, save_component
from assistant.chem.molecule import Molecule
from assistant.graph.pairs.head import PAIR_HEAD_COMPONENT, PairHead
from assistant.pairing.domain import domain_of
from assistant.pairing.figures import HeadFigures, TaskFigures
from assistant.pairing.known import FILE as KNOWN_FILE
from assistant.pairing.known import KnownPairs, Near
from assistant.retrieval.error_bins import bins_of
from assistant.train.pair_card import card_text, draw_curve
from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_run import PairRun, roc_auc
from assistant.train.pair_tables import PairTable, write_known

MAX_COMPARED = 2000
"""Test pairs that are compared with all training pairs, for the errors by similarity."""

COMPONENT = "component"


def round_to_half(head: PairHead) -> PairHead:
    """The head with the values that are stored."""
    with torch.no_grad():
        for value in head.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())
    return head


def measured(run: PairRun, head: PairHead, *, command: str) -> HeadFigures:
    """Errors on the test rows, which are looked at here for the first time."""
    recipe, table = run.recipe, run.table
    train, test = table.rows("train"), table.rows("test")
    predicted = run.predict(head, test)
    known = _known(table, recipe)
    tasks = {
        task: _of_task(recipe, table, i, train, test, predicted[:, i], known)
        for i, task in enumerate(recipe.tasks)
    }
    domains = [
        domain_of([Molecule(table.smiles[p]) for p in np.unique(table.pairs[train][:, side])])
        for side in (0, 1)
    ]
    return HeadFigures(
        tasks,
        (domains[0], domains[1]),
        recipe.licence,
        command,
        datetime.now(UTC).date().isoformat(),
        recipe.remarks,
    )


def _known(table: PairTable, recipe: PairRecipe) -> KnownPairs:
    rows = table.rows("train")
    pairs = [(table.smiles[i], table.smiles[j]) for i, j in table.pairs[rows]]
    return KnownPairs(pairs, table.values[rows], recipe.tasks, is_symmetric=recipe.is_symmetric)


def _of_task(
    recipe: PairRecipe,
    table: PairTable,
    column: int,
    train: np.ndarray,
    test: np.ndarray,
    predicted: np.ndarray,
    known: KnownPairs,
) -> TaskFigures:
    task = recipe.tasks[column]
    learned = table.values[train, column]
    learned = learned[~np.isnan(learned)]
    wanted = table.values[test, column]
    has = ~np.isnan(wanted)
    is_log = task in recipe.logarithmic
    if recipe.is_symmetric:
        errors = ((predicted > 0.5) != (wanted > 0.5)).astype(float)
    elif is_log:
        errors = np.abs(np.log10(np.maximum(predicted, 1e-9)) - np.log10(wanted))
    else:
        errors = np.abs(predicted - wanted)
    chosen = np.flatnonzero(has)
    if len(chosen) > MAX_COMPARED:
        chosen = np.random.default_rng(0).choice(chosen, MAX_COMPARED, replace=False)
    near = [_nearest(known, table, test[i], task) for i in chosen]
    copied = np.array([one.values[task] for one in near])
    if is_log:
        apart = np.abs(np.log10(copied) - np.log10(wanted[chosen]))
    else:
        apart = np.abs(copied - wanted[chosen])
    is_value = not recipe.is_symmetric
    return TaskFigures(
        n_train=len(learned),
        base=_short(learned.mean()),
        low=_short(np.percentile(learned, 5)),
        high=_short(np.percentile(learned, 95)),
        n_test=int(has.sum()),
        split=_split_words(recipe),
        mae=_short(errors[has].mean()) if is_value else None,
        rmse=_short(np.sqrt((errors[has] ** 2).mean())) if is_value else None,
        auc=None if is_value else _short(roc_auc(predicted[has], wanted[has] > 0.5)),
        logarithmic=is_log,
        bins=bins_of([one.similarity for one in near], errors[chosen].tolist()),
        copied=_short(apart.mean()) if is_value else None,
    )


def _nearest(known: KnownPairs, table: PairTable, row: int, task: str) -> Near:
    first, second = (Molecule(table.smiles[p]) for p in table.pairs[row])
    return known.nearest(first, second, 1, task=task)[0]


def _split_words(recipe: PairRecipe) -> str:
    return {
        "split_by_chromophore": "pairs whose chromophore training never saw",
        "cold": "pairs with a drug that training never saw",
    }.get(recipe.source.split, "pairs that training never saw")


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def write_component(
    run: PairRun, head: PairHead, figures: HeadFigures, directory: Path, *, all_known: bool
) -> Path:
    """Writes `directory/component`, whole or not at all; returns it.

    Args:
        run: The training.
        head: With the values that are stored.
        figures: What was measured of it.
        directory: The run directory.
        all_known: Write the training values too where their terms keep them out of a bundle.
    """
    recipe, table = run.recipe, run.table
    directory.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".component-", dir=directory))
    try:
        fresh = scratch / COMPONENT
        notes = f"{figures.date}, {figures.command}"
        info = ComponentInfo(PAIR_HEAD_COMPONENT, notes=notes)
        halves = PairHead(head.config)
        halves.load_state_dict(head.state_dict())
        log = directory / "log.jsonl"
        card = card_text(recipe, table, head, figures, run.best, log)
        save_component(fresh, halves.half(), head.config, info, card=card)
        figures.write(fresh)
        with_values = recipe.known_shipped or all_known
        shown = table if with_values else _without_values(table)
        write_known(shown, recipe.tasks, fresh / KNOWN_FILE)
        draw_curve(log, fresh / "loss.png")
        replace_directory(directory / COMPONENT, fresh)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory / COMPONENT


def _without_values(table: PairTable) -> PairTable:
    empty = np.full_like(table.values, np.nan)
    return PairTable(table.smiles, table.names, table.pairs, empty, table.split)


def add_to_bundle(component: Path, bundle: Path, name: str) -> Path:
    """Puts a component beside the other heads of a bundle and names them in `bundle.json`.

    Raises:
        BundleError: There is no bundle, or no component.
    """
    read_info(component)
    described = Bundle.read(bundle)
    heads = bundle / PAIR_HEADS
    heads.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=heads))
    shutil.copytree(component, fresh, dirs_exist_ok=True)
    fresh.chmod(0o755)
    replace_directory(heads / name, fresh)
    described.with_component(PAIR_HEADS, PAIR_HEADS)
    return heads / name
