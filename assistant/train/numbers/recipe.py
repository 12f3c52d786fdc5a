"""What is learned of a number, and how: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.chat.short_values import SHORT_VALUES
from assistant.train.recipe_file import RecipeFile, check_keys, check_range


@dataclass(frozen=True)
class NumbersRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        name: One of `SHORT_VALUES`.
        task: The value task whose training and validation rows are read ("property:homo").
        d_model: Width of the graph encoder; n_layers: its layers.
        n_heads: Of the projector's attention, which all levels share; n_queries: graph tokens of
            each level.
        read_epochs: How often stage 1 reads every training row.
        read_batch: Molecules of its steps; read_lr: its highest learning rate.
        weight_decay: Of stage 1.
        write_epochs: The same of stage 2; write_batch, write_lr likewise.
        rank: Of the LoRA on the language model's attention; alpha: its scale times rank.
        warmup: Share of each stage in which the rate rises; then it falls along a cosine.
        held_out: Validation rows that are measured.
    """

    name: str
    task: str
    d_model: int = 192
    n_layers: int = 5
    n_heads: int = 4
    n_queries: int = 1
    read_epochs: float = 12.0
    read_batch: int = 256
    read_lr: float = 2e-3
    weight_decay: float = 1e-2
    write_epochs: float = 3.0
    write_batch: int = 64
    write_lr: float = 3e-3
    rank: int = 8
    alpha: float = 16.0
    warmup: float = 0.1
    held_out: int = 2000
    seed: int = 1
    save_every_minutes: float = 2.5

    def __post_init__(self) -> None:
        if self.name not in SHORT_VALUES:
            raise ValueError(f"name {self.name!r} is none of {', '.join(SHORT_VALUES)}")
        sizes = ("d_model", "n_layers", "n_heads", "n_queries", "rank", "held_out")
        check_range(self, *sizes, "read_batch", "write_batch", low=1)
        check_range(self, "read_epochs", "write_epochs", "read_lr", "write_lr", low=1e-9)
        check_range(self, "weight_decay", "save_every_minutes", low=0.0)
        check_range(self, "warmup", low=0.0, high=0.9)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NumbersRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        return cls(**values)
