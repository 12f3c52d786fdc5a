"""Single answers of a run as JSON types, and back: to score them again, or against another run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import AssistantError
from assistant.evaluate.asking import Answer
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Task

Outcome = dict[str, object]


def outcome_of(
    example: Example, answer: Answer, prediction: Prediction | None, score: float | None
) -> Outcome:
    """Everything that is known of one answer."""
    return {
        "molecules": list(example.molecules),
        "question": example.question,
        "reference": example.answer,
        "pair": example.pair,
        "group": example.group,
        "ids": list(example.ids),
        "text": example.text,
        "answer": answer.text,
        "prediction": prediction,
        "score": score,
        "failure": answer.failure,
    }


@dataclass(frozen=True)
class Answered:
    """The single answers of a run.

    Attributes:
        name: Of the file.
        task: Name of the task.
        examples: The questions.
        answers: What was written.
        scores: How sure, for yes/no tasks; empty without.
    """

    name: str
    task: str
    examples: Sequence[Example]
    answers: Sequence[str]
    scores: Sequence[float]

    def scored(self, task: Task) -> Scored:
        """The answers as the task reads them now."""
        pairs = zip(self.answers, self.examples, strict=True)
        return Scored(self.name, [task.parse(*pair) for pair in pairs], self.scores)


def read_report(path: Path, *needed: str) -> dict[str, Any]:
    """A report as `run --json` wrote it.

    Args:
        path: The file.
        needed: What it has to tell.

    Raises:
        AssistantError: The file is missing, or is no such report.
    """
    if not path.is_file():
        raise AssistantError(f"No report at {path}; write one with run --json.")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AssistantError(
            f"{path} is no report ({error}); write one with run --json."
        ) from error
    if not isinstance(report, dict):
        raise AssistantError(f"{path} is no report; write one with run --json.")
    if missing := [name for name in needed if name not in report]:
        raise AssistantError(
            f"{path} does not tell its {' and '.join(missing)}; write it again with run --json."
        )
    return report


def read_answered(path: Path) -> Answered:
    """The answers that `run --json` wrote.

    Raises:
        AssistantError: The file is no such report, or holds no single answers.
    """
    report = read_report(path, "task")
    outcomes = report.get("outcomes")
    if not outcomes:
        raise AssistantError(f"{path} holds no single answers; write it with run --bundle --json.")
    try:
        examples = [
            Example(
                tuple(o["molecules"]),
                o["question"],
                o["reference"],
                o["pair"],
                o["group"],
                tuple(o["ids"]),
                o["text"],
            )
            for o in outcomes
        ]
        scores = [o["score"] for o in outcomes if o["score"] is not None]
        answers = [o["answer"] for o in outcomes]
    except (KeyError, TypeError) as error:
        raise AssistantError(
            f"{path} holds answers of another form ({error}); write it again with run --json."
        ) from error
    return Answered(path.name, report["task"], examples, answers, scores)
