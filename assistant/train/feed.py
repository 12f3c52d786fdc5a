"""Endless batches of dialogues, text and tasks, written ahead by worker processes where wanted."""

import random
from collections.abc import Callable, Iterator

import torch
from torch.utils.data import IterableDataset

from assistant.train.batches import Batch, BatchMaker, worker_seed, written_ahead
from assistant.train.dialogues import DialogueWriter
from assistant.train.encode import Encoder, Example
from assistant.train.task_mix import TaskExamples
from assistant.train.text import PlainText


class Feed(IterableDataset[Batch]):
    """What a training run reads.

    Args:
        writer: Makes the writer of dialogues for a seed.
        encoder: Turns dialogues into examples.
        text: Plain text to mix in, if any.
        text_share: Share of the examples that are text.
        text_length: Most tokens of a text example.
        text_weight: Loss weight of a text token.
        tasks: Questions of tables to mix in, if any.
        task_share: Share of the examples that are such questions.
        tokens: Padded size of a batch.
        lora: Whether the model has ΔW. Without, molecules that no graph token stands for are not
            prepared: that is most of the work for a question with a SMILES alone.
        seed: Of everything that is drawn; every worker draws from a seed of its own.
    """

    def __init__(
        self,
        writer: Callable[[int], DialogueWriter],
        encoder: Encoder,
        text: PlainText | None = None,
        *,
        text_share: float = 0.0,
        text_length: int = 512,
        text_weight: float = 0.3,
        tasks: TaskExamples | None = None,
        task_share: float = 0.0,
        tokens: int,
        lora: bool = True,
        seed: int,
    ) -> None:
        self.writer, self.encoder, self.text = writer, encoder, text
        self.text_share = text_share if text else 0.0
        self.text_length, self.text_weight = text_length, text_weight
        self.tasks, self.task_share = tasks, task_share if tasks else 0.0
        self.tokens, self.lora, self.seed = tokens, lora, seed
        self._sizes = torch.zeros(2).share_memory_()  # read by the workers while they write

    @property
    def tiny(self) -> float:
        """Share of tiny dialogues; may be changed while the workers write."""
        return float(self._sizes[0])

    @tiny.setter
    def tiny(self, share: float) -> None:
        self._sizes[0] = share

    @property
    def short(self) -> float:
        """Share of short dialogues; may be changed while the workers write."""
        return float(self._sizes[1])

    @short.setter
    def short(self, share: float) -> None:
        self._sizes[1] = share

    def batches(self, workers: int) -> Iterator[Batch]:
        """Batches, written by this process (0) or ahead by so many workers."""
        return written_ahead(self, workers)

    def __iter__(self) -> Iterator[Batch]:
        seed = worker_seed(self.seed)
        rng, writer = random.Random(seed), self.writer(seed)
        return BatchMaker(lambda: self._next(rng, writer), tokens=self.tokens, seed=seed).batches()

    def _next(self, rng: random.Random, writer: DialogueWriter) -> Example:
        example = self._draw(rng, writer)
        return example if self.lora else example.without_lora()

    def _draw(self, rng: random.Random, writer: DialogueWriter) -> Example:
        kind = rng.random()
        if self.tasks is not None and kind >= 1 - self.task_share:
            return self.tasks.draw(rng)
        if self.text is not None and kind < self.text_share:
            # Of all lengths: examples are batched by length, and text alone would make odd steps.
            length = rng.randint(self.text_length // 8, self.text_length)
            return Example.of_text(self.text.crop(rng, length), self.text_weight)
        writer.tiny, writer.short = self.tiny, self.short
        return self.encoder.encode(writer.write())
