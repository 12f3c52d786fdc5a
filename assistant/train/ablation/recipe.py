"""What is compared and how: one TOML file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from assistant.train.recipe_file import RecipeFile, check_keys, linear

GraphSource = Literal["none", "own", "same"]


@dataclass(frozen=True)
class AblationArm:
    """What is trained beside the frozen language model. Every arm shows the SMILES.

    Attributes:
        graph: Graph tokens of the molecule, none, or as many learned tokens that are the same for
            all molecules (seven different ones): what trained tokens alone are worth.
        lora: An ordinary LoRA of every token.
        reads: Its graph encoder is its own and trained, too, before the rest: with the projector,
            by a linear head on the value that is asked for (`ablation.reading`).
        generator: Instance LoRA (MoRA).
        experts: One LoRA per task, trained apart, then mixed by an X-LoRA gate.
        rank: Of its ΔW; None: the recipe's.
        every: Of the layers one has ΔW; None: as the recipe says.
        turns: Questions of a training conversation, each about a molecule of its own.
        beside: The arm that it is held against: what it is a variant of, or is without experts.
    """

    name: str
    graph: GraphSource = "none"
    lora: bool = False
    reads: bool = False
    generator: bool = False
    experts: bool = False
    rank: int | None = None
    every: int | None = None
    turns: int = 1
    beside: str = ""

    @property
    def n_parts(self) -> int:
        """Parts that share the trainable parameters."""
        return (self.graph != "none") + self.lora + self.generator + self.experts

    @property
    def sees_the_graph(self) -> bool:
        """Whether another molecule's graph would change anything."""
        return self.graph == "own" or self.generator


ARMS: Mapping[str, AblationArm] = {
    arm.name: arm
    for arm in (
        AblationArm("text", graph="same"),
        AblationArm("lora", lora=True),
        AblationArm("graph", graph="own"),
        AblationArm("mora", generator=True),
        AblationArm("graph+mora", graph="own", generator=True),
        AblationArm("graph+lora", graph="own", lora=True),
        AblationArm("read+lora", graph="own", lora=True, reads=True),
        AblationArm("experts", experts=True),
        AblationArm(
            "graph+mora+experts", graph="own", generator=True, experts=True, beside="graph+mora"
        ),
        AblationArm("mora-rank2", generator=True, rank=2, beside="mora"),
        AblationArm("mora-rank32", generator=True, rank=32, beside="mora"),
        AblationArm("mora-every1", generator=True, every=1, beside="mora"),
        AblationArm("mora-every3", generator=True, every=3, beside="mora"),
        AblationArm("graph-multiturn", graph="own", turns=3, beside="graph"),
    )
}
MAIN_ARMS = ("text", "lora", "graph", "mora", "graph+mora", "experts", "graph+mora+experts")
"""What the parts are worth; the others vary one of them."""


@dataclass(frozen=True)
class AblationRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        tasks: Tasks of `assistant.evaluate.run`, about one molecule or a pair.
        arms: Names of `ARMS`.
        seeds: Of the trained weights and of the order of the data; every arm has the same data.
        steps: Of each arm, `batch` questions each (in conversations of several the next lower
            number of whole ones).
        lr: Highest learning rate; lr_generator: that of the generator, whose weights act through
            others that it writes (null: the same).
        parameters: Trainable ones of each arm; sizes are chosen to come near.
        expert_share: Share of the steps that train the experts, before the gate.
        card: Whether the fact card is shown, in training and in measuring.
        short: Whether the base's specialist is asked, in the fewest words (`ablation.short`). Then
            tasks have a number as answer, and a molecule has a graph token for each level.
        read_share: Share of the steps that train an encoder, in the arms that have their own;
            read_batch: rows of such a step; read_lr: highest learning rate; read_width and
            read_layers: of the encoder.
        second_turn: Whether every question is also put behind an answered one about another
            molecule.
        rank: Of each ΔW; every: of the layers has one.
        b_std: Deviation of the generator's B at the start.
        n_train: Training rows of each task, drawn at random; 0 takes all.
        n_test: Test rows of each task, drawn at random.
    """

    tasks: tuple[str, ...] = ("property:homo", "caption")
    arms: tuple[str, ...] = MAIN_ARMS
    seeds: tuple[int, ...] = (1, 2, 3)
    steps: int = 600
    batch: int = 16
    sequence: int = 512
    lr: float = 1e-3
    lr_generator: float | None = None
    warmup: float = 0.05
    parameters: int = 2_500_000
    expert_share: float = 0.5
    card: bool = False
    short: bool = False
    read_share: float = 0.45
    read_batch: int = 256
    read_lr: float = 2e-3
    read_width: int = 192
    read_layers: int = 5
    second_turn: bool = False
    rank: int = 8
    every: int = 2
    b_std: float = 0.02
    n_train: int = 0
    n_test: int = 200
    save_every_minutes: float = 3.0

    def __post_init__(self) -> None:
        for name in ("tasks", "arms", "seeds"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if not getattr(self, name):
                raise ValueError(f"{name} is empty")
        unknown = sorted(set(self.arms) - set(ARMS))
        if unknown:
            raise ValueError(f"unknown arms {', '.join(unknown)}; known are {', '.join(ARMS)}")
        if min(self.steps, self.batch, self.parameters, self.n_test, self.rank) < 1:
            raise ValueError("steps, batch, parameters, n_test and rank must be positive")
        if self.short:
            self._check_short()
        elif reading := [name for name in self.arms if ARMS[name].reads]:
            raise ValueError(f"arm {reading[0]} is asked in the fewest words; set short = true")
        if not 0 < self.read_share < 1:
            raise ValueError(f"read_share {self.read_share} is not between 0 and 1")
        if not 0 < self.expert_share < 1:
            raise ValueError(f"expert_share {self.expert_share} is not between 0 and 1")

    def _check_short(self) -> None:
        if self.card or self.second_turn:
            raise ValueError("short questions have neither a card nor a second turn")
        if len(self.tasks) > 1 and any(ARMS[name].reads for name in self.arms):
            raise ValueError("an arm with an encoder of its own has one task")
        other = [n for n in self.arms if ARMS[n].experts or ARMS[n].turns > 1]
        if other:
            raise ValueError(f"arm {other[0]} is not asked in the fewest words; set short = false")

    def factor(self, step: int, n_steps: int) -> float:
        """Share of the learning rate at a step."""
        return linear(step / n_steps, self.warmup, 0.02)

    @property
    def settings(self) -> dict[str, Any]:
        """What a run is held to; what recipes of before did not have is there where it is used."""
        return {k: v for k, v in asdict(self).items() if k not in _LATER or v != _LATER[k]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "AblationRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        return cls(**values)


_LATER = {
    field.name: field.default
    for field in fields(AblationRecipe)
    if field.name == "short" or field.name.startswith("read_")
}
"""Settings that came later, and what they were as it were before."""
