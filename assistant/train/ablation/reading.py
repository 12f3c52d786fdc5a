"""An arm's own encoder, trained by a linear head before the language model reads its graph tokens.

    first molecule ─► encoder ─► projector ─► mean of the graph tokens ─┐
    second molecule ─►  the same  ─►  …                                 ┴─► linear ─► value

As the numbers of a specialist are learned (`train.numbers`, stage 1); the head is not kept.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from assistant.errors import AssistantError
from assistant.evaluate.tasks.base import Example as Row
from assistant.evaluate.tasks.registry import task_of
from assistant.evaluate.tasks.values import ValueTask
from assistant.graph.encoder import GraphBatch, GraphEncoder, GraphEncoderConfig
from assistant.train.numbers.graphs import PackedGraphs

_DRAWN_TOGETHER = 4


def value_task_of(name: str) -> ValueTask:
    """A task whose answer is a number.

    Raises:
        AssistantError: It has another kind of answer.
    """
    task = task_of(name)
    if not isinstance(task, ValueTask):
        raise AssistantError(f"Task {name} has no number to ask for in the fewest words.")
    return task


class Reader(nn.Module):
    """Encoder and head.

    Args:
        config: Of the encoder.
        d_llm: Width of graph tokens.
        n_molecules: Of a row.
    """

    def __init__(self, config: GraphEncoderConfig, d_llm: int, n_molecules: int) -> None:
        super().__init__()
        self.encoder = GraphEncoder(config)
        self.head = nn.Linear(n_molecules * d_llm, 1)

    def levels(self, graphs: GraphBatch) -> Sequence[Tensor]:
        """What the encoder gives the projector."""
        return self.encoder(graphs.x, graphs.edge_index, graphs.edge_attr, graphs.batch)

    def read(self, tokens: Sequence[Tensor]) -> Tensor:
        """Standardised values (b,) of graph tokens (b, tokens, d_llm) of each molecule."""
        return self.head(torch.cat([each.mean(dim=1) for each in tokens], dim=1)).squeeze(-1)


class Readings:
    """Rows as an encoder learns them.

    Args:
        rows: Training rows, each with as many molecules.
        batch: Rows of a step.
        seed: Of the run.
    """

    def __init__(self, rows: Sequence[Row], batch: int, seed: int) -> None:
        columns = zip(*(row.molecules for row in rows), strict=True)
        self._graphs = [PackedGraphs.of(column) for column in columns]
        values = np.array([float(row.answer) for row in rows])
        self._values = (values - values.mean()) / max(values.std(), 1e-9)
        self._batch, self._seed = batch, seed

    def at(self, step: int, device: torch.device | str) -> tuple[list[GraphBatch], Tensor]:
        """The rows of a step: the graphs of each molecule, and standardised values (b,).

        Those of four steps are drawn together and dealt out by size: a step's graphs are padded to
        its largest.
        """
        n, batch = len(self._values), min(self._batch, len(self._values))
        draw, part = divmod(step, _DRAWN_TOGETHER)
        drawn = np.random.default_rng((self._seed, draw)).integers(0, n, _DRAWN_TOGETHER * batch)
        by_size = drawn[np.argsort(self._graphs[0].n_atoms[drawn], kind="stable")]
        chosen = by_size[part * batch : (part + 1) * batch]
        graphs = [each.batch(chosen).to(device) for each in self._graphs]
        return graphs, torch.tensor(self._values[chosen], dtype=torch.float32, device=device)
