"""Trains the default language model together with its graph encoder and projector, from scratch.

    python -m assistant.train.base --config CONFIG.toml --data DIR --run RUN

Dialogues are written on the fly and never repeat. The schedule follows training time, so a run fits
the time it is given on any machine; it resumes where it stopped. In its last part the forward pass
uses NF4 values, so that the stored 4-bit weights are the trained ones.
"""

import argparse
import json
import logging
import random
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.train import codes, nf4, ranks
from assistant.train.batches import Batch, BatchMaker
from assistant.train.corpus import molecules_with_facts, outside_questions
from assistant.train.dialogues import DialogueWriter, Rates
from assistant.train.encode import Encoder, LossWeights, prompt_text
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.muon import BlockMuon
from assistant.train.precision import autocast
from assistant.train.tokenizer import number_ids, save_tokenizer, train_tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelSizes:
    """Shape of the language model; 4-bit widths are multiples of 64."""

    d_model: int = 512
    n_layers: int = 4
    d_ffn: int = 1408
    n_heads: int = 8
    n_kv_heads: int = 2
    vocab_size: int = 4096
    context: int = 4096
    rope_theta: float = 100_000.0


@dataclass(frozen=True)
class Recipe:
    """One TOML file. Times are minutes of training, sizes are tokens."""

    sizes: ModelSizes
    rates: Rates
    loss: LossWeights
    minutes: float = 60.0
    tokens_per_step: int = 8192
    lr_matrix: float = 0.02
    lr_other: float = 3e-3
    lr_head: float = 1e-3
    lr_graph: float = 1e-3
    adam_eps: float = 1e-5
    warmup: float = 0.02
    cooldown: float = 0.6
    quantised_from: float = 0.75
    tiny_until: float = 0.3
    short_until: float = 0.5
    short_at_end: float = 0.1
    n_molecules: int = 30000
    seed: int = 1
    save_every_minutes: float = 4.0

    @classmethod
    def load(cls, path: Path) -> "Recipe":
        """Reads a TOML file; unknown keys raise."""
        with path.open("rb") as file:
            values = tomllib.load(file)
        parts = {
            "sizes": ModelSizes(**values.pop("sizes", {})),
            "rates": Rates(**values.pop("rates", {})),
            "loss": LossWeights(**values.pop("loss", {})),
        }
        return cls(**parts, **values)


class GroundedModel(nn.Module):
    """Language model, encoder and projector as trained together."""

    def __init__(
        self, llm: LlamaForCausalLM, encoder: GraphEncoder, projector: MultiLevelProjector
    ) -> None:
        super().__init__()
        self.llm, self.encoder, self.projector = llm, encoder, projector

    @classmethod
    def build(cls, sizes: ModelSizes, tokenizer: PreTrainedTokenizerFast) -> "GroundedModel":
        """Random weights of the given shape."""
        config = LlamaConfig(
            vocab_size=sizes.vocab_size,
            hidden_size=sizes.d_model,
            intermediate_size=sizes.d_ffn,
            num_hidden_layers=sizes.n_layers,
            num_attention_heads=sizes.n_heads,
            num_key_value_heads=sizes.n_kv_heads,
            max_position_embeddings=sizes.context,
            tie_word_embeddings=False,
            rope_parameters={"rope_type": "default", "rope_theta": sizes.rope_theta},
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
        )
        llm = LlamaForCausalLM(config)
        codes.set_codes(llm)
        codes.hold_tokens(llm, number_ids(tokenizer))
        codes.wire(llm)
        encoder = GraphEncoder(GraphEncoderConfig())
        projector = MultiLevelProjector(ProjectorConfig(d_graph=300, d_llm=sizes.d_model))
        with torch.no_grad():
            projector.net[-1].bias += codes.mark(sizes.d_model)
        return cls(llm, encoder, projector)

    def graph_tokens(self, batch: Batch) -> Tensor:
        """Graph tokens of the batch's molecules, (m, 28, d)."""
        levels = self.encoder.encode(batch.graphs)
        return self.projector(levels, batch.motifs, batch.motif_mask)

    def embeds(self, batch: Batch) -> Tensor:
        """Token embeddings with the graph tokens spliced in, (b, t, d)."""
        embeds = self.llm.get_input_embeddings()(batch.ids)
        if not batch.graphs:
            return embeds
        return splice_graph_tokens(embeds, self.graph_tokens(batch), batch)

    def loss(self, batch: Batch) -> Tensor:
        """Weighted mean of the next-token loss; only positions that count reach the output head."""
        hidden = self.llm.model(inputs_embeds=self.embeds(batch)).last_hidden_state
        return head_loss(self.llm, hidden, batch)


