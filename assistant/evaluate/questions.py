"""The rows of a run: what is asked, what baselines learn from, and whether the two overlap."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from assistant.errors import AssistantError
from assistant.evaluate.metrics.structures import canonical
from assistant.evaluate.table import some
from assistant.evaluate.tasks.base import Example, Task
from assistant.evaluate.tasks.grounded import ChatTask


def load_examples(
    task: Task, args: argparse.Namespace, data: Path | None
) -> tuple[list[Example], list[Example]]:
    """The questions of a run and what baselines learn from, which may be nothing."""
    asked = task.load(task.test, args.file, data, split="test")
    if args.n is not None and args.n < len(asked):
        asked = _some_questions(task, asked, args.n, args.seed)
    if not asked:
        raise AssistantError(
            f"No row of the table can be asked in task {task.name}: each needs"
            f" {', '.join(task.columns)}, and structures that RDKit reads."
        )
    if task.train is None or (args.train is None and data is None):
        return asked, []
    return asked, task.load(task.train, args.train, data, split="train")


def n_known(asked: Sequence[Example], train: Sequence[Example]) -> int:
    """Rows that are asked and learned from, whichever way their molecules are written."""

    def identity(example: Example) -> object:
        molecules = [canonical(smiles) for smiles in example.molecules]
        if example.pair:  # two drugs are the same pair in either order
            molecules.sort()
        return tuple(molecules) or example.text, example.group

    known = set(map(identity, train))
    return sum(identity(example) in known for example in asked) if known else 0


def _some_questions(task: Task, examples: list[Example], n: int, seed: int) -> list[Example]:
    """`n` rows at random, in their order; of conversations `n` whole ones."""
    if isinstance(task, ChatTask):
        kept = set(some(list(dict.fromkeys(e.group for e in examples)), n, seed))
        return [e for e in examples if e.group in kept]
    return some(examples, n, seed)
