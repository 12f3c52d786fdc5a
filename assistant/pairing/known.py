"""The training pairs of a head: which are most similar to an asked one, and what was measured.

    first,second,absorption,emission        CSV.gz beside the weights, canonical SMILES
    CCN(CC)c1ccc…,CCO,431,512

A pair is as similar as the less similar of its two molecules (Morgan fingerprints, radius 2, 2048
bits, Tanimoto); of equals the one with the higher sum comes first. Where the terms of the data do
not allow their values to be given away, the columns of values are empty.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.chem.molecule import Molecule
from assistant.errors import BundleError
from assistant.retrieval.fingerprints import FingerprintTable, fingerprints

FILE = "known.csv.gz"
MAX_SAME = 3
"""Of the pairs with the same first molecule that are shown."""


@dataclass(frozen=True)
class Near:
    """A training pair beside an asked one.

    Attributes:
        first: SMILES.
        second: SMILES.
        similarity: Of the pair, 0 … 1.
        similarities: Of the first and of the second molecule.
        values: Measured values by task; without those that are not known.
    """

    first: str
    second: str
    similarity: float
    similarities: tuple[float, float]
    values: dict[str, float]

    @property
    def pair(self) -> tuple[str, str]:
        """SMILES of both."""
        return self.first, self.second


class KnownPairs:
    """Training pairs to find the nearest of.

    Args:
        pairs: SMILES of both molecules of each.
        values: (n, tasks), NaN where not known.
        tasks: Names of the columns of values.
        is_symmetric: Whether a pair counts both ways round.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]],
        values: np.ndarray,
        tasks: Sequence[str],
        *,
        is_symmetric: bool,
    ) -> None:
        self.pairs, self.values, self.tasks = list(pairs), values, tuple(tasks)
        self._is_symmetric = is_symmetric
        self._rows: dict[tuple[str, str], list[int]] = {}
        for row, pair in enumerate(self.pairs):
            self._rows.setdefault(pair, []).append(row)
        sides = [list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1)]
        if is_symmetric:
            sides = [list(dict.fromkeys([*sides[0], *sides[1]]))] * 2
        places = [{text: i for i, text in enumerate(side)} for side in sides]
        self._places = np.array([[places[k][pair[k]] for k in (0, 1)] for pair in pairs])
        first = FingerprintTable(fingerprints(sides[0]))
        self._sides = (first, first if is_symmetric else FingerprintTable(fingerprints(sides[1])))

    @classmethod
    def read(cls, path: Path, tasks: Sequence[str], *, is_symmetric: bool) -> "KnownPairs":
        """Reads the file that training wrote.

        Raises:
            BundleError: The file is damaged or lacks a column.
        """
        try:
            with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
                rows = list(csv.DictReader(lines))
            pairs = [(row["first"], row["second"]) for row in rows]
            values = [[float(row[task] or "nan") for task in tasks] for row in rows]
        except (OSError, EOFError, KeyError, ValueError, csv.Error) as error:
            raise BundleError(
                f"{path} cannot be read as known pairs ({error}); restore it."
            ) from error
        if not pairs:
            raise BundleError(f"{path} holds no pairs; restore it.")
        return cls(pairs, np.array(values), tasks, is_symmetric=is_symmetric)

    def __len__(self) -> int:
        return len(self.pairs)

    def similarity_of(self, molecule: Molecule, side: int) -> float:
        """To the most similar molecule of the training pairs on this side (0, 1)."""
        return float(self._sides[side].similarities(molecule).max())

    def nearest(
        self, first: Molecule, second: Molecule, n: int = 5, *, task: str = ""
    ) -> list[Near]:
        """The most similar training pairs, the nearest first; with a task those that have a value.

        Where none has one (its values may not be given away) the pairs come without.
        """
        joint, apart = self._similarities(first, second)
        if task and (known := ~np.isnan(self.values[:, self.tasks.index(task)])).any():
            joint = np.where(known, joint, -1.0)
        # two alkanes can have the same fingerprint: of equals the very pair is first
        is_other = np.ones(len(self.pairs))
        is_other[self._rows.get((first.smiles, second.smiles), [])] = 0
        order = np.lexsort((-apart.sum(axis=1), is_other, -joint))[:n]
        return [self._near(int(i), joint[i], apart[i]) for i in order if joint[i] >= 0]

    def same_first(
        self, first: Molecule, second: Molecule, n: int = MAX_SAME, *, task: str
    ) -> list[Near]:
        """Training pairs that have a value, the same first molecule and another second one.

        The most similar second molecule comes first. None where pairs count both ways round: there
        is no first molecule then.
        """
        if self._is_symmetric:
            return []
        known = ~np.isnan(self.values[:, self.tasks.index(task)])
        chosen = [
            int(i)
            for i in np.flatnonzero(known)
            if self.pairs[i][0] == first.smiles and self.pairs[i][1] != second.smiles
        ]
        joint, apart = self._similarities(first, second)
        chosen.sort(key=lambda i: -apart[i, 1])
        return [self._near(i, joint[i], apart[i]) for i in chosen[:n]]

    def beside(self, first: Molecule, second: Molecule, n: int = 5, *, task: str) -> list[Near]:
        """What to look at beside a value of this pair, at most `n` pairs.

        This very pair, then the same first molecule with other second ones, then the nearest.
        """
        nearest = self.nearest(first, second, n, task=task)
        asked = (first.smiles, second.smiles)
        very = [one for one in nearest if one.pair == asked]
        same = self.same_first(first, second, task=task)
        found = {one.pair: one for one in (*very, *same, *nearest)}
        return list(found.values())[:n]

    def _similarities(self, first: Molecule, second: Molecule) -> tuple[np.ndarray, np.ndarray]:
        """Of each pair, (n,), and of its two molecules, (n, 2)."""
        to_first, to_second = (
            self._sides[k].similarities(m) for k, m in enumerate((first, second))
        )
        i, j = self._places.T
        apart = np.stack([to_first[i], to_second[j]], axis=1)
        if not self._is_symmetric:
            return apart.min(axis=1), apart
        turned = np.stack([to_second[i], to_first[j]], axis=1)
        better = turned.min(axis=1) > apart.min(axis=1)
        apart = np.where(better[:, None], turned, apart)
        return apart.min(axis=1), apart

    def _near(self, i: int, joint: float, apart: np.ndarray) -> Near:
        values = {
            task: float(value)
            for task, value in zip(self.tasks, self.values[i], strict=True)
            if not np.isnan(value)
        }
        return Near(*self.pairs[i], float(joint), (float(apart[0]), float(apart[1])), values)
