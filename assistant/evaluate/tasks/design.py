"""Small changes with a goal: more soluble, QED above 0.8, a target cLogP.

A proposal counts as a hit when it is a valid molecule other than the start and RDKit's numbers
meet the goal. Solubility is Delaney's estimate (J. Chem. Inf. Comput. Sci. 2004, 44, 1000), which
needs descriptors only; the wording asks for what the number measures.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

from assistant.chat.prompts import fill
from assistant.evaluate.baselines.neighbours import FingerprintIndex
from assistant.evaluate.metrics.interval import Metric, mean
from assistant.evaluate.metrics.structures import Structure, read_structure
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.table import Row
from assistant.evaluate.tasks.base import Example, Prediction, Scored, Source, Task
from assistant.evaluate.tasks.reading import read_smiles

FIELD = "SMILES"
SIMILAR = 0.4
"""Tanimoto similarity (Morgan, 2048 bits) from which a hit is still like its start."""

MORE_SOLUBLE = 0.5
"""Rise of the estimated log10 solubility (mol/L) that counts as more soluble."""

LOGP_TOLERANCE = 0.5


@dataclass(frozen=True)
class Values:
    """What goals are about."""

    log_solubility: float
    qed: float
    clogp: float


@dataclass(frozen=True)
class Goal:
    """A goal: its words for a start, and whether a proposal meets it."""

    name: str
    words: Callable[[Values], str]
    is_met: Callable[[Values, Values], bool]


def _target_logp(start: Values) -> float:
    """Two units away, towards 2."""
    return round(start.clogp + (-2.0 if start.clogp > 2 else 2.0), 1)


GOALS: dict[str, Goal] = {
    goal.name: goal
    for goal in (
        Goal(
            "more soluble",
            lambda start: "it is more soluble in water",
            lambda new, start: new.log_solubility >= start.log_solubility + MORE_SOLUBLE,
        ),
        Goal(
            "QED above 0.8", lambda start: "its QED is above 0.8", lambda new, start: new.qed > 0.8
        ),
        Goal(
            "target cLogP",
            lambda start: f"its cLogP is {_target_logp(start)}, give or take {LOGP_TOLERANCE}",
            lambda new, start: abs(new.clogp - _target_logp(start)) <= LOGP_TOLERANCE,
        ),
    )
}


@lru_cache(maxsize=65536)
def values_of(smiles: str) -> Values:
    """The numbers of a valid structure."""
    structure = read_structure(smiles)
    if structure is None:
        raise ValueError(f"{smiles!r} is no structure")
    mol = structure.mol
    return Values(_log_solubility(structure), QED.qed(mol), Crippen.MolLogP(mol))


def _log_solubility(structure: Structure) -> float:
    """Delaney's estimate of log10 of the solubility in mol/L."""
    mol = structure.mol
    aromatic = sum(atom.GetIsAromatic() for atom in mol.GetAtoms()) / mol.GetNumHeavyAtoms()
    return (
        0.16
        - 0.63 * Crippen.MolLogP(mol)
        - 0.0062 * Descriptors.MolWt(mol)
        + 0.066 * rdMolDescriptors.CalcNumRotatableBonds(mol)
        - 0.74 * aromatic
    )


class DesignTask(Task):
    """Change a molecule towards a goal."""

    name = "design"
    columns = ("smiles",)
    test = Source("moleculenet/lipo.csv.gz", "test")
    train = Source("moleculenet/lipo.csv.gz", "train")
    max_new_tokens = 192

    def examples(self, rows: Sequence[Row], data: Path | None) -> list[Example]:
        """One goal per start, in turn; a start that meets its goal already is left out."""
        found = []
        for i, row in enumerate(rows):
            smiles, goal = row["smiles"], list(GOALS.values())[i % len(GOALS)]
            structure = read_structure(smiles)
            if structure is None or structure.mol.GetNumHeavyAtoms() == 0:
                continue
            start = values_of(smiles)
            if not goal.is_met(start, start):
                found.append(
                    Example((smiles,), self._question(goal, start), smiles, group=goal.name)
                )
        return found

    def _question(self, goal: Goal, start: Values) -> str:
        words, form = goal.words(start), f"{FIELD}: <SMILES>"
        return fill("tasks/design", molecule="molecule 1", goal=words, form=form)

    def parse(self, text: str, example: Example) -> Prediction | None:
        """The proposed structure."""
        return read_smiles(text, FIELD)

    def metrics(
        self,
        scored: Scored,
        examples: Sequence[Example],
        train: Sequence[Example],
        scoring: TextScoring,
        seed: int,
    ) -> list[Metric]:
        """Validity, hits, hits that are like the start, similarity (0 for an invalid proposal)."""
        table = np.array(
            [_judge(p, e) for p, e in zip(scored.predictions, examples, strict=True)], dtype=float
        ).reshape(len(examples), 3)
        valid, hit, similarity = table.T
        groups = np.array([e.group for e in examples])
        by_goal = [
            mean(f"hits: {goal}", hit[groups == goal], seed=seed)
            for goal in GOALS
            if (groups == goal).any()
        ]
        return [
            mean("validity", valid, seed=seed),
            mean("hits", hit, seed=seed),
            mean(f"hits with similarity >= {SIMILAR}", hit * (similarity >= SIMILAR), seed=seed),
            mean("similarity to the start", similarity, seed=seed),
            *by_goal,
        ]

    def baselines(self, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Scored]:
        """The start itself, and the nearest training molecule that meets the goal."""
        yield Scored("start unchanged", [e.molecules[0] for e in test])
        smiles = list(dict.fromkeys(e.molecules[0] for e in train))
        index = FingerprintIndex(smiles)
        yield Scored(
            "nearest molecule that meets the goal", [_nearest(e, smiles, index) for e in test]
        )


def _judge(prediction: Prediction | None, example: Example) -> tuple[bool, bool, float]:
    proposal = read_structure(prediction) if isinstance(prediction, str) else None
    start = read_structure(example.molecules[0])
    if proposal is None or start is None or proposal.mol.GetNumHeavyAtoms() == 0:
        return False, False, 0.0
    goal = GOALS[example.group]
    met = goal.is_met(values_of(proposal.smiles), values_of(example.molecules[0]))
    similarity = FingerprintIndex([proposal.smiles]).nearest(start.smiles)[0].similarity
    return True, met and proposal.smiles != start.smiles, similarity


def _nearest(example: Example, smiles: Sequence[str], index: FingerprintIndex) -> str | None:
    goal, start = GOALS[example.group], values_of(example.molecules[0])
    order = np.argsort(-index.similarities(example.molecules[0]), kind="stable")
    return next((smiles[i] for i in order if goal.is_met(values_of(smiles[i]), start)), None)
