"""What the encoder is pre-trained on and how: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from assistant.graph.encoder import GraphEncoderConfig
from assistant.train.recipe_file import RecipeFile, check_keys, check_range, filled, linear


@dataclass(frozen=True)
class HeadSet:
    """A table whose columns become heads.

    Attributes:
        table: Below the data directory, without `.csv.gz`.
        kind: "value" for regression, "label" for 0 and 1.
        leave_out: Columns that are no targets, beside the structure and the split.
        share: How many times as often as its size alone would have it the table is read.
    """

    table: str
    kind: Literal["value", "label"]
    leave_out: tuple[str, ...] = ()
    share: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "leave_out", tuple(self.leave_out))
        if self.kind not in ("value", "label"):
            raise ValueError(f"kind {self.kind!r} of {self.table} is neither value nor label")
        if self.share <= 0:
            raise ValueError(f"share {self.share} of {self.table} must be positive")


@dataclass(frozen=True)
class PartWeights:
    """What each part of the loss counts."""

    atoms: float = 1.0
    bonds: float = 0.5
    descriptors: float = 1.0
    values: float = 1.0
    labels: float = 0.5

    def __post_init__(self) -> None:
        check_range(self, "atoms", "bonds", "descriptors", "values", "labels", low=0)


@dataclass(frozen=True)
class EncoderRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        steps: Optimiser steps, `batch` molecules each.
        masked: Share of the molecules that are shown masked; the others have no atom hidden.
        mask_rate: Share of the atoms, and of the bonds, of a masked molecule that is hidden.
        labelled: Share of the molecules that come from labelled tables.
        n_molecules: Unlabelled molecules drawn from the corpus; 0 takes all.
        held_out: Molecules of the training rows that the curve is measured on.
        licensed_only: Leaves out sources without a clear licence (`assistant.train.licences`).
    """

    steps: int = 10_000
    batch: int = 128
    lr: float = 1e-3
    warmup: float = 0.03
    masked: float = 0.5
    mask_rate: float = 0.15
    labelled: float = 0.5
    n_molecules: int = 0
    held_out: int = 1024
    seed: int = 1
    save_every_minutes: float = 3.0
    licensed_only: bool = False
    sizes: GraphEncoderConfig = field(default_factory=GraphEncoderConfig)
    weights: PartWeights = PartWeights()
    sets: tuple[HeadSet, ...] = field(default=())

    def __post_init__(self) -> None:
        check_range(self, "masked", "mask_rate", "labelled", "warmup", low=0, high=1)
        check_range(self, "n_molecules", "seed", "save_every_minutes", low=0)
        if min(self.steps, self.batch) < 1 or self.lr <= 0 or self.held_out < 1:
            raise ValueError(
                f"steps {self.steps}, batch {self.batch}, held_out {self.held_out} or lr {self.lr}"
                " must be positive"
            )
        if self.sizes.columns != "ogb":
            raise ValueError("only graphs with all of OGB's columns can be masked")

    def factor(self, step: int) -> float:
        """Share of the learning rate at a step."""
        return linear(step / self.steps, self.warmup, 0.01)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "EncoderRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        given = dict(values)
        check_keys(given, cls)
        parts: dict[str, Any] = {}
        for name, kind in (("sizes", GraphEncoderConfig), ("weights", PartWeights)):
            if name in given:
                parts[name] = filled(kind, given.pop(name), f"[{name}]")
        sets = given.pop("sets", [])
        parts["sets"] = tuple(filled(HeadSet, entry, "[[sets]]") for entry in sets)
        return cls(**given, **parts)
