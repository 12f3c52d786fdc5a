"""Molecules with the value that is learned, kept in the run's directory."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant.checkpoint import write_json
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.predicted import value_task
from assistant.evaluate.table import some
from assistant.evaluate.tasks.base import Example, Source
from assistant.specialist.domain import Domain
from assistant.train.numbers.graphs import PackedGraphs
from assistant.train.numbers.recipe import NumbersRecipe

_VALID = "valid"


@dataclass(frozen=True)
class Side:
    """Molecules with their values, (n,) float64."""

    graphs: PackedGraphs
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, rows: Sequence[Example]) -> "Side":
        """From a table's rows."""
        graphs = PackedGraphs.of([row.molecules[0] for row in rows])
        return cls(graphs, np.array([float(row.answer) for row in rows]))

    @classmethod
    def load(cls, directory: Path, name: str) -> "Side":
        """What `save` wrote."""
        values = np.load(directory / f"{name}_values.npy")
        return cls(PackedGraphs.load(directory / f"{name}.npz"), values)

    def save(self, directory: Path, name: str) -> None:
        """Writes them."""
        self.graphs.save(directory / f"{name}.npz")
        np.save(directory / f"{name}_values.npy", self.values)


@dataclass(frozen=True)
class NumbersData:
    """What a run learns from.

    Attributes:
        learned: Training rows.
        held_out: Some validation rows.
        domain: Which molecules are like those of the training rows.
        source: The table as the licences name it.
    """

    learned: Side
    held_out: Side
    domain: Domain
    source: str

    @cached_property
    def mean(self) -> float:
        """Of the training values."""
        return float(self.learned.values.mean())

    @cached_property
    def deviation(self) -> float:
        """Of the training values."""
        return float(self.learned.values.std())

    @classmethod
    def prepared(cls, recipe: NumbersRecipe, data: Path | None, directory: Path) -> "NumbersData":
        """Read where an earlier start kept them, else from the task's table.

        Raises:
            AssistantError: No data directory is named, or the table is missing or unusable.
        """
        note = directory / "data.json"
        if note.is_file():
            about = json.loads(note.read_text(encoding="utf-8"))
            sides = (Side.load(directory, name) for name in ("learned", "held_out"))
            return cls(*sides, Domain(**about["domain"]), about["source"])
        if data is None:
            raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
        found = cls._read(recipe, data)
        found.learned.save(directory, "learned")
        found.held_out.save(directory, "held_out")
        write_json(note, {"domain": found.domain.to_dict(), "source": found.source})
        return found

    @classmethod
    def _read(cls, recipe: NumbersRecipe, data: Path) -> "NumbersData":
        task = value_task(recipe.task)
        source = table_name(task.train)
        learned = task.load(task.train, None, data, split="train")
        valid = Source(task.train.path, _VALID, task.train.column)
        held_out = some(task.load(valid, None, data, split=_VALID), recipe.held_out, 0)
        domain = Domain.of(Molecule.parse(row.molecules[0]) for row in learned)
        return cls(Side.of(learned), Side.of(held_out), domain, source)


def table_name(source: Source | None) -> str:
    """A task's table as the licences name it, "qm9/qm9_homo".

    Raises:
        AssistantError: The task has no training rows.
    """
    if source is None:
        raise AssistantError("The task has no training rows; choose another.")
    return source.path.partition(".")[0]