class Schedule:
    """Learning-rate factor over training progress: warm-up, flat, linear cool-down to zero."""

    def __init__(self, recipe: Recipe) -> None:
        self.warmup, self.cooldown = recipe.warmup, recipe.cooldown

    def factor(self, progress: float) -> float:
        """Factor at `progress` in [0, 1]."""
        if progress < self.warmup:
            return max(progress / self.warmup, 0.02)
        return min(1.0, max(0.0, (1.0 - progress) / self.cooldown))


def optimizers(model: GroundedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the LLM's body, AdamW for the rest."""
    writers = [
        m.weight for n, m in model.llm.named_modules() if n.endswith(("o_proj", "down_proj"))
    ]
    written = {id(p) for p in writers}
    readers = [m.weight for m in nf4.body_linears(model.llm) if id(m.weight) not in written]
    taken = {id(p) for p in (*readers, *writers)}
    head = list(model.llm.get_output_embeddings().parameters())
    taken |= {id(p) for p in head}
    others = [p for p in model.llm.parameters() if id(p) not in taken]
    graph = [*model.encoder.parameters(), *model.projector.parameters()]
    adam = torch.optim.AdamW(
        [
            {"params": others, "lr": recipe.lr_other},
            {"params": head, "lr": recipe.lr_head},
            {"params": graph, "lr": recipe.lr_graph},
        ],
        betas=(0.9, 0.95),
        # Rare tokens are pushed down a little at every step; a plain epsilon would make each of
        # these pushes a full step of the learning rate.
        eps=recipe.adam_eps,
        weight_decay=0.0,
    )
    muon = BlockMuon(readers, writers, lr=recipe.lr_matrix)
    for optimizer in (adam, muon):
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return [adam, muon]


class Run:
    """A training run in its directory: state, log and weights."""

    def __init__(self, recipe: Recipe, data: Path, directory: Path) -> None:
        self.recipe, self.directory = recipe, directory
        directory.mkdir(parents=True, exist_ok=True)
        if ranks.rank():  # the first process writes what the others read
            ranks.wait()
        molecules = molecules_with_facts(
            data, directory / "molecules.pkl", n=recipe.n_molecules, seed=recipe.seed, workers=2
        )
        random.Random(recipe.seed).shuffle(molecules)
        self.held_out, self.molecules = molecules[:500], molecules[500:]
        self.outside = outside_questions(data, seed=recipe.seed)
        self.tokenizer = self._tokenizer()
        if not ranks.rank():
            ranks.wait()
        torch.manual_seed(recipe.seed)
        self.model = GroundedModel.build(recipe.sizes, self.tokenizer)
        self.optimizers = optimizers(self.model, recipe)
        self.seconds, self.step, self.tokens, self.quantised = 0.0, 0, 0, False
        self._resume()

    def _tokenizer(self) -> PreTrainedTokenizerFast:
        directory = self.directory / "tokenizer"
        if not directory.is_dir():
            writer = DialogueWriter(self.molecules, self.outside, seed=7, rates=self.recipe.rates)
            texts = (_dialogue_text(writer) for _ in range(6000))
            save_tokenizer(
                train_tokenizer(texts, vocab_size=self.recipe.sizes.vocab_size), directory
            )
        return PreTrainedTokenizerFast.from_pretrained(directory)

    def batches(self, *, seed: int, held_out: bool = False) -> Iterator[Batch]:
        """Endless batches of fresh dialogues; short ones first."""
        molecules = self.held_out if held_out else self.molecules
        writer = DialogueWriter(molecules, self.outside, seed=seed, rates=self.recipe.rates)
        if not held_out:
            self.writer = writer
        encoder = Encoder(self.tokenizer, self.recipe.loss)
        return BatchMaker(writer, encoder, tokens=self.recipe.tokens_per_step, seed=seed).batches()

    def train(self) -> None:
        """Trains until the recipe's minutes are used, saving on the way."""
        total, schedule = self.recipe.minutes * 60, Schedule(self.recipe)
        batches = self.batches(seed=1000 + self.step + 1_000_003 * ranks.rank())
        held_out = [b for b, _ in zip(self.batches(seed=5, held_out=True), range(3), strict=False)]
        saved = self.seconds
        self.model.train()
        self._mark = time.perf_counter()
        while self.seconds < total:
            progress = self.seconds / total
            if progress >= self.recipe.quantised_from and not self.quantised:
                nf4.start_nf4(self.model.llm)
                self.quantised = True
            self.writer.tiny = max(0.0, 1 - progress / self.recipe.tiny_until)
            self.writer.short = max(
                self.recipe.short_at_end, 1 - progress / self.recipe.short_until
            )
            loss = self._step(next(batches), schedule.factor(progress))
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

    def _step(self, batch: Batch, factor: float) -> float:
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak_lr"] * factor
        with autocast():
            loss = self.model.loss(batch)
        loss.backward()
        now = time.perf_counter()
        counts = (now - self._mark, float(batch.mask.sum()))
        seconds, tokens = ranks.mean_gradients(list(self.model.parameters()), counts)
        self._mark = now
        self.seconds += seconds
        self.tokens += round(tokens * ranks.size())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def _held_out(self, batches: list[Batch]) -> dict[str, float]:
        """Loss and digit accuracy of answers about molecules never trained on."""
        self.model.eval()
        digits = torch.tensor(number_ids(self.tokenizer))
        losses, right, n = [], 0, 0
        for batch in batches:
            hidden = self.model.llm.model(inputs_embeds=self.model.embeds(batch)).last_hidden_state
            losses.append(head_loss(self.model.llm, hidden, batch).item())
            answers = (batch.weights[:, 1:] == self.recipe.loss.number) & torch.isin(
                batch.ids[:, 1:], digits
            )
            predicted = self.model.llm.lm_head(hidden[:, :-1][answers]).argmax(-1)
            right += int((predicted == batch.ids[:, 1:][answers]).sum())
            n += int(answers.sum())
        self.model.train()
        return {"held_out_loss": float(np.mean(losses)), "held_out_digits": right / max(n, 1)}

    def _record(self, loss: float, progress: float, held_out: list[Batch] | None = None) -> None:
        row = {
            "step": self.step,
            "seconds": round(self.seconds, 1),
            "tokens": self.tokens,
            "loss": round(loss, 4),
            "quantised": self.quantised,
            **(self._held_out(held_out) if held_out else {}),
        }
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
            "recipe": json.dumps(asdict(self.recipe)),
        }
        temporary = self.directory / "state.tmp"
        torch.save(state, temporary)
        temporary.replace(self.directory / "state.pt")
        (self.directory / "recipe.json").write_text(state["recipe"], encoding="utf-8")

    def _resume(self) -> None:
        path = self.directory / "state.pt"
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        for key, value in state["progress"].items():
            setattr(self, key, value)
        # A run that is given more minutes goes back to full precision until its last part.
        self.quantised = self.seconds >= self.recipe.quantised_from * self.recipe.minutes * 60
        if self.quantised:
            nf4.start_nf4(self.model.llm)
        self.model.load_state_dict(nf4.named_for(state["model"], quantised=self.quantised))
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        log.info("resumed at step %d, %.0f s", self.step, self.seconds)


def _dialogue_text(writer: DialogueWriter) -> str:
    from assistant.chat.prompts import render_with

    dialogue = writer.write()
    conversation = dialogue.conversation
    prompt = render_with(
        conversation.truncated(len(conversation.messages) - 1),
        lambda entry: dialogue.views[entry.number].card(),
        lambda entry: dialogue.views[entry.number].identity(),
    )
    return f"{prompt_text(prompt)}\n{conversation.messages[-1].text}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="directory with the training data")
    parser.add_argument(
        "--run", type=Path, required=True, help="directory of this run; resumes if it exists"
    )
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    ranks.join()
    Run(Recipe.load(args.config), args.data, args.run).train()
    ranks.leave()


if __name__ == "__main__":
    main()
