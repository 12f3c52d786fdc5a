"""Adapts a Hugging Face language model in NF4 to molecules; see the package's first lines.

    python -m assistant.train.adapt --llm ID_OR_DIR --vram 12 --data chebi20=FILE --run DIR
    accelerate launch -m assistant.train.adapt …              one process a card

Prints the memory and time plan first and refuses what does not fit. Ctrl+C ends it after the step
at hand; the same command goes on from there. RUN/bundle is then for
`python launch.py --llm ID_OR_DIR --bundle RUN/bundle`.
"""

import argparse
import logging
import math
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

# Read while torch and the hub client are imported; an id that is no directory may be downloaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from assistant.commands import ctrl_c_calls, exit_status
from assistant.errors import AssistantError
from assistant.train import licences
from assistant.train.adapt.recipe import AdaptRecipe, preset_names
from assistant.train.curves import require_matplotlib
from assistant.train.provenance import refuse_unclear_encoder
from assistant.train.sources.reading import read_records
from assistant.train.sources.registry import SOURCES, Source

if TYPE_CHECKING:
    from assistant.train.adapt.run import AdaptRun


def run(options: argparse.Namespace, command: str) -> None:
    """Plans, trains, writes the bundle."""
    from assistant.retrieval.index import Index
    from assistant.train.adapt.build import (
        build_model,
        default_encoder,
        described_plan,
        fitting_plan,
        load_config,
    )
    from assistant.train.adapt.processes import Processes
    from assistant.train.adapt.run import AdaptRun, Budget

    require_matplotlib()
    recipe = AdaptRecipe.load(options.config)
    sources = [*recipe.data, *(Source.parse(text) for text in options.data)]
    if options.licensed_only:
        licences.refuse_unclear("formats", [source.format for source in sources])
        if (begun := options.encoder or default_encoder()) is not None:
            refuse_unclear_encoder(begun)
    config = load_config(options.llm)
    retrieval = Index(options.retrieval) if options.retrieval else None
    processes = Processes(options.device)
    plan = fitting_plan(recipe, config, options.llm, vram=options.vram * 1e9, processes=processes)
    records, lines = read_records(sources)
    if not records and sources:
        raise AssistantError(f"No record to learn from was read. {'; '.join(lines)}.")
    if not records:
        raise AssistantError(
            "No record was read. Name data with --data FORMAT=FILE or [[data]] in the recipe;"
            f" formats: {', '.join(SOURCES)}."
        )
    text = described_plan(plan, records, options.llm, processes=processes, retrieval=retrieval)
    if processes.is_first:
        sys.stdout.write("".join(f"{line}\n" for line in lines) + "\n" + text)
        sys.stdout.flush()
    if options.plan:
        return
    recipe = replace(recipe, sequence=plan.sequence)
    model = build_model(recipe, options.llm, processes.device, encoder=options.encoder)
    budget = Budget(plan.micro_tokens, plan.eight_bit, options.workers)
    adapting = AdaptRun(
        recipe,
        records,
        model,
        options.run,
        processes=processes,
        budget=budget,
        retrieval=retrieval,
    )
    with ctrl_c_calls(adapting.stop):
        adapting.train()
    if processes.is_first:
        _tell_the_end(adapting, options, command, lines)
    processes.end()


def _tell_the_end(
    adapting: "AdaptRun", options: argparse.Namespace, command: str, sources: Sequence[str]
) -> None:
    """Writes the bundle of the stages that are done; says what is left, and how to try it."""
    from assistant.train.adapt.output import write_bundle

    if not adapting.is_finished:
        sys.stdout.write(
            f"stopped in stage {adapting.stage} after step {adapting.step}; the same command goes"
            " on from there\n"
        )
    if adapting.done:
        bundle = options.run / "bundle"
        write_bundle(adapting, bundle, llm=options.llm, command=command, sources=sources)
        sys.stdout.write(
            f"wrote {bundle}; try it with: python launch.py --llm {options.llm} --bundle {bundle}\n"
        )


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.adapt",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--llm", required=True, metavar="ID_OR_DIR", help="Hugging Face id or local directory")
    add("--run", required=True, type=Path, metavar="DIR", help="of this run; goes on if it exists")
    add(
        "--data",
        action="append",
        default=[],
        metavar="FORMAT=FILE",
        help=f"training data, may be given again; formats: {', '.join(SOURCES)}",
    )
    add(
        "--vram",
        type=float,
        default=12.0,
        metavar="GB",
        help="memory of one card that may be used, in 10^9 bytes (default: 12)",
    )
    add(
        "--config",
        type=Path,
        default=Path("standard"),
        metavar="TOML",
        help=f"recipe file, or a preset: {', '.join(preset_names())} (default: standard)",
    )
    add("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    add(
        "--encoder",
        type=Path,
        metavar="DIR",
        help="a trained graph encoder to begin with (default: that of checkpoints/default)",
    )
    add(
        "--retrieval",
        type=Path,
        metavar="INDEX",
        help="quote captions of similar molecules from this index in some conversations, for an "
        "assistant that is served with --retrieval",
    )
    add("--workers", type=int, default=0, help="processes that write batches ahead (default: 0)")
    add(
        "--licensed-only",
        action="store_true",
        help="refuse data formats whose published files state no clear licence, and an encoder that"
        " was not trained so",
    )
    add("--plan", action="store_true", help="print the plan and end")
    add("--log-level", default="warning", choices=("debug", "info", "warning"))
    options = parser.parse_args(arguments)
    if not 0 < options.vram < math.inf:
        parser.error(f"--vram {options.vram} must be a positive number of GB")
    if options.workers < 0:
        parser.error(f"--workers {options.workers} must not be negative")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parse_arguments(given)
    logging.basicConfig(level=options.log_level.upper())
    command = f"python -m assistant.train.adapt {shlex.join(given)}"

    def work() -> int:
        run(options, command)
        return 0

    return exit_status(work, after_stop="stopped; the same command goes on from the last save")


if __name__ == "__main__":
    raise SystemExit(main())
