"""Measures a bundle on a task, with baselines beside it.

    python -m assistant.evaluate.run --bundle B --task T [--file F] [--n N] [--arm ARM]
        [--retrieval [INDEX]] [--seed S] [--json OUT] [--data DIR] [--record DIR] [--plots DIR]
        [--head DIR]

Every answer is written by the language model, greedily, through the same prompt and engine as on
the page; what cannot be read out of it is a failure and counts as wrong. Without --bundle only the
baselines are measured; --outputs scores answers that another system wrote, and --head measures a
pair model head alone (the baselines have a record of their own).
"""

import argparse
import random
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assistant.commands import hold_ctrl_c

if __name__ == "__main__":
    hold_ctrl_c()

from assistant.assistant import Assistant
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.arms import ARMS, Arm, arm_of, in_arm
from assistant.evaluate.asking import Answer, Asker
from assistant.evaluate.grounding import can_be_read
from assistant.evaluate.heads import head_predictions
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.metrics.tokens import scibert_cut, simple_cut
from assistant.evaluate.metrics.wordnet import DEBIAN, WordNet
from assistant.evaluate.outcomes import outcome_of
from assistant.evaluate.outputs import read_outputs
from assistant.evaluate.questions import load_examples, n_known
from assistant.evaluate.report import Report, ReportRow, add_publishing_options, publish
from assistant.evaluate.retrieval import with_neighbours
from assistant.evaluate.table import data_directory
from assistant.evaluate.tasks import forgetting
from assistant.evaluate.tasks.base import Example, Scored, Task
from assistant.evaluate.tasks.registry import FORGETTING, task_of, tasks

TRAINING_ROWS = "training rows"
"""What `--retrieval` without an index stands for."""

_N_OTHERS = 200


def model_row(
    task: Task,
    assistant: Assistant,
    asked: Sequence[Example],
    train: Sequence[Example],
    scoring: TextScoring,
    *,
    arm: Arm,
    seed: int,
) -> tuple[ReportRow, list[dict[str, object]]]:
    """What the language model makes of the questions, and every single answer."""
    others: list[Molecule] = []
    if not arm.shows_all:
        others = [Molecule.parse(smiles) for smiles in _other_smiles(asked, train)]
    asker = Asker(
        in_arm(assistant, arm, others),
        max_new_tokens=task.max_new_tokens,
        second_thoughts=task.second_thoughts and arm.second_thoughts,
    )
    answers = task.ask(asker, asked)
    predictions = [task.parse(a.text, e) for a, e in zip(answers, asked, strict=True)]
    scores: list[float] = []
    if task.asks_for_scores:
        scores = asker.lean_all([example.conversation for example in asked])
    scored = Scored(f"{who_answered(answers)}, {arm.name}", predictions, scores)
    outcomes = [
        outcome_of(example, answer, prediction, scores[i] if scores else None)
        for i, (example, answer, prediction) in enumerate(
            zip(asked, answers, predictions, strict=True)
        )
    ]
    n_unasked = sum(bool(answer.failure) for answer in answers)
    row = score_row(task, scored, "language model", asked, train, scoring, seed)
    return replace(row, failed_to_ask=n_unasked), outcomes


def who_answered(answers: Sequence[Answer]) -> str:
    """A specialist chooses among computed structures and what its language model has written."""
    messages = [answer.message for answer in answers if answer.message is not None]
    by = [(message.passport.get("sampling") or {}).get("by") for message in messages]
    return "specialist" if by.count("specialist") * 2 > len(by) else "language model"


def _other_smiles(asked: Sequence[Example], train: Sequence[Example]) -> list[str]:
    """Molecules for the control: of this task, so that they differ in structure only."""
    smiles = dict.fromkeys(m for e in (*asked, *train[:_N_OTHERS]) for m in e.molecules)
    return [one for one in list(smiles)[: 2 * _N_OTHERS] if can_be_read(one)]


