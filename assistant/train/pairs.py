"""Trains a pair model with a head of its own (ModuLM's encoders and interactions, no LLM).

    python -m assistant.train.pairs --config assistant/train/configs/pairs_chromophore.toml
        --data DIR --run RUN [--bundle checkpoints/default] [--known]
        [--splits random:10 | scaffold] [--record docs/results]

Training resumes where it stopped. At the end the test rows, which nothing has looked at before, are
predicted once; their errors, by similarity to the training rows too, lie beside the weights for the
page. The component is `RUN/component`; `--bundle` puts it into a bundle. `--splits` trains and
tests on other splits of the same rows instead, beside simple methods, and keeps no weights.
"""

import argparse
import copy
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from assistant.bundle import Bundle
from assistant.checkpoint import refuse_to_replace, sha256_of
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.evaluate.report import make_writable, table_text, write_report
from assistant.graph.pairs.head import PairHead
from assistant.graph.pairs.model import MoleculeTensors
from assistant.train.curves import require_matplotlib
from assistant.train.guard import NOTE, refuse_another
from assistant.train.pair_descriptors import learn_descriptors
from assistant.train.pair_output import add_to_bundle, measured, round_to_half, write_component
from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_run import PairRun, head_of
from assistant.train.pair_splits import n_random, split_report
from assistant.train.pair_tables import PairTable, read_pairs
from assistant.train.pair_views import molecules_of

log = logging.getLogger(__name__)

_LENGTH = ("epochs", "restarts", "check_every")
_LEAST_ROWS = 10
_TERMS = ("licence", "shipped", "known_shipped", "remarks")


def _check_run(recipe: PairRecipe, args: argparse.Namespace) -> None:
    """Notes what the run's directory is trained by, or refuses to mix it with something else.

    Nothing is noted before all was compared: what is refused changes nothing. Longer training may
    go on with weights and descriptors that are there, but splits that were measured before would
    then stand beside others in one mean.
    """
    source = sha256_of(args.data / recipe.source.path)
    values = {"recipe": asdict(recipe), "table": source}
    notes = {NOTE: (*_LENGTH, *_TERMS)}
    if args.splits:
        n_random(args.splits)
        notes["splits.json"] = _TERMS
    for writes in (False, True):
        for note, may_change in notes.items():
            refuse_another(args.run, values, may_change=may_change, note=note, writes=writes)


def _check_table(recipe: PairRecipe, table: PairTable, *, by_split: bool) -> None:
    """Refuses rows that nothing can be learned from, or nothing measured on, before the training.

    Args:
        recipe: Names tasks and columns.
        table: Its rows.
        by_split: Whether the table's own splits count.

    Raises:
        AssistantError: Names the table, the task, and what is missing.
    """
    path, column = recipe.source.path, recipe.source.split
    if not by_split and len(table.pairs) < _LEAST_ROWS:
        raise AssistantError(
            f"{path} has {len(table.pairs)} rows that can be used; --splits takes {_LEAST_ROWS} or"
            " more."
        )
    for place, task in enumerate(recipe.tasks):
        known = ~np.isnan(table.values[:, place])
        for split in ("train", "test") if by_split else ():
            if not known[table.rows(split)].any():
                raise AssistantError(
                    f"{path} has no row of the {split} split with a value of {task}: column"
                    f" {column} marks rows as train, valid or test."
                )
        learned = table.values[table.rows("train") if by_split else slice(None), place]
        learned = learned[~np.isnan(learned)]
        if not recipe.is_symmetric and np.ptp(learned) == 0:
            raise AssistantError(
                f"{path} has one value of {task} in all rows to learn from, {learned[0]:g}: there"
                " is nothing to learn."
            )
        lowest = float(table.values[known, place].min())
        if task in recipe.logarithmic and lowest <= 0:
            raise AssistantError(
                f"{path} has {lowest:g} as {task}, which has no logarithm: leave such rows out, or"
                " the task out of logarithmic."
            )


def start_of(recipe: PairRecipe, table: PairTable, data: Path, run: Path) -> PairHead:
    """A fresh head; where the recipe says so, one that knows descriptors, kept in the run."""
    head = head_of(recipe, table)
    if not recipe.descriptors.epochs:
        return head
    kept = run / "descriptors.pt"
    if kept.is_file():
        head.load_state_dict(torch.load(kept, weights_only=True))
        return head
    loss = learn_descriptors(
        head, recipe.descriptors, data, seed=recipe.seed, left_out=table.smiles
    )
    log.info("descriptors learned, loss %.3f", loss)
    torch.save(head.state_dict(), kept)
    return head


