"""The variants of reading a graph, and how they are trained: one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assistant.train.recipe_file import RecipeFile, check_keys, filled, linear

Choice = Literal["all", "last", "first", "skip", "mean"]
Kind = Literal["queries", "mlp", "resampler"]


@dataclass(frozen=True)
class Variant:
    """One way to make graph tokens of the encoder's levels.

    Attributes:
        name: As in the tables.
        kind: LLaMo's queries with an attention per level, linear maps on the means over the atoms,
            or a Q-Former whose queries look at the atoms of all levels at once.
        levels: Which levels are read. The queries keep their number, their attention blocks and so
            their parameters, and read the chosen levels again and again; "mean" is the mean of all
            levels.
        motifs: Whether there are motif tokens.
        shared: Whether the levels share one attention block.
        short: Only the queries of as many levels as are read, instead of reading them again.
    """

    name: str
    kind: Kind = "queries"
    levels: Choice = "all"
    motifs: bool = True
    shared: bool = False
    short: bool = False


BASELINE = "all"
VARIANTS: Mapping[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(BASELINE),
        Variant("last", levels="last"),
        Variant("first", levels="first"),
        Variant("mean", levels="mean"),
        Variant("skip", levels="skip"),
        Variant("last, short", levels="last", short=True),
        Variant("no motifs", motifs=False),
        Variant("shared attention", shared=True),
        Variant("mlp, first", kind="mlp", levels="first", motifs=False),
        Variant("mlp, last", kind="mlp", levels="last", motifs=False),
        Variant("mlp, all", kind="mlp", motifs=False),
        Variant("q-former", kind="resampler", motifs=False),
    )
}


def levels_read(choice: Choice, n_levels: int) -> list[int]:
    """Which of the levels 0 … n - 1 a choice reads; "skip" is every second, the last among them."""
    everything = list(range(n_levels))
    picked = {"last": everything[-1:], "first": everything[:1], "skip": everything[::-2][::-1]}
    return picked.get(choice, everything)


@dataclass(frozen=True)
class Question:
    """A task of `assistant.evaluate.run` about a value of one molecule.

    Attributes:
        task: Its name.
        steps: Optimiser steps of every variant.
        n_train: Training rows, drawn at random; 0 takes all.
        n_test: Test rows, drawn at random; 0 takes all.
    """

    task: str
    steps: int = 400
    n_train: int = 0
    n_test: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or min(self.n_train, self.n_test) < 0:
            raise ValueError(
                f"{self.task}: steps {self.steps}, n_train {self.n_train} and n_test {self.n_test}"
                " must not be negative, and there must be a step"
            )


@dataclass(frozen=True)
class ReadoutRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        questions: What the tokens are asked for, each trained apart.
        variants: Names of `VARIANTS`, the baseline among them.
        beside: Those that are also trained on the other encoders: the shipped one, random weights.
        seeds: Of the weights and of the order of the rows, which is the same for all variants.
        batch: Molecules a step.
        d_token: Width of the graph tokens.
        lr: Of AdamW at its highest, for all variants.
        warmup: Share of the steps in which it rises; then it falls linearly.
        n_smoothed: Test molecules of each task whose atoms are compared, level by level.
        ranks, every: Of the generators of instance LoRA that are counted and timed.
    """

    questions: tuple[Question, ...]
    variants: tuple[str, ...] = tuple(VARIANTS)
    beside: tuple[str, ...] = (BASELINE, "last")
    seeds: tuple[int, ...] = (1, 2, 3)
    batch: int = 32
    d_token: int = 512
    lr: float = 1e-3
    warmup: float = 0.05
    n_smoothed: int = 1000
    ranks: tuple[int, ...] = (4, 8, 32, 64)
    every: tuple[int, ...] = (1, 2, 4)
    save_every_minutes: float = 2.0

    def __post_init__(self) -> None:
        for name in ("questions", "variants", "beside", "seeds", "ranks", "every"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if not getattr(self, name) and name != "beside":
                raise ValueError(f"{name} is empty")
        unknown = sorted({*self.variants, *self.beside} - set(VARIANTS))
        if unknown:
            raise ValueError(
                f"unknown variants {'; '.join(unknown)}. Known are {'; '.join(VARIANTS)}"
            )
        for name in ("variants", "beside"):
            if getattr(self, name) and BASELINE not in getattr(self, name):
                raise ValueError(
                    f"{name} must hold {BASELINE!r}, which the others are compared with"
                )
        if min(self.batch, self.d_token, self.n_smoothed) < 1 or self.lr <= 0:
            raise ValueError("batch, d_token, n_smoothed and lr must be positive")

    def factor(self, step: int, n_steps: int) -> float:
        """Share of the learning rate at a step."""
        return linear(step / n_steps, self.warmup, 0.02)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ReadoutRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        given = dict(values)
        asked = tuple(filled(Question, q, "[[questions]]") for q in given.pop("questions", []))
        return cls(questions=asked, **given)
