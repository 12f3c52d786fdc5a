"""Finds and learns reaction templates for a specialist; see the package's first lines.

    python -m assistant.train.templates --config assistant/train/configs/templates.toml
        --data DIR --run RUN --specialist DIR [--into BUNDLE]

After Ctrl+C the same command goes on: templates that were found and classifiers that were learned
are kept. The finished ones are in RUN/templates; `--into BUNDLE` puts them beside its specialist.
"""

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from assistant.checkpoint import CARD, write_json
from assistant.chem.templates import SandboxedTemplates
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.evaluate.table import data_directory
from assistant.specialist.candidates import Proposer
from assistant.specialist.service import Specialist, proposers_of
from assistant.specialist.templates import TEMPLATES, ReactionTemplates
from assistant.train import licences
from assistant.train.guard import refuse_another
from assistant.train.templates.classifier import labelled, learn
from assistant.train.templates.output import (
    Learned,
    card_text,
    figures_of,
    put_into,
    write_classifier,
    write_weights,
)
from assistant.train.templates.reactions import (
    Found,
    TaskReactions,
    find_templates,
    read_reactions,
)
from assistant.train.templates.recipe import TemplatesRecipe
from assistant.train.templates.weighing import opinions, weighed_config


def run(args: argparse.Namespace, command: str) -> None:
    """Does what is left of a run."""
    recipe = TemplatesRecipe.load(args.config)
    sources = [source for task in recipe.tasks for source in (*task.data, *task.weighed)]
    if args.licensed_only:
        licences.refuse_unclear("formats", [source.format for source in sources])
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    specialist = _loaded(args.specialist)
    args.run.mkdir(parents=True, exist_ok=True)
    refuse_another(args.run, asdict(recipe), may_change=("weighed",))
    tasks, lines = read_reactions(recipe, data)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    everything = (reaction for task in tasks.values() for reaction in task.learned)
    found = find_templates(everything, args.run, workers=args.workers)
    where = args.run / TEMPLATES
    right = {
        name: _classified(name, task, found, recipe, where / name) for name, task in tasks.items()
    }
    learned = {
        name: _weighed(name, proposer, tasks[name], found, right[name], where, specialist)
        for name, proposer in _proposers(where, tasks).items()
    }
    (where / CARD).write_text(card_text(recipe, learned, lines, command), encoding="utf-8")
    write_json(args.run / "figures.json", figures_of(learned))
    sys.stdout.write(f"wrote {where}\n")
    if args.into is not None:
        sys.stdout.write(f"put into {put_into(args.into, where)}\n")


def _classified(
    name: str, task: TaskReactions, found: Found, recipe: TemplatesRecipe, place: Path
) -> dict[int, float]:
    """How often the classifier is right, learned unless an earlier start has done so."""
    kept = place.parent.parent / f"classified_{name}.json"
    if not kept.is_file():
        examples = labelled(name, task.learned, found, recipe)
        classifier, right = learn(name, examples, recipe)
        write_classifier(place, classifier, examples.templates)
        write_json(kept, right)
    return {int(n): share for n, share in json.loads(kept.read_text(encoding="utf-8")).items()}


def _loaded(specialist: Path | None) -> Specialist | None:
    return None if specialist is None else Specialist.load(specialist, device=torch.device("cpu"))


def _proposers(where: Path, tasks: Iterable[str]) -> Mapping[str, Proposer]:
    templates = {name: ReactionTemplates.load(where / name) for name in tasks}
    return proposers_of(templates, SandboxedTemplates())


def _weighed(
    name: str,
    proposer: Proposer,
    task: TaskReactions,
    found: Found,
    right: Mapping[int, float],
    where: Path,
    specialist: Specialist | None,
) -> Learned:
    """What became of a task, its weights written."""
    weighed = opinions(name, task.weighed, proposer, specialist)
    config = weighed_config(proposer.config, weighed)
    write_weights(where / name, config)
    n_with = sum(reaction.key in found for reaction in task.learned)
    return Learned(len(task.learned), n_with, right, config, weighed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.templates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--run", type=Path, required=True, help="directory of the run; goes on if it exists")
    add("--specialist", type=Path, help="whose language model templates are weighed against")
    add("--into", type=Path, metavar="BUNDLE", help="bundle with that specialist, which gets them")
    add("--data", type=Path, help="data directory (default: MOLECULE_CHAT_DATA)")
    add("--workers", type=int, default=0, help="processes that find templates (default: 0)")
    add("--licensed-only", action="store_true", help="refuse data formats without clear licence")
    args = parser.parse_args(arguments)
    if args.workers < 0:
        parser.error(f"--workers {args.workers} must not be negative")
    logging.basicConfig(level=logging.WARNING)
    given = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        run(args, f"python -m assistant.train.templates {shlex.join(given)}")
        return 0

    return exit_status(work, after_stop="stopped; the same command goes on from what is kept")


if __name__ == "__main__":
    raise SystemExit(main())
