"""Notes in a bundle how far its predicted numbers are off, so that the page can say it.

    python -m assistant.evaluate.run --bundle B --task property:homo --data DIR --json OUT.json
    python -m assistant.evaluate.predicted --bundle B --answers OUT.json --data DIR
        [--without-values]

Beside the errors, by similarity to the training molecules, go the training rows of the task's
table. `--without-values` leaves their values out, where the terms of the table ask for that. What a
bundle's specialist writes is noted in the specialist.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from assistant.bundle import PREDICTED, SPECIALIST, Bundle
from assistant.chat.check import check_answer
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.evaluate.outcomes import Answered, read_answered, read_report
from assistant.evaluate.table import data_directory
from assistant.evaluate.tasks.base import Example
from assistant.evaluate.tasks.reading import Quantity
from assistant.evaluate.tasks.registry import task_of
from assistant.evaluate.tasks.values import ValueTask
from assistant.llm.load import load_llm
from assistant.predicted.figures import PredictedFigures, write_known
from assistant.retrieval.error_bins import bins_of
from assistant.retrieval.fingerprints import FingerprintTable, fingerprints
from assistant.specialist.number_files import NUMBERS, NumberInfo

_METHANE = {1: compute_facts(Molecule("C"))}


@dataclass(frozen=True)
class Known:
    """Training molecules of a task, each once.

    Attributes:
        smiles: Canonical.
        values: The first one of each.
    """

    smiles: list[str]
    values: list[float]

    @classmethod
    def of(cls, rows: Sequence[Example]) -> "Known":
        """From training rows."""
        first: dict[str, float] = {}
        for row in rows:
            first.setdefault(Molecule.parse(row.molecules[0]).smiles, float(row.answer))
        return cls(list(first), list(first.values()))


def term_of(quantity: Quantity) -> str:
    """What claims on a quantity are called.

    Raises:
        AssistantError: The checker does not mark such a number, or takes it for a computed one.
    """
    checks = check_answer(quantity.write(1.0), _METHANE, (1,))
    if len(checks) != 1 or checks[0].verdict != "unverifiable":
        raise AssistantError(
            f"The checker of answers does not know {quantity.words!r} as a property that is not"
            " computed; add it to chat/claims/lexicon.py."
        )
    return checks[0].kind


def value_task(name: str) -> ValueTask:
    """The task, which has to be one for a value of one molecule.

    Raises:
        AssistantError: It is none.
    """
    task = task_of(name)
    if not isinstance(task, ValueTask) or len(task.columns) != 2 or task.quantity.logarithmic:
        raise AssistantError(f"{name} does not ask for a value of one molecule.")
    return task


def figures_of(
    task: ValueTask, answered: Answered, known: Known, *, llm: str, command: str
) -> PredictedFigures:
    """Errors of answers, by how like the training molecules each one is."""
    predictions = answered.scored(task).predictions
    mean = float(np.mean(known.values))
    wanted = np.array([float(e.answer) for e in answered.examples])
    found = np.array([mean if p is None else float(p) for p in predictions])
    table = FingerprintTable(fingerprints(known.smiles))
    near = [
        float(table.similarities(Molecule.parse(e.molecules[0])).max()) for e in answered.examples
    ]
    errors = np.abs(found - wanted)
    return PredictedFigures(
        term=term_of(task.quantity),
        unit=task.quantity.unit,
        decimals=task.quantity.decimals,
        table=Path(task.test.path).name,
        n_train=len(known.smiles),
        n_test=len(wanted),
        failed=sum(p is None for p in predictions),
        mae=float(errors.mean()),
        constant=float(np.abs(wanted - mean).mean()),
        bins=bins_of(near, errors.tolist()),
        llm=llm,
        command=command,
        date=datetime.now(UTC).date().isoformat(),
    )


def note(bundle: Bundle, answers: Path, data: Path | None, *, with_values: bool) -> Path:
    """Writes figures and training molecules of a report into the bundle that it measured.

    Returns:
        Their directory.

    Raises:
        AssistantError: The report is of another bundle, of an arm that hides something, or of a
            task that does not fit.
    """
    answered = read_answered(answers)
    report = read_report(answers, "task", "bundle", "arm", "retrieval", "command")
    if report["bundle"].get("sha256") != bundle.digest()[:12]:
        raise AssistantError(f"{answers} was measured with another bundle than {bundle.directory}.")
    if report["arm"] != "full" or report["retrieval"]:
        raise AssistantError(f"{answers} was not measured as the page asks; use arm full.")
    task = value_task(answered.task)
    known = Known.of(task.load(task.train, None, data, split="train"))
    directory, llm = _writer(bundle, answered.task.partition(":")[2] or answered.task)
    figures = figures_of(task, answered, known, llm=llm, command=str(report["command"]))
    figures.write(directory)
    values = known.values if with_values else [None] * len(known.values)
    write_known(directory, known.smiles, values)
    if directory.parent.name == PREDICTED and PREDICTED not in bundle.components:
        bundle.with_component(PREDICTED, PREDICTED)
    return directory


def _writer(bundle: Bundle, slug: str) -> tuple[Path, str]:
    """Where a quantity's figures go, and the fingerprint of the language model that writes it.

    That is the specialist's, where it has learned the quantity, else the bundle's own.
    """
    if (specialist := bundle.components.get(SPECIALIST)) is not None:
        directory = specialist / NUMBERS / slug
        if directory.is_dir():
            return directory, NumberInfo.read(directory).llm
    llm = load_llm(bundle.components.get("llm") or bundle.hub_llm, quantize="4bit", device="cpu")
    return bundle.directory / PREDICTED / slug, llm.fingerprint


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.predicted",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--bundle", type=Path, required=True, help="gets the figures")
    add("--answers", type=Path, required=True, help="report of evaluate.run --json")
    add("--data", type=Path, help="data directory, for the training rows")
    add("--without-values", action="store_true", help="keep no values of training molecules")
    args = parser.parse_args(arguments)
    return exit_status(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    directory = note(
        Bundle.read(args.bundle),
        args.answers,
        data_directory(args.data),
        with_values=not args.without_values,
    )
    figures = PredictedFigures.read(directory)
    sys.stdout.write(
        f"{figures.term}: {figures.with_unit(figures.mae)} on {figures.n_test:,} rows,"
        f" {figures.n_train:,} training molecules; written to {directory.name}/\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
