"""Trains the default language model together with its graph encoder and projector, from scratch.

    python -m assistant.train.base --config CONFIG.toml --data DIR --run RUN [--device cuda]

Dialogues are written on the fly and never repeat; plain text and questions of public tables can be
mixed in. The schedule follows
training time, so a run fits the time it is given on any machine; it resumes where it stopped. In
its last part the forward pass uses NF4 values, so that the stored 4-bit weights are the trained
ones.
"""

import argparse
import json
import logging
import random
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from assistant.errors import AssistantError
from assistant.retrieval.index import Index
from assistant.train import nf4, ranks
from assistant.train.adapt.run import quoting
from assistant.train.batches import Awaited, Batch
from assistant.train.corpus import molecules_with_facts, outside_questions
from assistant.train.dialogues import LATER, PASSAGES, DialogueWriter
from assistant.train.encode import Encoder, dialogue_text
from assistant.train.feed import Feed
from assistant.train.held_out import dialogue_figures, task_losses
from assistant.train.model import GroundedModel, compile_layers
from assistant.train.optimizers import optimizers, set_rates
from assistant.train.precision import autocast
from assistant.train.recipe import Recipe, Schedule
from assistant.train.start import begin, load_encoder
from assistant.train.state import STATE, write_state
from assistant.train.task_mix import TaskExamples, TaskRecords
from assistant.train.text import TEXT, PlainText, passages, text_documents
from assistant.train.tokenizer import number_ids, save_tokenizer, train_tokenizer

log = logging.getLogger(__name__)


