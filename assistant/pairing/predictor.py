"""A trained pair head: values of pairs, cached per molecule, and what to think of them.

    molecule, role ─► block (kept) ─┐
    molecule, role ─► block (kept) ─┴► interaction ─► head ─► value per task

A molecule is encoded alone and a pair is mixed alone, so that a value does not depend on what was
asked before or beside it, to the last bit. Both orders of a symmetric pair are really computed.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from assistant.checkpoint import WEIGHTS, load_weights, read_config, read_info
from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import PairTask
from assistant.errors import BundleError
from assistant.graph.pairs.encoders1d import view_tensors
from assistant.graph.pairs.head import PAIR_HEAD_COMPONENT, PairHead, PairHeadConfig
from assistant.graph.pairs.model import MoleculeTensors
from assistant.pairing.domain import outside
from assistant.pairing.figures import Expected, HeadFigures
from assistant.pairing.known import FILE as KNOWN_FILE
from assistant.pairing.known import KnownPairs, Near

MAX_KEPT = 4096


@dataclass(frozen=True)
class Judged:
    """A value and how far to trust it.

    Attributes:
        task: What was asked.
        value: In the task's unit; for yes/no the probability of yes.
        nearest: The nearest training pair that has a value; None where none are kept.
        warnings: Why the pair is outside of what was trained on.
        expected: How far values of pairs like it were off in tests; None where that is not known.
    """

    task: PairTask
    value: float
    nearest: Near | None
    warnings: tuple[str, ...]
    expected: Expected | None

    @property
    def similarity(self) -> float | None:
        """To the nearest training pair, 0 … 1."""
        return None if self.nearest is None else self.nearest.similarity


class PairPredictor:
    """Predicts with one head; safe to call from several threads.

    Args:
        head: The trained head.
        figures: What was measured of it.
        known: Its training pairs, where they lie beside it.
        digest: Stands for its weights.
    """

    def __init__(
        self,
        head: PairHead,
        figures: HeadFigures,
        known: KnownPairs | None = None,
        digest: str = "",
    ) -> None:
        self.head = head.eval().requires_grad_(False)
        self.figures, self.known, self.digest = figures, known, digest
        self._blocks: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: Path) -> "PairPredictor":
        """Reads a component directory.

        Raises:
            BundleError: It is no trained pair head, or a file is missing or damaged.
        """
        config = read_config(directory, PairHeadConfig, component=PAIR_HEAD_COMPONENT)
        if not read_info(directory).trained:
            raise BundleError(f"{directory} is not trained yet.")
        head = PairHead(config)
        load_weights(directory, head)
        figures = HeadFigures.read(directory)
        missing = sorted(set(config.tasks) - set(figures.tasks))
        if missing:
            raise BundleError(f"{directory} has no figures of {', '.join(missing)}.")
        known, path = None, directory / KNOWN_FILE
        if path.is_file():
            known = KnownPairs.read(path, config.tasks, is_symmetric=config.is_symmetric)
        digest = hashlib.sha256((directory / WEIGHTS).read_bytes()).hexdigest()
        return cls(head, figures, known, digest)

    @property
    def tasks(self) -> tuple[PairTask, ...]:
        """What it answers."""
        return self.head.config.pair_tasks

    def values(self, first: Molecule, second: Molecule) -> dict[str, float]:
        """Values by task, with the molecules in just this order."""
        roles = self.head.config.roles
        with torch.no_grad():
            x1, x2 = self._block(first, roles[0]), self._block(second, roles[1])
            found = self.head.values(self.head(x1, x2))[0]
        return dict(zip(self.head.config.tasks, found.tolist(), strict=True))

    def judged(self, first: Molecule, second: Molecule, task: str) -> Judged:
        """The value of a task with its warnings."""
        value = self.values(first, second)[task]
        warnings: list[str] = []
        roles = self.head.config.roles
        for side, molecule in enumerate((first, second)):
            near = None if self.known is None else self.known.similarity_of(molecule, side)
            role = (
                f"{('first', 'second')[side]} {roles[side]}"
                if roles[0] == roles[1]
                else roles[side]
            )
            warnings += outside(molecule, self.figures.domains[side], role, near)
        nearest = next(iter(self.nearest(first, second, task, 1)), None)
        figures = self.figures.tasks[task]
        similarity = None if nearest is None else nearest.similarity
        if similarity is not None and figures.is_beyond_tests(similarity):
            warnings.append(
                "hardly a test pair was as unlike the training pairs as this one (similarity"
                f" {similarity:.2f})"
            )
        which = next(one for one in self.tasks if one.name == task)
        return Judged(which, value, nearest, tuple(warnings), figures.expected(similarity))

    def nearest(self, first: Molecule, second: Molecule, task: str, n: int = 5) -> Sequence[Near]:
        """The nearest training pairs; none where they do not lie beside the weights."""
        if self.known is None:
            return ()
        return self.known.nearest(first, second, n, task=task)

    def beside(self, first: Molecule, second: Molecule, task: str, n: int = 5) -> Sequence[Near]:
        """What to look at beside a value: this pair or its first molecule elsewhere, the nearest.

        None where the training pairs do not lie beside the weights.
        """
        return () if self.known is None else self.known.beside(first, second, n, task=task)

    def clear(self) -> None:
        """Forgets all molecules."""
        with self._lock:
            self._blocks.clear()

    def _block(self, molecule: Molecule, role: str) -> Tensor:
        """What is kept of a molecule in a role, one row."""
        key = (role, molecule.smiles)
        with self._lock:
            if key in self._blocks:
                self._blocks.move_to_end(key)
                return self._blocks[key]
        views = view_tensors(molecule.rdmol(), self.head.config.views)
        block = self.head.blocks([MoleculeTensors(to_graph(molecule), views=views)], role)
        with self._lock:
            self._blocks[key] = block
            while len(self._blocks) > MAX_KEPT:
                self._blocks.popitem(last=False)
        return block
