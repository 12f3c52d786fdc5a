"""The pair model with a head of its own: two molecules in, one number per task out, no LLM.

    x1, x2 (k, d) ─► interaction tokens (k, d_llm) ─► flat, BatchNorm, Linear, GELU, Linear ─► z
    z + a1 + a2, where there is an additive part: what each molecule adds by itself
    value = mean + scale · z   (10^ of it where the quantity is logarithmic);  score = sigmoid(z)

Each molecule is encoded once per role (`blocks`) and mixed with as many partners as wanted. What it
gives is a regression or classification head's number, not an answer of the language model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from assistant.chem.pairs import PairTask, pair_task
from assistant.graph.pairs.encoders1d import Additive
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
        additive: Views of a part that is linear in them; none without.
    """

    model: PairConfig
    tasks: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    logarithmic: tuple[bool, ...]
    hidden: int = 128
    dropout: float = 0.0
    additive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.model, Mapping):
            object.__setattr__(self, "model", PairConfig(**self.model))
        for name in ("tasks", "means", "scales", "logarithmic", "additive"):
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
    def views(self) -> tuple[str, ...]:
        """Views of a molecule that are read, each once."""
        encoder = self.model.encoder_1d
        return tuple(dict.fromkeys((*(encoder.views if encoder else ()), *self.additive)))

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
        self.additive = Additive(config.additive, len(config.tasks)) if config.additive else None
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
        """What is kept of molecules in one role, (m, k·d + tasks): tokens, and what each adds."""
        tokens = self.pair.blocks(molecules, [role] * len(molecules)).flatten(1)
        return torch.cat([tokens, self._added(molecules).to(tokens)], dim=1)

    def _added(self, molecules: Sequence[MoleculeTensors]) -> Tensor:
        if self.additive is None:
            return torch.zeros(len(molecules), len(self.config.tasks))
        views = self.additive.views
        return self.additive(torch.stack([molecule.row(views) for molecule in molecules]))

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Standardised outputs (p, tasks) of blocks (p, k·d + tasks) of both molecules."""
        either = torch.full((x1.shape[0],), self.config.is_symmetric, device=x1.device)
        (tokens1, added1), (tokens2, added2) = self._parts(x1), self._parts(x2)
        outputs = self.head(self.pair.mix(tokens1, tokens2, either).flatten(1))
        return outputs + (added1 + added2)

    def _parts(self, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (p, k, d) and what each molecule adds (p, tasks)."""
        model = self.config.model
        tokens, added = blocks.tensor_split([model.n_tokens * model.d_model], dim=1)
        return tokens.unflatten(1, (model.n_tokens, model.d_model)), added

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
