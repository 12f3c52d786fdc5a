"""The molecules of pre-training: those of the corpus, and those of labelled tables with targets.

No structure of a validation or test row is trained on, with or without its label: a molecule is
left out of corpus and tables alike when it is, stereo aside, one of any table's held-out rows.
Tables without a column `split` get one: a tenth of the structures, by hash, is kept out.
"""

import gzip
import hashlib
import json
import logging
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError, UnreadableFileError
from assistant.evaluate.table import Row, label_of, number_of, read_table
from assistant.train import licences
from assistant.train.corpus import corpus_molecules
from assistant.train.encoder.recipe import EncoderRecipe, HeadSet

log = logging.getLogger(__name__)

MAX_ATOMS = 100
_SPLIT = "split"
_NOT_TARGETS = frozenset({"smiles", _SPLIT})


@dataclass(frozen=True)
class Target:
    """A column that a head predicts; `mean` and `std` are those of the training rows."""

    table: str
    column: str
    kind: str
    mean: float = 0.0
    std: float = 1.0
    n: int = 0


@dataclass(frozen=True)
class Molecules:
    """What a run draws from.

    Attributes:
        unlabelled: SMILES of the corpus.
        sets: Per table its SMILES and targets (n, all targets) float32, NaN where unknown.
        targets: The columns, in order.
        counts: How many rows were read, taken, and kept out, for the card.
    """

    unlabelled: Sequence[str]
    sets: Sequence[tuple[Sequence[str], np.ndarray]]
    targets: Sequence[Target]
    counts: dict[str, int]

    def save(self, directory: Path) -> None:
        """Writes them, so that a resumed run has the same."""
        directory.mkdir(parents=True, exist_ok=True)
        texts = {"unlabelled": list(self.unlabelled), "sets": [list(s) for s, _ in self.sets]}
        arrays = {f"set_{i}": values for i, (_, values) in enumerate(self.sets)}
        np.savez_compressed(directory / "targets.npz", **arrays)
        about = {"targets": [asdict(t) for t in self.targets], "counts": self.counts}
        with gzip.open(directory / "molecules.json.gz", "wt", encoding="utf-8") as file:
            json.dump(texts | about, file)

    @classmethod
    def read(cls, directory: Path) -> "Molecules":
        """What `save` wrote."""
        with gzip.open(directory / "molecules.json.gz", "rt", encoding="utf-8") as file:
            about = json.load(file)
        with np.load(directory / "targets.npz") as arrays:
            values = [arrays[f"set_{i}"] for i in range(len(about["sets"]))]
        sets = list(zip(about["sets"], values, strict=True))
        targets = [Target(**entry) for entry in about["targets"]]
        return cls(about["unlabelled"], sets, targets, about["counts"])


def prepared(recipe: EncoderRecipe, data: Path, directory: Path) -> Molecules:
    """The molecules of a run: read where an earlier start wrote them, else put together."""
    if (directory / "molecules.json.gz").is_file():
        return Molecules.read(directory)
    found = molecules_of(recipe, data)
    found.save(directory)
    return found


def molecules_of(recipe: EncoderRecipe, data: Path) -> Molecules:
    """Reads corpus and tables.

    Raises:
        AssistantError: A table is missing or has no target, or no molecule is left.
    """
    chosen = taken_sets(recipe)
    tables = {
        s.table: read_table(data / f"{s.table}.csv.gz", ("smiles",), (_SPLIT,)) for s in chosen
    }
    # What is measured on is kept out even where the licence keeps the table itself out.
    kept_out = {
        key
        for s in recipe.sets
        for row in tables.get(s.table)
        or read_table(data / f"{s.table}.csv.gz", ("smiles",), (_SPLIT,))
        if row.get(_SPLIT, "").strip().lower() != "train" and (key := structure_key(row["smiles"]))
        if not is_training_row(row, key)
    }
    counts = Counter({"structures of validation and test rows": len(kept_out)})
    targets = [t for s in chosen for t in _targets(s, tables[s.table])]
    sets = [_labelled(s, tables[s.table], targets, kept_out, counts) for s in chosen]
    unlabelled = _unlabelled(recipe, data, kept_out, counts)
    if not unlabelled and not any(len(smiles) for smiles, _ in sets):
        raise AssistantError(f"No molecule of {data} is left to train on; see the recipe's sets.")
    return Molecules(unlabelled, sets, _measured(targets, sets), dict(counts))


