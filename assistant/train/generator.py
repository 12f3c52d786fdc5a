"""Trains the generator of instance LoRA (MoRA) on the frozen 4-bit language model of a run.

    python -m assistant.train.generator --config assistant/train/configs/generator_cpu.toml
        --data DIR --run runs/default [--device cuda]

The language model computes with its NF4 values, encoder and projector are frozen, and each turn
runs under the ΔW of its own focus, as in serving (design §4.1). Cards and graph tokens are left out
more often than in the base stage, now and then everything, so that ΔW has something to say.
`assistant.train.export` then writes it into the bundle.
"""

import argparse
import json
import logging
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import AdapterStep, running, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import StackedLora, StackedLowRank
from assistant.errors import AssistantError
from assistant.train import ranks
from assistant.train.batches import Batch
from assistant.train.corpus import molecules_with_facts, outside_questions
from assistant.train.dialogues import LATER, PASSAGES, DialogueWriter
from assistant.train.encode import Encoder, LossWeights
from assistant.train.export import trained_model
from assistant.train.feed import Feed
from assistant.train.generator_recipe import GeneratorRecipe
from assistant.train.loss import head_loss, splice_graph_tokens
from assistant.train.precision import autocast
from assistant.train.recipe import Recipe
from assistant.train.task_mix import TaskExamples, TaskRecords
from assistant.train.text import passages
from assistant.train.view import Rates

log = logging.getLogger(__name__)


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
        A = torch.einsum("fm,mri->fri", mixing.to(site.lora_A), site.lora_A)
        result[name] = StackedLowRank(A, site.lora_B, site.scaling)
    return result


