"""Trains variants of one pair recipe and measures what interaction, encoders and views are worth.

    python -m assistant.train.pair_study --config assistant/train/configs/pair_study_cpu.toml
        --run RUN --data DIR [--seeds S …] [--page docs/pair_parts.md]

What is finished is kept: the same command goes on where it stopped, a cell of a variant and a seed
at a time. `--seeds` does a part of the work. The page tells of the seeds that are complete; no
weights are kept.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from assistant.errors import AssistantError
from assistant.evaluate.table import data_directory
from assistant.train.curves import require_matplotlib
from assistant.train.pair_study.cell import cell_path, train_cell
from assistant.train.pair_study.measure import measure
from assistant.train.pair_study.page import page_text
from assistant.train.pair_study.plot import draw
from assistant.train.pair_study.recipe import StudyRecipe, StudyTask
from assistant.train.pair_study.rows import StudyRows, rows_of
from assistant.train.pairs import shown_command

_PAGE = "pair_parts.md"


def study_rows(study: StudyRecipe, task: StudyTask, data: Path, run: Path) -> StudyRows:
    """Rows of a task with the views and shapes that its variants read."""
    variants = study.variants_of(task)
    views = dict.fromkeys(
        name for variant in variants for name in variant.sizes_of(task.recipe).views
    )
    with_shapes = any(variant.encoder_3d for variant in variants)
    return rows_of(task, list(views), data, run, with_shapes=with_shapes)


def train_all(
    study: StudyRecipe, rows: dict[str, StudyRows], seeds: Sequence[int], run: Path
) -> None:
    """Trains what is not there, a seed of everything before the next seed."""
    wanted = [
        (task, variant, seed)
        for seed in seeds
        for task in study.tasks
        for variant in study.variants_of(task)
    ]
    for number, (task, variant, seed) in enumerate(wanted, 1):
        title = f"[{number}/{len(wanted)}] {task.name} {variant.name}, seed {seed}"
        train_cell(task, variant, seed, rows[task.name], run, title)


def complete_seeds(study: StudyRecipe, run: Path) -> list[int]:
    """Seeds that every variant of every task was trained with."""
    return [
        seed
        for seed in study.seeds
        if all(
            cell_path(run, task, variant.name, seed).is_file()
            for task in study.tasks
            for variant in study.variants_of(task)
        )
    ]


def run_study(args: argparse.Namespace) -> str:
    """Trains, measures and writes page and plot; returns the page.

    Raises:
        AssistantError: A table, a recipe or a seed is missing or does not fit.
    """
    study = StudyRecipe.load(args.config)
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    seeds = args.seeds or study.seeds
    strange = sorted(set(seeds) - set(study.seeds))
    if strange:
        known = ", ".join(map(str, study.seeds))
        raise AssistantError(f"The recipe has no seed {strange[0]}; it has {known}.")
    args.run.mkdir(parents=True, exist_ok=True)
    rows = {task.name: study_rows(study, task, data, args.run) for task in study.tasks}
    train_all(study, rows, seeds, args.run)
    done = complete_seeds(study, args.run)
    found = {
        task.name: measure(study, task, rows[task.name], done, args.run) for task in study.tasks
    }
    page = args.page or args.run / _PAGE
    picture = page.with_suffix(".png")
    text = page_text(study, found, rows, done, command=args.command, picture=picture.name)
    draw(study, found, picture)
    page.write_text(text, encoding="utf-8")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.pair_study",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--run", type=Path, required=True, help="directory of the cells; goes on if it exists")
    add("--data", type=Path, help="directory of the shared tables")
    add("--seeds", nargs="+", type=int, help="only these seeds now")
    add("--page", type=Path, help="where the page goes, its plot beside (default: into RUN)")
    add("--threads", type=int, default=1, help="processor threads (default: 1)")
    args = parser.parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    args.command = shown_command(given, program="assistant.train.pair_study")
    logging.basicConfig(level=logging.WARNING)
    torch.set_num_threads(args.threads)
    try:
        require_matplotlib()
        text = run_study(args)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
