"""Measures a pair model head on a pair task: a row of its own, never the language model's.

python -m assistant.evaluate.run --task pairs:absorption --head checkpoints/default/pair_heads/…
"""

from collections.abc import Sequence
from pathlib import Path

from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.tasks.base import Example, Scored, Task
from assistant.pairing.predictor import PairPredictor

HEAD = "pair model head"
KINDS = {"yes_no": "classification head", "value": "regression head"}


def head_predictions(task: Task, directory: Path, asked: Sequence[Example]) -> tuple[Scored, str]:
    """Predictions of a head's component directory, and what kind of head it is.

    Raises:
        AssistantError: The task has no pairs, or the head was not trained for them.
    """
    names = {example.pair for example in asked}
    predictor = PairPredictor.load(directory)
    known = {one.name: one for one in predictor.tasks}
    if len(names) != 1 or not names <= known.keys():
        raise AssistantError(
            f"The head {directory.name} answers {', '.join(known)}, not the task {task.name}."
        )
    pair = known[names.pop()]
    values = [
        predictor.values(*(Molecule.parse(text) for text in example.molecules))[pair.name]
        for example in asked
    ]
    if pair.answer == "yes_no":
        return Scored(HEAD, [value > 0.5 for value in values], values), KINDS[pair.answer]
    return Scored(HEAD, values), KINDS[pair.answer]
