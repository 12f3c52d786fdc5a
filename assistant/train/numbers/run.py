"""Trains both stages; resumes where it stopped."""

import json
import math
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from assistant.chat.short_values import SHORT_VALUES
from assistant.graph.encoder import GraphBatch
from assistant.llm.load import LoadedLLM
from assistant.specialist.number_files import NumberInfo
from assistant.train.numbers.data import NumbersData, Side
from assistant.train.numbers.model import NumberWriter, Reader
from assistant.train.numbers.recipe import NumbersRecipe
from assistant.train.progress import Progress
from assistant.train.state import STATE, read_state, write_state

READ, WRITE = "read", "write"
_LOGGED = 20
_HELD_OUT_ROWS = 250
_BETAS = (0.9, 0.98)
_MINUTE = 60
_LEAST_RATE = 0.04
"""Share of the highest rate that the first step has."""


class NumbersRun:
    """One run.

    Args:
        recipe: What is trained.
        data: The molecules.
        llm: Loaded with `pick_fastest=False`; it is frozen.
        directory: Of the run; a state in it is gone on with.
    """

    def __init__(
        self, recipe: NumbersRecipe, data: NumbersData, llm: LoadedLLM, directory: Path
    ) -> None:
        self.recipe, self.data, self.directory = recipe, data, directory
        torch.manual_seed(recipe.seed)
        self.device = torch.device(llm.device)
        self.reader = Reader(recipe, int(llm.model.config.hidden_size)).to(self.device)
        self.writer = NumberWriter(recipe, SHORT_VALUES[recipe.name], llm).to(self.device)
        self.stage, self.step = READ, 0
        self.seconds = {READ: 0.0, WRITE: 0.0}
        self._kept: dict | None = None
        self._stopped = False
        self._resume()

    @property
    def is_finished(self) -> bool:
        """Whether both stages are trained."""
        return self.stage == WRITE and self.step >= self.steps(WRITE)

    def steps(self, stage: str) -> int:
        """Of a stage."""
        recipe = self.recipe
        epochs, batch = (
            (recipe.read_epochs, recipe.read_batch)
            if stage == READ
            else (recipe.write_epochs, recipe.write_batch)
        )
        return max(1, round(epochs * len(self.data.learned.values) / batch))

    @property
    def info(self) -> NumberInfo:
        """What the number says of itself where it is served."""
        values = self.data.learned.values
        llm = self.writer.llm.fingerprint
        return NumberInfo(llm, self.data.domain, float(values.min()), float(values.max()))

    def stop(self) -> None:
        """Ends the run after the step at hand, with its state saved; `train` then returns."""
        self._stopped = True

    def train(self) -> None:
        """Trains what is left, or until it is told to stop."""
        recipe = self.recipe
        if self.stage == READ:
            parameters = list(self.reader.parameters())
            optimizer = self._begun(parameters, recipe.weight_decay)
            self._train(optimizer, parameters, recipe.read_batch, recipe.read_lr, self._read_loss)
            if self.step < self.steps(READ):
                return
            self.reader.round_encoder()
            self.stage, self.step, self._kept = WRITE, 0, None
        if self.is_finished:
            return
        parameters = [*self.reader.projector.parameters(), *self.writer.lora.parameters()]
        optimizer = self._begun(parameters, 0.0)
        self._train(optimizer, parameters, recipe.write_batch, recipe.write_lr, self._write_loss)

    def _begun(self, parameters: list[nn.Parameter], weight_decay: float) -> torch.optim.AdamW:
        """The optimiser of a stage, as it was left."""
        optimizer = torch.optim.AdamW(parameters, weight_decay=weight_decay, betas=_BETAS)
        if self._kept is not None:
            optimizer.load_state_dict(self._kept)
        return optimizer

    def _train(
        self,
        optimizer: torch.optim.AdamW,
        parameters: list[nn.Parameter],
        batch: int,
        lr: float,
        loss_of: Callable[[np.ndarray], Tensor],
    ) -> None:
        total = self.steps(self.stage)
        progress = Progress(
            f"{self.recipe.name}, {self.stage}", total, done=self.step, unit="molecules"
        )
        mark = time.perf_counter()
        saved = self.seconds[self.stage]
        self.reader.train(self.stage == READ)
        while self.step < total and not self._stopped:
            for group in optimizer.param_groups:
                group["lr"] = lr * _cosine(self.step / total, self.recipe.warmup)
            loss = loss_of(self._rows(batch))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            self.step += 1
            now = time.perf_counter()
            self.seconds[self.stage], mark = self.seconds[self.stage] + now - mark, now
            progress.advance(batch, f"loss {float(loss.detach()):.3f}")
            if self.step % _LOGGED == 0:
                self._record(loss=round(float(loss.detach()), 4))
            if self.seconds[self.stage] - saved > self.recipe.save_every_minutes * _MINUTE:
                self._save_measured(optimizer)
                saved, mark = self.seconds[self.stage], time.perf_counter()
        self._save_measured(optimizer)

    def _rows(self, batch: int) -> np.ndarray:
        """The rows of a step: every training row once, then all in another order."""
        n = len(self.data.learned.values)
        places = np.arange(self.step * batch, (self.step + 1) * batch)
        epochs = places // n
        orders = {e: _order(self.recipe.seed, e, n) for e in range(epochs[0], epochs[-1] + 1)}
        return np.array([orders[e][p] for e, p in zip(epochs, places % n, strict=True)])

    def _read_loss(self, rows: np.ndarray) -> Tensor:
        wanted = (self.data.learned.values[rows] - self.data.mean) / self.data.deviation
        found = self.reader(self._graphs(self.data.learned, rows))
        return (found - torch.from_numpy(wanted).to(found)).abs().mean()

    def _write_loss(self, rows: np.ndarray) -> Tensor:
        tokens = self.reader.tokens(self._graphs(self.data.learned, rows))
        return self.writer.loss(tokens, self.data.learned.values[rows].tolist())

    def _graphs(self, side: Side, rows: np.ndarray) -> GraphBatch:
        return side.graphs.batch(rows).to(self.device)

    @torch.no_grad()
    def error(self, side: Side, *, shift: int = 0) -> float:
        """Mean absolute error of what the stage gives: the head's values, or the written ones.

        A text that is no number, or none that can be meant, counts as the mean.

        Args:
            side: Whose molecules.
            shift: Shows each row the molecule so many rows further (a control).
        """
        was_training = self.reader.training
        self.reader.eval()
        n = len(side.values)
        found: list[float] = []
        for start in range(0, n, _HELD_OUT_ROWS):
            rows = np.arange(start, min(start + _HELD_OUT_ROWS, n))
            found += self._found(side, (rows + shift) % n)
        self.reader.train(was_training)
        return float(np.abs(np.array(found) - side.values).mean())

    def _found(self, side: Side, rows: np.ndarray) -> list[float]:
        graphs = self._graphs(side, rows)
        if self.stage == READ:
            values = self.reader(graphs).double() * self.data.deviation + self.data.mean
            return values.tolist()
        written = self.writer.written(self.reader.tokens(graphs), self.data.mean)
        return [value if self.info.may_be(value) else self.data.mean for value in written]

    def _save_measured(self, optimizer: torch.optim.AdamW) -> None:
        self._record(held_out=round(self.error(self.data.held_out), 6))
        self._save(optimizer)

    def _record(self, **values: object) -> None:
        about = {
            "stage": self.stage,
            "step": self.step,
            "seconds": round(self.seconds[self.stage], 1),
        }
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(about | values) + "\n")

    def _save(self, optimizer: torch.optim.AdamW) -> None:
        write_state(
            self.directory,
            {
                "reader": self.reader.state_dict(),
                "lora": self.writer.lora.state_dict(),
                "optimizer": optimizer.state_dict(),
                "progress": {"stage": self.stage, "step": self.step, "seconds": self.seconds},
            },
        )

    def _resume(self) -> None:
        if not (self.directory / STATE).is_file():
            return
        needed = ("reader", "lora", "optimizer", "progress")
        state = read_state(
            self.directory, *needed, command="assistant.train.numbers", device=self.device
        )
        self.reader.load_state_dict(state["reader"])
        self.writer.lora.load_state_dict(state["lora"])
        self._kept = state["optimizer"]
        progress = state["progress"]
        self.stage, self.step, self.seconds = (
            progress["stage"],
            progress["step"],
            progress["seconds"],
        )


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n: int) -> np.ndarray:
    """Rows of an epoch, (n,); two epochs may meet in a step."""
    return np.random.default_rng((seed, epoch)).permutation(n)


def _cosine(share: float, warmup: float) -> float:
    """Share of the highest rate: a line up, then half a cosine down."""
    if share < warmup:
        return max(share / warmup, _LEAST_RATE)
    return 0.5 * (1.0 + math.cos(math.pi * (share - warmup) / (1.0 - warmup)))
