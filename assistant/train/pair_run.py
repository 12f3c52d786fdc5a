"""One training of a pair head: steps, the running mean of the weights, resuming."""

import copy
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from assistant.evaluate.metrics.numbers import yes_no_metrics
from assistant.graph.pairs.head import PairHead, PairHeadConfig
from assistant.graph.pairs.model import MoleculeTensors, PairConfig
from assistant.train.pair_batches import batches, parts, steps_per_epoch
from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_tables import PairTable
from assistant.train.pair_views import fit_views
from assistant.train.progress import Progress
from assistant.train.state import STATE, read_state, write_state

_BLOCKS_AT_ONCE = 128
_PAIRS_AT_ONCE = 8192
_SAVE_SECONDS = 60.0
_ROWS_TO_SETTLE = 4000


def head_of(recipe: PairRecipe, table: PairTable) -> PairHead:
    """An untrained head with the mean and spread of the training values."""
    torch.manual_seed(recipe.seed)
    return PairHead(head_config(recipe, table, recipe.sizes.pair_config()))


def head_config(recipe: PairRecipe, table: PairTable, model: PairConfig) -> PairHeadConfig:
    """Of a head on this pair model, with the mean and spread of the training values."""
    values = table.values[table.rows("train")]
    means, scales, logarithmic = [], [], []
    for i, task in enumerate(recipe.tasks):
        column = values[:, i][~np.isnan(values[:, i])]
        is_log = task in recipe.logarithmic
        is_label = recipe.is_symmetric
        column = np.log10(column) if is_log else column
        means.append(0.0 if is_label else float(column.mean()))
        scales.append(1.0 if is_label else float(column.std()))
        logarithmic.append(is_log)
    sizes = recipe.sizes
    return PairHeadConfig(
        model,
        recipe.tasks,
        tuple(means),
        tuple(scales),
        tuple(logarithmic),
        sizes.hidden,
        sizes.dropout,
        sizes.additive,
    )


