"""Pre-trains the graph encoder on molecules.

    python -m assistant.train.encoder --config assistant/train/configs/encoder_cpu.toml
        --data DIR --run runs/encoder [--licensed-only] [--out DIR]

Masked atoms and bonds, RDKit descriptors, and heads for QM9 and MoleculeNet; see the recipe. Ctrl+C
ends it after the step at hand; the same command goes on from there. The encoder is written as a
component with its card and loss curve.
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assistant.checkpoint import refuse_to_replace
from assistant.commands import ctrl_c_calls, exit_status
from assistant.errors import AssistantError
from assistant.evaluate.table import data_directory
from assistant.train.curves import require_matplotlib
from assistant.train.encoder.output import write_encoder
from assistant.train.encoder.recipe import EncoderRecipe
from assistant.train.encoder.run import EncoderRun


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.encoder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--data", type=Path, help="directory of the tables (or MOLECULE_CHAT_DATA)")
    add("--run", type=Path, required=True, help="directory of this run; resumes if it exists")
    add("--out", type=Path, help="where the encoder is written (default: RUN/encoder)")
    add("--steps", type=int, help="another number of steps than the recipe's")
    add("--licensed-only", action="store_true", help="only sources with a clear licence")
    args = parser.parse_args(arguments)
    if args.steps is not None and args.steps < 1:
        parser.error(f"--steps {args.steps} must be positive")
    logging.basicConfig(level=logging.INFO)
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "assistant.train.encoder", *given])
    return exit_status(
        lambda: _run(args, command),
        after_stop="stopped; the same command goes on from the last save",
    )


def _run(args: argparse.Namespace, command: str) -> int:
    require_matplotlib()
    recipe = EncoderRecipe.load(args.config)
    if args.licensed_only:
        recipe = replace(recipe, licensed_only=True)
    if args.steps is not None:
        recipe = replace(recipe, steps=args.steps)
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    out = args.out or args.run / "encoder"
    refuse_to_replace(out)  # before hours of training, not after them
    run = EncoderRun(recipe, data, args.run)
    with ctrl_c_calls(run.stop):
        run.train()
    if not run.is_finished:
        sys.stdout.write(f"stopped after step {run.step}; the same command goes on from there\n")
        return 0
    write_encoder(run, out, command=command)
    sys.stdout.write(f"wrote {out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
