"""Drug–drug interactions: known drugs in new pairs, and pairs with a drug that training never saw.

A drug is cold when the hash of its identifier says so; training recipes leave out every pair with
a cold drug (`is_cold`) to be measured on the cold split.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from assistant.chat.conversation import PairQuestion
from assistant.chat.prompts import pair_question
from assistant.errors import AssistantError
from assistant.evaluate.baselines.linear import fit_pair_logistic
from assistant.evaluate.baselines.neighbours import (
    FingerprintIndex,
    Neighbour,
    fingerprint_matrix,
)
from assistant.evaluate.metrics.structures import read_structure
from assistant.evaluate.table import Row, label_of, read_table
from assistant.evaluate.tasks.base import Example, Scored, Source
from assistant.evaluate.tasks.yes_no import YesNoTask

COLD_PERCENT = 20

N_NEAR = 50
"""Known drugs that may stand for an asked one."""


def is_cold(drug: str) -> bool:
    """Whether a drug is kept out of training for the cold split; a fifth of all are."""
    return hashlib.sha256(drug.encode()).digest()[0] * 100 < COLD_PERCENT * 256


class DrugPairTask(YesNoTask):
    """Do two drugs interact?

    Args:
        name: Of the task.
        table: Pairs, below the data directory.
        drugs: Structures of the drugs, below the data directory.
        id_column: Of the drug table; in the pair table with `_1` and `_2`.
        cold: Asks pairs of the whole table with a cold drug, and learns from the others.
    """

    optional = ("smiles_1", "smiles_2")

    def __init__(
        self, name: str, table: str, drugs: str, id_column: str, *, cold: bool = False
    ) -> None:
        self.name = name
        self._drugs, self._id_column, self._cold = drugs, id_column, cold
        self._id_columns = (f"{id_column}_1", f"{id_column}_2")
        self.columns = (*self._id_columns, "label")
        self.test = Source(table, "" if cold else "test")
        self.train = Source(table, "" if cold else "train")

    def load(
        self, source: Source | None, file: Path | None, data: Path | None, *, split: str = ""
    ) -> list[Example]:
        """Pairs of a split; those of the cold split by their drugs."""
        examples = super().load(source, file, data, split=split)
        if not self._cold:
            return examples
        wanted = split == "test"
        return [e for e in examples if any(is_cold(drug) for drug in e.ids) == wanted]

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Pairs of drugs with structures: columns `smiles_1`, `smiles_2`, or the drug table."""
        question = pair_question(PairQuestion(1, 2, "drug_drug"))
        smiles = {} if rows and "smiles_1" in rows[0] else self._structures(data)
        found = []
        for row in rows:
            ids = tuple(row[column] for column in self._id_columns)
            own = tuple(row.get(f"smiles_{i}") or smiles.get(ids[i - 1], "") for i in (1, 2))
            answer = label_of(row, "label")
            if answer is not None and own[0] != own[1] and all(map(read_structure, own)):
                found.append(Example(own, question, answer, pair="drug_drug", ids=ids))
        return found

    def _structures(self, data: Path | None) -> dict[str, str]:
        if data is None:
            raise AssistantError(
                f"Task {self.name} needs the drugs' structures: columns smiles_1 and smiles_2 in"
                " the table, or the data directory (--data)."
            )
        rows = read_table(data / self._drugs, (self._id_column, "smiles"))
        return {row[self._id_column]: row["smiles"] for row in rows}

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """Majority, how many partners the drugs have, the nearest pair, bits of both drugs."""
        share = float(np.mean([e.answer for e in train]))
        yield _scored("majority", np.full(len(test), share - 0.5))
        yield _scored("degree of the drugs", degree_scores(train, test))
        yield _scored("nearest neighbours' label", _nearest_pairs(train, test))
        yield _scored("Morgan + logistic", _logistic(train, test))


def degree_scores(train: Sequence[Example], test: Sequence[Example]) -> np.ndarray:
    """Sum of the log-odds that a drug interacts at all; nothing of the pair itself."""
    share = float(np.mean([e.answer for e in train]))
    counts: dict[str, list[float]] = {}
    for example in train:
        for drug in example.ids:
            yes_all = counts.setdefault(drug, [share, 1.0])  # one pair's worth of doubt
            yes_all[0] += example.answer
            yes_all[1] += 1
    base = _log_odds(share)
    odds = {drug: _log_odds(yes / n) - base for drug, (yes, n) in counts.items()}
    return np.array([base + sum(odds.get(drug, 0.0) for drug in e.ids) for e in test])


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p)))


def _nearest_pairs(train: Sequence[Example], test: Sequence[Example]) -> np.ndarray:
    """The label of the most similar known pair, with its similarity; 0 where none is near.

    A pair is as similar as the less similar of its drugs.
    """
    smiles = {d: s for e in train for d, s in zip(e.ids, e.molecules, strict=True)}
    place = {drug: i for i, drug in enumerate(smiles)}
    labels = np.zeros((len(smiles), len(smiles)))  # 1, -1, 0 = unknown
    for example in train:
        i, j = (place[drug] for drug in example.ids)
        labels[i, j] = labels[j, i] = 1 if example.answer else -1
    index = FingerprintIndex(list(smiles.values()))
    asked = {s for e in test for s in e.molecules}
    near = {s: index.nearest(s, N_NEAR) for s in asked}
    return np.array([_nearest_pair(*(near[s] for s in e.molecules), labels) for e in test])


def _nearest_pair(
    first: Sequence[Neighbour], second: Sequence[Neighbour], labels: np.ndarray
) -> float:
    known = labels[np.ix_([n.place for n in first], [n.place for n in second])]
    joint = np.minimum.outer([n.similarity for n in first], [n.similarity for n in second])
    best = np.unravel_index(np.where(known != 0, joint, -1).argmax(), joint.shape)
    return float(known[best] * max(joint[best], 1e-6))


def _logistic(train: Sequence[Example], test: Sequence[Example]) -> np.ndarray:
    smiles = list(dict.fromkeys(s for e in (*train, *test) for s in e.molecules))
    place = {s: i for i, s in enumerate(smiles)}
    known, asked = (
        np.array([[place[s] for s in e.molecules] for e in part]) for part in (train, test)
    )
    predict = fit_pair_logistic(fingerprint_matrix(smiles), known, [bool(e.answer) for e in train])
    return predict(asked)


def _scored(name: str, scores: np.ndarray) -> Scored:
    return Scored(name, [bool(s > 0) for s in scores], [float(s) for s in scores])


def drug_pair_tasks() -> list[DrugPairTask]:
    """ZhangDDI and ChChMiner, cleaned, and the cold split of ZhangDDI."""
    zhang = ("ddi/zhangddi_all_pairs_clean.csv.gz", "ddi/zhangddi_drugs.csv.gz", "cid")
    miner = ("ddi/chchminer_clean.csv.gz", "ddi/chchminer_drugs.csv.gz", "drugbank_id")
    return [
        DrugPairTask("pairs:ddi", *zhang),
        DrugPairTask("pairs:ddi-cold", *zhang, cold=True),
        DrugPairTask("pairs:chchminer", *miner),
    ]
