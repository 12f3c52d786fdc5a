"""Trains one arm with one seed; resumes where it stopped."""

import json
import time
from pathlib import Path

import torch
from torch import Tensor

from assistant.graph.encoder import GraphEncoder
from assistant.llm.load import LoadedLLM
from assistant.train.ablation.data import Questions
from assistant.train.ablation.model import READ, ArmModel, Phase, phases_of
from assistant.train.ablation.recipe import AblationArm, AblationRecipe
from assistant.train.precision import autocast
from assistant.train.progress import Progress
from assistant.train.state import STATE, write_state


class ArmRun:
    """The training of an arm.

    Args:
        arm: What is trained.
        recipe: How.
        llm: The frozen base with plain weights that pass gradients on.
        encoder: The frozen graph encoder.
        questions: The batches.
        directory: Of this arm and seed.
        seed: Of the trained weights.
    """

    def __init__(
        self,
        arm: AblationArm,
        recipe: AblationRecipe,
        llm: LoadedLLM,
        encoder: GraphEncoder,
        questions: Questions,
        directory: Path,
        *,
        seed: int,
    ) -> None:
        self.arm, self.recipe, self.questions, self.directory = arm, recipe, questions, directory
        self.device = llm.device
        directory.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        self.model = ArmModel(llm, encoder, arm, recipe).to(self.device)
        self.phases = phases_of(arm, recipe)
        self.done: list[str] = []
        self.step, self.seconds = 0, 0.0
        self._optimizer: torch.optim.Optimizer | None = None
        self._saved_optimizer: dict | None = None
        self._resume()

    @property
    def is_finished(self) -> bool:
        """Whether all phases are trained."""
        return len(self.done) == len(self.phases)

    def train(self) -> None:
        """Trains the phases that are left."""
        for phase in self.phases:
            if phase.name not in self.done:
                self._train(phase)
                self.done.append(phase.name)
                self.step, self._optimizer = 0, None
                self.save()

    def _train(self, phase: Phase) -> None:
        parameters = self.model.begin(phase)
        groups = self._groups(parameters, phase)
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        if self._saved_optimizer is not None:
            self._optimizer.load_state_dict(self._saved_optimizer)
            self._saved_optimizer = None
        title = f"{self.directory.parent.name} {self.arm.name}, {phase.name}"
        progress = Progress(title, phase.steps, done=self.step, unit="tokens")
        last = saved = time.monotonic()
        self.model.train()
        while self.step < phase.steps:
            loss, n_tokens = self._step(phase, parameters)
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            progress.advance(n_tokens, f"loss {loss:.3f}")
            self._record(phase, loss)
            if now - saved > self.recipe.save_every_minutes * 60:
                self.save()
                saved = now

    def _groups(self, parameters: list[torch.nn.Parameter], phase: Phase) -> list[dict]:
        """The parameters with their highest learning rates: the generator's, then the others."""
        if phase.name == READ:
            return [{"params": parameters, "lr": 0.0, "peak_lr": self.recipe.read_lr}]
        generator = self.model.generator
        own = {id(p) for p in generator.parameters()} if generator is not None else set()
        lr, own_lr = self.recipe.lr, self.recipe.lr_generator
        rates = (lr if own_lr is None else own_lr, lr)
        split = (
            [p for p in parameters if id(p) in own],
            [p for p in parameters if id(p) not in own],
        )
        groups = zip(split, rates, strict=True)
        return [{"params": part, "lr": rate, "peak_lr": rate} for part, rate in groups if part]

    def _step(self, phase: Phase, parameters: list[torch.nn.Parameter]) -> tuple[float, int]:
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak_lr"] * self.recipe.factor(self.step, phase.steps)
        loss, n_read = self._read(phase) if phase.name == READ else self._asked(phase)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach()), n_read

    def _asked(self, phase: Phase) -> tuple[Tensor, int]:
        """The loss of the answers of a step, and its tokens."""
        batch = self.questions.batch(phase, self.step)
        with autocast(self.device):
            return self.model.loss(batch.to(self.device), phase), int(batch.mask.sum())

    def _read(self, phase: Phase) -> tuple[Tensor, int]:
        """The loss of values that are read from graph tokens, and how many."""
        graphs, values = self.questions.readings.at(self.step, self.device)
        with autocast(self.device):
            return self.model.read_loss(graphs, values), len(values)

    def _record(self, phase: Phase, loss: float) -> None:
        row = {"phase": phase.name, "step": self.step, "seconds": round(self.seconds, 1)}
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row | {"loss": round(loss, 4)}) + "\n")

    def figures(self) -> dict[str, float]:
        """Trained parameters and seconds of training.

        Memory is none of an arm's: the process keeps the highest peak of those trained before.
        """
        return {"trained parameters": self.model.n_trained(), "seconds": round(self.seconds, 1)}

    def save(self) -> None:
        """Writes the whole state under a temporary name, then renames it."""
        optimizer = self._optimizer.state_dict() if self._optimizer is not None else None
        state = {
            "model": self.model.state_dict(),
            "optimizer": optimizer,
            "done": self.done,
            "step": self.step,
            "seconds": self.seconds,
        }
        write_state(self.directory, state)

    def _resume(self) -> None:
        path = self.directory / STATE
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self._saved_optimizer = state["optimizer"]
        self.done, self.step, self.seconds = state["done"], state["step"], state["seconds"]
