"""Trains the generator of instance LoRA (MoRA) on the frozen 4-bit language model of a bundle.

    python -m assistant.train.generator --config assistant/train/configs/generator_cpu.toml
        --data DIR --run runs/default --bundle checkpoints/default

The language model computes with its stored NF4 values, encoder and projector are frozen, and each
turn runs under the ΔW of its own focus, as in serving (design §4.1). Cards and graph tokens are
left out more often than in the base stage, so that ΔW has something to say.
"""

import argparse
import json
import logging
import random
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import AdapterStep, running, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import StackedLora, StackedLowRank
from assistant.bundle import Bundle
from assistant.checkpoint import ComponentInfo, load_weights, read_config, save_component
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.load import LoadedLLM, load_llm
from assistant.train import ranks
from assistant.train.batches import Batch, BatchMaker
from assistant.train.corpus import molecules_with_facts, outside_questions
from assistant.train.dialogues import DialogueWriter, Rates
from assistant.train.encode import Encoder, LossWeights
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.precision import autocast

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneratorRecipe:
    """One TOML file; `minutes` of training."""

    rates: Rates
    minutes: float = 12.0
    tokens_per_step: int = 6144
    lr: float = 2e-3
    warmup: float = 0.05
    rank: int = 8
    alpha: float = 16.0
    d_model: int = 128
    n_blocks: int = 2
    kinds: str = "qkvom"
    every: int = 2
    n_molecules: int = 20000
    seed: int = 2
    held_out_batches: int = 8

    def factor(self, progress: float) -> float:
        """Share of the learning rate at `progress` in [0, 1]: warm-up, then linear to zero."""
        rising = progress / self.warmup if self.warmup else 1.0
        return max(0.02, min(rising, 1.0 - progress, 1.0))

    @classmethod
    def load(cls, path: Path) -> "GeneratorRecipe":
        """Reads a TOML file; unknown keys raise."""
        with path.open("rb") as file:
            values = tomllib.load(file)
        return cls(Rates(**values.pop("rates", {})), **values)


def focus_stack(stacked: StackedLora, focuses: tuple[tuple[int, ...], ...]) -> StackedLora:
    """ΔW of each focus: the mean of its molecules' A; slot f of a step is focus f.

    Args:
        stacked: ΔW of the batch's molecules.
        focuses: Molecule indices per segment; entry 0 is "no ΔW" and is left out.
    """
    n_molecules = stacked.n_slots
    mixing = torch.zeros(len(focuses) - 1, n_molecules)
    for row, focus in enumerate(focuses[1:]):
        for molecule in focus:
            mixing[row, molecule] += 1 / len(focus)
    result = StackedLora()
    for name, site in stacked.items():
        A = torch.einsum("fm,mri->fri", mixing.to(site.lora_A.dtype), site.lora_A)
        result[name] = StackedLowRank(A, site.lora_B, site.scaling)
    return result


