"""Trains the arms of an ablation on one frozen base and measures them side by side.

    python -m assistant.train.ablation --config assistant/train/configs/ablation_cpu.toml
        --run runs/ablation [--base checkpoints/default] [--encoder DIR] [--data DIR]
        [--arms A …] [--seeds S …] [--train-only] [--page OUT.md]

What is finished is kept: the same command goes on where it stopped. `--arms` and `--seeds` do a
part of the work, `--train-only` leaves the measuring to another machine; the table is written when
all of it is there.
"""

import argparse
import json
import logging
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from assistant.bundle import Bundle
from assistant.checkpoint import WEIGHTS, sha256_of
from assistant.errors import AssistantError
from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.run import add_scoring_options, text_scoring
from assistant.evaluate.table import data_directory
from assistant.evaluate.tasks.base import Example
from assistant.graph.encoder import read_encoder
from assistant.train.ablation.data import Questions, rows_of
from assistant.train.ablation.measure import (
    comparisons,
    controls_of,
    measure_arm,
    metrics_of,
    read_figures,
    report_path,
)
from assistant.train.ablation.output import write_arm
from assistant.train.ablation.page import page_text
from assistant.train.ablation.recipe import ARMS, AblationRecipe
from assistant.train.ablation.run import ArmRun
from assistant.train.ablation.short import ShortQuestions, specialist_of
from assistant.train.ablation.sizes import n_slot_tokens
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.frozen import load_base
from assistant.train.guard import refuse_another
from assistant.train.state import STATE

Rows = dict[str, list[Example]]

_MAY_CHANGE = ("save_every_minutes", "arms", "seeds")
"""Of the recipe of a run: arms and seeds are trained apart, so it may get more of them."""


def base_of(recipe: AblationRecipe, args: argparse.Namespace) -> Bundle:
    """The bundle whose language model is frozen, or its specialist's, and whose encoder is read.

    Raises:
        AssistantError: It cannot be read, or has no specialist where one is asked.
    """
    bundle = Bundle.read(args.base)
    return specialist_of(bundle) if recipe.short else bundle


def train_arm(
    name: str, seed: int, recipe: AblationRecipe, args: argparse.Namespace, train: Rows
) -> None:
    """Trains an arm with a seed and writes its bundle, unless that was done before."""
    directory = args.run / f"seed-{seed}" / name
    if (directory / "done.json").is_file():
        return
    bundle = base_of(recipe, args)
    llm = load_base(bundle, args.device)
    encoder = read_encoder(args.encoder or bundle.components["encoder"])
    encoder.eval().requires_grad_(False)
    arm = ARMS[name]
    n_tokens = n_slot_tokens(arm, llm.model, encoder.config, recipe)
    encode = LessonEncoder(llm.tokenizer, n_graph_tokens=n_tokens, sequence=recipe.sequence)
    questions = (ShortQuestions if recipe.short else Questions)(
        train, encode, recipe, seed=seed, graph=arm.graph != "none", turns=arm.turns
    )
    run = ArmRun(arm, recipe, llm, encoder.to(llm.device), questions, directory, seed=seed)
    run.train()
    write_arm(
        run.model.cpu(),
        directory / "bundle",
        name=f"ablation {name}, seed {seed}",
        llm=bundle.components["llm"],
        fingerprint=llm.fingerprint,
        notes=f"{recipe.steps} steps, seed {seed}; command: {args.command}",
    )
    (directory / "done.json").write_text(json.dumps(run.figures()) + "\n", encoding="utf-8")
    (directory / STATE).unlink(missing_ok=True)


def collected(
    recipe: AblationRecipe, args: argparse.Namespace, train: Rows
) -> dict[tuple[str, str, str], list[list[Metric]]]:
    """Metrics by task, arm and control, a list per seed."""
    scoring = text_scoring(args)
    return {
        (task, arm, control): [
            metrics_of(
                report_path(args.run / f"seed-{seed}" / arm, task, control), train[task], scoring
            )
            for seed in recipe.seeds
        ]
        for task in recipe.tasks
        for arm in recipe.arms
        for control in controls_of(ARMS[arm], recipe)
    }


def is_complete(recipe: AblationRecipe, run: Path) -> bool:
    """Whether every arm of every seed was trained and asked everything."""
    return all(
        report_path(run / f"seed-{seed}" / arm, task, control).is_file()
        for seed in recipe.seeds
        for arm in recipe.arms
        for task in recipe.tasks
        for control in controls_of(ARMS[arm], recipe)
    )


def run_ablation(args: argparse.Namespace) -> str | None:
    """Trains and measures what is asked for; the page once everything is there."""
    recipe = AblationRecipe.load(args.config)
    data = data_directory(args.data)
    if data is None:
        raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
    arms, seeds = args.arms or recipe.arms, args.seeds or recipe.seeds
    strange = [*(set(arms) - set(recipe.arms)), *(set(seeds) - set(recipe.seeds))]
    if strange:
        raise AssistantError(
            f"The recipe has no {strange[0]!r}; it has {recipe.arms}, {recipe.seeds}."
        )
    bundle = Bundle.read(args.base)
    encoder = sha256_of((args.encoder or bundle.components["encoder"]) / WEIGHTS)
    parts = {"base": bundle.digest(), "encoder": encoder}
    refuse_another(args.run, recipe.settings | parts, may_change=_MAY_CHANGE)
    train, asked = rows_of(recipe, data, "train"), rows_of(recipe, data, "test")
    for seed in seeds:
        for name in arms:
            train_arm(name, seed, recipe, args, train)
            if args.train_only:
                continue
            measure_arm(
                ARMS[name],
                args.run / f"seed-{seed}" / name,
                asked,
                train,
                text_scoring(args),
                recipe=recipe,
                device=args.device,
                command=args.command,
            )
    if not is_complete(recipe, args.run):
        return None
    found = collected(recipe, args, train)
    costs = {
        arm: [read_figures(args.run / f"seed-{seed}" / arm) for seed in recipe.seeds]
        for arm in recipe.arms
    }
    return page_text(
        recipe,
        found,
        costs,
        comparisons(recipe, found),
        command=args.command,
        date=datetime.now(UTC).date().isoformat(),
        base=bundle.name,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.train.ablation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="recipe (TOML)")
    add("--run", type=Path, required=True, help="directory of the arms; goes on if it exists")
    add("--base", type=Path, default=Path("checkpoints/default"), help="bundle with the frozen LLM")
    add("--encoder", type=Path, help="frozen graph encoder (default: the base's)")
    add("--arms", nargs="+", help="only these arms now")
    add("--seeds", nargs="+", type=int, help="only these seeds now")
    add("--train-only", action="store_true", help="measure later, with the same command without it")
    add("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add("--page", type=Path, help="write the table here, too")
    add_scoring_options(parser)
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    given = sys.argv[1:] if arguments is None else arguments
    args.command = shlex.join(["python", "-m", "assistant.train.ablation", *given])
    try:
        text = run_ablation(args)
    except AssistantError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if text is None:
        sys.stdout.write("done so far; the table follows when all arms and seeds are there\n")
        return 0
    sys.stdout.write(text)
    (args.run / "table.md").write_text(text, encoding="utf-8")
    if args.page is not None:
        args.page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