def taken_sets(recipe: EncoderRecipe) -> list[HeadSet]:
    """The tables of a recipe whose licence it allows, in the order of `Molecules.sets`."""
    return [
        s
        for s in recipe.sets
        if not recipe.licensed_only or licences.licence_of("labels", s.table).clear
    ]


def structure_key(smiles: str) -> str | None:
    """What two rows share that are the same molecule, stereo aside.

    Returns:
        None for what is no structure, or one of more than `MAX_ATOMS` atoms.
    """
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
        if mol is None or not 1 <= mol.GetNumAtoms() <= MAX_ATOMS:
            return None
        return Chem.MolToSmiles(mol, isomericSmiles=False)


def is_training_row(row: Row, key: str) -> bool:
    """Whether a row may be trained on: as its split says, else by hash, nine of ten."""
    if split := row.get(_SPLIT, "").strip().lower():
        return split == "train"
    return hashlib.sha256(key.encode()).digest()[0] >= 26


def _targets(head_set: HeadSet, rows: Sequence[Row]) -> list[Target]:
    columns = [c for c in rows[0] if c not in _NOT_TARGETS and c not in head_set.leave_out]
    if not columns:
        raise AssistantError(f"{head_set.table} has no column to learn; it has {list(rows[0])}.")
    return [Target(head_set.table, column, head_set.kind) for column in columns]


def _labelled(
    head_set: HeadSet,
    rows: Sequence[Row],
    targets: Sequence[Target],
    kept_out: set[str],
    counts: Counter[str],
) -> tuple[list[str], np.ndarray]:
    places = [i for i, t in enumerate(targets) if t.table == head_set.table]
    smiles: list[str] = []
    values: list[np.ndarray] = []
    for row in rows:
        key = structure_key(row["smiles"])
        if key is None or not is_training_row(row, key) or key in kept_out:
            counts[f"{head_set.table}: rows left out"] += 1
            continue
        line = np.full(len(targets), np.nan, np.float32)
        line[places] = [_number(row, targets[i]) for i in places]
        smiles.append(row["smiles"])
        values.append(line)
    counts[f"{head_set.table}: rows trained on"] += len(smiles)
    if not smiles:
        raise AssistantError(
            f"{head_set.table} has no row to train on: none has a structure that is read, stands in"
            " the split train and is no validation or test row of another table."
        )
    return smiles, np.array(values, np.float32).reshape(-1, len(targets))


def _number(row: Row, target: Target) -> float:
    read = label_of if target.kind == "label" else number_of
    try:
        value = read(row, target.column)
    except UnreadableFileError as error:
        raise UnreadableFileError(
            f"{error} If {target.column} is no target, name it under leave_out."
        ) from error
    return np.nan if value is None else float(value)


def _measured(
    targets: Sequence[Target], sets: Sequence[tuple[Sequence[str], np.ndarray]]
) -> list[Target]:
    """The targets with the mean and deviation of their training values."""
    found = []
    for place, target in enumerate(targets):
        column = np.concatenate([values[:, place] for _, values in sets]).astype(float)
        known = column[~np.isnan(column)]
        mean, std = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
        if target.kind == "label":
            mean, std = 0.0, 1.0
        about = asdict(target) | {"mean": mean, "std": std or 1.0, "n": len(known)}
        found.append(Target(**about))
    return found


def _unlabelled(
    recipe: EncoderRecipe, data: Path, kept_out: set[str], counts: Counter[str]
) -> list[str]:
    found = [s for s, _ in corpus_molecules(data, licensed_only=recipe.licensed_only)]
    random.Random(recipe.seed).shuffle(found)
    wanted = recipe.n_molecules or len(found)
    taken: list[str] = []
    for smiles in found:
        if len(taken) == wanted:
            break
        key = structure_key(smiles)
        if key is None:
            continue
        if key in kept_out:
            counts["corpus: held-out structures left out"] += 1
            continue
        taken.append(smiles)
    counts["corpus: molecules trained on"] = len(taken)
    return taken
