"""From which reactions templates are found, and how they are learned: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.chat.short_tasks import SHORT_TASKS
from assistant.train.recipe_file import RecipeFile, check_keys
from assistant.train.sources.reading import source_of
from assistant.train.sources.registry import Source


@dataclass(frozen=True)
class TemplateTables:
    """Of one task.

    Attributes:
        name: One of `SHORT_TASKS`.
        data: Tables whose templates are learned, below the data directory.
        weighed: Tables on which templates are weighed against the language model; none of `data`.
    """

    name: str
    data: tuple[Source, ...]
    weighed: tuple[Source, ...]

    def __post_init__(self) -> None:
        if self.name not in SHORT_TASKS:
            raise ValueError(f"task {self.name!r} is none of {', '.join(SHORT_TASKS)}")
        if not self.data or not self.weighed:
            raise ValueError(f"task {self.name} needs tables for data and for weighed")


@dataclass(frozen=True)
class TemplatesRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        tasks: What is learned.
        least: Reactions that a template must be found in.
        width: Of the classifier's hidden layers.
        n_bits: Length of a fingerprint.
        radius: Of its substructures, in bonds.
        epochs: Passes over the reactions.
        batch: Reactions of a step.
        lr: Highest learning rate (AdamW); it falls to zero.
        weight_decay: Of AdamW.
        smoothing: Share of a label that is given to all templates alike.
        held_out: Reactions of each task that the classifier is measured on.
        weighed: Most reactions that templates and language model are weighed on.
    """

    tasks: tuple[TemplateTables, ...]
    least: int = 2
    width: int = 256
    n_bits: int = 2048
    radius: int = 2
    epochs: int = 10
    batch: int = 256
    lr: float = 1.5e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    held_out: int = 1000
    weighed: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.tasks or len({task.name for task in self.tasks}) < len(self.tasks):
            raise ValueError("tasks must be at least one, each named once")
        positive = ("least", "width", "n_bits", "epochs", "batch", "lr", "held_out", "weighed")
        if low := [name for name in positive if getattr(self, name) <= 0]:
            raise ValueError(f"{', '.join(low)} must be positive")
        if not 0 <= self.smoothing < 1 or self.radius < 0 or self.weight_decay < 0:
            raise ValueError("smoothing, radius and weight_decay must not be negative")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TemplatesRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        tasks = tuple(_tables(entry) for entry in values.get("tasks", ()))
        return cls(**{**values, "tasks": tasks})


def _tables(values: Mapping[str, Any]) -> TemplateTables:
    where = f"task {values.get('name', '')!r}"
    check_keys(values, TemplateTables, where)
    tables = {
        key: tuple(source_of(entry, where) for entry in values.get(key, ()))
        for key in ("data", "weighed")
    }
    return TemplateTables(values.get("name", ""), **tables)
