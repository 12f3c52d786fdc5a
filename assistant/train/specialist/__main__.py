"""Trains a specialist for reactions; see the package's first lines.

    python -m assistant.train.specialist --config assistant/train/configs/specialist_gpu.toml
        --data DIR --run RUN [--device cuda --workers 12]

Ctrl+C ends it after the step at hand; the same command goes on from there. The finished one is in
RUN/specialist; `--into BUNDLE` copies it into a bundle.
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from assistant.commands import ctrl_c_calls, exit_status
from assistant.evaluate.table import data_directory
from assistant.train import licences
from assistant.train.curves import require_matplotlib
from assistant.train.guard import refuse_another
from assistant.train.specialist.examples import ReactionData
from assistant.train.specialist.output import put_into, write_specialist
from assistant.train.specialist.recipe import SpecialistRecipe
from assistant.train.specialist.run import SpecialistRun

_MAY_CHANGE = ("save_every_minutes", "minutes")
"""Of the recipe of a run: one that is finished may go on for longer."""


def prepare(args: argparse.Namespace, recipe: SpecialistRecipe) -> SpecialistRun:
    """The run, where it was left.

    Raises:
        AssistantError: The data cannot be used, or the directory holds another run.
    """
    if args.licensed_only:
        sources = [source for task in recipe.tasks for source in task.data]
        licences.refuse_unclear("formats", [source.format for source in sources])
    args.run.mkdir(parents=True, exist_ok=True)
    refuse_another(args.run, asdict(recipe), may_change=_MAY_CHANGE)
    data = ReactionData.prepared(recipe, data_directory(args.data), args.run)
    return SpecialistRun(
        recipe,
        data,
        args.run,
        device=args.device,
        workers=args.workers,
        compiled=args.compile,
    )


def run(args: argparse.Namespace, command: str) -> None:
    """Trains what is left, then writes the specialist."""
    require_matplotlib()
    training = prepare(args, SpecialistRecipe.load(args.config))
    sys.stdout.write("".join(f"{line}\n" for line in training.data.lines))
    sys.stdout.flush()
    with ctrl_c_calls(training.stop):
        training.train()
    if not training.is_finished:
        sys.stdout.write("stopped; the same command goes on from there\n")
        return
    where = write_specialist(training, command=command)
    sys.stdout.write(f"wrote {where}\n")
    if args.into is not None:
        sys.stdout.write(f"put into {put_into(args.into, where)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.specialist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--run", type=Path, required=True, help="directory of the run; goes on if it exists")
    add("--into", type=Path, metavar="BUNDLE", help="bundle that the finished one is put into")
    add("--data", type=Path, help="data directory (default: MOLECULE_CHAT_DATA)")
    add("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add("--workers", type=int, default=0, help="processes that write batches ahead (default: 0)")
    add("--compile", action="store_true", help="compile the layers; for GPUs")
    add("--licensed-only", action="store_true", help="refuse data formats without clear licence")
    args = parser.parse_args(arguments)
    if args.workers < 0:
        parser.error(f"--workers {args.workers} must not be negative")
    logging.basicConfig(level=logging.WARNING)
    given = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        run(args, f"python -m assistant.train.specialist {shlex.join(given)}")
        return 0

    return exit_status(work, after_stop="stopped; the same command goes on from the last save")


if __name__ == "__main__":
    raise SystemExit(main())
