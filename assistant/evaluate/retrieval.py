"""Puts the answers of the nearest training molecules into a question."""

from collections.abc import Sequence
from dataclasses import replace

from assistant.chat.prompts import fill
from assistant.errors import AssistantError
from assistant.evaluate.baselines.neighbours import FingerprintIndex
from assistant.evaluate.tasks.base import Example

N_NEIGHBOURS = 3


def with_neighbours(
    asked: Sequence[Example], train: Sequence[Example], n: int = N_NEIGHBOURS
) -> list[Example]:
    """The same questions with the `n` nearest training rows and their answers before them.

    Raises:
        AssistantError: There are no training rows, or the questions are about no molecule.
    """
    known = [e for e in train if e.molecules]
    if not known or not all(e.molecules for e in asked):
        raise AssistantError(
            "Retrieval needs training rows with molecules: name them with --data or --train, and"
            " choose a task about molecules."
        )
    index = FingerprintIndex([".".join(e.molecules) for e in known])
    found = []
    for example in asked:
        near = index.nearest(".".join(example.molecules), n)
        lines = [
            f"{'.'.join(known[i.place].molecules)} (similarity {i.similarity:.2f}):"
            f" {known[i.place].answer}"
            for i in near
        ]
        question = fill("tasks/retrieved", question=example.question, neighbours="\n".join(lines))
        found.append(replace(example, question=question))
    return found
