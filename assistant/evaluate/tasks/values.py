"""Tasks answered by a number: properties of one molecule, of a chromophore or solute in a solvent.

A value counts when the answer writes it in its field with its unit. A missing one is scored as the
mean of the training values, so that silence is worth the constant baseline and no more; without
training values it has no error that could be told, for the mean of the rows that are asked would be
taken from their answers.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from assistant.chat.conversation import PairQuestion
from assistant.chat.prompts import fill, pair_question
from assistant.chat.short_values import HARTREE_IN_EV
from assistant.chem.pairs import pair_task
from assistant.errors import UnreadableFileError
from assistant.evaluate.baselines.linear import fit_ridge
from assistant.evaluate.baselines.neighbours import FingerprintIndex, fingerprint_matrix
from assistant.evaluate.metrics.interval import Metric
from assistant.evaluate.metrics.numbers import value_metrics
from assistant.evaluate.metrics.structures import read_structure
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.table import Row, number_of
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Source, Task
from assistant.evaluate.tasks.reading import Quantity, read_value


class ValueTask(Task):
    """One molecule, or two with roles, and a value.

    Args:
        name: Of the task.
        quantity: What is asked for.
        table: Path below the data directory.
        molecules: Columns of the structures.
        pair: Pair task, for two molecules.
        split_column: Which column says train and test.
    """

    max_new_tokens = 96

    def __init__(
        self,
        name: str,
        quantity: Quantity,
        table: str,
        *,
        molecules: tuple[str, ...] = ("smiles",),
        pair: str = "",
        split_column: str = "split",
    ) -> None:
        self.name, self.quantity, self._pair = name, quantity, pair
        self._molecules = molecules
        self.columns = (*molecules, quantity.column)
        self.test = Source(table, "test", split_column)
        self.train = Source(table, "train", split_column)

    @property
    def n_molecules(self) -> int:
        """Of a question."""
        return len(self._molecules)

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """Rows with a value whose structures RDKit reads."""
        question = self._question()
        found = []
        for row in rows:
            molecules = tuple(row[column] for column in self._molecules)
            value = number_of(row, self.quantity.column)
            if value is None or not all(read_structure(m) for m in molecules):
                continue
            if self.quantity.logarithmic and value <= 0:
                raise UnreadableFileError(
                    f"{row.place}: {self.quantity.column} is {value:g}, which has no logarithm;"
                    f" task {self.name} takes values above 0."
                )
            found.append(Example(molecules, question, value, pair=self._pair))
        return found

    def _question(self) -> str:
        if self._pair:
            return pair_question(PairQuestion(1, 2, self._pair))
        words, form = self.quantity.words, self.quantity.form
        return fill("tasks/property", quantity=words, molecule="molecule 1", form=form)

    def parse(self, text: str, example: Example) -> Prediction | None:
        """The number in the field."""
        return read_value(text, self.quantity)

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """MAE and RMSE; of decimal logarithms where the quantity is logarithmic."""
        known = [e.answer for e in train] or [math.nan]
        unit = self.quantity.unit
        if not self.quantity.logarithmic:
            references = [e.answer for e in examples]
            mean = float(np.mean(known))
            return value_metrics(
                scored.predictions, references, fallback=mean, unit=unit, seed=seed
            )
        predictions = [math.log10(p) if p and p > 0 else None for p in scored.predictions]
        references = [math.log10(e.answer) for e in examples]
        mean = float(np.mean(np.log10(known)))
        unit = f"log10 {unit}"
        return value_metrics(predictions, references, fallback=mean, unit=unit, seed=seed)

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """The training mean, the nearest molecule's value, ridge regression on fingerprints."""
        logarithmic = self.quantity.logarithmic
        values = np.array([e.answer for e in train])
        targets = np.log10(values) if logarithmic else values
        back = (lambda x: 10.0**x) if logarithmic else (lambda x: x)
        yield Scored("constant (training mean)", [float(back(targets.mean()))] * len(test))
        near = [values[place] for place in nearest_places(train, test)]
        yield Scored("nearest neighbour's value", [float(value) for value in near])
        predict = fit_ridge(_features(train), targets)
        ridge = back(predict(_features(test)))
        yield Scored("Morgan + ridge", [float(value) for value in ridge])


