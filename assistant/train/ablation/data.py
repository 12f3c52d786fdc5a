"""Training questions of the compared tasks, asked as they are measured; the same for every arm."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from assistant.chat.conversation import Conversation, Message
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.table import some
from assistant.evaluate.tasks.base import Example as Row
from assistant.evaluate.tasks.base import Task
from assistant.evaluate.tasks.registry import task_of
from assistant.evaluate.tasks.texts import CaptionTask, NameTask
from assistant.evaluate.tasks.values import ValueTask
from assistant.evaluate.tasks.yes_no import LabelTask
from assistant.train.ablation.model import Phase
from assistant.train.ablation.recipe import AblationRecipe
from assistant.train.adapt.dialogue import lesson
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.recipe import ShownRates
from assistant.train.batches import Batch, collate_examples
from assistant.train.encode import Example
from assistant.train.sources.records import OwnConversation

_TRIES = 50


def answer_text(task: Task, row: Row) -> str:
    """How a row's reference is written as an answer.

    Raises:
        AssistantError: The task has no written reference that could be learned.
    """
    if isinstance(task, ValueTask):
        return task.quantity.write(float(row.answer))
    if isinstance(task, LabelTask):
        return "Yes." if row.answer else "No."
    if isinstance(task, CaptionTask | NameTask):
        return str(row.answer) if isinstance(task, CaptionTask) else f"Name: {row.answer}"
    raise AssistantError(
        f"Task {task.name} is none that arms can be trained on; choose property:…, pairs:…, caption"
        " or name."
    )


def behind(row: Row, before: Conversation) -> Row:
    """A row that goes on with a conversation: its question names the numbers that it has there.

    Raises:
        AssistantError: A molecule is not read.
    """
    conversation, numbers = before, {}
    for place, smiles in enumerate(row.molecules, start=1):
        conversation, number = conversation.with_molecule(Molecule.parse(smiles))
        numbers[f"molecule {place}"] = f"molecule {number}"
    question = re.sub(r"molecule \d+", lambda m: numbers.get(m[0], m[0]), row.question)
    return replace(row, question=question, before=before)


def answered(name: str, row: Row) -> Conversation:
    """A row's question with its reference as the answer, behind what went before.

    Raises:
        AssistantError: A molecule is not read.
    """
    answer = Message("assistant", answer_text(task_of(name), row))
    return row.conversation().with_message(answer)


def second_turns(name: str, rows: Sequence[Row]) -> list[Row]:
    """Every row behind the answered question of the row before it."""
    earlier = [*rows[-1:], *rows[:-1]]
    return [behind(row, answered(name, e)) for row, e in zip(rows, earlier, strict=True)]


def rows_of(recipe: AblationRecipe, data: Path, split: str) -> dict[str, list[Row]]:
    """Rows of one molecule for each task: training rows, or the test rows that are measured.

    Raises:
        AssistantError: A task is unknown, has no answer to learn, or its table is missing.
    """
    found = {}
    for name in recipe.tasks:
        task = task_of(name)
        rows = task.load(task.train if split == "train" else task.test, None, data, split=split)
        n = recipe.n_train if split == "train" else recipe.n_test
        # Not the run's seed: every seed and arm is trained and measured on the same rows.
        found[name] = some(rows, n or None, 0)
        answer_text(task, found[name][0])
    return found


class Questions:
    """Batches of the steps.

    Args:
        rows: Training rows by task.
        encoder: Of the base's tokenizer.
        recipe: Batch size; whether the card is shown.
        seed: Of the run; with a phase and a step it gives the batch.
        graph: Whether graph tokens stand in the prompt.
        turns: Questions of a conversation.
    """

    def __init__(
        self,
        rows: Mapping[str, Sequence[Row]],
        encoder: LessonEncoder,
        recipe: AblationRecipe,
        *,
        seed: int,
        graph: bool,
        turns: int = 1,
    ) -> None:
        self.rows, self.encoder, self.recipe = rows, encoder, recipe
        self.seed, self.graph, self.turns = seed, graph, turns

    def batch(self, phase: Phase, step: int) -> Batch:
        """The questions of a step: tasks in turn, rows at random; no arm plays a part in it.

        Neither in which questions are short enough, nor in how much of a long answer is learned:
        without graph tokens an example is as much shorter as they are long.

        Raises:
            AssistantError: No answer is within the sequence.
        """
        rng = random.Random(f"{self.seed} {phase.name} {step}")
        examples: list[Example] = []
        for place in range(_TRIES * self.recipe.batch):
            name = phase.tasks[place % len(phase.tasks)]
            rows = [rng.choice(self.rows[name]) for _ in range(self.turns)]
            example = self.example(name, *rows, graph=self.graph and not phase.expert)
            if example is not None:
                examples.append(example)
            if len(examples) == max(1, self.recipe.batch // self.turns):
                return collate_examples(examples)
        raise AssistantError(
            f"No answer of {', '.join(phase.tasks)} is within {self.recipe.sequence} tokens; raise"
            " sequence."
        )

    def example(self, name: str, *rows: Row, graph: bool) -> Example | None:
        """A conversation of these rows; None when a molecule cannot be read or it is too long."""
        conversation = Conversation()
        try:
            for row in rows:
                conversation = answered(name, behind(row, conversation))
        except AssistantError:
            return None
        card = 0.0 if self.recipe.card else 1.0
        rates = ShownRates(card=card, line=0.0, smiles=0.0, graph=0.0 if graph else 1.0)
        rng = random.Random(0)
        spare = 0 if graph else self.encoder.n_graph_tokens * sum(len(r.molecules) for r in rows)
        record = OwnConversation(conversation, name)
        return self.encoder.encode(lesson(record, rng, rates), rng, spare=spare)
