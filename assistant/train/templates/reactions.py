"""The reactions of a recipe, and the template of each; what was found is kept in the run."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from assistant.chem.templates import template_of
from assistant.errors import AssistantError
from assistant.train.progress import Progress
from assistant.train.sources.reading import at, read_records
from assistant.train.sources.records import Reaction
from assistant.train.templates.recipe import TemplatesRecipe

FOUND = "templates.jsonl"
"""Of a run: reactants, product and template of every reaction that was looked at."""
_PIECE = 250
"""Reactions between two writes."""
_CHUNK = 25


@dataclass(frozen=True)
class TemplateReaction:
    """A reaction as templates see it, all in canonical SMILES.

    Attributes:
        reactants: What gives atoms, as far as the data says so.
        reagents: What else there is; may be "".
        product: Of one or several parts.
    """

    reactants: str
    reagents: str
    product: str

    @property
    def key(self) -> tuple[str, str]:
        """What its template follows from."""
        return self.reactants, self.product

    def question_and_answer(self, task: str) -> tuple[str, str]:
        """What is given and what is asked for, by the name of a task."""
        if task == "product":
            return ".".join(part for part in (self.reactants, self.reagents) if part), self.product
        return self.product, self.reactants


@dataclass(frozen=True)
class TaskReactions:
    """The reactions of one task."""

    learned: Sequence[TemplateReaction]
    weighed: Sequence[TemplateReaction]


def read_reactions(
    recipe: TemplatesRecipe, data: Path
) -> tuple[dict[str, TaskReactions], list[str]]:
    """The reactions by task, and a line on every table.

    Nothing that templates are weighed on is learned.

    Raises:
        AssistantError: A table is missing or unusable, or a task has no reactions.
    """
    found, lines = {}, []
    for task in recipe.tasks:
        learned, told = _reactions(task.name, [at(source, data) for source in task.data])
        weighed, told_too = _reactions(task.name, [at(source, data) for source in task.weighed])
        lines += [*told, *told_too]
        asked = {reaction.key for reaction in weighed}
        learned = [reaction for reaction in learned if reaction.key not in asked]
        if not learned or not weighed:
            raise AssistantError(f"Task {task.name} has no reactions; look at its data.")
        drawn = random.Random(recipe.seed).sample(weighed, min(recipe.weighed, len(weighed)))
        found[task.name] = TaskReactions(learned, drawn)
    return found, list(dict.fromkeys(lines))


def _reactions(task: str, sources: Sequence) -> tuple[list[TemplateReaction], list[str]]:
    records, lines = read_records(sources)
    reactions = (
        TemplateReaction(
            record.reactants.smiles,
            record.reagents.smiles if record.reagents else "",
            record.product.smiles,
        )
        for record in records
        if isinstance(record, Reaction) and not (record.mixed and task == "retrosynthesis")
    )
    return list(dict.fromkeys(reactions)), lines


Found = Mapping[tuple[str, str], str]
"""Template of reactants and product; those without one are left out."""


def find_templates(
    reactions: Iterable[TemplateReaction], directory: Path, *, workers: int = 0
) -> Found:
    """The template of every reaction, going on where an earlier start was left.

    Args:
        reactions: Of all tasks.
        directory: Of the run.
        workers: Processes beside this one; 0 does it here.
    """
    place = directory / FOUND
    known = _read(place)
    missing = list(dict.fromkeys(r.key for r in reactions if r.key not in known))
    total = len(known) + len(missing)
    progress = Progress("templates", total, done=len(known), unit="reactions")
    with _mapping(workers) as mapped, place.open("a", encoding="utf-8") as file:
        results = zip(missing, mapped(_template, missing), strict=True)
        while piece := list(islice(results, _PIECE)):
            file.writelines(f"{json.dumps([*key, template])}\n" for key, template in piece)
            file.flush()
            known.update(piece)
            progress.reach(progress.done + len(piece), len(piece))
    return {key: template for key, template in known.items() if template}


def _template(key: tuple[str, str]) -> str | None:
    return template_of(*key)


@contextmanager
def _mapping(workers: int) -> Iterator:
    if not workers:
        yield map
        return
    with ProcessPoolExecutor(workers) as pool:

        def mapped(function: object, values: Sequence) -> Iterator:
            return pool.map(function, values, chunksize=_CHUNK)

        yield mapped


def _read(place: Path) -> dict[tuple[str, str], str | None]:
    found: dict[tuple[str, str], str | None] = {}
    if not place.is_file():
        return found
    text = place.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # a line that was cut off when the program ended
        place.write_text(whole, encoding="utf-8")
    for line in whole.splitlines():
        reactants, product, template = json.loads(line)
        found[reactants, product] = template
    return found