class PairRun:
    """Trains one head on the training rows of a table.

    Args:
        recipe: How.
        table: Pairs and values.
        molecules: Those of the table, with the views that the recipe names.
        directory: Where the state and the log are kept, to resume from; None keeps nothing.
        head: To go on from; a fresh one without.
        shown: Pairs (n, 2) that are read in the place of the table's, row by row, for controls.
    """

    def __init__(
        self,
        recipe: PairRecipe,
        table: PairTable,
        molecules: Sequence[MoleculeTensors],
        directory: Path | None = None,
        *,
        head: PairHead | None = None,
        shown: np.ndarray | None = None,
    ) -> None:
        self.recipe, self.table, self.directory = recipe, table, directory
        self.tensors = list(molecules)
        self.head = head or head_of(recipe, table)
        self.targets = torch.from_numpy(self._standardised()).float()
        self.pairs = torch.from_numpy(table.pairs if shown is None else shown)
        fit_views(self.head, table, self.tensors, self.targets, recipe.sizes.strength)
        self.mean = copy.deepcopy(self.head).eval().requires_grad_(False)
        self.weights = torch.tensor([recipe.task_weights.get(t, 1.0) for t in recipe.tasks])
        self.epoch, self.step = 0, 0
        self.optimiser = torch.optim.AdamW(
            self.head.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
        )
        self.best: dict[str, float] = {}
        self.best_weights = copy.deepcopy(self.mean.state_dict())
        self._saved = time.monotonic()

    def _standardised(self) -> np.ndarray:
        config = self.head.config
        values = self.table.values.copy()
        for i, is_log in enumerate(config.logarithmic):
            values[:, i] = np.log10(values[:, i]) if is_log else values[:, i]
        return (values - np.array(config.means)) / np.array(config.scales)

    def train(self, title: str) -> PairHead:
        """Trains to the end, or goes on from where a run of this directory stopped.

        Returns:
            The running mean of the weights that did best on the validation rows; the last one
            where there are none.
        """
        self._resume()
        n_steps = steps_per_epoch(self.recipe, self.table)
        progress = Progress(title, self.recipe.epochs * n_steps, done=self.step, unit="pairs")
        while self.epoch < self.recipe.epochs:
            random = np.random.default_rng([self.recipe.seed, self.epoch])
            losses = []
            for batch in batches(self.recipe, self.table, random):
                loss = self._update(batch, self.step / n_steps)
                losses.append(loss)
                progress.advance(len(batch), f"loss {np.mean(losses[-50:]):.3f}")
            self.epoch += 1
            self._after_epoch(float(np.mean(losses)))
        self._save()
        self.mean.load_state_dict(self.best_weights)
        return self.mean

    def _update(self, batch: np.ndarray, epochs_done: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate(epochs_done)
        self.head.train()
        loss = self.loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.head.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return loss.item()

    def loss(self, batch: np.ndarray) -> Tensor:
        """The loss of a step on these rows, ()."""
        x1, x2 = self._both(self.head, self.pairs[batch])
        return self._loss(self.head(x1, x2), self.targets[batch])

    def _both(self, head: PairHead, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Blocks of both molecules of pairs (p, 2), each molecule encoded once per role."""
        roles = head.config.roles
        if head.config.is_symmetric:
            molecules, places = torch.unique(pairs, return_inverse=True)
            blocks = head.blocks([self.tensors[i] for i in molecules.tolist()], roles[0])
            return blocks[places[:, 0]], blocks[places[:, 1]]
        sides = []
        for side in (0, 1):
            molecules, places = torch.unique(pairs[:, side], return_inverse=True)
            tensors = [self.tensors[i] for i in molecules.tolist()]
            sides.append(head.blocks(tensors, roles[side])[places])
        return sides[0], sides[1]

    def _loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Absolute error of standardised values, or cross-entropy; rows count where they know."""
        known = ~targets.isnan()
        targets = targets.nan_to_num()
        if self.recipe.is_symmetric:
            each = nn.functional.binary_cross_entropy_with_logits(
                outputs, targets, reduction="none"
            )
        else:
            each = nn.functional.smooth_l1_loss(outputs, targets, reduction="none", beta=0.1)
        weights = self.weights * known
        return (each * weights).sum() / weights.sum().clamp_min(1)

    def _follow(self) -> None:
        """The running mean follows; slower as it grows older, so that the start is forgotten."""
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.head.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)

    def _after_epoch(self, loss: float) -> None:
        row: dict[str, float] = {"epoch": self.epoch, "step": self.step, "loss": round(loss, 4)}
        last = self.epoch == self.recipe.epochs
        if last or self.epoch % self.recipe.check_every == 0:
            row |= self._look()
        if self.directory is not None:
            with (self.directory / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            if time.monotonic() - self._saved > _SAVE_SECONDS:
                self._save()

    def _look(self) -> dict[str, float]:
        """Error on the validation rows; keeps the weights when they are the best so far."""
        self.settle(self.mean)
        rows = self.table.rows("valid")
        if not len(rows):
            self.best_weights = copy.deepcopy(self.mean.state_dict())
            return {}
        figures = self.figures(self.mean, rows)
        name, value = next(iter(figures.items()))
        worse = -value if self.recipe.is_symmetric else value
        if not self.best or worse < self.best["worse"]:
            self.best = {"worse": worse, "epoch": self.epoch, name: value}
            self.best_weights = copy.deepcopy(self.mean.state_dict())
        return {f"valid {name}": round(value, 4) for name, value in figures.items()}

    def figures(self, head: PairHead, rows: np.ndarray) -> dict[str, float]:
        """Per task the mean absolute error, or the ROC-AUC, of rows."""
        predicted, found = self.predict(head, rows), {}
        for i, task in enumerate(self.recipe.tasks):
            wanted = self.table.values[rows, i]
            known = ~np.isnan(wanted)
            if not known.any():
                continue
            if self.recipe.is_symmetric:
                found[f"{task} ROC-AUC"] = roc_auc(predicted[known, i], wanted[known] > 0.5)
            else:
                found[f"{task} MAE"] = float(
                    np.abs(predicted - self.table.values[rows])[known, i].mean()
                )
        return found

    @torch.no_grad()
    def settle(self, head: PairHead) -> None:
        """Gives a head the mean and variance that its own weights make of training rows.

        The running ones of training belong to the weights of its last steps, not to their mean:
        with them the mean is worth little while the weights still move.
        """
        rows = self.table.rows("train")
        if len(rows) > _ROWS_TO_SETTLE:
            rows = np.random.default_rng(0).choice(rows, _ROWS_TO_SETTLE, replace=False)
        norm = head.head[0]
        seen: list[Tensor] = []
        handle = norm.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self.predict(head, rows)
        finally:
            handle.remove()
        tokens = torch.cat(seen)
        norm.running_mean.copy_(tokens.mean(dim=0))
        norm.running_var.copy_(tokens.var(dim=0))

    @torch.no_grad()
    def predict(self, head: PairHead, rows: np.ndarray, pairs: Tensor | None = None) -> np.ndarray:
        """Values (n, tasks) of rows in their units; probabilities for yes/no.

        Args:
            head: Whose weights are asked.
            rows: Places in the table.
            pairs: All pairs (N, 2) that are read in the place of the run's own, for controls.
        """
        head.eval()
        pairs = (self.pairs if pairs is None else pairs)[rows]
        places, blocks = {}, []
        for side in (0, 1):
            molecules = torch.unique(pairs[:, side]).tolist()
            encoded = [
                head.blocks([self.tensors[i] for i in some], head.config.roles[side])
                for some in parts(molecules, _BLOCKS_AT_ONCE)
            ]
            places[side] = {molecule: i for i, molecule in enumerate(molecules)}
            blocks.append(torch.cat(encoded))
        found = []
        for some in parts(pairs.tolist(), _PAIRS_AT_ONCE):
            first = blocks[0][[places[0][p[0]] for p in some]]
            second = blocks[1][[places[1][p[1]] for p in some]]
            found.append(head.values(head(first, second)))
        return torch.cat(found).double().numpy()

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self.directory is None:
            return
        state = {
            "head": self.head.state_dict(),
            "mean": self.mean.state_dict(),
            "best_weights": self.best_weights,
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
        }
        write_state(self.directory, state)

    def _resume(self) -> None:
        path = None if self.directory is None else self.directory / STATE
        if path is None or not path.is_file():
            return
        state = read_state(self.directory, "head", "mean", command="assistant.train.pairs")
        self.head.load_state_dict(state["head"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best, self.best_weights = state["best"], state["best_weights"]
        self.epoch, self.step = state["epoch"], state["step"]


def roc_auc(scores: np.ndarray, wanted: np.ndarray) -> float:
    """As the evaluation computes it."""
    metric = yes_no_metrics([None] * len(scores), scores.tolist(), wanted.tolist())[0]
    return metric.value
