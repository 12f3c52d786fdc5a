"""What does a linear map read from a frozen graph encoder?

    python -m assistant.evaluate.probe --encoder [NAME=]DIR [--encoder …] --task T [--n N]
        [--data DIR] [--file F] [--seed S] [--json OUT] [--record DIR] [--plots DIR]

    molecule ─► frozen encoder ─► mean over the atoms of each level ─► ridge or logistic fit

Beside it the same encoder with random weights, and the baselines of the task (Morgan fingerprints
with the same regressions). The map is fitted on the training rows, its penalty on a tenth of them.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from assistant.chem.graph import smiles_to_graphs
from assistant.errors import AssistantError
from assistant.evaluate.baselines.linear import Predictor, fit_logistic, fit_ridge
from assistant.evaluate.questions import load_examples
from assistant.evaluate.report import Report, add_publishing_options, publish
from assistant.evaluate.run import add_scoring_options, score_row, shown_command
from assistant.evaluate.run import text_scoring as scoring_of
from assistant.evaluate.table import data_directory, some
from assistant.evaluate.tasks.base import Example, Scored, Task
from assistant.evaluate.tasks.registry import task_of
from assistant.evaluate.tasks.values import ValueTask
from assistant.evaluate.tasks.yes_no import LabelTask
from assistant.graph.encoder import (
    GraphEncoder,
    GraphEncoderConfig,
    GraphLevels,
    collate,
    read_encoder,
)

RIDGE_STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4)
LOGISTIC_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
_BATCH = 256
_FOR_NORMS = 2048


@dataclass(frozen=True)
class Named:
    """An encoder and what the table calls it."""

    name: str
    encoder: GraphEncoder


def named_encoder(text: str) -> Named:
    """From `DIR` or `NAME=DIR`.

    Raises:
        BundleError: The directory holds no encoder.
    """
    name, sign, place = text.partition("=")
    directory = Path(place if sign else text)
    encoder = read_encoder(directory).eval().requires_grad_(False)
    return Named(name if sign else directory.name, encoder)


def random_encoder(like: GraphEncoderConfig, smiles: Sequence[str], *, seed: int) -> Named:
    """The same encoder with random weights; batch norms as the molecules leave them."""
    torch.manual_seed(seed)
    encoder = GraphEncoder(like).requires_grad_(False)
    chosen = np.random.default_rng(seed).permutation(len(smiles))[:_FOR_NORMS]
    encoder.train()
    for _ in range(2):
        for start in range(0, len(chosen), _BATCH):
            part = [smiles[i] for i in chosen[start : start + _BATCH]]
            if len(part) > 1:
                encoder.encode(list(smiles_to_graphs(part)))
    return Named("random weights", encoder.eval())


@torch.no_grad()
def features(encoder: GraphEncoder, smiles: Sequence[str]) -> np.ndarray:
    """Means over the atoms of all levels, (n, levels · d) float32."""
    rows = []
    for start in range(0, len(smiles), _BATCH):
        batch = collate(list(smiles_to_graphs(smiles[start : start + _BATCH])))
        levels = encoder(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        rows.append(_means(levels).float().numpy())
    return np.concatenate(rows)


def _means(levels: GraphLevels) -> torch.Tensor:
    n_atoms = levels.mask.sum(1)[:, None, None]
    return (levels.atoms.sum(dim=2) / n_atoms).flatten(1)


def probe(task: Task, named: Named, train: Sequence[Example], test: Sequence[Example]) -> Scored:
    """Predictions of a linear map on the frozen encoder."""
    read, asked = (
        features(named.encoder, [example.molecules[0] for example in rows])
        for rows in (train, test)
    )
    standardise(read, asked)
    name = f"linear probe: {named.name}"
    if isinstance(task, ValueTask):
        predict = fit_ridge(read, [float(e.answer) for e in train], strengths=RIDGE_STRENGTHS)
        return Scored(name, [float(value) for value in predict(asked)])
    scores = np.zeros(len(test))
    for rows, fitted in _labels(read, train, test):
        scores[rows] = fitted(asked[rows])
    return Scored(name, [bool(s > 0) for s in scores], [float(s) for s in scores])


def standardise(read: np.ndarray, asked: np.ndarray) -> None:
    """Columns of both to mean 0 and deviation 1 of the first, in place; constant ones to 0."""
    mean, std = read.mean(0), read.std(0)
    constant = std < 1e-6
    std[constant] = 1.0
    for rows in (read, asked):
        rows -= mean
        rows /= std
        rows[:, constant] = 0.0


def _labels(
    read: np.ndarray, train: Sequence[Example], test: Sequence[Example]
) -> Iterator[tuple[list[int], Predictor]]:
    """Per label the test rows that ask for it and its fitted map."""
    for group in dict.fromkeys(e.group for e in test):
        own = [i for i, e in enumerate(train) if e.group == group]
        labels = [bool(train[i].answer) for i in own]
        if len(set(labels)) < 2:
            raise AssistantError(f"The training rows of {group or 'the label'} hold one class.")
        fitted = fit_logistic(read[own], labels, strengths=LOGISTIC_STRENGTHS)
        yield [i for i, e in enumerate(test) if e.group == group], fitted


def run_probe(args: argparse.Namespace) -> Report:
    """The report of a task: probes of all encoders, then the baselines.

    Raises:
        AssistantError: The task is not about one molecule's value or label, or has no rows.
    """
    task = task_of(args.task)
    if not isinstance(task, ValueTask | LabelTask) or task.name.startswith("pairs:"):
        raise AssistantError(
            f"Task {task.name} has no value or label of one molecule to probe; choose property:…."
        )
    asked, train = load_examples(task, args, data_directory(args.data))
    if not train:
        raise AssistantError("A probe needs training rows; name the data with --data or --train.")
    train = some(train, args.n_train, args.seed)
    began, scoring = time.monotonic(), scoring_of(args)
    given = [named_encoder(text) for text in args.encoder]
    makers: list[Callable[[], Named]] = [lambda named=named: named for named in given]
    smiles = [example.molecules[0] for example in train]
    makers.append(lambda: random_encoder(given[0].encoder.config, smiles, seed=args.seed))
    rows = [
        score_row(
            task, probe(task, make(), train, asked), "probe", asked, train, scoring, args.seed
        )
        for make in makers
    ]
    rows += [
        score_row(task, scored, "baseline", asked, train, scoring, args.seed)
        for scored in task.baselines(train, asked)
    ]
    table = args.file.name if args.file else Path(task.test.path).name
    return Report(
        task.name,
        table,
        rows,
        args.command,
        args.seed,
        arm="probe",
        n_train=len(train),
        seconds=time.monotonic() - began,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.probe",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--encoder", action="append", required=True, metavar="[NAME=]DIR", help="component; repeat")
    add("--task", required=True, help="property:… with a value or a label")
    add("--file", type=Path, help="table with the columns of the shared one")
    add("--n", type=int, help="so many test rows at random (default: all)")
    add("--n-train", type=int, help="so many training rows at random (default: all)")
    add("--seed", type=int, default=0, help="of rows, random weights and intervals (default: 0)")
    add_scoring_options(parser)
    add_publishing_options(parser)
    args = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    args.command = shown_command(given, program="assistant.evaluate.probe")
    return publish(run_probe, args)


if __name__ == "__main__":
    raise SystemExit(main())
