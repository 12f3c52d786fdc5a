"""Trains ways of reading a frozen encoder's levels into graph tokens, and measures what they hold.

    python -m assistant.train.readouts --config assistant/train/configs/readouts_cpu.toml
        --run runs/readouts [--encoder [NAME=]DIR] [--base checkpoints/default] [--data DIR]

There is no language model in it: a small head reads the tokens. What is finished is kept: the same
command goes on where it stopped.
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from assistant.errors import AssistantError
from assistant.evaluate.probe import Named
from assistant.evaluate.report import commit
from assistant.evaluate.table import data_directory
from assistant.train.guard import refuse_another
from assistant.train.readouts.data import Asked, asked_of, lessons_of
from assistant.train.readouts.encoders import Encoders, encoders_of
from assistant.train.readouts.recipe import VARIANTS, ReadoutRecipe
from assistant.train.readouts.run import DONE, ReadoutRun, run_directory

_MAY_CHANGE = (
    "variants",
    "beside",
    "seeds",
    "n_smoothed",
    "ranks",
    "every",
    "save_every_minutes",
)
"""What no single training depends on."""


def train_all(recipe: ReadoutRecipe, encoders: Encoders, asked: Sequence[Asked], run: Path) -> None:
    """Trains what is not finished: the main encoder's variants first, a seed after the other."""
    running = commit()  # now: the files of the checkout may change while this goes on
    for encoder in encoders.all:
        variants = recipe.variants if encoder is encoders.main else recipe.beside
        _train_on(recipe, encoder, variants, asked, run, running)


def _train_on(
    recipe: ReadoutRecipe,
    encoder: Named,
    variants: Sequence[str],
    asked: Sequence[Asked],
    run: Path,
    running: str,
) -> None:
    places = {
        (seed, index, variant): run_directory(run, encoder.name, question, variant, seed)
        for seed in recipe.seeds
        for index, question in enumerate(recipe.questions)
        for variant in variants
    }
    left = {key: place for key, place in places.items() if not (place / DONE).is_file()}
    if not left:
        return
    lessons = [lessons_of(rows, encoder.encoder) for rows in asked]
    for (seed, index, variant), place in left.items():
        trained = ReadoutRun(
            VARIANTS[variant], recipe.questions[index], recipe, lessons[index], place, seed=seed
        )
        trained.train()
        trained.finish(commit=running)


def run_readouts(args: argparse.Namespace) -> None:
    """Trains everything.

    Raises:
        AssistantError: Data, encoder or recipe do not fit, or the run was begun with others.
    """
    recipe = ReadoutRecipe.load(args.config)
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    asked = [asked_of(question, data) for question in recipe.questions]
    encoders = encoders_of(args.encoder, args.base, asked)
    noted = asdict(recipe) | {"encoders": encoders.hashes, "main": encoders.main.name}
    refuse_another(args.run, noted, may_change=_MAY_CHANGE)
    train_all(recipe, encoders, asked, args.run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.readouts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--run", type=Path, required=True, help="directory of the variants; goes on if it exists")
    add("--encoder", metavar="[NAME=]DIR", help="frozen graph encoder (default: the bundle's)")
    add("--base", type=Path, default=Path("checkpoints/default"), help="bundle with an encoder")
    add("--data", type=Path, help="directory of the tables (or MOLECULE_CHAT_DATA)")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    given = sys.argv[1:] if arguments is None else arguments
    args.command = shlex.join(["python", "-m", "assistant.train.readouts", *given])
    try:
        run_readouts(args)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