def train_component(
    recipe: PairRecipe, table: PairTable, args: argparse.Namespace
) -> dict[str, float]:
    """Trains, measures and writes the component; returns the test figures by name."""
    start = start_of(recipe, table, args.data, args.run)
    molecules = molecules_of(table, start.config.views, args.run)
    run = PairRun(recipe, table, molecules, args.run, head=start)
    head = round_to_half(run.train(recipe.name))
    figures = measured(run, head, command=args.command)
    component = write_component(run, head, figures, args.run, all_known=args.known)
    if args.bundle is not None:
        if not recipe.shipped:
            log.warning("a bundle with %s may not be given away: %s", recipe.name, recipe.licence)
        add_to_bundle(component, args.bundle, recipe.name)
    named = {"MAE": "mae", "RMSE": "rmse", "ROC-AUC": "auc"}
    return {
        f"{task} {title}": getattr(one, key)
        for task, one in figures.tasks.items()
        for title, key in named.items()
        if getattr(one, key) is not None
    }


def run_splits(recipe: PairRecipe, table: PairTable, args: argparse.Namespace) -> None:
    """Trains once per split, from the same start, and writes one report."""
    start = start_of(recipe, table, args.data, args.run)
    molecules = molecules_of(table, start.config.views, args.run)
    report = split_report(
        recipe,
        table,
        args.splits,
        lambda split, number: _fit(recipe, split, molecules, start, f"{args.splits} {number + 1}"),
        args.run,
        args.command,
    )
    sys.stdout.write(table_text(report))
    if args.record is not None:
        write_report(report, args.record / report.file_name, with_outcomes=False)


def _fit(
    recipe: PairRecipe,
    split: PairTable,
    molecules: Sequence[MoleculeTensors],
    start: PairHead,
    title: str,
) -> np.ndarray:
    """Predictions of a split's test rows by a head trained on its training rows alone."""
    head = PairHead(head_of(recipe, split).config)  # mean and spread of these training rows
    head.load_state_dict(copy.deepcopy(start.state_dict()))
    run = PairRun(recipe, split, molecules, head=head)
    return run.predict(round_to_half(run.train(title)), split.rows("test"))


def shown_command(arguments: Sequence[str], program: str = "assistant.train.pairs") -> str:
    """The command as it can be printed: places on this machine by their option's placeholder."""
    hidden = {"--data": "DIR", "--run": "RUN", "--record": "RECORDS", "--encoder": "DIR"}
    split = [part for argument in arguments for part in _split_option(argument)]
    shown = list(split)
    for i, option in enumerate(split[:-1]):
        name, sign, place = split[i + 1].rpartition("=")  # NAME=DIR keeps its name
        if option in hidden:
            shown[i + 1] = f"{name}{sign}{hidden[option]}"
        elif Path(place).is_absolute():
            shown[i + 1] = f"{name}{sign}{Path(place).name}"
    return shlex.join(["python", "-m", program, *shown])


def _split_option(argument: str) -> Sequence[str]:
    """As two arguments, where an option has its value behind "="."""
    return argument.split("=", 1) if argument.startswith("--") and "=" in argument else [argument]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line; see the module's first lines."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.pairs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="the recipe, a TOML file")
    add("--data", type=Path, required=True, help="directory of the shared tables")
    add("--run", type=Path, required=True, help="where the state is kept, to resume from")
    add("--bundle", type=Path, help="put the component into this bundle")
    add("--known", action="store_true", help="keep the measured values beside the weights, also"
        " where their terms forbid to give them away")  # fmt: skip
    add("--splits", help="random:N or scaffold: measure other splits, keep no weights")
    add("--record", type=Path, help="write the numbers of --splits into this directory")
    add("--threads", type=int, default=1, help="processor threads (default: 1)")
    args = parser.parse_args(arguments)
    if args.threads < 1:
        parser.error(f"--threads {args.threads} must be positive")
    args.command = shown_command(sys.argv[1:] if arguments is None else arguments)
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    args = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    return exit_status(
        lambda: _run(args), after_stop="stopped; the same command goes on from the last save"
    )


def _run(args: argparse.Namespace) -> int:
    if args.record is not None:
        make_writable(args.record)
    if args.splits:
        n_random(args.splits)
    else:
        require_matplotlib()
    recipe = PairRecipe.load(args.config)
    table = read_pairs(recipe.source, recipe.tasks, args.data)
    _check_table(recipe, table, by_split=not args.splits)
    _check_run(recipe, args)
    if args.splits:
        run_splits(recipe, table, args)
        return 0
    refuse_to_replace(args.run / "component")  # before the training, not after it
    if args.bundle is not None:
        Bundle.read(args.bundle)
    for name, value in train_component(recipe, table, args).items():
        sys.stdout.write(f"{name} {value:.4g}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
