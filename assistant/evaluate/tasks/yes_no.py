"""Tasks answered by yes or no: the classification sets of MoleculeNet, drug–drug interactions.

The written answer gives the accuracy; how likely the model finds yes rather than no gives the
ROC-AUC, so that it is one of a real curve.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from assistant.chat.pair_answers import parse_yes_no
from assistant.chat.prompts import fill
from assistant.evaluate.baselines.linear import fit_logistic
from assistant.evaluate.baselines.neighbours import FingerprintIndex, fingerprint_matrix
from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.metrics.numbers import grouped_auc, yes_no_metrics
from assistant.evaluate.metrics.structures import read_structure
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.table import Row, label_of
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Source, Task

_NOT_LABELS = frozenset({"smiles", "split", "mol_id", "name", "num"})
_FORM = "Yes or No, then the reason"


class YesNoTask(Task):
    """What all yes/no tasks share."""

    max_new_tokens = 48
    asks_for_scores = True

    def parse(self, text: str, example: Example) -> Prediction | None:
        """Whether the answer begins with yes or no."""
        return parse_yes_no(text)

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """ROC-AUC, AUPRC, accuracy; for several labels also the mean over labels."""
        references = [bool(e.answer) for e in examples]
        found = yes_no_metrics(scored.predictions, scored.scores, references, seed=seed)
        groups = [e.group for e in examples]
        if len(set(groups)) > 1 and len(scored.scores):
            found.insert(0, grouped_auc(scored.scores, references, groups, seed=seed))
        return found


class LabelTask(YesNoTask):
    """One or several labels of a molecule (MoleculeNet).

    Args:
        name: Of the set.
        claims: What a positive label says of a molecule, by column; "*" stands for every other
            column, whose name takes the place of `{label}`.
        not_labels: Columns that are no labels, besides those that no set has for labels.
    """

    def __init__(
        self, name: str, claims: dict[str, str], *, not_labels: tuple[str, ...] = ()
    ) -> None:
        self.name = f"property:{name}"
        self._claims, self._not_labels = claims, {*_NOT_LABELS, *not_labels}
        self.columns = ("smiles", *(label for label in claims if label != "*"))
        table = f"moleculenet/{name}.csv.gz"
        self.test, self.train = Source(table, "test"), Source(table, "train")

    @property
    def column_words(self) -> str:
        """Columns as of every task; where any column is a label, that too."""
        return f"{super().column_words}{', a label per column' if '*' in self._claims else ''}"

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """A question per measured label of a molecule that RDKit reads."""
        labels = [c for c in self._claims if c != "*"]
        if "*" in self._claims and rows:
            labels += [c for c in rows[0] if c not in self._not_labels and c not in labels]
        questions = {label: self._question(label) for label in labels}
        return [
            Example((row["smiles"],), questions[label], answer, group=label)
            for row in rows
            if read_structure(row["smiles"])
            for label in labels
            if (answer := label_of(row, label)) is not None
        ]

    def _question(self, label: str) -> str:
        claim = self._claims.get(label) or self._claims["*"].format(label=label)
        return fill("tasks/yes_no", molecule="molecule 1", claim=claim, form=_FORM)

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """Per label: the majority, the nearest molecule's label, logistic regression."""
        groups = list(dict.fromkeys(e.group for e in test))
        rows = {g: [i for i, e in enumerate(test) if e.group == g] for g in groups}
        known = {g: [e for e in train if e.group == g] for g in groups}
        names = ("majority", "nearest neighbour's label", "Morgan + logistic")
        methods = (_majority, _nearest, _logistic)
        for name, method in zip(names, methods, strict=True):
            scores = np.zeros(len(test))
            for group in groups:
                scores[rows[group]] = method(known[group], [test[i] for i in rows[group]])
            yield Scored(name, [bool(s > 0) for s in scores], [float(s) for s in scores])


def _majority(train: Sequence[Example], test: Sequence[Example]) -> np.ndarray:
    share = np.mean([e.answer for e in train]) if train else 0.5
    return np.full(len(test), share - 0.5)


def _nearest(train: Sequence[Example], test: Sequence[Example]) -> np.ndarray:
    """Between -1 and 1: the similarity, with the sign of the label."""
    if not train:
        return np.zeros(len(test))
    index = FingerprintIndex([e.molecules[0] for e in train])
    near = [index.nearest(e.molecules[0])[0] for e in test]
    return np.array([(1 if train[n.place].answer else -1) * max(n.similarity, 1e-6) for n in near])


def _logistic(train: Sequence[Example], test: Sequence[Example]) -> np.ndarray:
    labels = [bool(e.answer) for e in train]
    if len(set(labels)) < 2:
        return _majority(train, test)
    predict = fit_logistic(fingerprint_matrix([e.molecules[0] for e in train]), labels)
    return predict(fingerprint_matrix([e.molecules[0] for e in test]))


def label_tasks() -> list[LabelTask]:
    """The classification sets of MoleculeNet."""
    return [
        LabelTask("bbbp", {"p_np": "crosses the blood-brain barrier"}),
        LabelTask("bace", {"Class": "inhibits human beta-secretase 1"}),
        LabelTask("hiv", {"HIV_active": "inhibits HIV replication"}, not_labels=("activity",)),
        LabelTask(
            "clintox",
            {
                "FDA_APPROVED": "is approved by the FDA",
                "CT_TOX": "failed clinical trials for toxicity",
            },
        ),
        LabelTask("tox21", {"*": "is active in the Tox21 assay {label}"}),
        LabelTask("toxcast", {"*": "is active in the ToxCast assay {label}"}),
        LabelTask("muv", {"*": "is active in the assay {label}"}),
        LabelTask("sider", {"*": "has listed side effects of the class {label}"}),
    ]