def score_row(
    task: Task,
    scored: Scored,
    kind: str,
    asked: Sequence[Example],
    train: Sequence[Example],
    scoring: TextScoring,
    seed: int,
) -> ReportRow:
    """The numbers of one method as a row of the report."""
    failures = sum(prediction is None for prediction in scored.predictions)
    metrics = task.metrics(scored, asked, train, scoring, seed)
    return ReportRow(scored.name, kind, metrics, len(asked), failures)


def chosen_arm(task: Task, name: str) -> Arm:
    """The arm of a name, where it changes something in the task.

    Raises:
        AssistantError: There is no such arm, or it changes nothing.
    """
    arm = arm_of(name)
    if not (arm.second_thoughts or task.second_thoughts):
        raise AssistantError(
            f"Task {task.name} always takes first attempts; use arm full instead of {name}."
        )
    return arm


def run_task(task: Task, args: argparse.Namespace) -> Report:
    """One report of a task of rows."""
    arm = chosen_arm(task, args.arm)
    data = data_directory(args.data)
    scoring = text_scoring(args)
    asked, train = load_examples(task, args, data)
    if args.file is not None and (n_seen := n_known(asked, train)):
        sys.stderr.write(
            f"{n_seen:,} of {len(asked):,} rows that are asked stand among the training rows too:"
            " baselines have seen their answers. Name other rows with --train, or mark test and"
            " train in a column split.\n"
        )
    rows: list[ReportRow] = []
    outcomes: list[dict[str, object]] = []
    bundle: dict[str, str] = {}
    began = time.monotonic()
    if args.bundle is not None:
        index = Path(args.retrieval) if args.retrieval not in (None, TRAINING_ROWS) else None
        assistant = Assistant.load(args.bundle, device=args.device, retrieval=index)
        bundle = {"name": assistant.status().model, "sha256": assistant.bundle_hash[:12]}
        shown = with_neighbours(asked, train) if args.retrieval == TRAINING_ROWS else asked
        row, outcomes = model_row(task, assistant, shown, train, scoring, arm=arm, seed=args.seed)
        rows.append(row)
    seconds = time.monotonic() - began
    if args.outputs is not None:
        texts = read_outputs(args.outputs, asked)
        parsed = [task.parse(text, e) for text, e in zip(texts, asked, strict=True)]
        theirs = Scored(args.outputs.name, parsed)
        rows.append(score_row(task, theirs, "other system", asked, train, scoring, args.seed))
    if args.head is not None:
        scored, kind = head_predictions(task, args.head, asked)
        rows.append(score_row(task, scored, kind, asked, train, scoring, args.seed))
    elif train or task.train is None:
        rows += [
            score_row(task, scored, "baseline", asked, train, scoring, args.seed)
            for scored in task.baselines(train, asked)
        ]
    if not rows:
        raise AssistantError(
            f"Nothing to measure in task {task.name}: name a bundle with --bundle, or training"
            " rows for the baselines with --data or --train."
        )
    return Report(
        task.name,
        args.file.name if args.file else Path(task.test.path).name,
        rows,
        args.command,
        args.seed,
        bundle,
        args.arm,
        args.retrieval is not None,
        len(train),
        seconds,
        args.head.name if args.head else "",
        outcomes,
    )


def run_forgetting(args: argparse.Namespace) -> Report:
    """Perplexity of unseen text without a molecule, with one, and with its adapters off."""
    if args.bundle is None:
        raise AssistantError("Task forgetting measures a bundle; name one with --bundle.")
    passages = forgetting.load_passages(args.file, data_directory(args.data))
    if args.n is not None and args.n < len(passages):
        passages = random.Random(args.seed).sample(passages, args.n)
    assistant = Assistant.load(args.bundle, device=args.device)
    began = time.monotonic()
    plain = forgetting.likelihoods(assistant, passages, with_molecule=False)
    with_all = forgetting.likelihoods(assistant, passages, with_molecule=True)
    off = in_arm(assistant, ARMS["no-graph"], [])
    without = forgetting.likelihoods(off, passages, with_molecule=True)
    rows = [
        ReportRow(
            name,
            "language model",
            forgetting.perplexity_metrics(found, plain, seed=args.seed),
            len(passages),
            sum(value is None for value in found),
        )
        for name, found in (
            ("no molecule", plain),
            ("molecule in focus", with_all),
            ("molecule in focus, adapters off", without),
        )
    ]
    bundle = {"name": assistant.status().model, "sha256": assistant.bundle_hash[:12]}
    table = args.file.name if args.file else Path(forgetting.TABLE).name
    seconds = time.monotonic() - began
    return Report(FORGETTING, table, rows, args.command, args.seed, bundle, seconds=seconds)


