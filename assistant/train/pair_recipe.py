"""What `assistant.train.pairs` trains and how: one TOML file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.chem.pairs import pair_task
from assistant.chem.views import check_views
from assistant.graph.pairs.alignment import AlignmentConfig
from assistant.graph.pairs.encoders1d import Encoder1DConfig
from assistant.graph.pairs.encoders2d import Encoder2DConfig
from assistant.graph.pairs.interactions import InteractionConfig
from assistant.graph.pairs.model import PairConfig
from assistant.train.pair_tables import TableSource
from assistant.train.recipe_file import RecipeFile, check_range, filled


@dataclass(frozen=True)
class Sizes:
    """The pair model: names of its registries and widths.

    Attributes:
        encoder: The 2D encoder; "" without.
        n_layers: Its rounds.
        d_model: Width of its atoms, of tokens and of the interaction.
        views: Views of the 1D encoder; none without.
        view_width: Width of its state.
        view_dropout: On its state.
        alignment: From atoms to tokens.
        n_tokens: Tokens.
        interaction: Of the tokens of both molecules.
        rank: Of the bilinear fusion.
        hidden: Width of the head.
        dropout: In the 2D encoder and in the head.
        additive: Views of a part that is linear in them; none without.
        strength: Of the penalty on that part's weights (ridge regression).
    """

    encoder: str = "gin"
    n_layers: int = 4
    d_model: int = 128
    views: tuple[str, ...] = ()
    view_width: int = 256
    view_dropout: float = 0.0
    alignment: str = "mlp"
    n_tokens: int = 4
    interaction: str = "gated_fusion"
    rank: int = 128
    hidden: int = 128
    dropout: float = 0.0
    additive: tuple[str, ...] = ()
    strength: float = 10.0

    def __post_init__(self) -> None:
        for name in ("views", "additive"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_views((*self.views, *self.additive))
        check_range(self, "strength", low=0)

    def pair_config(self) -> PairConfig:
        """The pair model's own configuration; the head reads tokens of the same width."""
        return PairConfig(
            d_llm=self.d_model,
            d_model=self.d_model,
            encoder_2d=Encoder2DConfig(
                self.encoder, self.d_model, self.n_layers, dropout=self.dropout
            )
            if self.encoder
            else None,
            encoder_1d=Encoder1DConfig(self.views, self.view_width, self.view_dropout)
            if self.views
            else None,
            alignment=AlignmentConfig(self.alignment, self.n_tokens),
            interaction=InteractionConfig(self.interaction, rank=self.rank),
        )


@dataclass(frozen=True)
class Descriptors:
    """Training before the pairs: the encoder learns what RDKit computes of single molecules.

    Attributes:
        path: Table of structures, below the data directory.
        n_molecules: So many of at most `max_atoms` heavy atoms, drawn by the seed.
        epochs: Times each is seen; 0 leaves this out.
    """

    path: str = "smiles_corpus/smiles.csv.gz"
    n_molecules: int = 20_000
    max_atoms: int = 20
    epochs: float = 0.0
    batch: int = 256
    lr: float = 1e-3


@dataclass(frozen=True)
class PairRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        name: Of the component's directory.
        tasks: Pair tasks with the same roles; the first decides which weights are kept.
        source: The table.
        logarithmic: Tasks whose decimal logarithm is learned.
        epochs: Times each training row is seen (drugs: steps of `batch` drugs, as many epochs of
            all drugs).
        batch: First molecules per step, each with all of its rows; drugs per step, with all pairs
            among them; rows per step with `by_rows`.
        by_rows: Steps take rows at random. Rows of one molecule say much the same, so that a step
            learns more from rows apart; where a graph is encoded it also costs more.
        max_pairs: Pairs per step at most, drawn anew each step.
        lr: Highest learning rate: warm-up over a twentieth, then a cosine to a hundredth.
        restarts: Epochs after which that begins again (Loshchilov and Hutter 2017, SGDR), so that a
            finished run can go on.
        ema: Decay of the running mean of the weights, which is what is kept.
        check_every: Epochs between looks at the validation rows.
        licence: Where the data come from and under which terms; goes into the card.
        shipped: Whether the weights, and the values, may be part of a bundle that is given away.
        known_shipped: Whether the training values may lie beside the weights.
        remarks: What the card says below the figures, a sentence each.
    """

    name: str
    tasks: tuple[str, ...]
    source: TableSource
    sizes: Sizes = Sizes()
    descriptors: Descriptors = Descriptors()
    logarithmic: tuple[str, ...] = ()
    epochs: int = 60
    batch: int = 64
    by_rows: bool = False
    max_pairs: int = 4096
    lr: float = 1e-3
    restarts: tuple[int, ...] = ()
    weight_decay: float = 0.01
    ema: float = 0.998
    check_every: int = 5
    seed: int = 0
    licence: str = ""
    shipped: bool = True
    known_shipped: bool = False
    task_weights: dict[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tasks", "logarithmic", "restarts", "remarks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, kind in (("source", TableSource), ("sizes", Sizes), ("descriptors", Descriptors)):
            value: Any = getattr(self, name)
            if isinstance(value, dict):
                object.__setattr__(self, name, filled(kind, value, f"[{name}]"))
        if not self.tasks:
            raise ValueError("tasks is empty; name one pair task or more")
        for task in self.tasks:
            pair_task(task)
        for name, used in (("logarithmic", self.logarithmic), ("task_weights", self.task_weights)):
            if other := sorted(set(used) - set(self.tasks)):
                raise ValueError(f"{name} names {', '.join(other)}, not among tasks")
        if Path(self.name).name != self.name:
            raise ValueError(f"name {self.name!r} is that of a directory; write one word")
        check_range(self, "ema", low=0, high=1)
        check_range(self, "max_pairs", low=1)
        check_range(self, "seed", "weight_decay", low=0)
        missing = sorted(set(self.tasks) - set(self.source.columns))
        if missing:
            raise ValueError(f"source.columns names no column for {', '.join(missing)}")
        if min(self.epochs, self.batch, self.check_every) < 1 or self.lr <= 0:
            raise ValueError(
                f"epochs {self.epochs}, batch {self.batch}, check_every {self.check_every} and lr"
                f" {self.lr} must be positive"
            )
        if self.descriptors.epochs and not self.sizes.encoder:
            raise ValueError("[descriptors] trains a 2D encoder, but sizes.encoder is empty")

    def rate(self, epochs_done: float) -> float:
        """The learning rate after so many epochs, parts of them included."""
        ends = [*sorted(self.restarts), self.epochs]
        end = next((e for e in ends if epochs_done < e), self.epochs)
        begin = max([0, *(e for e in ends if e <= epochs_done and e < end)])
        done = (epochs_done - begin) / (end - begin)
        warm = min(1.0, (done + 1e-3) / 0.05)
        return self.lr * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))

    @property
    def is_symmetric(self) -> bool:
        """Whether both molecules play the same role."""
        return pair_task(self.tasks[0]).is_symmetric

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PairRecipe":
        """From TOML's values; unknown keys, and what no pair model can be, raise ValueError."""
        recipe = filled(cls, values, "the recipe")
        recipe.sizes.pair_config()
        return recipe
