"""All tasks by name. `property` and `pairs` have variants; a bare name stands for the first."""

from functools import cache

from assistant.commands import near
from assistant.errors import AssistantError
from assistant.evaluate.tasks.base import Task
from assistant.evaluate.tasks.design import DesignTask
from assistant.evaluate.tasks.drug_pairs import drug_pair_tasks
from assistant.evaluate.tasks.grounded import AbstainTask, ChatTask, FactsTask
from assistant.evaluate.tasks.structures import TextToMoleculeTask, reaction_tasks
from assistant.evaluate.tasks.texts import CaptionTask, NameTask
from assistant.evaluate.tasks.values import pair_value_tasks, property_tasks
from assistant.evaluate.tasks.yes_no import label_tasks

FORGETTING = "forgetting"
"""Measured from probabilities, not from answers; see `tasks/forgetting.py`."""


@cache
def tasks() -> dict[str, Task]:
    """Every task of rows by its full name."""
    found: list[Task] = [
        CaptionTask(),
        TextToMoleculeTask(),
        NameTask(),
        *reaction_tasks(),
        *property_tasks(),
        *label_tasks(),
        *drug_pair_tasks(),
        *pair_value_tasks(),
        DesignTask(),
        FactsTask(),
        AbstainTask(),
        ChatTask(),
    ]
    return {task.name: task for task in found}


def task_of(name: str) -> Task:
    """The task of a name; `property` is `property:homo`, `pairs` is `pairs:ddi`.

    Raises:
        AssistantError: There is none; the message lists those there are.
    """
    known = tasks()
    if name in known:
        return known[name]
    variants = [full for full in known if full.startswith(f"{name}:")]
    if variants:
        return known[variants[0]]
    names = [*known, FORGETTING]
    raise AssistantError(
        f"There is no task {name!r}; choose one of {', '.join(names)}.{near(name, names)}"
    )
