"""Trains a specialist; saved on the way, going on where it was left.

RUN/recipe.json      what is trained, on what
RUN/records.json.gz  questions and answers
RUN/tokenizer        what they are written in
RUN/state.pt         weights, optimisers, progress
RUN/log.jsonl        loss of every 50th step, held-out figures whenever it is saved
"""

import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from assistant.train import nf4
from assistant.train.batches import Awaited, Batch, collate_examples
from assistant.train.loss import head_loss
from assistant.train.model import compile_layers, language_model
from assistant.train.optimizers import llm_optimizers, set_rates
from assistant.train.precision import autocast
from assistant.train.progress import Progress
from assistant.train.recipe import Schedule
from assistant.train.specialist.examples import ReactionData, ReactionExamples, ReactionFeed
from assistant.train.specialist.recipe import SpecialistRecipe
from assistant.train.specialist.tokenizer import reaction_tokenizer
from assistant.train.state import STATE, read_state, write_state
from assistant.train.tokenizer import save_tokenizer

_MOST_CHANGE = 1.0
"""Norm to which gradients are clipped."""
_LOGGED = 50
_HELD_OUT_ROWS = 64
_MINUTE = 60


def prepared_tokenizer(
    recipe: SpecialistRecipe, data: ReactionData, directory: Path
) -> PreTrainedTokenizerFast:
    """The tokenizer of a run: what an earlier start kept, else learned from its reactions."""
    place = directory / "tokenizer"
    if not place.is_dir():
        records = (record for rows in data.learned.values() for record in rows)
        smiles = (text for record in records for text in (record.given, record.answer))
        made = reaction_tokenizer(smiles, vocab_size=recipe.sizes.vocab_size)
        save_tokenizer(made, place)
    return PreTrainedTokenizerFast.from_pretrained(place)


class SpecialistRun:
    """One run.

    Args:
        recipe: What is trained.
        data: The reactions.
        directory: Of the run; a state in it is gone on with.
        device: Where to train.
        workers: Processes that write batches ahead; 0 writes them between the steps.
        compiled: Compiles the decoder layers. Worth its minute or less on a GPU.
    """

    def __init__(
        self,
        recipe: SpecialistRecipe,
        data: ReactionData,
        directory: Path,
        *,
        device: torch.device | str = "cpu",
        workers: int = 0,
        compiled: bool = False,
    ) -> None:
        self.recipe, self.data, self.directory = recipe, data, directory
        self.device, self.workers = torch.device(device), workers
        self.tokenizer = prepared_tokenizer(recipe, data, directory)
        self.examples = ReactionExamples(recipe, data, self.tokenizer)
        torch.manual_seed(recipe.seed)
        torch.set_float32_matmul_precision("high")  # of the optimiser, on GPUs
        self.llm = language_model(recipe.sizes, self.tokenizer).to(self.device)
        if compiled:
            compile_layers(self.llm)
        self.optimizers = llm_optimizers(
            self.llm,
            lr_matrix=recipe.lr_matrix,
            lr_other=recipe.lr_other,
            lr_head=recipe.lr_head,
            adam_eps=recipe.adam_eps,
        )
        self.seconds, self.waited, self.step, self.tokens = 0.0, 0.0, 0, 0
        self._quantised = self._stopped = False
        self._resume()

    @property
    def is_finished(self) -> bool:
        """Whether the recipe's minutes are used."""
        return self.seconds >= self.recipe.minutes * _MINUTE

    def stop(self) -> None:
        """Ends the run after the step at hand, with its state saved; `train` then returns."""
        self._stopped = True

    def train(self) -> None:
        """Trains until the recipe's minutes are used, or it is told to stop."""
        recipe, total = self.recipe, self.recipe.minutes * _MINUTE
        schedule = Schedule(recipe.warmup, recipe.cooldown)
        feed = ReactionFeed(self.examples, tokens=recipe.tokens_per_step, seed=1000 + self.step)
        batches = Awaited(feed.batches(self.workers), self.waited)
        progress = Progress("specialist", round(total), done=round(self.seconds))
        saved, mark = self.seconds, time.perf_counter()
        while not self.is_finished and not self._stopped:
            share = self.seconds / total
            self._quantise_from(share)
            batch = next(batches)
            loss = self._step(batch, schedule.factor(share))
            now = time.perf_counter()
            self.seconds, mark = self.seconds + now - mark, now
            n_tokens = int(batch.mask.sum())
            self.step, self.tokens = self.step + 1, self.tokens + n_tokens
            self.waited = batches.seconds
            progress.reach(min(round(self.seconds), round(total) - 1), n_tokens)
            if self.step % _LOGGED == 0:
                self._record(loss=round(loss.item(), 4))
            if self.seconds - saved > recipe.save_every_minutes * _MINUTE:
                self._save_measured()
                saved, mark = self.seconds, time.perf_counter()
        progress.reach(round(total) if self.is_finished else round(self.seconds), 0)
        self._save_measured()

    def _quantise_from(self, share: float) -> None:
        if share >= self.recipe.quantised_from and not self._quantised:
            nf4.start_nf4(self.llm)
            self._quantised = True

    def _step(self, batch: Batch, factor: float) -> Tensor:
        set_rates(self.optimizers, factor)
        loss = self.loss(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.llm.parameters(), _MOST_CHANGE)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def loss(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of the answers of a batch."""
        batch = batch.to(self.device)
        with autocast(self.device):
            embeds = self.llm.get_input_embeddings()(batch.ids)
            if self.device.type == "cuda":  # half the memory that every layer passes over
                embeds = embeds.bfloat16()
            # Padding is on the right, so the causal mask suffices.
            hidden = self.llm.model(inputs_embeds=embeds, use_cache=False).last_hidden_state
            return head_loss(self.llm, hidden, batch)

    @torch.no_grad()
    def figures(self) -> dict[str, float]:
        """Mean cross-entropy of a token of the held-out answers, by task."""
        found = {}
        for name, examples in self.examples.held_out().items():
            total = weight = 0.0
            for start in range(0, len(examples), _HELD_OUT_ROWS):
                batch = collate_examples(examples[start : start + _HELD_OUT_ROWS])
                n = float(batch.weights[:, 1:].sum())
                total, weight = total + float(self.loss(batch)) * n, weight + n
            found[name] = round(total / max(weight, 1.0), 4)
        return found

    def _save_measured(self) -> None:
        self._record(held_out=self.figures())
        self.save()

    def _record(self, **values: object) -> None:
        about = {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "waited": round(self.waited, 1),
            "tokens": self.tokens,
        }
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(about | values) + "\n")

    def save(self) -> None:
        """Writes the whole state."""
        progress = {
            "seconds": self.seconds,
            "waited": self.waited,
            "step": self.step,
            "tokens": self.tokens,
            "quantised": self._quantised,
        }
        state = {
            "model": self.llm.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "progress": progress,
        }
        write_state(self.directory, state)

    def _resume(self) -> None:
        if not (self.directory / STATE).is_file():
            return
        command = "assistant.train.specialist"
        needed = ("model", "progress")
        state = read_state(self.directory, *needed, command=command, device=self.device)
        self.llm.load_state_dict(state["model"])
        for optimizer, kept in zip(self.optimizers, state.get("optimizers", ()), strict=False):
            optimizer.load_state_dict(kept)
        progress = state["progress"]
        self.seconds, self.waited = progress["seconds"], progress["waited"]
        self.step, self.tokens = progress["step"], progress["tokens"]
        if progress["quantised"]:
            nf4.start_nf4(self.llm)
            self._quantised = True
