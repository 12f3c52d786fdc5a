"""Notes in a bundle how often its specialist is right, so that the page can say it.

python -m assistant.evaluate.run --bundle B --task retro --data DIR --json OUT.json
python -m assistant.evaluate.specialist --bundle B --answers OUT.json
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.short_tasks import SHORT_TASKS
from assistant.commands import exit_status
from assistant.errors import AssistantError
from assistant.evaluate.metrics.structures import canonical, structure_metrics
from assistant.evaluate.outcomes import Answered, read_answered, read_report
from assistant.evaluate.tasks.registry import task_of
from assistant.specialist.directory import Measured, SpecialistInfo

_TASKS = {"retro": "retrosynthesis", "forward": "product"}
"""Tasks of `evaluate.run`, and what a specialist calls them."""


def note(bundle: Bundle, answers: Path) -> Measured:
    """Writes what a report says into the specialist of the bundle that it measured.

    Raises:
        AssistantError: The report is of another bundle, of an arm that hides something, or of a
            task that the specialist does not answer.
    """
    answered = read_answered(answers)
    report = read_report(answers, "bundle", "arm", "retrieval", "command")
    if report["bundle"].get("sha256") != bundle.digest()[:12]:
        raise AssistantError(f"{answers} was measured with another bundle than {bundle.directory}.")
    if report["arm"] != "full" or report["retrieval"]:
        raise AssistantError(f"{answers} was not measured as the page asks; use arm full.")
    if SPECIALIST not in bundle.components:
        raise AssistantError(f"{bundle.directory} has no specialist to note anything of.")
    directory = bundle.components[SPECIALIST]
    info, name = SpecialistInfo.read(directory), _TASKS.get(answered.task, "")
    if name not in info.tasks:
        raise AssistantError(
            f"{answers} is of task {answered.task}; the specialist answers"
            f" {', '.join(task for task, own in _TASKS.items() if own in info.tasks)}."
        )
    task = task_of(answered.task)
    predictions = answered.scored(task).predictions
    found = structure_metrics(predictions, [str(e.answer) for e in answered.examples])
    values = {metric.name: metric.value for metric in found}
    measured = Measured(
        table=Path(task.test.path).name,
        n=len(answered.examples),
        exact=round(values["exact"], 4),
        valid=round(values["validity"], 4),
        command=str(report["command"]),
        among_five=_among_five(answered, name),
        date=datetime.now(UTC).date().isoformat(),
    )
    replace(info, measured={**info.measured, name: measured}).write(directory)
    return measured


def _among_five(answered: Answered, name: str) -> float | None:
    """Share of rows whose answer is among those given; None where one is given at most."""
    given = [SHORT_TASKS[name].all_smiles_in(text) for text in answered.answers]
    if max(map(len, given), default=0) < 2:
        return None
    wanted = [str(example.answer) for example in answered.examples]
    right = (
        canonical(reference) in map(canonical, several)
        for several, reference in zip(given, wanted, strict=True)
    )
    return round(sum(right) / len(given), 4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 1 with one line when it cannot go on."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.specialist",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--bundle", type=Path, required=True, help="gets the figures")
    add("--answers", type=Path, required=True, help="report of evaluate.run --json")
    args = parser.parse_args(arguments)

    def work() -> int:
        measured = note(Bundle.read(args.bundle), args.answers)
        sys.stdout.write(f"{measured.in_words}\n")
        return 0

    return exit_status(work)


if __name__ == "__main__":
    raise SystemExit(main())
