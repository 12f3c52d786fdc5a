"""How the generator of instance LoRA is trained on a base run: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assistant.train.recipe_file import RecipeFile, check_keys, filled, linear
from assistant.train.view import Rates


@dataclass(frozen=True)
class GeneratorRecipe(RecipeFile):
    """One TOML file; `minutes` of training."""

    rates: Rates
    minutes: float = 12.0
    tokens_per_step: int = 6144
    lr: float = 2e-3
    warmup: float = 0.05
    rank: int = 8
    alpha: float = 16.0
    d_model: int = 128
    n_blocks: int = 2
    n_site_blocks: int = 0
    kinds: str = "qkvom"
    every: int = 2
    tiny: float = 0.0
    """Share of tiny dialogues: most of their loss is on what only ΔW can tell."""
    task_share: float = 0.0
    """Share of the examples that are questions of the base run's tasks, where it has some."""
    b_std: float = 0.0
    """Standard deviation of B at the start. With B = 0 the first steps train B alone, which all
    molecules share; what differs between molecules gets no gradient before that has settled."""
    n_molecules: int = 20000
    seed: int = 2
    held_out_batches: int = 8
    record_every: int = 10

    def factor(self, progress: float) -> float:
        """Share of the learning rate at `progress` in [0, 1]."""
        return linear(progress, self.warmup, 0.02)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GeneratorRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        given = dict(values)
        rates = filled(Rates, given.pop("rates", {}), "[rates]")
        check_keys(given, cls)
        return cls(rates, **given)
