"""Tasks answered by a structure: the molecule of a text, products, reactants, reagents.

The compounds of a reaction stand in the conversation as one molecule of several fragments, whose
graph is their union (design §2).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.chat.prompts import fill
from assistant.evaluate.baselines.neighbours import FingerprintIndex, WordIndex
from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.metrics.structures import read_structure, structure_metrics
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.table import Row
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Source, Task
from assistant.evaluate.tasks.reading import read_smiles


class _StructureTask(Task):
    """Something in, a SMILES out."""

    max_new_tokens = 256
    field: str

    @property
    def form(self) -> str:
        """What the question asks for."""
        return f"{self.field}: <SMILES>"

    def parse(self, text: str, example: Example) -> Prediction | None:
        """The field of the answer, valid or not; None without one."""
        return read_smiles(text, self.field)

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """Exact match, validity, similarities, distance."""
        return structure_metrics(scored.predictions, [e.answer for e in examples], seed=seed)


class TextToMoleculeTask(_StructureTask):
    """Which molecule does a caption describe (ChEBI-20)?"""

    name = "text_to_molecule"
    columns = ("smiles", "description")
    test = Source("chebi20/test.csv.gz")
    train = Source("captions_train_pool/train_pool.csv.gz")
    field = "SMILES"

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Rows with a text and a structure that RDKit reads."""
        return [
            Example((), self._question(row["description"]), row["smiles"], text=row["description"])
            for row in rows
            if row["description"] and read_structure(row["smiles"])
        ]

    def _question(self, description: str) -> str:
        return fill("tasks/text_to_molecule", description=description, form=self.form)

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """The molecule whose text is most alike."""
        index = WordIndex([e.text for e in train])
        near = [index.nearest(e.text).place for e in test]
        yield Scored("nearest neighbour's structure", [train[i].answer for i in near])


@dataclass(frozen=True)
class ReactionColumns:
    """Which columns are asked with and asked for."""

    given: tuple[str, ...]
    wanted: str


class ReactionTask(_StructureTask):
    """One side of a reaction from the other.

    Args:
        name: Of the task, and of its wording in `prompts/tasks`.
        columns: What is given and what is wanted.
        field: The label of the answer.
        test: Rows to ask.
        train: Rows to learn from.
    """

    def __init__(
        self, name: str, columns: ReactionColumns, field: str, *, test: Source, train: Source
    ) -> None:
        self.name, self.field, self.test, self.train = name, field, test, train
        self._given, self._wanted = columns.given, columns.wanted
        self.columns = (*columns.given, columns.wanted)

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Rows whose sides are all there and can be read."""
        found = []
        for row in rows:
            given, wanted = tuple(row[c] for c in self._given), row[self._wanted]
            if all(read_structure(smiles) for smiles in (*given, wanted)):
                found.append(Example(given, self._question(len(given)), wanted))
        return found

    def _question(self, n_molecules: int) -> str:
        wording = f"tasks/{self.name.split(':')[0]}"
        if n_molecules == 1:
            return fill(wording, molecule="molecule 1", form=self.form)
        return fill(wording, first="molecule 1", second="molecule 2", form=self.form)

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """The most frequent answer, the given compounds, and the nearest reaction's answer."""
        common = Counter(e.answer for e in train).most_common(1)[0][0]
        yield Scored("most frequent answer", [common] * len(test))
        yield Scored("largest given compound", [largest_fragment(e.molecules[0]) for e in test])
        index = FingerprintIndex([".".join(e.molecules) for e in train])
        near = [index.nearest(".".join(e.molecules))[0].place for e in test]
        yield Scored("nearest neighbour's answer", [train[i].answer for i in near])


def largest_fragment(smiles: str) -> str:
    """The longest of the parts between dots."""
    return max(smiles.split("."), key=len)


def reaction_tasks() -> list[ReactionTask]:
    """Forward with reagents, retrosynthesis, reagents."""
    uspto15k = {
        "test": Source("reactions/uspto15k_test.csv.gz"),
        "train": Source("reactions/uspto15k_train.csv.gz"),
    }
    uspto50k = {
        "test": Source("reactions/uspto50k_test.csv.gz"),
        "train": Source("reactions/uspto50k_train.csv.gz"),
    }
    mixture = ("reactants_with_reagents",)
    return [
        ReactionTask("forward", ReactionColumns(mixture, "product"), "product", **uspto15k),
        ReactionTask(
            "forward:uspto1k",
            ReactionColumns(mixture, "product"),
            "product",
            test=Source("reactions/uspto1k_tpl_subset_valid.csv.gz"),
            train=Source("reactions/uspto1k_tpl_subset_train.csv.gz"),
        ),
        ReactionTask("retro", ReactionColumns(("product",), "reactants"), "reactant", **uspto50k),
        ReactionTask(
            "reagent", ReactionColumns(("reactants", "product"), "reagents"), "reagent", **uspto15k
        ),
    ]
