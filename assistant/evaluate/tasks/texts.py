"""Tasks answered in prose: the caption of a molecule, its systematic name."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from assistant.chat.prompts import fill
from assistant.evaluate.baselines.neighbours import FingerprintIndex
from assistant.evaluate.metrics.interval import Metric, mean
from assistant.evaluate.metrics.structures import read_structure
from assistant.evaluate.metrics.texts import TextScoring, text_metrics
from assistant.evaluate.table import Row
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Source, Task
from assistant.evaluate.tasks.reading import read_field

NAME_FIELD = "name"


class _WrittenTask(Task):
    """One molecule in, a text out."""

    _column: str

    def _question(self) -> str:
        raise NotImplementedError

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Rows with a text and a structure that RDKit reads."""
        return [
            Example((row["smiles"],), self._question(), row[self._column])
            for row in rows
            if row[self._column] and read_structure(row["smiles"])
        ]

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """BLEU, METEOR, ROUGE."""
        texts = [prediction or "" for prediction in scored.predictions]
        return text_metrics(texts, [e.answer for e in examples], scoring, seed=seed)

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """The most frequent text, and that of the nearest training molecule."""
        common = Counter(e.answer for e in train).most_common(1)[0][0]
        yield Scored("most frequent text", [common] * len(test))
        index = FingerprintIndex([e.molecules[0] for e in train])
        near = [index.nearest(e.molecules[0])[0].place for e in test]
        yield Scored("nearest neighbour's text", [train[i].answer for i in near])


class CaptionTask(_WrittenTask):
    """Describe a molecule (ChEBI-20)."""

    name = "caption"
    columns = ("smiles", "description")
    test = Source("chebi20/test.csv.gz")
    train = Source("captions_train_pool/train_pool.csv.gz")
    max_new_tokens = 256
    _column = "description"

    def _question(self) -> str:
        return fill("tasks/caption", molecule="molecule 1")

    def parse(self, text: str, example: Example) -> Prediction | None:
        """The whole answer."""
        return text.strip() or None


class NameTask(_WrittenTask):
    """Name a molecule systematically."""

    name = "name"
    columns = ("smiles", "iupac_name")
    test = Source("names/iupac_pairs.csv.gz", "chebi20_test", "origin")
    train = Source("names/iupac_pairs.csv.gz", "chebi20_validation", "origin")
    max_new_tokens = 192
    _column = "iupac_name"

    def _question(self) -> str:
        return fill("tasks/name", molecule="molecule 1", form=f"{NAME_FIELD}: <name>")

    def parse(self, text: str, example: Example) -> Prediction | None:
        """The field, else the whole answer."""
        return read_field(text, NAME_FIELD) or text.strip() or None

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """Exact match (letter case apart), then as any text."""
        pairs = zip(scored.predictions, examples, strict=True)
        same = [bool(p) and p.lower() == e.answer.lower() for p, e in pairs]
        exact = mean("exact", np.array(same, dtype=float), seed=seed)
        return [exact, *super().metrics(scored, examples, train, scoring, seed)]
