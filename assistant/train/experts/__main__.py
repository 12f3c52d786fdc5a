"""Trains X-LoRA's experts and gate beside a finished bundle; see the package's first lines.

    python -m assistant.train.experts --config assistant/train/configs/experts_cpu.toml
        --data DIR --run RUN [--bundle checkpoints/default] [--device cuda --workers 12]

Ctrl+C ends it after the step at hand; the same command goes on from there. RUN/bundle is then for
`python launch.py --bundle RUN/bundle` and `python -m assistant.evaluate.run --bundle RUN/bundle`.
"""

import argparse
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from assistant.bundle import Bundle
from assistant.commands import ctrl_c_calls, exit_status
from assistant.components import graph_parts
from assistant.errors import AssistantError
from assistant.evaluate.table import data_directory
from assistant.retrieval.index import Index
from assistant.train import licences
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.run import quoting
from assistant.train.adapt.selection import data_identity
from assistant.train.curves import require_matplotlib
from assistant.train.experts.data import read_families
from assistant.train.experts.model import ExpertsModel
from assistant.train.experts.output import write_bundle
from assistant.train.experts.recipe import ExpertsRecipe
from assistant.train.experts.run import ExpertsRun
from assistant.train.frozen import load_base, refuse_other_serving
from assistant.train.guard import refuse_another

_DEFAULT = Path("checkpoints/default")


def prepare(args: argparse.Namespace, recipe: ExpertsRecipe, bundle: Bundle) -> ExpertsRun:
    """The run, where it was left.

    Raises:
        AssistantError: Data or bundle cannot be used, or the directory holds another run.
    """
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    if args.licensed_only:
        licences.refuse_unclear("formats", [source.format for source in recipe.files()])
    retrieval = Index(args.retrieval) if args.retrieval else None
    if retrieval is None and (names := [e.name for e in recipe.experts if e.quoted]):
        raise AssistantError(
            f"Experts {', '.join(names)} quote captions: name an index with --retrieval, or set"
            " their quoted to 0."
        )
    families = read_families(recipe, data)
    llm = load_base(bundle, args.device)
    refuse_other_serving(bundle, llm)
    torch.manual_seed(recipe.seed)
    parts = graph_parts(bundle, llm)
    model = ExpertsModel(llm, parts, recipe)
    n_graph_tokens = parts.projector.config.n_tokens if parts.projector else 0
    encoders = {
        expert.name: LessonEncoder(
            llm.tokenizer,
            n_graph_tokens=n_graph_tokens,
            sequence=recipe.sequence,
            quoting=quoting(retrieval) if expert.quoted else None,
            quoted=expert.quoted,
        )
        for expert in recipe.experts
    }
    hashes = {"bundle": bundle.digest(), "retrieval": retrieval.digest() if retrieval else ""}
    records = [r for family in families for r in (*family.records, *family.held_out)]
    identity = asdict(recipe) | hashes | data_identity(records)
    # Behind all that can be refused for other reasons: such a start notes nothing.
    refuse_another(args.run, identity, may_change=("save_every_minutes",))
    return ExpertsRun(
        recipe, families, model, encoders, args.run, device=llm.device, workers=args.workers
    )


def run(args: argparse.Namespace, command: str) -> None:
    """Trains what is left, then writes the bundle."""
    require_matplotlib()
    recipe, bundle = ExpertsRecipe.load(args.config), Bundle.read(args.bundle)
    training = prepare(args, recipe, bundle)
    for family in training.families:
        sys.stdout.write("".join(f"{family.expert.name}: {line}\n" for line in family.lines))
    sys.stdout.flush()
    with ctrl_c_calls(training.stop):
        training.train()
    if not training.is_finished:
        sys.stdout.write("stopped; the same command goes on from there\n")
        return
    written = write_bundle(training, bundle, command=command)
    sys.stdout.write(
        f"wrote {written.directory}; try it with: python launch.py --bundle {written.directory}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.experts",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--run", type=Path, required=True, help="directory of the run; goes on if it exists")
    add("--bundle", type=Path, default=_DEFAULT, help=f"frozen bundle (default: {_DEFAULT})")
    add("--data", type=Path, help="data directory (default: MOLECULE_CHAT_DATA)")
    add("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add("--workers", type=int, default=0, help="processes that write batches ahead (default: 0)")
    add(
        "--retrieval",
        type=Path,
        metavar="INDEX",
        help="index of python -m assistant.retrieval, for experts that quote captions",
    )
    add("--licensed-only", action="store_true", help="refuse data formats without clear licence")
    args = parser.parse_args(arguments)
    if args.workers < 0:
        parser.error(f"--workers {args.workers} must not be negative")
    logging.basicConfig(level=logging.WARNING)
    given = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        run(args, f"python -m assistant.train.experts {shlex.join(given)}")
        return 0

    return exit_status(work, after_stop="stopped; the same command goes on from the last save")


if __name__ == "__main__":
    raise SystemExit(main())