def run_any(args: argparse.Namespace) -> Report:
    """The report of the task that is asked for."""
    arm_of(args.arm)
    return run_forgetting(args) if args.task == FORGETTING else run_task(task_of(args.task), args)


def text_scoring(args: argparse.Namespace) -> TextScoring:
    """Tokens and synonyms as the options say."""
    cut = scibert_cut(args.scibert) if args.scibert else simple_cut()
    directory = args.wordnet or (DEBIAN if DEBIAN.is_dir() else None)
    return TextScoring(cut, WordNet(directory).synonyms if directory else None)


def shown_command(arguments: Sequence[str], program: str = "assistant.evaluate.run") -> str:
    """The command as it can be printed: no directories, they belong to one machine."""
    hidden = ("--json", "--record", "--plots")
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if skip or argument in hidden:
            skip = not skip
            continue
        name, sign, place = argument.rpartition("=")  # NAME=DIR keeps its name
        kept.append(f"{name}{sign}{Path(place).name if '/' in place else place}")
    return shlex.join(["python", "-m", program, *kept])


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Options that `text_scoring` and the loading of training rows need."""
    add = parser.add_argument
    add("--data", type=Path, help="directory of the shared tables (or MOLECULE_CHAT_DATA)")
    add(
        "--train",
        type=Path,
        help="another table for the baselines to learn from; its mean stands for a value that an"
        " answer does not give",
    )
    add("--scibert", type=Path, help="SciBERT's vocab.txt, for the tokens of BLEU and METEOR")
    add("--wordnet", type=Path, help=f"WordNet's files (default: {DEBIAN} if it is there)")


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Command line; see the module's first lines."""
    columns = {name: task.column_words for name, task in tasks().items()}
    columns[FORGETTING] = "text"
    lines = "".join(f"\n  {name:<21} {needed}" for name, needed in columns.items())
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"tasks, and the columns of their tables:{lines}",
    )
    add = parser.add_argument
    add("--task", required=True, help="one of the tasks below; property, pairs: their first")
    add("--bundle", type=Path, help="directory of the bundle; none measures the baselines alone")
    add(
        "--file",
        type=Path,
        help="CSV, TSV or JSONL (.gz) with the task's columns, see below;"
        " where a column split marks rows as test and train, those of test are asked",
    )
    add("--n", type=int, help="so many rows at random (default: all)")
    add("--arm", default="full", help=f"what is shown of a molecule: {', '.join(ARMS)}")
    add(
        "--retrieval",
        nargs="?",
        const=TRAINING_ROWS,
        metavar="INDEX",
        help="quote similar molecules: from an index of python -m assistant.retrieval, as on the"
        " page; without one the nearest training rows of the task with their answers",
    )
    add("--seed", type=int, default=0, help="of the rows and of the intervals (default: 0)")
    add_scoring_options(parser)
    add("--outputs", type=Path, help="table with a column output: score another system's answers")
    add("--head", type=Path, help="component directory of a pair model head to measure")
    add("--device", default="auto", help="auto, cpu, cuda")
    add_publishing_options(parser)
    args = parser.parse_args(arguments)
    if args.n is not None and args.n < 1:
        parser.error(f"--n takes a number from 1 on, not {args.n}")
    if args.seed < 0:
        parser.error(f"--seed takes a number from 0 on, not {args.seed}")
    args.command = shown_command(sys.argv[1:] if arguments is None else arguments)
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    args = parse_arguments(arguments)
    return publish(run_any, args)


if __name__ == "__main__":
    raise SystemExit(main())
