"""The pair model with a head of its own: two molecules in, one number per task out, no LLM.

    x1, x2 (k, d) ─► interaction tokens (k, d_llm) ─► flat, BatchNorm, Linear, GELU, Linear ─► z
    value = mean + scale · z   (10^ of it where the quantity is logarithmic);  score = sigmoid(z)

Each molecule is encoded once per role (`blocks`) and mixed with as many partners as wanted. What it
gives is a regression or classification head's number, not an answer of the language model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from assistant.chem.pairs import PairTask, pair_task
from assistant.graph.pairs.model import MoleculeTensors, PairConfig, PairModel

PAIR_HEAD_COMPONENT = "pair_head"


@dataclass(frozen=True)
class PairHeadConfig:
    """A pair model with a head.

    Attributes:
        model: The pair model; its `d_llm` is the width of the tokens that the head reads.
        tasks: Names of pair tasks with the same roles, one output each.
        means: Per task, of the training values (of their decimal logarithm, if so); 0 for yes/no.
        scales: Per task, their standard deviation; 1 for yes/no.
        logarithmic: Per task, whether the head gives the decimal logarithm of the value.
        hidden: Width of the head.
        dropout: In the head.
    """

    model: PairConfig
    tasks: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    logarithmic: tuple[bool, ...]
    hidden: int = 128
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.model, Mapping):
            object.__setattr__(self, "model", PairConfig(**self.model))
        for name in ("tasks", "means", "scales", "logarithmic"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.tasks or len({pair_task(name).roles for name in self.tasks}) != 1:
            raise ValueError(f"the tasks {', '.join(self.tasks)} need one pair of roles in common")
        lengths = {len(self.tasks), len(self.means), len(self.scales), len(self.logarithmic)}
        if len(lengths) != 1:
            raise ValueError("tasks, means, scales and logarithmic must have the same length")
        if min(self.scales) <= 0 or self.hidden < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"scales {self.scales}, hidden {self.hidden} must be positive and dropout"
                f" {self.dropout} in [0, 1)"
            )

    @property
    def pair_tasks(self) -> tuple[PairTask, ...]:
        """The tasks, in the order of the outputs."""
        return tuple(pair_task(name) for name in self.tasks)

    @property
    def roles(self) -> tuple[str, str]:
        """Of the first and the second molecule."""
        return self.pair_tasks[0].roles

    @property
    def is_symmetric(self) -> bool:
        """Whether the two molecules can change places."""
        return self.pair_tasks[0].is_symmetric


class PairHead(nn.Module):
    """Numbers of pairs."""

    def __init__(self, config: PairHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.pair = PairModel(config.model)
        width = config.model.n_tokens * config.model.d_llm
        self.head = nn.Sequential(
            # Means over atoms differ little between molecules: without this, what they have in
            # common is all that the first thousand steps see.
            nn.BatchNorm1d(width),
            nn.Linear(width, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, len(config.tasks)),
        )

    def blocks(self, molecules: Sequence[MoleculeTensors], role: str) -> Tensor:
        """What is kept of molecules in one role, (m, k, d)."""
        return self.pair.blocks(molecules, [role] * len(molecules))

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Standardised outputs (p, tasks) of blocks (p, k, d) of both molecules."""
        either = torch.full((x1.shape[0],), self.config.is_symmetric, device=x1.device)
        return self.head(self.pair.mix(x1, x2, either).flatten(1))

    def values(self, outputs: Tensor) -> Tensor:
        """Outputs (p, tasks) in the units of the tasks; for yes/no the probability of yes."""
        columns = []
        for i, task in enumerate(self.config.pair_tasks):
            z = outputs[:, i]
            if task.answer == "yes_no":
                columns.append(z.sigmoid())
                continue
            value = self.config.means[i] + self.config.scales[i] * z
            columns.append(10.0**value if self.config.logarithmic[i] else value)
        return torch.stack(columns, dim=1)
