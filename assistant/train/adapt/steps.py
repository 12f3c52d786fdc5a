"""The batches of every optimiser step, as a function of its number alone: what makes a run resume.

Step i takes records i·batch … (i + 1)·batch - 1 of the epoch's order; what is drawn for a record
(wording, what is shown) depends on the seed and the record's place. Several processes share a step.
"""

import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from assistant.train.adapt.dialogue import lesson
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.recipe import ShownRates
from assistant.train.batches import Batch, collate_examples
from assistant.train.encode import Example
from assistant.train.sources.records import Record


@dataclass(frozen=True)
class Share:
    """Which part of a step is this process's."""

    index: int = 0
    of: int = 1


class ExampleSteps(Dataset, ABC):
    """Batches of step i of an endless sequence of examples: `steps[i]`, a list of micro-batches.

    Args:
        batch: Conversations per step, over all processes.
        micro_tokens: Padded size of a micro-batch.
        share: This process's part.
    """

    def __init__(self, *, batch: int, micro_tokens: int, share: Share = Share()) -> None:
        self.batch, self.micro_tokens, self.share = batch, micro_tokens, share

    @abstractmethod
    def example(self, place: int) -> Example | None:
        """The example at a place of the endless sequence; None where its answer is cut off."""

    def __getitem__(self, step: int) -> list[Batch]:
        places = range(step * self.batch, (step + 1) * self.batch)[
            self.share.index :: self.share.of
        ]
        examples = [e for place in places if (e := self.example(place)) is not None]
        return [collate_examples(group) for group in self._grouped(examples)]

    def stream(self, start: int, end: int, *, workers: int = 0) -> Iterator[list[Batch]]:
        """The steps from `start` to `end`, written ahead by so many processes."""
        if not workers:
            return (self[step] for step in range(start, end))
        torch.multiprocessing.set_sharing_strategy("file_system")  # few open files
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=range(start, end),
            num_workers=workers,
            prefetch_factor=4,
            worker_init_fn=_leave_interrupts_to_the_run,
        )
        return iter(loader)

    def _grouped(self, examples: list[Example]) -> Iterator[list[Example]]:
        """Examples of similar length together, as many as fit."""
        group: list[Example] = []
        for example in sorted(examples, key=lambda e: len(e.ids)):
            if group and (len(group) + 1) * len(example.ids) > self.micro_tokens:
                yield group
                group = []
            group.append(example)
        if group:
            yield group


class Steps(ExampleSteps):
    """Batches of records, in another order each epoch.

    Args:
        records: What is learned.
        encoder: Turns lessons into examples.
        rates: What is left out of the molecules' blocks.
        batch: Conversations per step, over all processes.
        micro_tokens: Padded size of a micro-batch.
        seed: Of order, wording and drop-out.
        share: This process's part.
    """

    def __init__(
        self,
        records: Sequence[Record],
        encoder: LessonEncoder,
        rates: ShownRates,
        *,
        batch: int,
        micro_tokens: int,
        seed: int,
        share: Share = Share(),
    ) -> None:
        super().__init__(batch=batch, micro_tokens=micro_tokens, share=share)
        self.records, self.encoder, self.rates, self.seed = records, encoder, rates, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def example(self, place: int) -> Example | None:
        """The example at a place of the endless sequence of records."""
        epoch, index = divmod(place, len(self.records))
        record = self.records[int(self._order_of(epoch)[index])]
        rng = random.Random(f"{self.seed}/{place}")
        return self.encoder.encode(lesson(record, rng, self.rates), rng)

    def _order_of(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(self.records))
            self._epoch, self._order = epoch, order
        return self._order


def _leave_interrupts_to_the_run(_worker: int) -> None:
    """Ctrl+C reaches every process of a terminal; the run ends after its step, and its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
