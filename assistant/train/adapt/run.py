"""A run: the stages one after the other, saved on the way, going on where it was left.

RUN/recipe.json   what is trained, on what, through which LLM
RUN/state.pt      weights, optimiser, stage and step
RUN/log.jsonl     loss every few steps, held-out figures at the ends of stages
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import nn

from assistant.chat.retrieved import NearestFor
from assistant.errors import AssistantError
from assistant.retrieval.index import Index
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.model import AdaptedModel, checkpoint_layers
from assistant.train.adapt.optimizer import learning_rate, make_optimizer
from assistant.train.adapt.processes import Processes
from assistant.train.adapt.recipe import STAGES, AdaptRecipe, StageName
from assistant.train.adapt.selection import data_identity, descriptions, split
from assistant.train.adapt.steps import Share, Steps
from assistant.train.batches import Batch
from assistant.train.guard import refuse_another
from assistant.train.precision import autocast
from assistant.train.progress import Progress
from assistant.train.sources.records import Record
from assistant.train.state import STATE, read_state, write_state

log = logging.getLogger(__name__)

COMMAND = "assistant.train.adapt"
_LOG_EVERY = 10
_MOST_CHANGE = 1.0
"""Norm to which gradients are clipped."""


@dataclass(frozen=True)
class Budget:
    """What the memory plan allows.

    Attributes:
        micro_tokens: Padded size of a micro-batch.
        eight_bit: Whether the optimiser keeps its moments in 8 bits.
        workers: Processes that write batches ahead.
    """

    micro_tokens: int
    eight_bit: bool
    workers: int = 0


class AdaptRun:
    """Trains the parts beside an LLM.

    Args:
        recipe: With the sequence length that the plan chose.
        records: All records; some are held out.
        model: What is trained; its LLM is frozen.
        directory: Of the run.
        processes: That share the work.
        budget: What fits.
        retrieval: Captioned molecules that some conversations quote.

    Raises:
        AssistantError: The directory holds a run of another recipe, data or LLM.
    """

    def __init__(
        self,
        recipe: AdaptRecipe,
        records: Sequence[Record],
        model: AdaptedModel,
        directory: Path,
        *,
        processes: Processes,
        budget: Budget,
        retrieval: Index | None = None,
    ) -> None:
        self.recipe, self.model, self.directory = recipe, model, directory
        self.processes, self.budget = processes, budget
        self.loaded, self.device = model.loaded, model.loaded.device
        self.records, self.held_out = split(records, recipe.held_out)
        self.encoder = LessonEncoder(
            self.loaded.tokenizer,
            n_graph_tokens=model.projector.config.n_tokens,
            sequence=recipe.sequence,
            quoting=quoting(retrieval),
            quoted=recipe.quoted,
        )
        self._retrieval_hash = retrieval.digest() if retrieval else ""
        self.stage: StageName | None = None
        self.step = 0
        self.seconds = 0.0
        self.done: list[StageName] = []
        self._moments: dict | None = None
        self._asked_to_stop = self._stopped = False
        model.to(self.device)
        checkpoint_layers(model.llm)
        directory.mkdir(parents=True, exist_ok=True)
        self._resume(self._identity(records))

    def train(self) -> None:
        """Runs every stage that is not done yet, until it is told to stop."""
        for name in STAGES:
            if name not in self.done and self.n_steps(name) and not self._stopped:
                self.train_stage(name)

    def stop(self) -> None:
        """Ends the run after the step at hand, with its state saved; `train` then returns."""
        self._asked_to_stop = True

    @property
    def is_finished(self) -> bool:
        """Whether every stage of the recipe is done."""
        return all(name in self.done for name in STAGES if self.n_steps(name))

    def records_of(self, stage: StageName) -> Sequence[Record]:
        """What a stage learns: descriptions to align, everything after that."""
        return descriptions(self.records) if stage == "align" else self.records

    def n_steps(self, stage: StageName) -> int:
        """Optimiser steps of a stage."""
        n = len(self.records_of(stage))
        return self.recipe.stage(stage).n_steps(n, self.recipe.batch)

    def steps_of(self, stage: StageName, *, held_out: bool = False) -> Steps:
        """The batches of a stage, or of what is held out, which no process shares."""
        return Steps(
            self.held_out if held_out else self.records_of(stage),
            self.encoder,
            self.recipe.stage(stage).rates,
            batch=max(1, len(self.held_out)) if held_out else self.recipe.batch,
            micro_tokens=self.budget.micro_tokens,
            seed=self.recipe.seed,
            share=Share() if held_out else self.processes.share,
        )

    def train_stage(self, name: StageName) -> None:
        """Runs one stage from where it was left."""
        stage, total = self.recipe.stage(name), self.n_steps(name)
        parameters = self.model.begin(name)
        optimizer = make_optimizer(parameters, stage, eight_bit=self.budget.eight_bit)
        if self.stage == name and self._moments is not None:
            optimizer.load_state_dict(self._moments)
        else:
            self.stage, self.step = name, 0
            self._record({"held_out": self.figures(name)})
        self._moments = None
        batches = self.steps_of(name).stream(self.step, total, workers=self.budget.workers)
        bar = Progress(name, total, done=self.step) if self.processes.is_first else None
        saved = time.monotonic()
        for micro_batches in batches:
            loss, n_tokens = self._step(
                micro_batches, parameters, optimizer, learning_rate(stage, self.step, total)
            )
            self.step += 1
            if self.step % _LOG_EVERY == 0 or self.step in (1, total):
                self._record({"loss": loss, "tokens": n_tokens})
            if bar is not None:
                bar.advance(n_tokens, f"loss {loss:.3f}")
            if self._stopped or time.monotonic() - saved > 60 * self.recipe.save_every_minutes:
                self.save(optimizer)
                saved = time.monotonic()
            if self._stopped:
                return
        self._record({"held_out": self.figures(name)})
        self.done.append(name)
        self.save(None)

    def _step(
        self,
        micro_batches: Sequence[Batch],
        parameters: Sequence[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        rate: float,
    ) -> tuple[float, int]:
        """One optimiser step; gives the mean loss of its answers and its tokens."""
        began = time.perf_counter()
        own = (
            sum(float(batch.weights[:, 1:].sum()) for batch in micro_batches),
            sum(float(batch.mask.sum()) for batch in micro_batches),
        )
        weight, n_tokens = self.processes.sum(*own)
        total = 0.0
        for batch in micro_batches:
            with autocast(self.device):
                loss, _ = self.model(batch.to(self.device), self.stage)
            if loss.requires_grad:  # not so where nothing that is trained was used
                (loss / weight).backward()
            total += float(loss.detach())
        self.processes.sum_gradients(parameters)
        norm = torch.nn.utils.clip_grad_norm_(parameters, _MOST_CHANGE)
        if not torch.isfinite(norm):  # one step with it, and all weights would be none either
            raise AssistantError(
                f"The gradients of stage {self.stage}, step {self.step + 1}, are not finite: the"
                f" training has diverged. Lower lr in [{self.stage}] and name a new --run."
            )
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        self.seconds += time.perf_counter() - began
        total, n_stops = self.processes.sum(total, float(self._asked_to_stop))
        self._stopped = n_stops > 0  # in all processes after the same step
        return total / max(weight, 1e-9), int(n_tokens)

    def figures(self, stage: StageName) -> dict[str, float]:
        """Held-out loss with the molecules' own graphs and ΔW, with another's, and with none."""
        if not self.held_out:
            return {}
        batches = [batch.to(self.device) for batch in self.steps_of(stage, held_out=True)[0]]
        arms = {"own": {}, "other_molecule": {"roll": 1}, "without": {"graph": False}}
        found = {}
        for arm, options in arms.items():
            total = weight = 0.0
            with torch.no_grad(), autocast(self.device):
                for batch in batches:
                    loss, n = self.model(batch, stage, **options)
                    total, weight = total + float(loss), weight + float(n)
            found[arm] = round(total / max(weight, 1e-9), 4)
        return found

    def _record(self, row: dict) -> None:
        if not self.processes.is_first:
            return
        about = {"stage": self.stage, "step": self.step, "seconds": round(self.seconds, 1)}
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(about | row) + "\n")

    def save(self, optimizer: torch.optim.Optimizer | None) -> None:
        """Writes the state under a temporary name, then renames it."""
        if self.processes.is_first:
            state = {
                "weights": self.model.state_dict(),
                "optimizer": optimizer.state_dict() if optimizer else None,
                "stage": self.stage,
                "step": self.step,
                "seconds": self.seconds,
                "done": list(self.done),
            }
            write_state(self.directory, state)
        self.processes.wait()

    def _identity(self, records: Sequence[Record]) -> dict[str, object]:
        recipe = asdict(replace(self.recipe, data=()))
        recipe.pop("save_every_minutes")
        others = {"llm": self.loaded.fingerprint, "retrieval": self._retrieval_hash}
        return {"recipe": recipe} | data_identity(records) | others

    def _resume(self, identity: dict[str, object]) -> None:
        state_path = self.directory / STATE
        refuse_another(self.directory, identity, writes=self.processes.is_first)
        if not state_path.is_file():
            return
        state = read_state(self.directory, "weights", "done", device=self.device, command=COMMAND)
        self.model.load_state_dict(state["weights"])
        self._moments = state["optimizer"]
        self.stage, self.step, self.seconds = state["stage"], state["step"], state["seconds"]
        self.done = list(state["done"])
        log.info("going on with stage %s at step %d", self.stage, self.step)


def quoting(retrieval: Index | None) -> NearestFor | None:
    """What a lesson quotes of an index: never the molecule's own caption, which is its answer."""
    if retrieval is None:
        return None
    return lru_cache(maxsize=50_000)(partial(retrieval.search, without_same=True))
