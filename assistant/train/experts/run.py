"""Trains the experts one by one, then the gate; saved on the way, going on where it was left.

RUN/recipe.json   what is trained, on what, beside which bundle
RUN/state.pt      weights, optimiser, phases that are done
RUN/log.jsonl     loss of every step, held-out figures at the ends of phases
"""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from assistant.errors import AssistantError
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.steps import ExampleSteps, Steps
from assistant.train.batches import Batch
from assistant.train.experts.data import Family, MixedSteps
from assistant.train.experts.model import GATE, ExpertsModel
from assistant.train.experts.recipe import ExpertsRecipe
from assistant.train.precision import autocast
from assistant.train.progress import Progress
from assistant.train.sources.records import Record
from assistant.train.state import STATE, read_state, write_state

_MOST_CHANGE = 1.0
"""Norm to which gradients are clipped."""


class ExpertsRun:
    """The phases of a run.

    Args:
        recipe: What is trained.
        families: Records by expert, in the recipe's order.
        model: What is trained, beside the frozen bundle.
        encoders: Of the language model's tokenizer, by expert.
        directory: Of the run; a state in it is gone on with.
        device: Where the model is.
        workers: Processes that write batches ahead; 0 writes them between the steps.
    """

    def __init__(
        self,
        recipe: ExpertsRecipe,
        families: Sequence[Family],
        model: ExpertsModel,
        encoders: Mapping[str, LessonEncoder],
        directory: Path,
        *,
        device: torch.device,
        workers: int = 0,
    ) -> None:
        self.recipe, self.families, self.model = recipe, families, model
        self.encoders, self.directory = encoders, directory
        self.device, self.workers = device, workers
        self.done: list[str] = []
        self.step, self.seconds = 0, 0.0
        self._stopped = False
        self._optimizer: torch.optim.Optimizer | None = None
        self._moments: dict | None = None
        model.to(device)
        self._resume()

    @property
    def phases(self) -> dict[str, int]:
        """Steps by phase, in their order."""
        steps = {family.expert.name: family.expert.steps for family in self.families}
        return steps | {GATE: self.recipe.gate_steps}

    @property
    def is_finished(self) -> bool:
        """Whether all phases are done."""
        return len(self.done) == len(self.phases)

    def stop(self) -> None:
        """Ends the run after the step at hand, with its state saved; `train` then returns."""
        self._stopped = True

    def train(self) -> None:
        """Trains the phases that are left, until it is told to stop."""
        for phase, n_steps in self.phases.items():
            if phase in self.done or self._stopped:
                continue
            self._train(phase, n_steps)
            if not self._stopped:
                self._record(phase, {"held_out": self.figures(phase)})
                self.done.append(phase)
                self.step, self._optimizer = 0, None
                self.save()

    def _train(self, phase: str, n_steps: int) -> None:
        parameters = self.model.begin(phase)
        highest = self.recipe.gate_lr if phase == GATE else self.recipe.lr
        self._optimizer = torch.optim.AdamW(parameters, lr=highest, weight_decay=0.0)
        if self._moments is not None:
            self._optimizer.load_state_dict(self._moments)
            self._moments = None
        progress = Progress(phase, n_steps, done=self.step)
        saved = last = time.monotonic()
        for batches in self._steps(phase).stream(self.step, n_steps, workers=self.workers):
            for group in self._optimizer.param_groups:
                group["lr"] = highest * self.recipe.factor(self.step, n_steps)
            loss, n_tokens = self._step(batches, phase, parameters)
            now = time.monotonic()
            self.step, self.seconds, last = self.step + 1, self.seconds + now - last, now
            progress.advance(n_tokens, f"loss {loss:.3f}")
            self._record(phase, {"loss": round(loss, 4), "tokens": n_tokens})
            if self._stopped or now - saved > 60 * self.recipe.save_every_minutes:
                self.save()
                saved = now
            if self._stopped:
                return

    def _steps(self, phase: str) -> ExampleSteps:
        parts = {f.expert.name: self._steps_of(f, f.records) for f in self.families}
        return MixedSteps(list(parts.values())) if phase == GATE else parts[phase]

    def _steps_of(self, family: Family, records: Sequence[Record], batch: int = 0) -> Steps:
        """Batches of some of a family's records; the recipe's size unless another is named."""
        expert, recipe = family.expert, self.recipe
        return Steps(
            records,
            self.encoders[expert.name],
            expert.rates,
            batch=batch or recipe.batch,
            micro_tokens=recipe.micro_tokens,
            seed=recipe.seed,
        )

    def _step(
        self, batches: Sequence[Batch], phase: str, parameters: Sequence[nn.Parameter]
    ) -> tuple[float, int]:
        """One optimiser step; gives the mean loss of its answers and its tokens.

        Raises:
            AssistantError: Every answer of the step is cut off.
        """
        if not batches:
            raise AssistantError(
                f"No answer of a step of {phase} is within {self.recipe.sequence} tokens; raise"
                " sequence."
            )
        weights = [float(batch.weights[:, 1:].sum()) for batch in batches]
        total = 0.0
        for batch, weight in zip(batches, weights, strict=True):
            with autocast(self.device):
                loss = self.model.loss(batch.to(self.device), phase)
            share = loss * (weight / sum(weights))
            share.backward()
            total += float(share.detach())
        nn.utils.clip_grad_norm_(parameters, _MOST_CHANGE)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return total, sum(int(batch.mask.sum()) for batch in batches)

    def figures(self, phase: str) -> dict[str, dict[str, float]]:
        """Held-out loss by family without experts and with what the phase trained.

        An expert is measured on its own family, the gate on all; a family of which no answer is
        held out within the sequence is none of them.
        """
        wanted = [f for f in self.families if phase in (GATE, f.expert.name)]
        return {
            f.expert.name: {use or "without": self._loss(batches, use) for use in ("", phase)}
            for f in wanted
            if (batches := self._held_out(f))
        }

    def _held_out(self, family: Family) -> list[Batch]:
        """All answers of a family that are held out; none where every one is cut off."""
        if not family.held_out:
            return []
        return self._steps_of(family, family.held_out, len(family.held_out))[0]

    @torch.no_grad()
    def _loss(self, batches: Sequence[Batch], use: str) -> float:
        """Mean cross-entropy of the answers of batches."""
        weights = [float(batch.weights[:, 1:].sum()) for batch in batches]
        with autocast(self.device):
            losses = [float(self.model.loss(batch.to(self.device), use)) for batch in batches]
        total = sum(a * b for a, b in zip(losses, weights, strict=True))
        return round(total / sum(weights), 4)

    def _record(self, phase: str, row: dict) -> None:
        about = {"phase": phase, "step": self.step, "seconds": round(self.seconds, 1)}
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(about | row) + "\n")

    def save(self) -> None:
        """Writes the whole state under a temporary name, then renames it."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict() if self._optimizer is not None else None,
            "done": self.done,
            "step": self.step,
            "seconds": self.seconds,
        }
        write_state(self.directory, state)

    def _resume(self) -> None:
        path = self.directory / STATE
        if not path.is_file():
            return
        state = read_state(
            self.directory, "model", "done", device=self.device, command="assistant.train.experts"
        )
        self.model.load_state_dict(state["model"])
        self._moments = state["optimizer"]
        self.done, self.step, self.seconds = state["done"], state["step"], state["seconds"]
