"""Trains ways of reading a frozen encoder's levels into graph tokens, and measures what they hold.

    python -m assistant.train.readouts --config assistant/train/configs/readouts_cpu.toml
        --run runs/readouts [--encoder [NAME=]DIR] [--base checkpoints/default] [--data DIR]
        [--train-only] [--measure-only] [--page OUT.md]

There is no language model in it: a small head reads the tokens. What is finished is kept: the same
command goes on where it stopped. Then errors, costs and over-smoothing are measured and written as
a page, a record (JSON) and two pictures beside it.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from assistant import __version__
from assistant.errors import AssistantError
from assistant.evaluate.probe import Named
from assistant.evaluate.report import commit
from assistant.evaluate.table import data_directory
from assistant.train.curves import require_matplotlib
from assistant.train.guard import refuse_another
from assistant.train.pairs import shown_command
from assistant.train.readouts.costs import generator_costs, reader_costs
from assistant.train.readouts.data import Asked, asked_of, lessons_of
from assistant.train.readouts.encoders import Encoders, encoders_of
from assistant.train.readouts.measure import Record, finished_seeds, measured
from assistant.train.readouts.page import page_text
from assistant.train.readouts.plots import draw_layers, draw_variants
from assistant.train.readouts.recipe import BASELINE, VARIANTS, ReadoutRecipe
from assistant.train.readouts.run import DONE, ReadoutRun, run_directory
from assistant.train.readouts.smoothing import smoothing_of

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


def run_readouts(args: argparse.Namespace) -> Record | None:
    """Trains everything, then measures it; None when it is to be measured later.

    Raises:
        AssistantError: Data, encoder or recipe do not fit, the run was begun with others, or there
            is no finished seed to measure.
    """
    recipe = ReadoutRecipe.load(args.config)
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    asked = [asked_of(question, data) for question in recipe.questions]
    encoders = encoders_of(args.encoder, args.base, asked)
    noted = asdict(recipe) | {
        "encoders": encoders.hashes,
        "main": encoders.main.name,
        "rows": [rows.digest() for rows in asked],
    }
    refuse_another(args.run, noted, may_change=_MAY_CHANGE)
    if not args.measure_only:
        train_all(recipe, encoders, asked, args.run)
    if args.train_only:
        return None
    for question in recipe.questions:
        if not finished_seeds(recipe, encoders.main.name, question, BASELINE, args.run):
            raise AssistantError(
                f"{args.run} has no finished {BASELINE!r} for {question.task}; go on without"
                " --measure-only."
            )
    return record_of(recipe, asked, encoders, args)


def record_of(
    recipe: ReadoutRecipe, asked: Sequence[Asked], encoders: Encoders, args: argparse.Namespace
) -> Record:
    """Everything that the page says, as JSON types."""
    config = encoders.main.encoder.config
    questions = zip(recipe.questions, asked, strict=True)
    return {
        "command": args.command,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "version": __version__,
        "main": encoders.main.name,
        "encoders": encoders.hashes,
        "batch": recipe.batch,
        "lr": recipe.lr,
        "questions": [measured(recipe, q, rows, encoders, args.run) for q, rows in questions],
        "costs": reader_costs(recipe, config),
        "smoothing": [
            smoothing_of(encoder, rows, recipe.n_smoothed)
            for rows in asked
            for encoder in encoders.all
        ],
        "generators": generator_costs(recipe, args.base),
    }


def write_page(record: Record, page: Path) -> None:
    """Writes the page, its record and its pictures side by side."""
    page.parent.mkdir(parents=True, exist_ok=True)
    variants = page.with_name(f"{page.stem}_variants.png")
    layers = page.with_name(f"{page.stem}_layers.png")
    draw_variants(record, variants)
    draw_layers(record["smoothing"], layers)
    kept = page.with_suffix(".json")
    record = record | {"file": kept.name}
    kept.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    text = page_text(record, variants_picture=variants.name, layers_picture=layers.name)
    page.write_text(text, encoding="utf-8")


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
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--train-only", action="store_true", help="measure later")
    only.add_argument("--measure-only", action="store_true", help="measure what is finished")
    add("--page", type=Path, help="where the page is written (default: in the run's directory)")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    given = sys.argv[1:] if arguments is None else arguments
    args.command = shown_command(given, program="assistant.train.readouts")
    try:
        require_matplotlib()
        record = run_readouts(args)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if record is not None:
        page = args.page or args.run / "graph_readouts.md"
        write_page(record, page)
        sys.stdout.write(f"wrote {page}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