class Run:
    """A training run in its directory: state, log and weights.

    Args:
        recipe: What to train and how.
        data: Data directory; not read when the run directory holds what was prepared from it.
        directory: Of the run.
        device: Where to train.
        workers: Processes that write batches ahead; 0 writes them between the steps.
        compiled: Compiles the decoder layers. Worth its minute or less on a GPU, where a step of
            a small model is launches and passes over memory more than arithmetic.

    Raises:
        AssistantError: The directory was prepared with another `licensed_only`, `start` is no
            finished run with the same molecules, `encoder` names no encoder of the right size, or
            one of the two was trained on sources that this run leaves out.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Path,
        directory: Path,
        *,
        device: torch.device | str = "cpu",
        workers: int = 0,
        compiled: bool = False,
    ) -> None:
        self.recipe, self.directory = recipe, directory
        self.device, self.workers, self.compiled = torch.device(device), workers, compiled
        directory.mkdir(parents=True, exist_ok=True)
        if ranks.rank():  # the first process writes what the others read
            ranks.wait()
        begin(recipe, directory)
        molecules = molecules_with_facts(
            data,
            directory / "molecules.pkl",
            n=recipe.n_molecules,
            seed=recipe.seed,
            workers=2,
            licensed_only=recipe.licensed_only,
        )
        random.Random(recipe.seed).shuffle(molecules)
        self.held_out, self.molecules = molecules[:500], molecules[500:]
        keep = directory / "outside.json"
        self.outside = outside_questions(
            data, keep, seed=recipe.seed, licensed_only=recipe.licensed_only
        )
        if recipe.text_share:
            self.outside[PASSAGES] = passages(
                data,
                directory / "passages.json",
                seed=recipe.seed,
                licensed_only=recipe.licensed_only,
            )
        self.tokenizer = self._tokenizer(data)
        self.text = self._text(data)
        self.tasks = self._tasks(data)
        if not ranks.rank():
            ranks.wait()
        torch.manual_seed(recipe.seed)
        torch.set_float32_matmul_precision("high")  # of the optimiser, on GPUs
        self.model = GroundedModel.build(recipe.sizes, self.tokenizer)
        self.model.to(self.device)
        if compiled:
            compile_layers(self.model.llm)
        self.optimizers = optimizers(self.model, recipe)
        self.seconds, self.step, self.tokens, self.quantised = 0.0, 0, 0, False
        self.waited = 0.0  # for batches, since this start
        self._resume()

    def _tokenizer(self, data: Path) -> PreTrainedTokenizerFast:
        directory = self.directory / "tokenizer"
        if not directory.is_dir():
            writer = DialogueWriter(
                self.molecules, self.outside, seed=7, rates=self.recipe.rates, later=LATER
            )
            texts = [dialogue_text(writer.write()) for _ in range(self.recipe.tokenizer_dialogues)]
            if self.recipe.text_share:
                documents = list(text_documents(data, licensed_only=self.recipe.licensed_only))
                texts += random.Random(7).sample(documents, min(len(documents), len(texts)))
            save_tokenizer(
                train_tokenizer(texts, vocab_size=self.recipe.sizes.vocab_size), directory
            )
        return PreTrainedTokenizerFast.from_pretrained(directory)

    def _text(self, data: Path) -> PlainText | None:
        if not self.recipe.text_share:
            return None
        return PlainText.load(
            data,
            self.directory / TEXT,
            self.tokenizer,
            licensed_only=self.recipe.licensed_only,
        )

    def _tasks(self, data: Path) -> TaskExamples | None:
        recipe = self.recipe
        if not recipe.tasks:
            return None
        records = TaskRecords.prepared(
            recipe.tasks, data, self.directory, licensed_only=recipe.licensed_only
        )
        return TaskExamples(
            recipe.tasks,
            records,
            self.tokenizer,
            number=recipe.loss.number,
            sequence=recipe.sizes.context,
            quoting=quoting(Index(Path(recipe.retrieval)) if recipe.retrieval else None),
        )

    def feed(self, *, seed: int, held_out: bool = False) -> Feed:
        """Endless batches of fresh dialogues (and text and tasks, in training)."""
        molecules = self.held_out if held_out else self.molecules
        recipe = self.recipe
        return Feed(
            lambda seed: DialogueWriter(
                molecules,
                self.outside,
                seed=seed,
                rates=recipe.rates,
                later=LATER,
                answered=recipe.answered,
            ),
            Encoder(self.tokenizer, recipe.loss),
            None if held_out else self.text,
            text_share=recipe.text_share,
            text_length=recipe.text_length,
            text_weight=recipe.loss.text,
            tasks=None if held_out else self.tasks,
            task_share=recipe.task_share,
            tokens=recipe.tokens_per_step,
            lora=False,
            seed=seed,
        )

    def train(self) -> None:
        """Trains until the recipe's minutes are used, saving on the way."""
        total = self.recipe.minutes * 60
        schedule = Schedule(self.recipe.warmup, self.recipe.cooldown)
        feed = self.feed(seed=1000 + self.step + 1_000_003 * ranks.rank())
        batches = Awaited(feed.batches(self.workers))
        fixed = self.feed(seed=5, held_out=True).batches(0)
        held_out = [batch.to(self.device) for batch in islice(fixed, 3)]
        saved = self.seconds
        self.model.train()
        self._mark = time.perf_counter()
        while self.seconds < total:
            progress = self.seconds / total
            if progress >= self.recipe.quantised_from and not self.quantised:
                nf4.start_nf4(self.model.llm)
                self.quantised = True
            feed.tiny = max(0.0, 1 - progress / self.recipe.tiny_until)
            feed.short = max(self.recipe.short_at_end, 1 - progress / self.recipe.short_until)
            loss = self._step(next(batches), schedule.factor(progress))
            self.waited = batches.seconds
            if ranks.rank():
                continue
            if self.step % 50 == 0:
                self._record(loss, progress)
            if self.seconds - saved > self.recipe.save_every_minutes * 60:
                self._record(loss, progress, held_out)
                self.save()
                saved = self.seconds
        if not ranks.rank():
            self._record(loss, 1.0, held_out)
            self.save()

    def _step(self, batch: Batch, factor: float) -> Tensor:
        set_rates(self.optimizers, factor)
        n_tokens = float(batch.mask.sum())
        with autocast(self.device):
            loss = self.model.loss(batch.to(self.device))
        loss.backward()
        now = time.perf_counter()
        counts = (now - self._mark, n_tokens)
        seconds, tokens = ranks.mean_gradients(list(self.model.parameters()), counts)
        self._mark = now
        self.seconds += seconds
        self.tokens += round(tokens * ranks.size())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.detach()

    def _figures(self, held_out: list[Batch]) -> dict[str, Any]:
        """Of answers about molecules never trained on: dialogues, then each family of tasks."""
        digits, number = number_ids(self.tokenizer), self.recipe.loss.number
        figures: dict[str, Any] = dialogue_figures(self.model, held_out, digits, number=number)
        if self.tasks:
            figures["held_out_tasks"] = task_losses(self.model, self.tasks, self.device)
        return figures

    def _record(self, loss: Tensor, progress: float, held_out: list[Batch] | None = None) -> None:
        row = {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "waited": round(self.waited, 1),
            "tokens": self.tokens,
            "loss": round(loss.item(), 4),
            "quantised": self.quantised,
        }
        # What is held out is read three times; compiling for it would take longer.
        with torch.compiler.set_stance("force_eager") if self.compiled else nullcontext():
            if held_out:
                row |= self._figures(held_out)
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        left = (1 - progress) * self.recipe.minutes
        sys.stdout.write(
            f"{row}  {self.tokens / max(self.seconds, 1):.0f} tok/s, {left:.0f} min left\n"
        )
        sys.stdout.flush()

    def save(self) -> None:
        """Writes the whole state under a temporary name, then renames it."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "progress": {k: getattr(self, k) for k in ("seconds", "step", "tokens", "quantised")},
            "recipe": json.dumps(asdict(self.recipe), default=Path.as_posix),
        }
        write_state(self.directory, state)
        (self.directory / "recipe.json").write_text(state["recipe"], encoding="utf-8")

    def _resume(self) -> None:
        path = self.directory / STATE
        if not path.is_file():
            if self.recipe.start:
                self._start_from(Path(self.recipe.start) / STATE)
            if self.recipe.encoder:
                load_encoder(Path(self.recipe.encoder), self.model.encoder)
            return
        state = torch.load(path, weights_only=True, map_location=self.device)
        for key, value in state["progress"].items():
            setattr(self, key, value)
        # A run that is given more minutes goes back to full precision until its last part.
        self.quantised = self.seconds >= self.recipe.quantised_from * self.recipe.minutes * 60
        self.model.load_state_dict(state["model"])
        if self.quantised:
            nf4.start_nf4(self.model.llm)
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        log.info("resumed at step %d, %.0f s", self.step, self.seconds)

    def _start_from(self, path: Path) -> None:
        """Takes the weights of another run; optimisers and schedule begin anew."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.model.load_state_dict(state["model"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="directory with the training data")
    parser.add_argument(
        "--run", type=Path, required=True, help="directory of this run; resumes if it exists"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--workers", type=int, default=0, help="processes that write batches ahead")
    parser.add_argument("--compile", action="store_true", help="compile the layers, for a GPU")
    parser.add_argument(
        "--licensed-only", action="store_true", help="only sources with a clear licence"
    )
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    try:
        recipe = Recipe.load(args.config)
        if args.licensed_only:
            recipe = replace(recipe, licensed_only=True)
        ranks.join()
        Run(
            recipe,
            args.data,
            args.run,
            device=args.device,
            workers=args.workers,
            compiled=args.compile,
        ).train()
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    ranks.leave()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
