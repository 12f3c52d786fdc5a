"""Questions and answers of the tasks, each spelled anew whenever it is drawn."""

import gzip
import json
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset
from transformers import PreTrainedTokenizerBase

from assistant.chat.short_tasks import SHORT_TASKS, ShortTask
from assistant.chem.aligned import Alignable
from assistant.chem.respell import rerooted
from assistant.errors import AssistantError
from assistant.llm.layout import IdsPiece, end_id, layout, text_ids
from assistant.train.adapt.selection import split
from assistant.train.batches import Batch, BatchMaker, worker_seed, written_ahead
from assistant.train.encode import Example
from assistant.train.sources.reading import at, read_records
from assistant.train.sources.records import Reaction, Record
from assistant.train.specialist.recipe import SpecialistRecipe

KEPT = "records.json.gz"
"""Of a run's directory: the records, so that a machine without the tables goes on."""
_AS_SERVED = 0.25
"""Share of the questions that are spelled as the canonical SMILES, as they are asked later."""
_TRIES = 100


@dataclass(frozen=True)
class ReactionRecord:
    """What is given and what is asked for, both in canonical SMILES."""

    given: str
    answer: str


@dataclass(frozen=True)
class ReactionData:
    """The records of the tasks.

    Attributes:
        learned, held_out: By the task's name.
        lines: What was read and under which licence, a line per table.
    """

    learned: Mapping[str, Sequence[ReactionRecord]]
    held_out: Mapping[str, Sequence[ReactionRecord]]
    lines: tuple[str, ...]

    @classmethod
    def prepared(
        cls, recipe: SpecialistRecipe, data: Path | None, directory: Path
    ) -> "ReactionData":
        """Read where an earlier start kept them, else from the tables.

        Args:
            recipe: Names the tables.
            data: Directory that they are in.
            directory: Of the run.

        Raises:
            AssistantError: A table is missing or unusable, or gives no question for its task.
        """
        kept = directory / KEPT
        if kept.is_file():
            return cls._load(kept)
        if data is None:
            raise AssistantError("Name the data directory with --data or MOLECULE_CHAT_DATA.")
        found = cls._read(recipe, data)
        kept.write_bytes(gzip.compress(json.dumps(asdict(found)).encode(), 6, mtime=0))
        return found

    @classmethod
    def _load(cls, path: Path) -> "ReactionData":
        values = json.loads(gzip.decompress(path.read_bytes()))
        sides = (
            {name: [ReactionRecord(**row) for row in rows] for name, rows in values[side].items()}
            for side in ("learned", "held_out")
        )
        return cls(*sides, tuple(values["lines"]))

    @classmethod
    def _read(cls, recipe: SpecialistRecipe, data: Path) -> "ReactionData":
        learned, held_out, lines = {}, {}, []
        for task in recipe.tasks:
            records, told = read_records([at(source, data) for source in task.data])
            parts = [_asked(task.name, part) for part in split(records, recipe.held_out)]
            if not parts[0]:
                raise AssistantError(f"Task {task.name} has no records; look at its data.")
            learned[task.name], held_out[task.name] = parts
            lines += told
        return cls(learned, held_out, tuple(dict.fromkeys(lines)))


def _asked(task: str, records: Sequence[Record]) -> list[ReactionRecord]:
    """What a task asks of records; those that say nothing on it are left out."""
    found = (_record(task, record) for record in records)
    return list(dict.fromkeys(record for record in found if record is not None))


def _record(task: str, record: Record) -> ReactionRecord | None:
    if not isinstance(record, Reaction):
        return None
    if task == "product":
        reagents = [record.reagents.smiles] if record.reagents else []
        return ReactionRecord(".".join([record.reactants.smiles, *reagents]), record.product.smiles)
    if record.mixed:  # who knows which of them are reactants
        return None
    return ReactionRecord(record.product.smiles, record.reactants.smiles)


