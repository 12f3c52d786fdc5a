"""A pre-training run in its directory: state, log, weights; it resumes where it stopped."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from assistant.graph.encoder import GraphEncoder
from assistant.train.encoder.lessons import Lessons
from assistant.train.encoder.model import Lesson, PretrainedEncoder, total_loss
from assistant.train.encoder.molecules import prepared
from assistant.train.encoder.recipe import EncoderRecipe
from assistant.train.guard import refuse_another
from assistant.train.precision import autocast
from assistant.train.progress import Progress
from assistant.train.state import STATE, read_state, write_state

log = logging.getLogger(__name__)

_RECORD_STEPS = 50
_MAY_CHANGE = ("steps", "save_every_minutes")
"""While a run goes on; the rest of the schedule then follows."""
_CPU = torch.device("cpu")


class EncoderRun:
    """Trains an encoder with its heads.

    Args:
        recipe: What and how.
        data: Data directory; not read when the run directory holds what was prepared from it.
        directory: Of the run.

    Raises:
        AssistantError: The run was begun by another recipe; only its length may change.
    """

    def __init__(self, recipe: EncoderRecipe, data: Path, directory: Path) -> None:
        self.recipe, self.directory = recipe, directory
        directory.mkdir(parents=True, exist_ok=True)
        refuse_another(directory, asdict(recipe), may_change=_MAY_CHANGE)
        self.molecules = prepared(recipe, data, directory / "prepared")
        self.lessons = Lessons(self.molecules, recipe)
        torch.manual_seed(recipe.seed)
        self.model = PretrainedEncoder(GraphEncoder(recipe.sizes), self.molecules.targets)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=recipe.lr, weight_decay=0.0)
        self.step, self.seconds = 0, 0.0
        self._asked_to_stop = False
        self._resume()

    def stop(self) -> None:
        """Ends the training after the step at hand, with its state saved; `train` then returns."""
        self._asked_to_stop = True

    @property
    def is_finished(self) -> bool:
        """Whether every step is done."""
        return self.step >= self.recipe.steps

    def train(self) -> None:
        """Trains the steps that are left, until it is told to stop, saving on the way."""
        recipe, last = self.recipe, time.monotonic()
        saved = last
        if self.step == 0:
            self._record({"held_out": self.held_out_losses()})
        progress = Progress("encoder", recipe.steps, done=self.step, unit="molecules")
        sums: dict[str, list[float]] = {}
        while self.step < recipe.steps:
            parts = self._step(self.lessons.step(self.step))
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            for name, loss in parts.items():
                sums.setdefault(name, []).append(loss)
            note = f"loss {sum(parts.values()):.3f}"
            progress.advance(recipe.batch, note)
            if self.step % _RECORD_STEPS == 0:
                self._record({name: _mean(values) for name, values in sums.items()})
                sums = {}
            if self._asked_to_stop and not self.is_finished:
                self.save()
                return
            if now - saved > recipe.save_every_minutes * 60:
                self._record({"held_out": self.held_out_losses()})
                self.save()
                saved = last = time.monotonic()
        self._record({"held_out": self.held_out_losses()})
        self.save()

    def _step(self, lesson: Lesson) -> dict[str, float]:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * self.recipe.factor(self.step)
        self.model.train()
        with autocast(_CPU):
            parts = self.model.losses(lesson)
        total_loss(parts, self.recipe.weights).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return {name: float(loss.detach()) for name, loss in parts.items()}

    @torch.no_grad()
    def held_out_losses(self) -> dict[str, float]:
        """Mean loss of each part over molecules of the training rows that are not trained on."""
        self.model.eval()
        found: dict[str, list[float]] = {}
        for lesson in self.lessons.held_out():
            for name, loss in self.model.losses(lesson).items():
                found.setdefault(name, []).append(float(loss))
        return {name: _mean(values) for name, values in found.items()}

    def _record(self, figures: dict[str, object]) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), **figures}
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def save(self) -> None:
        """Writes the whole state under a temporary name, then renames it."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": {"step": self.step, "seconds": self.seconds},
        }
        write_state(self.directory, state)

    def _resume(self) -> None:
        path = self.directory / STATE
        if not path.is_file():
            return
        state: dict[str, dict[str, Tensor]] = read_state(
            self.directory, "model", "optimizer", command="assistant.train.encoder"
        )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["progress"]["step"], state["progress"]["seconds"]
        log.info("resumed at step %d, %.0f s", self.step, self.seconds)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 5)
