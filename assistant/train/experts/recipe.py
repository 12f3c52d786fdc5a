"""Which experts are trained, on what, and how the gate learns to mix them: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.train.adapt.recipe import LoraRecipe, ShownRates, asked_alike
from assistant.train.recipe_file import RecipeFile, check_keys, check_range, filled, linear
from assistant.train.sources.registry import Source

_IN_NAMES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


NOTHING_LEFT_OUT = ShownRates(card=0.0, line=0.0, smiles=0.0, graph=0.0)


@dataclass(frozen=True)
class ExpertRecipe:
    """One expert: a family of tasks.

    Attributes:
        name: Lower-case letters, digits and dashes; it is a directory too.
        data: Tables, below the data directory; the pages of `Source` say which rows are taken.
        written: So many conversations beside them, written about `ExpertsRecipe.molecules`.
        steps: Optimiser steps.
        rates: What is left out of the molecules' blocks. Written conversations state values of the
            whole card, so a family that has some leaves nothing out.
        quoted: Share of the conversations that quote captions of similar molecules, where an index
            is given: a describing expert learns to go on from them.
    """

    name: str
    data: tuple[Source, ...] = ()
    written: int = 0
    steps: int = 500
    rates: ShownRates = field(default_factory=ShownRates)
    quoted: float = 0.0

    def __post_init__(self) -> None:
        if not self.name or set(self.name) - _IN_NAMES:
            raise ValueError(f"expert {self.name!r} needs a name of a-z, 0-9 and dashes")
        if not self.data and not self.written:
            raise ValueError(f"expert {self.name} has no data and no written conversations")
        if self.steps < 1 or self.written < 0:
            raise ValueError(f"expert {self.name}: steps must be positive, written not negative")
        if not 0 <= self.quoted <= 1:
            raise ValueError(f"expert {self.name}: quoted {self.quoted} is not in 0…1")
        if self.written and self.rates != NOTHING_LEFT_OUT:
            raise ValueError(
                f"expert {self.name} has written conversations, which state values of the whole"
                " card; its rates must all be 0"
            )


@dataclass(frozen=True)
class ExpertsRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        experts: In the order of the gate's columns; at least two.
        gate_steps: Steps that train the gate alone, on all families in turn.
        molecules: Table with the columns smiles and name, that conversations are written about.
        sequence: Longest conversation in tokens; what is behind is not learned.
        batch: Conversations per step.
        micro_tokens: Padded size of what goes through the model at once.
        lr: Highest learning rate of an expert; gate_lr: of the gate.
        warmup: Share of a phase until that is reached.
        held_out: Records of each family that are kept out and measured.
    """

    experts: tuple[ExpertRecipe, ...]
    gate_steps: int = 200
    molecules: Path = Path("captions_train_pool/train_pool.csv.gz")
    sequence: int = 512
    batch: int = 16
    micro_tokens: int = 8192
    lr: float = 1e-3
    gate_lr: float = 1e-3
    warmup: float = 0.05
    lora: LoraRecipe = field(
        default_factory=lambda: LoraRecipe(rank=16, alpha=32.0, targets="qkvo")
    )
    seed: int = 1
    held_out: int = 64
    save_every_minutes: float = 3.0

    def __post_init__(self) -> None:
        names = [expert.name for expert in self.experts]
        if len(set(names)) != len(names) or len(names) < 2:
            raise ValueError(f"at least two experts of different names are needed, not {names}")
        if min(self.gate_steps, self.batch, self.held_out, self.micro_tokens) < 1:
            raise ValueError("gate_steps, batch, held_out and micro_tokens must be positive")
        check_range(self, "warmup", low=0, high=1)
        check_range(self, "seed", "save_every_minutes", low=0)
        if self.sequence < 64:
            raise ValueError(f"sequence {self.sequence} must be at least 64")
        if self.lr <= 0 or self.gate_lr <= 0:
            raise ValueError(f"lr {self.lr} and gate_lr {self.gate_lr} must be positive")

    def factor(self, step: int, n_steps: int) -> float:
        """Share of the learning rate at a step of a phase."""
        return linear(step / n_steps, self.warmup, 0.02)

    def files(self) -> list[Source]:
        """Every table that is read, once."""
        return list(dict.fromkeys(source for expert in self.experts for source in expert.data))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ExpertsRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        given = dict(values)
        given["experts"] = tuple(_expert(entry) for entry in given.get("experts", ()))
        if "lora" in given:
            given["lora"] = filled(LoraRecipe, given["lora"], "[lora]")
        if "molecules" in given:
            given["molecules"] = Path(given["molecules"])
        return cls(**given)


def _expert(values: Mapping[str, Any]) -> ExpertRecipe:
    return asked_alike(ExpertRecipe, values, f"expert {values.get('name', '')!r}")