class ReactionExamples:
    """Draws examples.

    Args:
        recipe: Shares, length and weights.
        data: The records.
        tokenizer: The language model's.
    """

    def __init__(
        self, recipe: SpecialistRecipe, data: ReactionData, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self.recipe, self.data, self._tokenizer = recipe, data, tokenizer
        self._end = end_id(tokenizer)
        rng = random.Random(recipe.seed)
        self._tasks = [SHORT_TASKS[task.name] for task in recipe.tasks]
        # Shares are of tokens, and examples of one task may be longer than those of another.
        self._shares = [
            table.share / self._mean_length(SHORT_TASKS[table.name], rng) for table in recipe.tasks
        ]

    def _mean_length(self, task: ShortTask, rng: random.Random) -> float:
        records = self.data.learned[task.name]
        lengths = [
            len(self.example(task, r.given, r.answer).ids)
            for r in (rng.choice(records) for _ in range(50))
        ]
        return sum(lengths) / len(lengths)

    def draw(self, rng: random.Random) -> list[Example]:
        """A record in a few spellings, of a task by the shares.

        Raises:
            AssistantError: No example is short enough.
        """
        for _ in range(_TRIES):
            task = rng.choices(self._tasks, self._shares)[0]
            record = rng.choice(self.data.learned[task.name])
            made = (self.example(task, *pair) for pair in self._spellings(task, record, rng))
            if found := [e for e in made if len(e.ids) <= self.recipe.sequence]:
                return found
        raise AssistantError(
            f"No example of the recipe's tasks is within {self.recipe.sequence} tokens."
        )

    def _spellings(
        self, task: ShortTask, record: ReactionRecord, rng: random.Random
    ) -> Iterator[tuple[str, str]]:
        answer = Alignable(record.answer)
        for _ in range(self.recipe.spellings):
            as_served = rng.random() < _AS_SERVED
            given = record.given if as_served else rerooted(record.given, rng)
            yield given, answer.along(given)

    def held_out(self) -> dict[str, list[Example]]:
        """By task, in the spelling that is served."""
        found = {}
        for task in self._tasks:
            made = (
                self.example(task, row.given, Alignable(row.answer).along(row.given))
                for row in self.data.held_out[task.name]
            )
            found[task.name] = [e for e in made if len(e.ids) <= self.recipe.sequence]
        return found

    def example(self, task: ShortTask, given: str, answer: str) -> Example:
        """A question with its answer; the answer and its end bear loss."""
        pieces = layout(task.prompt(given), self._tokenizer).pieces
        asked = [i for piece in pieces if isinstance(piece, IdsPiece) for i in piece.ids]
        told = [*text_ids(self._tokenizer, task.answer(answer)), self._end]
        ids = np.array([*asked, *told], np.int32)
        weights = np.zeros(len(ids), np.float32)
        weights[len(asked) :] = 1.0
        nothing = np.zeros(len(ids), np.int16)
        return Example(ids, weights, nothing, nothing)


class ReactionFeed(IterableDataset[Batch]):
    """Endless batches.

    Args:
        examples: Draws them.
        tokens: Padded size of a batch.
        seed: Every worker draws from a seed of its own that follows from it.
    """

    def __init__(self, examples: ReactionExamples, *, tokens: int, seed: int) -> None:
        self.examples, self.tokens, self.seed = examples, tokens, seed

    def batches(self, workers: int) -> Iterator[Batch]:
        """Batches, written by this process (0) or ahead by so many workers."""
        return written_ahead(self, workers)

    def __iter__(self) -> Iterator[Batch]:
        seed = worker_seed(self.seed)
        rng, waiting = random.Random(seed), deque[Example]()

        def draw() -> Example:
            if not waiting:
                waiting.extend(self.examples.draw(rng))
            return waiting.popleft()

        return BatchMaker(draw, tokens=self.tokens, seed=seed).batches()
