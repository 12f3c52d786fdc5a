"""Questions of public tables with their answers, mixed into a base run beside its dialogues.

LLaMo's second stage learns the tasks and the conversations together; so does a base run whose
recipe has `[[tasks]]`. What a family is asked, and how it is answered, is that of `train.adapt`.
"""

import pickle
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from assistant.chat.retrieved import NearestFor
from assistant.errors import AssistantError
from assistant.train import licences
from assistant.train.adapt.dialogue import REACTION_SIDES, lesson
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.recipe import ShownRates, asked_alike
from assistant.train.adapt.selection import split
from assistant.train.encode import N_SLOT_TOKENS, Example
from assistant.train.sources.reading import at, read_records
from assistant.train.sources.records import Pair, Record, Value
from assistant.train.sources.registry import Source
from assistant.train.tokenizer import number_ids
from assistant.train.wording import ASK_UNKNOWN_FREE, UNKNOWN_TOPICS

KEPT = "tasks.pkl"
"""Of a run's directory: the records, so that a machine without the tables goes on."""
_N_HELD_OUT = 32
_TRIES = 100


@dataclass(frozen=True)
class TaskFamily:
    """Tables that are asked alike.

    Attributes:
        name: For the log.
        data: Tables, below the data directory.
        share: Of the task examples, beside the shares of the other families.
        rates: What is left out of the molecules' blocks.
        quoted: Share of the questions that quote captions of similar molecules.
        bare: Share that leaves the system text out, which is the same each time.
        answers: Topics that the dialogues then do not decline ("HOMO energy", "retrosynthesis").
        asked: Of reactions, the sides that are asked for ("forward", "retro", "reagent").
    """

    name: str
    data: tuple[Source, ...]
    share: float = 1.0
    rates: ShownRates = field(default_factory=ShownRates)
    quoted: float = 0.0
    bare: float = 0.0
    answers: tuple[str, ...] = ()
    asked: tuple[str, ...] = REACTION_SIDES

    def __post_init__(self) -> None:
        if not self.name or not self.data:
            raise ValueError(f"task family {self.name!r} needs a name and data")
        object.__setattr__(self, "answers", tuple(self.answers))
        object.__setattr__(self, "asked", tuple(self.asked))
        if unknown := [side for side in self.asked if side not in REACTION_SIDES]:
            raise ValueError(
                f"asked of {self.name}: {unknown[0]!r} is none of {', '.join(REACTION_SIDES)}"
            )
        if strange := [topic for topic in self.answers if not _is_declined(topic)]:
            raise ValueError(f"answers of {self.name}: no dialogue declines {strange[0]!r}")
        if self.share <= 0:
            raise ValueError(f"share {self.share} of {self.name} must be positive")
        for name in ("quoted", "bare"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} of {self.name} is not in 0…1")


def _is_declined(topic: str) -> bool:
    declined = [*UNKNOWN_TOPICS, *(about for _, about in ASK_UNKNOWN_FREE)]
    return any(topic in known for known in declined)


def family_of(values: Mapping[str, Any]) -> TaskFamily:
    """A family from TOML's values; unknown keys raise ValueError."""
    return asked_alike(TaskFamily, values, f"task family {values.get('name', '')!r}")


