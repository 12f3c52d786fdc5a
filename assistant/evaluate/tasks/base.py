"""A task: rows become questions, answers are read and scored, simple methods stand beside.

    table ─► examples ─► conversation ─► assistant ─► text ─► parse ─► prediction ─► metrics
                 └───────────────► baselines ────────────────────────► prediction ─┘

A prediction is None where the answer could not be read: a failure, which is scored as wrong.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.chat.conversation import Conversation, Message, PairQuestion
from assistant.chat.prompts import pair_question
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import pair_task
from assistant.errors import AssistantError
from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.table import Row, read_table

if TYPE_CHECKING:
    from assistant.evaluate.asking import Answer, Asker

log = logging.getLogger(__name__)

Prediction = str | float | bool
SPLIT = "split"
"""The column that marks the test and training rows of a person's own table."""


@dataclass(frozen=True)
class Example:
    """One row of a task.

    Attributes:
        molecules: SMILES, numbered from 1 in the conversation.
        question: What is asked.
        answer: The reference; for a task without one, what it starts from.
        pair: The pair task, where the two molecules are asked about together.
        group: The label of a multi-label set, the goal of a design.
        ids: Names of the molecules in the table, where it has some.
        text: What is described, where the answer is a structure.
        before: A conversation that the question goes on with. It is about molecules of its own, so
            the question has to name those of this row by the numbers that they get there.
    """

    molecules: tuple[str, ...]
    question: str
    answer: Prediction
    pair: str = ""
    group: str = ""
    ids: tuple[str, ...] = ()
    text: str = ""
    before: Conversation = field(default_factory=Conversation)

    def conversation(self) -> Conversation:
        """The question as the page would ask it.

        Raises:
            AssistantError: A molecule is not read (over a limit, say).
        """
        molecules = [Molecule.parse(smiles) for smiles in self.molecules]
        if self.pair and pair_task(self.pair).is_symmetric:
            # As `Assistant.score_pair` does: both ways round are one question.
            molecules.sort(key=lambda molecule: molecule.smiles)
        conversation, numbers = self.before, []
        for molecule in molecules:
            conversation, number = conversation.with_molecule(molecule)
            numbers.append(number)
        if not self.pair:
            attached = tuple(dict.fromkeys(numbers))
            return conversation.with_message(Message("user", self.question, attached))
        pair = PairQuestion(*numbers, self.pair)
        # A solvent may be its own chromophore: then both are molecule 1.
        question = self.question if numbers == [1, 2] else pair_question(pair)
        return conversation.with_message(Message("user", question, pair=pair))


@dataclass(frozen=True)
class Source:
    """A table of the shared data and the rows of it that count.

    Attributes:
        path: Below the data directory.
        split: Value of the split column; "" takes all rows.
        column: The split column.
    """

    path: str
    split: str = ""
    column: str = "split"


@dataclass(frozen=True)
class Scored:
    """Predictions of one method for the examples, in their order.

    Attributes:
        name: As in the table.
        predictions: None where there is none.
        scores: How sure, for yes/no answers (higher is yes); empty without.
    """

    name: str
    predictions: Sequence[Prediction | None]
    scores: Sequence[float] = ()


class Task(ABC):
    """What all tasks of rows have in common."""

    name: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    """Columns that are read where the table has them."""
    test: Source
    train: Source | None = None
    max_new_tokens: int = 256
    asks_for_scores: bool = False
    """Whether log-probabilities of yes and no are wanted besides the answer."""
    second_thoughts: bool = False
    """Whether answers are written again as on the page; published tasks take the first attempt."""

    @property
    def column_words(self) -> str:
        """The columns of its tables, for the help; those in brackets may be missing."""
        return ", ".join([*self.columns, *(f"[{name}]" for name in self.optional)])

    @abstractmethod
    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Questions of rows; rows without a usable reference are left out."""

    def ask(self, asker: "Asker", examples: Sequence[Example]) -> "list[Answer]":
        """The assistant's answers, in order."""
        return asker.ask_all([example.conversation for example in examples])

    @abstractmethod
    def parse(self, text: str, example: Example) -> Prediction | None:
        """What an answer says; None when it cannot be read."""

    @abstractmethod
    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """The numbers of one method."""

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """Simple methods; none by default."""
        yield from ()

    def load(
        self, source: Source | None, file: Path | None, data: Path | None, *, split: str = ""
    ) -> list[Example]:
        """Examples of a file, or of the shared table.

        Args:
            source: The shared table.
            file: Another table with the same columns; its rows of `split`, where it has splits.
            data: The data directory.
            split: "test" or "train".

        Raises:
            AssistantError: Neither is given, or the table does not fit: the message names the file,
                and of a cell that cannot be read its line.
        """
        if file is not None:
            rows = self._of_split(source, file, split)
            found = self.examples(rows, data)
            if 0 < len(found) < len(rows):
                log.warning(
                    "%s: %s of %s %s rows are left out, without a value or a structure that is"
                    " read.", file.name, f"{len(rows) - len(found):,}", f"{len(rows):,}", split
                )  # fmt: skip
            return found
        if data is None or source is None:
            raise AssistantError(
                f"Task {self.name} needs a table: name the data directory with --data or"
                " MOLECULE_CHAT_DATA, or a table with --file."
            )
        rows = read_table(data / source.path, self.columns)
        chosen = [row for row in rows if not source.split or row[source.column] == source.split]
        return self.examples(chosen, data)

    def _of_split(self, source: Source | None, file: Path, split: str) -> list[Row]:
        """The rows of a person's own table that are marked as of a split; all where none is.

        Raises:
            AssistantError: The column `split` marks rows, but none as of this one: were they all
                taken, baselines would learn from the rows that are asked.
        """
        column, own = (source.column, source.split) if source else (SPLIT, "")
        rows = read_table(file, self.columns, (*self.optional, column, SPLIT))
        for name, marks in ((column, {split, own or split}), (SPLIT, {split})):
            if marked := [row for row in rows if row.get(name, "").strip().lower() in marks]:
                return marked
        if others := list(dict.fromkeys(row[SPLIT] for row in rows if row.get(SPLIT))):
            raise AssistantError(
                f"{file.name} has no row whose {SPLIT} is {split}, but {', '.join(others[:8])}."
                f" Mark rows as test and train, or leave the column out to take all."
            )
        return rows
