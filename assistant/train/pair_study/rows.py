"""The rows that all variants of a task are trained and measured on, and other second molecules."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from assistant.chem.molecule import Molecule
from assistant.chem.views import view_values
from assistant.graph.pairs.model import MoleculeTensors
from assistant.train.pair_study.recipe import Second, StudyTask
from assistant.train.pair_study.shapes import shapes_of
from assistant.train.pair_tables import PairTable, read_pairs
from assistant.train.pair_views import molecules_of

_SEED = 0
"""Of the rows: not a variant's seed, so that every seed is trained and measured on the same."""

_N_TIMED = 50


@dataclass(frozen=True)
class StudyRows:
    """Rows of a task.

    Attributes:
        table: Training and test rows; there are no validation rows, nothing is chosen.
        molecules: Those of the table, with views, and conformers where they are wanted.
        n_large: Training and test rows left out since a molecule has too many atoms.
        n_molecules: Molecules that conformers were looked for; 0 where none are wanted.
        n_shapeless: Of those, the ones without a conformer.
        n_shapeless_rows: Rows left out for that.
        seconds_per_shape: Processor seconds to find a molecule's conformers, mean.
        seconds_of_views: Processor seconds to compute a molecule's views, mean of some molecules.
    """

    table: PairTable
    molecules: Sequence[MoleculeTensors]
    n_large: int
    n_molecules: int = 0
    n_shapeless: int = 0
    n_shapeless_rows: int = 0
    seconds_per_shape: float = 0.0
    seconds_of_views: float = 0.0


def rows_of(
    task: StudyTask, views: Sequence[str], data: Path, run: Path, *, with_shapes: bool
) -> StudyRows:
    """Reads and draws the rows of a task; views and conformers are kept in the run's directory."""
    whole = read_pairs(task.recipe.source, task.recipe.tasks, data)
    table, n_large = drawn_rows(task, whole)
    seconds = seconds_of_views(table, views)
    if not with_shapes:
        found = molecules_of(table, views, run)
        return StudyRows(table, found, n_large, seconds_of_views=seconds)
    shapes = shapes_of(table.smiles, task.n_conformers, run)
    failed = set(shapes.failed(table.smiles))
    lost = np.array([text in failed for text in table.smiles])[table.pairs].any(axis=1)
    kept = part_of(table, np.flatnonzero(~lost))
    molecules = [
        replace(molecule, positions=shapes.positions[text])
        for text, molecule in zip(kept.smiles, molecules_of(kept, views, run), strict=True)
    ]
    return StudyRows(
        kept,
        molecules,
        n_large,
        len(table.smiles),
        len(failed),
        int(lost.sum()),
        float(np.mean(list(shapes.seconds.values()))),
        seconds,
    )


def seconds_of_views(table: PairTable, views: Sequence[str]) -> float:
    """Processor seconds that the views of a molecule take, mean of `_N_TIMED` molecules."""
    chosen = np.random.default_rng(_SEED).permutation(len(table.smiles))[:_N_TIMED]
    molecules = [Molecule(table.smiles[i]).rdmol() for i in chosen]
    began = time.process_time()
    for molecule in molecules:
        view_values(molecule, views)
    return (time.process_time() - began) / len(molecules)


def drawn_rows(task: StudyTask, whole: PairTable) -> tuple[PairTable, int]:
    """The training and test rows that a task asks for, and how many were too large to ask for."""
    n_atoms = np.array([Molecule(text).rdmol().GetNumAtoms() for text in whole.smiles])
    is_large = (n_atoms > task.max_atoms)[whole.pairs].any(axis=1)
    counted = np.isin(whole.split, ("train", "test"))
    random = np.random.default_rng(_SEED)
    train, test = (whole.rows(split) for split in ("train", "test"))
    train, test = train[~is_large[train]], test[~is_large[test]]
    firsts = np.unique(whole.pairs[train, 0])
    if 0 < task.n_molecules < len(firsts):
        firsts = random.choice(firsts, task.n_molecules, replace=False)
        train = train[np.isin(whole.pairs[train, 0], firsts)]
    if 0 < task.n_test < len(test):
        test = random.choice(test, task.n_test, replace=False)
    chosen = np.sort(np.concatenate([train, test]))
    return part_of(whole, chosen), int((is_large & counted).sum())


def part_of(table: PairTable, rows: np.ndarray) -> PairTable:
    """Only these rows and their molecules."""
    used, places = np.unique(table.pairs[rows], return_inverse=True)
    return PairTable(
        tuple(table.smiles[i] for i in used),
        tuple(table.names[i] for i in used),
        places.reshape(-1, 2),
        table.values[rows],
        table.split[rows],
        table.n_unread,
        table.n_leaking,
    )


def shown_pairs(table: PairTable, second: Second) -> np.ndarray:
    """The pairs (n, 2) a variant reads.

    Args:
        table: Whose pairs they are.
        second: "own" leaves them; "none" puts the commonest second molecule into every row;
            "other" puts that of another row of the same split, never the row's own.
    """
    shown = table.pairs.copy()
    if second == "none":
        shown[:, 1] = np.bincount(shown[:, 1]).argmax()
    if second == "other":
        random = np.random.default_rng(_SEED)
        for split in np.unique(table.split):
            rows = table.rows(split)
            shown[rows, 1] = _others(shown[rows, 1], random)
    return shown


def _others(own: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """For each value another one, drawn as often as it stands among all; the same if all are."""
    drawn = random.permutation(own)
    if len(np.unique(own)) < 2:
        return drawn
    while (same := drawn == own).any():
        drawn[same] = random.choice(own, int(same.sum()))
    return drawn


def asked_molecules(table: PairTable, rows: np.ndarray) -> np.ndarray:
    """Per row the molecule that makes it new: the first that training never saw, else the first.

    Rows of one molecule rise and fall together; intervals are drawn over these.
    """
    known = np.zeros(len(table.smiles), dtype=bool)
    known[table.pairs[table.rows("train")]] = True
    pairs = table.pairs[rows]
    second_is_new = known[pairs[:, 0]] & ~known[pairs[:, 1]]
    return np.where(second_is_new, pairs[:, 1], pairs[:, 0])
