"""What a specialist learns, and how: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.chat.short_tasks import SHORT_TASKS
from assistant.train.model import ModelSizes
from assistant.train.recipe_file import RecipeFile, check_keys, filled
from assistant.train.sources.registry import Source


@dataclass(frozen=True)
class TaskTables:
    """Where a task's questions and answers are read.

    Attributes:
        name: One of `SHORT_TASKS`.
        share: Of the tokens, beside the shares of the other tasks.
        data: Tables, below the data directory.
    """

    name: str
    share: float
    data: tuple[Source, ...]

    def __post_init__(self) -> None:
        if self.name not in SHORT_TASKS:
            raise ValueError(f"task {self.name!r} is none of {', '.join(SHORT_TASKS)}")
        if self.share <= 0 or not self.data:
            raise ValueError(f"task {self.name} needs a positive share and data")


@dataclass(frozen=True)
class SpecialistRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        tasks: What is learned.
        sizes: Shape of the language model; the vocabulary is as large as SMILES need at most.
        minutes: Of training.
        lr_matrix: Highest learning rate of the body's matrices (Muon); lr_other: of the rest.
        lr_head: Of the output head.
        adam_eps: Of AdamW.
        warmup: Share of the training until the rates are reached; cooldown: share in which they
            fall to zero.
        quantised_from: Share of the training after which it computes with NF4 values.
        tokens_per_step: Padded size of a batch.
        sequence: Longest example in tokens; longer ones are passed over.
        spellings: Examples that are made of a reaction each time it is drawn.
        held_out: Reactions of each task that are kept out and measured.
    """

    tasks: tuple[TaskTables, ...]
    sizes: ModelSizes = field(default_factory=ModelSizes)
    minutes: float = 8.0
    lr_matrix: float = 0.02
    lr_other: float = 3e-3
    lr_head: float = 1e-3
    adam_eps: float = 1e-5
    warmup: float = 0.02
    cooldown: float = 0.7
    quantised_from: float = 0.75
    tokens_per_step: int = 65536
    sequence: int = 384
    spellings: int = 3
    held_out: int = 256
    seed: int = 1
    save_every_minutes: float = 2.5

    def __post_init__(self) -> None:
        if not self.tasks or len({task.name for task in self.tasks}) < len(self.tasks):
            raise ValueError("tasks must be at least one, each named once")
        positive = ("minutes", "lr_matrix", "lr_other", "lr_head", "tokens_per_step", "spellings")
        if low := [name for name in positive if getattr(self, name) <= 0]:
            raise ValueError(f"{', '.join(low)} must be positive")
        if not 64 <= self.sequence <= self.sizes.context:
            raise ValueError(
                f"sequence {self.sequence} must be at least 64 and no longer than the context"
                f" ({self.sizes.context})"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SpecialistRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        given = dict(values)
        given["tasks"] = tuple(_tables(entry) for entry in given.get("tasks", ()))
        if "sizes" in given:
            given["sizes"] = filled(ModelSizes, given["sizes"], "[sizes]")
        return cls(**given)


def _tables(values: Mapping[str, Any]) -> TaskTables:
    check_keys(values, TaskTables, f"task {values.get('name', '')!r}")
    data = []
    for entry in values.get("data", ()):
        check_keys(entry, Source, "a source")
        data.append(Source(**entry | {"path": Path(entry["path"])}))
    return TaskTables(**{**values, "data": tuple(data)})
