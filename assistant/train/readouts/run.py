"""Trains one variant for one question with one seed; resumes where it stopped."""

import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from assistant.checkpoint import write_json
from assistant.evaluate.pairs import n_parameters
from assistant.train.progress import Progress
from assistant.train.readouts.data import Lessons
from assistant.train.readouts.levels import KeptLevels
from assistant.train.readouts.readers import Readout
from assistant.train.readouts.recipe import BASELINE, Question, ReadoutRecipe, Variant
from assistant.train.state import STATE, write_state

OWN, OTHER, ZERO = "own", "other molecule", "zero graph"
CONTROLS = (OWN, OTHER, ZERO)
DONE, PREDICTIONS = "done.json", "predictions.safetensors"
_ASKED_AT_ONCE = 64
_POOL_BATCHES = 8


def run_directory(run: Path, encoder: str, question: Question, variant: str, seed: int) -> Path:
    """Where the training of a variant on an encoder lies."""
    names = (name.replace(", ", "-").replace(" ", "-") for name in (encoder, variant))
    return run.joinpath(next(names), f"seed-{seed}", question.task.replace(":", "-"), next(names))


class ReadoutRun:
    """The training of a variant.

    Args:
        variant: Which reader.
        question: How many steps.
        recipe: How.
        lessons: Levels and targets.
        directory: Of this variant, question and seed.
        seed: Of the weights and of the order of the rows.
    """

    def __init__(
        self,
        variant: Variant,
        question: Question,
        recipe: ReadoutRecipe,
        lessons: Lessons,
        directory: Path,
        *,
        seed: int,
    ) -> None:
        self.variant, self.question, self.recipe = variant, question, recipe
        self.lessons, self.directory, self.seed = lessons, directory, seed
        directory.mkdir(parents=True, exist_ok=True)
        _, n_levels, d_graph = lessons.train.atoms.shape
        torch.manual_seed(seed)
        self.model = Readout(variant, d_graph=d_graph, n_levels=n_levels, d_token=recipe.d_token)
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=recipe.lr, weight_decay=0.0)
        self.step, self.seconds = 0, 0.0
        self._resume()

    def train(self) -> None:
        """Trains the steps that are left, saving on the way."""
        title = f"seed {self.seed} {self.question.task} {self.variant.name}"
        progress = Progress(title, self.question.steps, done=self.step, unit="molecules")
        saved = time.monotonic()
        self.model.train()
        while self.step < self.question.steps:
            began = time.process_time()
            loss, n = self._step()
            self.seconds += time.process_time() - began
            progress.advance(n, f"loss {loss:.3f}")
            self._record(loss)
            if time.monotonic() - saved > self.recipe.save_every_minutes * 60:
                self.save()
                saved = time.monotonic()

    def rows(self, step: int) -> Tensor:
        """Places of the training rows of a step, (b,).

        Epochs in random order; of some batches' rows those of similar size come together, which
        saves padding.
        """
        n, size = len(self.lessons.train), min(self.recipe.batch, len(self.lessons.train))
        epoch, place = divmod(step, n // size)
        generator = torch.Generator().manual_seed(self.seed * 100_003 + epoch)
        order = torch.randperm(n, generator=generator)[: n // size * size]
        pool = place // _POOL_BATCHES
        pooled = order.split(_POOL_BATCHES * size)[pool]
        batches = pooled[self.lessons.train.sizes[pooled].argsort(stable=True)].split(size)
        generator.manual_seed((self.seed * 100_003 + epoch) * 1_009 + pool)
        return batches[torch.randperm(len(batches), generator=generator)[place % _POOL_BATCHES]]

    def _step(self) -> tuple[float, int]:
        for group in self._optimizer.param_groups:
            group["lr"] = self.recipe.lr * self.recipe.factor(self.step, self.question.steps)
        places = self.rows(self.step)
        found = self.model(self.lessons.train.seen(places))
        loss = torch.nn.functional.mse_loss(found, self.lessons.targets[places])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach()), len(places)

    @torch.no_grad()
    def predict(self, levels: KeptLevels, control: str = OWN) -> Tensor:
        """Values of molecules in the unit of the task, (n,) float32.

        Args:
            levels: Of the molecules.
            control: `OTHER` shows each of them another one's graph, `ZERO` none.
        """
        self.model.eval()
        shown = torch.arange(len(levels))
        if control == OTHER:
            shown = other_places(len(levels))
        found = []
        for places in shown.split(_ASKED_AT_ONCE):
            seen = levels.seen(places)
            found.append(self.model(seen.emptied() if control == ZERO else seen))
        return torch.cat(found) * self.lessons.std + self.lessons.mean

    def finish(self, *, commit: str) -> None:
        """Asks the test rows and writes predictions and figures; the state is not needed more.

        Args:
            commit: What is running, for the figures.
        """
        controls = CONTROLS if self.variant.name == BASELINE else (OWN,)
        predictions = {c: self.predict(self.lessons.test, c) for c in controls}
        save_file(predictions, self.directory / PREDICTIONS)
        figures = {
            "parameters": n_parameters(self.model),
            "steps": self.step,
            "seconds": round(self.seconds, 2),
            "commit": commit,
        }
        write_json(self.directory / DONE, figures)
        (self.directory / STATE).unlink(missing_ok=True)

    def _record(self, loss: float) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 2), "loss": round(loss, 5)}
        with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def save(self) -> None:
        """Writes the whole state under a temporary name, then renames it."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        write_state(self.directory, state)

    def _resume(self) -> None:
        path = self.directory / STATE
        if not path.is_file():
            return
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]


def other_places(n: int) -> Tensor:
    """For each of n molecules another one's place (itself only where there is no other), (n,)."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    found = torch.empty(n, dtype=torch.int64)
    found[order] = order.roll(1)
    return found


def read_done(directory: Path) -> tuple[dict[str, object], dict[str, Tensor]]:
    """Figures and predictions of a finished run."""
    figures = json.loads((directory / DONE).read_text(encoding="utf-8"))
    return figures, load_file(directory / PREDICTIONS)