class GeneratorRun:
    """Frozen parts, the generator, and its training."""

    def __init__(self, recipe: GeneratorRecipe, data: Path, run: Path, bundle: Path) -> None:
        self.recipe, self.directory = recipe, run
        self.bundle = Bundle.read(bundle)
        self.llm: LoadedLLM = load_llm(self.bundle.components["llm"], quantize="none", device="cpu")
        self.encoder, self.projector = frozen_graph_parts(self.bundle)
        sites = find_sites(self.llm.model, recipe.kinds, every=recipe.every)
        wrap(self.llm.model, sites)
        torch.manual_seed(recipe.seed)
        self.generator = LoraGenerator(
            GeneratorConfig(
                d_graph=self.encoder.config.d_model,
                sites=sites,
                rank=recipe.rank,
                alpha=recipe.alpha,
                d_model=recipe.d_model,
                n_blocks=recipe.n_blocks,
            )
        )
        molecules = molecules_with_facts(data, run / "molecules.pkl", n=recipe.n_molecules, seed=1)
        random.Random(1).shuffle(molecules)  # the split of the base stage
        self.held_out, self.molecules = molecules[:500], molecules[500:]
        self.outside = outside_questions(data, seed=recipe.seed)

    def batches(self, *, seed: int, held_out: bool = False) -> Iterator[Batch]:
        """Endless batches of fresh dialogues."""
        molecules = self.held_out if held_out else self.molecules
        writer = DialogueWriter(molecules, self.outside, seed=seed, rates=self.recipe.rates)
        encoder = Encoder(self.llm.tokenizer, LossWeights(card=0.0, question=0.0))
        return BatchMaker(writer, encoder, tokens=self.recipe.tokens_per_step, seed=seed).batches()

    def loss(self, batch: Batch, *, shift: int = 0, adapted: bool = True) -> Tensor:
        """Loss of the answers; `shift` gives every molecule another one's ΔW (the control)."""
        with torch.no_grad():
            levels = self.encoder.encode(batch.graphs) if batch.graphs else None
            embeds = self.llm.model.get_input_embeddings()(batch.ids)
            if levels is not None:
                tokens = self.projector(levels, batch.motifs, batch.motif_mask)
                embeds = splice_graph_tokens(embeds, tokens, batch)
        step = None
        if adapted and levels is not None:
            stacked = self.generator(levels)
            if shift:
                stacked = StackedLora(
                    {
                        name: StackedLowRank(s.lora_A.roll(shift, 0), s.lora_B, s.scaling)
                        for name, s in stacked.items()
                    }
                )
            step = AdapterStep.plan(focus_stack(stacked, batch.focuses), batch.segments)
        with running(step):
            hidden = self.llm.model.model(inputs_embeds=embeds).last_hidden_state
            return head_loss(self.llm.model, hidden, batch)

    def train(self) -> dict[str, float]:
        """Trains for the recipe's minutes; returns the held-out losses with the controls."""
        recipe, total = self.recipe, self.recipe.minutes * 60
        parameters = list(self.generator.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=0.0)
        batches, seconds, step = self.batches(seed=99 + 1_000_003 * ranks.rank()), 0.0, 0
        mark = time.perf_counter()
        while seconds < total:
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * recipe.factor(seconds / total)
            with autocast():
                loss = self.loss(next(batches))
            loss.backward()
            now = time.perf_counter()
            seconds += ranks.mean_gradients(parameters, (now - mark,))[0]
            mark = now
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            if step % 10 == 0:
                self._record(
                    {"step": step, "seconds": round(seconds, 1), "loss": round(loss.item(), 4)}
                )
        held_out = islice(self.batches(seed=5, held_out=True), recipe.held_out_batches)
        figures = self.held_out_losses(list(held_out))
        self._record({"step": step, "seconds": round(seconds, 1), **figures})
        return figures

    @torch.no_grad()
    def held_out_losses(self, batches: list[Batch]) -> dict[str, float]:
        """Answer loss without ΔW, with it, and with another molecule's."""
        self.generator.eval()
        arms = {"without": {"adapted": False}, "own": {}, "other_molecule": {"shift": 1}}
        figures = {
            name: sum(self.loss(b, **kwargs).item() for b in batches) / len(batches)
            for name, kwargs in arms.items()
        }
        self.generator.train()
        return {name: round(value, 4) for name, value in figures.items()}

    def save(self, figures: dict[str, float]) -> None:
        """Writes the generator into the bundle and names it there."""
        info = ComponentInfo(
            "generator", base_model=self.llm.fingerprint, notes=json.dumps(figures)
        )
        save_component(
            self.bundle.directory / "generator", self.generator, self.generator.config, info
        )
        path = self.bundle.directory / "bundle.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        values["components"]["generator"] = "generator"
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    def _record(self, row: dict[str, float]) -> None:
        if ranks.rank():
            return
        with (self.directory / "generator.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


def frozen_graph_parts(bundle: Bundle) -> tuple[GraphEncoder, MultiLevelProjector]:
    """Encoder and projector of a bundle, frozen."""
    places = bundle.components
    encoder = GraphEncoder(read_config(places["encoder"], GraphEncoderConfig, component="encoder"))
    load_weights(places["encoder"], encoder)
    projector = MultiLevelProjector(
        read_config(places["projector"], ProjectorConfig, component="projector")
    )
    load_weights(places["projector"], projector)
    return encoder.eval().requires_grad_(False), projector.eval().requires_grad_(False)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="run directory of the base stage")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle that gets the generator")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    ranks.join()
    run = GeneratorRun(GeneratorRecipe.load(args.config), args.data, args.run, args.bundle)
    figures = run.train()
    if not ranks.rank():
        run.save(figures)
    ranks.leave()


if __name__ == "__main__":
    main()