@dataclass(frozen=True)
class TaskRecords:
    """What the families of a recipe read.

    Attributes:
        families: As they were when the tables were read; their shares may have changed since.
        learned, held_out: By the family's name.
        lines: What was read and under which licence, a line per table; those of a run that this
            one goes on from come first.
    """

    families: tuple[TaskFamily, ...]
    learned: Mapping[str, Sequence[Record]]
    held_out: Mapping[str, Sequence[Record]]
    lines: tuple[str, ...]

    @classmethod
    def prepared(
        cls, families: Sequence[TaskFamily], data: Path, directory: Path, *, licensed_only: bool
    ) -> "TaskRecords":
        """Read where an earlier start kept the same tables, else from them.

        Args:
            families: Of the recipe.
            data: Directory of the tables.
            directory: Of the run. What it keeps is our own file and never comes from elsewhere.
            licensed_only: Refuses formats without a clear licence.

        Raises:
            AssistantError: A table is missing or unusable, or its licence is not clear.
        """
        if licensed_only:
            formats = [source.format for family in families for source in family.data]
            licences.refuse_unclear("formats", formats)
        before = cls.kept(directory)
        if before is not None and _tables(before.families) == _tables(families):
            return before
        found = cls.read(families, data)
        if before is not None:
            lines = tuple(dict.fromkeys((*before.lines, *found.lines)))
            found = replace(found, lines=lines)
        (directory / KEPT).write_bytes(pickle.dumps(found))
        return found

    @classmethod
    def kept(cls, directory: Path) -> "TaskRecords | None":
        """What a run's directory holds."""
        path = directory / KEPT
        return pickle.loads(path.read_bytes()) if path.is_file() else None

    @classmethod
    def read(cls, families: Sequence[TaskFamily], data: Path) -> "TaskRecords":
        """From the tables."""
        learned, held_out, lines = {}, {}, []
        for family in families:
            records, told = read_records([at(source, data) for source in family.data])
            learned[family.name], held_out[family.name] = split(records, _N_HELD_OUT)
            if not learned[family.name]:
                raise AssistantError(f"Task {family.name} has no records; look at its data.")
            lines += told
        return cls(tuple(families), learned, held_out, tuple(lines))


def _tables(families: Sequence[TaskFamily]) -> dict[str, tuple[Source, ...]]:
    return {family.name: family.data for family in families}


class TaskExamples:
    """Draws examples of the families.

    Args:
        families: Of the recipe.
        records: What they read.
        tokenizer: Of the run.
        number: Loss weight of the digits of a value; other tokens of an answer count 1.
        sequence: Longest example in tokens; longer ones are passed over.
        quoting: Gives captions of other molecules to quote.
    """

    def __init__(
        self,
        families: Sequence[TaskFamily],
        records: TaskRecords,
        tokenizer: PreTrainedTokenizerBase,
        *,
        number: float,
        sequence: int,
        quoting: NearestFor | None = None,
    ) -> None:
        self.families, self.records, self.number = tuple(families), records, number
        self._shares = [family.share for family in families]
        self._numbers = np.array(number_ids(tokenizer))
        self._encoders = {
            family.name: LessonEncoder(
                tokenizer,
                n_graph_tokens=N_SLOT_TOKENS,
                sequence=sequence,
                quoting=quoting if family.quoted else None,
                quoted=family.quoted,
                bare=family.bare,
            )
            for family in families
        }

    def draw(self, rng: random.Random) -> Example:
        """An example of a family, by their shares.

        Raises:
            AssistantError: No example is short enough.
        """
        for _ in range(_TRIES):
            family = rng.choices(self.families, self._shares)[0]
            record = rng.choice(self.records.learned[family.name])
            if (example := self.example(family, record, rng)) is not None:
                return example
        raise AssistantError("No answer of the recipe's tasks is within the context.")

    def held_out(self) -> dict[str, list[Example]]:
        """By family, the same each time."""
        rng = random.Random(0)
        found = {
            f.name: [self.example(f, r, rng) for r in self.records.held_out[f.name]]
            for f in self.families
        }
        return {name: [e for e in some if e is not None] for name, some in found.items()}

    def example(self, family: TaskFamily, record: Record, rng: random.Random) -> Example | None:
        """A record as an example; None when its answer is cut off."""
        encoder = self._encoders[family.name]
        example = encoder.encode(lesson(record, rng, family.rates, family.asked), rng)
        if example is None or len(example.ids) >= encoder.sequence:
            return None
        if isinstance(record, Value | Pair):
            weights = example.weights.copy()
            weights[np.isin(example.ids, self._numbers) & (weights > 0)] = self.number
            example = replace(example, weights=weights)
        return example
