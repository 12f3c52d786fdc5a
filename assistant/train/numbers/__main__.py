"""Teaches a specialist's language model a number; see the package's first lines.

    python -m assistant.train.numbers --config assistant/train/configs/numbers_homo_cpu.toml
        --specialist BUNDLE/specialist --data DIR --run RUN

Ctrl+C ends it after the step at hand; the same command goes on from there. The finished parts are
in RUN/NAME; `--put` copies them into the specialist.
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from assistant.commands import ctrl_c_calls, exit_status
from assistant.evaluate.predicted import value_task
from assistant.evaluate.table import data_directory
from assistant.llm.load import load_llm
from assistant.specialist.directory import LLM
from assistant.train import licences
from assistant.train.curves import require_matplotlib
from assistant.train.guard import refuse_another
from assistant.train.numbers.data import NumbersData, table_name
from assistant.train.numbers.output import put_into, write_numbers
from assistant.train.numbers.recipe import NumbersRecipe
from assistant.train.numbers.run import NumbersRun


def prepare(args: argparse.Namespace, recipe: NumbersRecipe) -> NumbersRun:
    """The run, where it was left.

    Raises:
        AssistantError: The data cannot be used, or the directory holds another run.
    """
    args.run.mkdir(parents=True, exist_ok=True)
    llm = load_llm(args.specialist / LLM, device=args.device, pick_fastest=False)
    refuse_another(
        args.run,
        {"recipe": asdict(recipe), "llm": llm.fingerprint},
        may_change=("save_every_minutes",),
    )
    data = NumbersData.prepared(recipe, data_directory(args.data), args.run)
    return NumbersRun(recipe, data, llm, args.run)


def run(args: argparse.Namespace, command: str) -> None:
    """Trains what is left, then writes the parts."""
    recipe = NumbersRecipe.load(args.config)
    if args.licensed_only:
        licences.refuse_unclear("labels", [table_name(value_task(recipe.task).train)])
    require_matplotlib()
    training = prepare(args, recipe)
    with ctrl_c_calls(training.stop):
        training.train()
    if not training.is_finished:
        sys.stdout.write("stopped; the same command goes on from there\n")
        return
    where = write_numbers(training, command=command)
    sys.stdout.write(f"wrote {where}\n")
    if args.put:
        sys.stdout.write(f"put into {put_into(args.specialist, where)}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.numbers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--specialist", type=Path, required=True, help="directory of the specialist")
    add("--run", type=Path, required=True, help="directory of the run; goes on if it exists")
    add("--put", action="store_true", help="copy the finished parts into the specialist")
    add("--data", type=Path, help="data directory (default: MOLECULE_CHAT_DATA)")
    add("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add("--licensed-only", action="store_true", help="refuse a table without clear licence")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    given = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        run(args, f"python -m assistant.train.numbers {shlex.join(given)}")
        return 0

    return exit_status(work, after_stop="stopped; the same command goes on from the last save")


if __name__ == "__main__":
    raise SystemExit(main())