def nearest_places(train: Sequence[Example], test: Sequence[Example]) -> list[int]:
    """The most similar training row; of two molecules the first decides, then the second."""
    indexes = [FingerprintIndex(column) for column in _columns(train)]
    places = []
    for example in test:
        similarity = np.zeros(len(train))
        for weight, index, smiles in zip((1.0, 1e-3), indexes, example.molecules, strict=False):
            similarity += weight * index.similarities(smiles)
        places.append(int(similarity.argmax()))
    return places


def _features(examples: Sequence[Example]) -> np.ndarray:
    return np.hstack([fingerprint_matrix(column) for column in _columns(examples)])


def _columns(examples: Sequence[Example]) -> list[list[str]]:
    return [list(column) for column in zip(*(e.molecules for e in examples), strict=True)]


_HARTREE = (("Eh", 1.0), ("eV", 1 / HARTREE_IN_EV))
_QM9 = {
    "homo": Quantity("homo", "HOMO energy", "Hartree", _HARTREE, 4),
    "lumo": Quantity("lumo", "LUMO energy", "Hartree", _HARTREE, 4),
    "gap": Quantity("gap", "HOMO-LUMO gap", "Hartree", _HARTREE, 4),
    "mu": Quantity("mu", "dipole moment", "D", (("Debye", 1.0),), 2),
    "alpha": Quantity("alpha", "isotropic polarisability", "a0^3", (), 2),
    "r2": Quantity("r2", "electronic spatial extent", "a0^2", (), 1),
    "zpve": Quantity("zpve", "zero-point vibrational energy", "Hartree", _HARTREE, 4),
    "cv": Quantity("cv", "heat capacity at 298 K", "cal/(mol K)", (("cal/mol/K", 1.0),), 2),
}
_MOLECULENET = {
    "esol": Quantity("logSolubility", "aqueous log solubility", "log10(mol/L)", (), 2),
    "freesolv": Quantity("freesolv", "hydration free energy", "kcal/mol", (), 2),
    "lipo": Quantity("lipo", "logD at pH 7.4", "", (), 2),
    "qm7": Quantity("u0_atom", "atomisation energy at 0 K", "kcal/mol", (), 1),
    "qm8": Quantity("E1-CC2", "first excitation energy (CC2)", "Hartree", _HARTREE, 4),
}
_CHROMOPHORES = {
    "absorption": "abs_max_nm",
    "emission": "emi_max_nm",
    "lifetime": "lifetime_ns",
}


def property_tasks() -> list[ValueTask]:
    """QM9 and the regression sets of MoleculeNet."""
    tasks = []
    for name, quantity in _QM9.items():
        table = "qm9/qm9_homo.csv.gz" if name == "homo" else "qm9/qm9_full_20k.csv.gz"
        tasks.append(ValueTask(f"property:{name}", quantity, table))
    for name, quantity in _MOLECULENET.items():
        tasks.append(ValueTask(f"property:{name}", quantity, f"moleculenet/{name}.csv.gz"))
    return tasks


def pair_value_tasks() -> list[ValueTask]:
    """Chromophore in solvent (absorption, emission, lifetime), solute in water."""
    tasks = [
        ValueTask(
            f"pairs:{name}",
            _pair_quantity(name, column),
            "csi/chromophore_db.csv.gz",
            molecules=("chromophore", "solvent"),
            pair=name,
            split_column="split_by_chromophore",
        )
        for name, column in _CHROMOPHORES.items()
    ]
    solvation = ValueTask(
        "pairs:solvation",
        _pair_quantity("solvation", "freesolv"),
        "ssi/freesolv_solute_solvent.csv.gz",
        molecules=("solute", "solvent"),
        pair="solvation",
    )
    return [*tasks, solvation]


def _pair_quantity(name: str, column: str) -> Quantity:
    task = pair_task(name)
    is_lifetime = name == "lifetime"
    return Quantity(column, task.quantity, task.unit, task.other_units, logarithmic=is_lifetime)
