"""Rows of the questions: molecules with a value, and what the encoder makes of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.table import some
from assistant.evaluate.tasks.base import Example
from assistant.evaluate.tasks.registry import task_of
from assistant.evaluate.tasks.values import ValueTask
from assistant.graph.encoder import GraphEncoder
from assistant.train.readouts.levels import KeptLevels
from assistant.train.readouts.recipe import Question

_ROWS_SEED = 0
"""Not the run's seed: every seed and variant learns from and is measured on the same rows."""


@dataclass(frozen=True)
class Rows:
    """Examples of a split with their molecules, in the same order."""

    examples: Sequence[Example]
    molecules: Sequence[Molecule]

    @property
    def values(self) -> Tensor:
        """The true values, (n,) float64."""
        return torch.tensor([float(e.answer) for e in self.examples], dtype=torch.float64)


@dataclass(frozen=True)
class Asked:
    """A question with its rows; `unread` counts those that were left out."""

    task: ValueTask
    train: Rows
    test: Rows
    unread: int

    def digest(self) -> str:
        """A hash of the molecules and values of both splits, in order."""
        both = (self.train, self.test)
        smiles = "\n".join(m.smiles for rows in both for m in rows.molecules).encode()
        values = b"".join(rows.values.numpy().tobytes() for rows in both)
        return hashlib.sha256(smiles + b"\0" + values).hexdigest()[:16]


def asked_of(question: Question, data: Path) -> Asked:
    """The rows of a question: of the table's training and test split.

    Raises:
        AssistantError: The task is no value of one molecule, or its table is missing.
    """
    task = task_of(question.task)
    if not isinstance(task, ValueTask) or len(task.columns) != 2 or task.quantity.logarithmic:
        raise AssistantError(
            f"Task {question.task} is no plain value of one molecule; choose property:…."
        )
    splits = [
        some(task.load(source, None, data, split=split), n or None, _ROWS_SEED)
        for source, split, n in (
            (task.train, "train", question.n_train),
            (task.test, "test", question.n_test),
        )
    ]
    train, test = (_rows(examples) for examples in splits)
    if len(train.examples) < 2 or not test.examples:
        raise AssistantError(f"{question.task} has too few rows to train and to measure.")
    n_given = sum(len(examples) for examples in splits)
    return Asked(task, train, test, n_given - len(train.examples) - len(test.examples))


def _rows(examples: Sequence[Example]) -> Rows:
    kept: list[Example] = []
    molecules: list[Molecule] = []
    for example in examples:
        try:
            molecule = Molecule.parse(example.molecules[0])
        except AssistantError:
            continue
        kept.append(example)
        molecules.append(molecule)
    return Rows(kept, molecules)


@dataclass(frozen=True)
class Lessons:
    """What a variant is trained on and asked.

    Attributes:
        train, test: Levels of the molecules.
        targets: Standardised values of the training rows, (n,) float32.
        mean, std: Of the training rows, to undo that.
    """

    train: KeptLevels
    test: KeptLevels
    targets: Tensor
    mean: float
    std: float


def lessons_of(asked: Asked, encoder: GraphEncoder) -> Lessons:
    """Encodes the rows of a question."""
    values = asked.train.values
    mean, std = float(values.mean()), float(values.std().clamp(min=1e-12))
    return Lessons(
        KeptLevels.of(encoder, asked.train.molecules),
        KeptLevels.of(encoder, asked.test.molecules),
        ((values - mean) / std).float(),
        mean,
        std,
    )
