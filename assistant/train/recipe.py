"""What a base run trains and how: one TOML file, and the learning rate over its time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.train.encode import LossWeights
from assistant.train.model import ModelSizes
from assistant.train.recipe_file import RecipeFile, check_keys, filled
from assistant.train.task_mix import TaskFamily, family_of
from assistant.train.view import Rates


@dataclass(frozen=True)
class Recipe(RecipeFile):
    """One TOML file. Times are minutes of training, sizes are tokens."""

    sizes: ModelSizes
    rates: Rates
    loss: LossWeights
    minutes: float = 60.0
    tokens_per_step: int = 8192
    lr_matrix: float = 0.02
    lr_other: float = 3e-3
    lr_head: float = 1e-3
    lr_graph: float = 1e-3
    adam_eps: float = 1e-5
    warmup: float = 0.02
    cooldown: float = 0.6
    quantised_from: float = 0.75
    tiny_until: float = 0.3
    short_until: float = 0.5
    short_at_end: float = 0.1
    text_share: float = 0.0
    text_length: int = 512
    task_share: float = 0.0
    """Share of the examples that are questions of `tasks`."""
    tasks: tuple[TaskFamily, ...] = field(default=())
    retrieval: str = ""
    """Index of `python -m assistant.retrieval`, for tasks that quote captions."""
    n_molecules: int = 30000
    tokenizer_dialogues: int = 12000
    seed: int = 1
    save_every_minutes: float = 4.0
    start: str = ""
    """Directory of a finished run whose model, tokenizer and molecules this one goes on from, with
    its own schedule. `seed` and `n_molecules` must be the same."""
    encoder: str = ""
    """A pre-trained graph encoder (`assistant.train.encoder`), also in place of the start's."""
    licensed_only: bool = False
    """Leaves out sources without a clear licence (`assistant.train.licences`)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        names = [family.name for family in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks need different names, not {', '.join(names)}")
        for name in ("text_share", "task_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} is not in 0…1")
        if self.text_share + self.task_share > 1:
            raise ValueError("text_share and task_share are more than 1 together")
        if bool(self.tasks) != (self.task_share > 0):
            raise ValueError("task_share and [[tasks]] need each other")
        if not self.retrieval and any(family.quoted for family in self.tasks):
            raise ValueError("tasks that quote captions need an index: set retrieval")

    @property
    def answered(self) -> tuple[str, ...]:
        """Topics that the dialogues do not decline, for the tasks answer them."""
        return tuple(topic for family in self.tasks for topic in family.answers)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """From TOML's values; unknown keys raise ValueError."""
        given = dict(values)
        kinds = {"sizes": ModelSizes, "rates": Rates, "loss": LossWeights}
        parts = {
            name: filled(kind, given.pop(name, {}), f"[{name}]") for name, kind in kinds.items()
        }
        check_keys(given, cls)
        parts["tasks"] = tuple(family_of(entry) for entry in given.pop("tasks", ()))
        return cls(**given, **parts)


class Schedule:
    """Learning-rate factor over training progress: warm-up, flat, linear cool-down to zero.

    Args:
        warmup: Share of the training in which it rises.
        cooldown: Share in which it falls.
    """

    def __init__(self, warmup: float, cooldown: float) -> None:
        self.warmup, self.cooldown = warmup, cooldown

    def factor(self, progress: float) -> float:
        """Factor at `progress` in [0, 1]."""
        if progress < self.warmup:
            return max(progress / self.warmup, 0.02)
        return min(1.0, max(0.0, (1.0 - progress) / self.cooldown))
