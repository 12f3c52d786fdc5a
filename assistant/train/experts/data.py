"""The records of each family, and the batches of each step as a function of its number."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.chem.facts import Facts, compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.table import read_table
from assistant.train.adapt.selection import split
from assistant.train.adapt.steps import ExampleSteps
from assistant.train.dialogues import LATER, DialogueWriter
from assistant.train.encode import Example
from assistant.train.experts.recipe import ExpertRecipe, ExpertsRecipe
from assistant.train.generate import EVERYTHING_SHOWN, OWN_QUESTIONS
from assistant.train.sources.reading import at, read_records
from assistant.train.sources.records import OwnConversation, Record


@dataclass(frozen=True)
class Family:
    """The records of an expert, and those of them that are kept out."""

    expert: ExpertRecipe
    records: Sequence[Record]
    held_out: Sequence[Record]
    lines: tuple[str, ...]
    """What was read, a line per table."""


def read_families(recipe: ExpertsRecipe, data: Path) -> list[Family]:
    """The families of a recipe.

    Raises:
        AssistantError: A table is missing or cannot be used.
    """
    return [_family(recipe, expert, data) for expert in recipe.experts]


def _family(recipe: ExpertsRecipe, expert: ExpertRecipe, data: Path) -> Family:
    records, lines = read_records([at(source, data) for source in expert.data])
    if expert.written:
        written = write(data / recipe.molecules, expert.written, seed=recipe.seed)
        records += written
        lines.append(f"{len(written):,} conversations written about {recipe.molecules.name}")
    learned, held_out = split(records, recipe.held_out)
    if not learned:
        raise AssistantError(f"Expert {expert.name} has no records; look at its data.")
    return Family(expert, learned, held_out, tuple(lines))


def write(table: Path, n: int, *, seed: int) -> list[OwnConversation]:
    """So many conversations about the molecules of a table, from facts that RDKit computes.

    Raises:
        AssistantError: No molecule of the table can be read.
    """
    molecules: list[tuple[Molecule, Facts]] = []
    for row in read_table(table, ("smiles",)):
        if len(molecules) == n:  # about as many as there are conversations are enough
            break
        try:
            molecule = Molecule.parse(row["smiles"], name=row.get("name") or None)
            molecules.append((molecule, compute_facts(molecule)))
        except AssistantError:
            continue
    if not molecules:
        raise AssistantError(f"{table} holds no molecule that can be read.")
    writer = DialogueWriter(
        molecules, OWN_QUESTIONS, seed=seed, rates=EVERYTHING_SHOWN, later=LATER
    )
    return [
        OwnConversation(writer.write().conversation, f"written conversation {place}")
        for place in range(1, n + 1)
    ]


class MixedSteps(ExampleSteps):
    """Batches of several families, an example of each in turn.

    Args:
        parts: Of the families, with batches of one size.
    """

    def __init__(self, parts: Sequence[ExampleSteps]) -> None:
        super().__init__(batch=parts[0].batch, micro_tokens=parts[0].micro_tokens)
        self.parts = parts

    def example(self, place: int) -> Example | None:
        """The example at a place of the endless sequence of all families."""
        turn, part = divmod(place, len(self.parts))
        return self.parts[part].example(turn)
