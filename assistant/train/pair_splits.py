"""Other splits of the rows of a table, and what a head reaches on them beside simple methods."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from rdkit.Chem.Scaffolds import MurckoScaffold

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.heads import HEAD, KINDS
from assistant.evaluate.metrics.interval import Metric, bootstrap
from assistant.evaluate.metrics.numbers import value_metrics
from assistant.evaluate.report import Report, ReportRow
from assistant.evaluate.tasks.base import Example
from assistant.evaluate.tasks.registry import task_of
from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_tables import PairTable

N_BASELINES = 2
"""The constant and the nearest neighbour; a ridge over 4,096 bits a split takes longer than the
head, and stands beside it on the official split."""
_TRAIN, _VALID = 0.8, 0.1

Fit = Callable[[PairTable, int], np.ndarray]
"""Trains on a table's training rows and predicts its test rows, (n, tasks)."""


def n_random(wanted: str) -> int:
    """How many random splits are wanted: N of `random:N`, 0 of `scaffold`.

    Raises:
        AssistantError: There is no such split.
    """
    kind, _, number = wanted.partition(":")
    if wanted == "scaffold":
        return 0
    if kind == "random" and number.isdigit() and int(number) > 0:
        return int(number)
    raise AssistantError(f"There is no split {wanted!r}; it is random:N or scaffold.")


def splits_of(table: PairTable, wanted: str) -> Iterator[PairTable]:
    """`random:10` gives ten random splits, `scaffold` one; 80 : 10 : 10 of the rows.

    Raises:
        AssistantError: There is no such split.
    """
    number = n_random(wanted)
    if not number:
        yield table.with_split(scaffold_split(table))
    for seed in range(number):
        yield table.with_split(random_split(len(table.pairs), seed))


def random_split(n_rows: int, seed: int) -> np.ndarray:
    """A name of a split per row, (n,)."""
    order = np.random.default_rng(seed).permutation(n_rows)
    return _named(order, n_rows)


def scaffold_split(table: PairTable) -> np.ndarray:
    """By Bemis-Murcko scaffold of the first molecule: the commonest train, the rarest are tested.

    Wu et al. 2018, "MoleculeNet"; molecules without rings share the empty scaffold.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for row, (first, _) in enumerate(table.pairs):
        mol = Molecule(table.smiles[first]).rdmol()
        groups[MurckoScaffold.MurckoScaffoldSmiles(mol=mol)].append(row)
    ordered = sorted(groups.values(), key=lambda rows: (-len(rows), rows[0]))
    return _named(np.concatenate([np.array(rows) for rows in ordered]), len(table.pairs))


def _named(order: np.ndarray, n_rows: int) -> np.ndarray:
    split = np.empty(n_rows, dtype="<U5")
    n_train, n_seen = round(_TRAIN * n_rows), round((_TRAIN + _VALID) * n_rows)
    split[order[:n_train]] = "train"
    split[order[n_train:n_seen]] = "valid"
    split[order[n_seen:]] = "test"
    return split


def split_report(
    recipe: PairRecipe, table: PairTable, wanted: str, fit: Fit, directory: Path, command: str
) -> Report:
    """Errors of the first task over splits, the head and simple methods on the same rows.

    What a split gave is kept in the run directory, so that a run that stopped goes on.
    """
    by_method: dict[str, list[np.ndarray]] = defaultdict(list)
    references, means, n_train = [], [], 0
    for number, split in enumerate(splits_of(table, wanted)):
        train, test = split.rows("train"), split.rows("test")
        path = directory / f"{wanted.replace(':', '-')}-{number}.json"
        if not path.is_file():
            path.write_text(json.dumps(_predictions(recipe, split, fit, number)), encoding="utf-8")
        for method, values in json.loads(path.read_text(encoding="utf-8")).items():
            by_method[method].append(np.array(values))
        references.append(split.values[test, 0])
        means.append(float(np.nanmean(split.values[train, 0])))
        n_train = len(train)
    task = task_of(f"pairs:{recipe.tasks[0]}")
    unit = task.quantity.unit
    rows = [
        ReportRow(
            method,
            KINDS["value"] if method == HEAD else "baseline",
            _metrics(parts, references, float(np.mean(means)), unit),
            sum(len(part) for part in references),
        )
        for method, parts in by_method.items()
    ]
    name = f"{task.name}-{wanted.replace(':', '')}"
    return Report(
        name, Path(recipe.source.path).name, rows, command, 0, n_train=n_train, head=recipe.name
    )


def _predictions(
    recipe: PairRecipe, split: PairTable, fit: Fit, number: int
) -> dict[str, list[float]]:
    known, asked = (_examples(split, rows) for rows in (split.rows("train"), split.rows("test")))
    found = {HEAD: fit(split, number)[:, 0].tolist()}
    simple = task_of(f"pairs:{recipe.tasks[0]}").baselines(known, asked)
    for scored in islice(simple, N_BASELINES):
        found[scored.name] = [float(value) for value in scored.predictions]
    return found


def _examples(table: PairTable, rows: np.ndarray) -> list[Example]:
    return [
        Example(tuple(table.smiles[p] for p in table.pairs[i]), "", float(table.values[i, 0]))
        for i in rows
    ]


def _metrics(
    parts: list[np.ndarray], references: list[np.ndarray], fallback: float, unit: str
) -> list[Metric]:
    """Of all test rows together; of several splits also the mean of their errors."""
    everything, wanted = np.concatenate(parts), np.concatenate(references)
    metrics = value_metrics(everything.tolist(), wanted.tolist(), fallback=fallback, unit=unit)[:2]
    if len(parts) > 1:
        each = np.array(
            [np.sqrt(np.mean((p - r) ** 2)) for p, r in zip(parts, references, strict=True)]
        )
        metrics.append(
            bootstrap(
                f"mean RMSE of {len(parts)} splits ({unit})",
                lambda weights: weights @ each / weights.sum(1),
                len(each),
                better="lower",
            )
        )
    return metrics