class GeneratorRun:
    """Frozen parts, the generator, and its training.

    Args:
        recipe: What to train and how.
        data: Data directory; not read when the run directory holds what was prepared from it.
        run: Directory of the base stage's run.
        device: Where to train.
        workers: Processes that write batches ahead; 0 writes them between the steps.

    Raises:
        AssistantError: `run` is no finished run, or has no tasks though the recipe has a share.
    """

    def __init__(
        self,
        recipe: GeneratorRecipe,
        data: Path,
        run: Path,
        *,
        device: torch.device | str = "cpu",
        workers: int = 0,
    ) -> None:
        self.recipe, self.directory = recipe, run
        self.device, self.workers = torch.device(device), workers
        self.model, self.tokenizer, _ = trained_model(run)
        self.model.to(self.device).eval().requires_grad_(False)
        noted = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
        self.base = Recipe.from_dict(noted)
        self.tasks = self._tasks() if recipe.task_share else None
        sites = find_sites(self.model.llm, recipe.kinds, every=recipe.every)
        wrap(self.model.llm, sites)
        torch.manual_seed(recipe.seed)
        self.generator = LoraGenerator(
            GeneratorConfig(
                d_graph=self.model.encoder.config.d_model,
                sites=sites,
                rank=recipe.rank,
                alpha=recipe.alpha,
                d_model=recipe.d_model,
                n_blocks=recipe.n_blocks,
                n_site_blocks=recipe.n_site_blocks,
            )
        ).to(self.device)
        with torch.no_grad():
            for B in self.generator.lora_B:
                nn.init.normal_(B, std=recipe.b_std)
        molecules = molecules_with_facts(data, run / "molecules.pkl", n=recipe.n_molecules, seed=1)
        random.Random(1).shuffle(molecules)  # the split of the base stage
        self.held_out, self.molecules = molecules[:500], molecules[500:]
        self.outside = outside_questions(data, run / "outside.json", seed=recipe.seed)
        if (run / "passages.json").is_file():
            self.outside[PASSAGES] = passages(data, run / "passages.json", seed=recipe.seed)

    def _tasks(self) -> TaskExamples:
        """Questions of the tables that the base run learned, less those that quote captions."""
        records = TaskRecords.kept(self.directory)
        families = [family for family in self.base.tasks if not family.quoted]
        if records is None or not families:
            raise AssistantError(
                f"{self.directory} has learned no tasks without quotes; set task_share = 0 in the"
                " recipe."
            )
        return TaskExamples(
            families,
            records,
            self.tokenizer,
            number=self.base.loss.number,
            sequence=self.recipe.tokens_per_step,
        )

    def batches(
        self, *, seed: int, rates: Rates, held_out: bool = False, workers: int = 0
    ) -> Iterator[Batch]:
        """Endless batches of fresh dialogues."""
        molecules = self.held_out if held_out else self.molecules
        feed = Feed(
            lambda seed: DialogueWriter(
                molecules,
                self.outside,
                seed=seed,
                rates=rates,
                later=LATER,
                answered=self.base.answered,
            ),
            Encoder(self.tokenizer, LossWeights(card=0.0, question=0.0)),
            tasks=None if held_out else self.tasks,
            task_share=self.recipe.task_share,
            tokens=self.recipe.tokens_per_step,
            seed=seed,
        )
        feed.tiny = self.recipe.tiny
        return feed.batches(workers)

    def loss(self, batch: Batch, *, shift: int = 0, adapted: bool = True) -> Tensor:
        """Loss of the answers; `shift` gives every molecule another one's ΔW (the control)."""
        model, segments, step = self.model, batch.segments, None
        batch = batch.to(self.device)
        with torch.no_grad():
            embeds = model.llm.get_input_embeddings()(batch.ids)
            if batch.graphs is not None:
                g = batch.graphs
                levels = model.encoder(g.x, g.edge_index, g.edge_attr, g.batch)
                tokens = model.projector(levels, batch.motifs, batch.motif_mask)
                embeds = splice_graph_tokens(embeds, tokens, batch)
        if adapted and batch.graphs is not None:
            stacked = self.generator(levels)
            if shift:
                stacked = StackedLora(
                    {
                        name: StackedLowRank(s.lora_A.roll(shift, 0), s.lora_B, s.scaling)
                        for name, s in stacked.items()
                    }
                )
            step = _on(AdapterStep.plan(focus_stack(stacked, batch.focuses), segments), self.device)
        with running(step):
            hidden = model.llm.model(inputs_embeds=embeds, use_cache=False).last_hidden_state
            return head_loss(model.llm, hidden, batch)

    def train(self) -> dict[str, float]:
        """Trains for the recipe's minutes; returns the held-out losses with the controls."""
        recipe, total = self.recipe, self.recipe.minutes * 60
        parameters = list(self.generator.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=0.0)
        seed = 99 + 1_000_003 * ranks.rank()
        batches = self.batches(seed=seed, rates=recipe.rates, workers=self.workers)
        mark, seconds, step, tokens = time.perf_counter(), 0.0, 0, 0
        while seconds < total:
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * recipe.factor(seconds / total)
            batch = next(batches)
            tokens += int(batch.mask.sum())
            with autocast(self.device):
                loss = self.loss(batch)
            loss.backward()
            now = time.perf_counter()
            seconds += ranks.mean_gradients(parameters, (now - mark,))[0]
            mark = now
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            if step % recipe.record_every == 0:
                row = {"step": step, "seconds": round(seconds, 1), "tokens": tokens}
                self._record(row | {"loss": round(loss.item(), 4)})
        figures = self.figures()
        self._record({"step": step, "seconds": round(seconds, 1), "tokens": tokens, **figures})
        return figures

    def figures(self) -> dict[str, float]:
        """Held-out losses in dialogues as trained, and in ones that show only ΔW (`blind`)."""
        views = {"": self.recipe.rates, "blind_": replace(self.recipe.rates, blind=1.0)}
        found = {}
        for prefix, rates in views.items():
            batches = self.batches(seed=5, rates=rates, held_out=True)
            losses = self.held_out_losses(list(islice(batches, self.recipe.held_out_batches)))
            found |= {prefix + name: value for name, value in losses.items()}
        return found

    @torch.no_grad()
    def held_out_losses(self, batches: list[Batch]) -> dict[str, float]:
        """Answer loss without ΔW, with it, and with another molecule's."""
        self.generator.eval()
        arms = {"without": {"adapted": False}, "own": {}, "other_molecule": {"shift": 1}}
        with autocast(self.device):
            figures = {
                name: sum(self.loss(b, **kwargs).item() for b in batches) / len(batches)
                for name, kwargs in arms.items()
            }
        self.generator.train()
        return {name: round(value, 4) for name, value in figures.items()}

    def save(self, figures: dict[str, float]) -> None:
        """Writes the generator into the run directory."""
        torch.save(self.generator.state_dict(), self.directory / "generator.pt")
        about = {
            "config": self.generator.config.to_dict(),
            "recipe": asdict(self.recipe),
            "held_out_losses": figures,
        }
        (self.directory / "generator.json").write_text(json.dumps(about), encoding="utf-8")

    def _record(self, row: dict[str, float]) -> None:
        if ranks.rank():
            return
        with (self.directory / "generator.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()


def _on(step: AdapterStep | None, device: torch.device) -> AdapterStep | None:
    if step is None:
        return None
    pick = None if step.pick is None else step.pick.to(device)
    return replace(step, rows=step.rows.to(device), pick=pick)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="run directory of the base stage")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that write batches ahead")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    try:
        recipe = GeneratorRecipe.load(args.config)
        ranks.join()
        run = GeneratorRun(recipe, args.data, args.run, device=args.device, workers=args.workers)
        figures = run.train()
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not ranks.rank():
        run.save(figures)
    ranks.leave()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
