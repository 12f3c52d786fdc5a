"""Draws the molecules of each step: corpus and tables in turn, the same ones at the same step."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from rdkit import Chem

from assistant.chem.graph import rdmols_to_graphs
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError
from assistant.graph.encoder import collate
from assistant.train.encoder.model import Lesson
from assistant.train.encoder.molecules import Molecules, taken_sets
from assistant.train.encoder.recipe import EncoderRecipe
from assistant.train.encoder.targets import DESCRIPTORS, descriptors, hide

_FOR_STATISTICS = 2000
Place = tuple[int, int]
"""Which pool (-1 for the corpus, else the table) and which molecule of it."""


class Lessons:
    """The steps of a run.

    Args:
        molecules: What is drawn from; a few are held out, always the same ones.
        recipe: Shares and seeds.
    """

    def __init__(self, molecules: Molecules, recipe: EncoderRecipe) -> None:
        self.molecules, self.recipe = molecules, recipe
        sizes = {-1: len(molecules.unlabelled)}
        sizes |= {i: len(smiles) for i, (smiles, _) in enumerate(molecules.sets)}
        self._pools = {pool: n for pool, n in sizes.items() if n}
        self._tables = [pool for pool in self._pools if pool >= 0]
        # A large table is read more often than a small one, but not in proportion.
        wanted = [taken_sets(recipe)[pool].share for pool in self._tables]
        self._shares = np.sqrt([self._pools[pool] for pool in self._tables]) * wanted
        self._mean = np.array([t.mean for t in molecules.targets], np.float32)
        self._std = np.array([t.std for t in molecules.targets], np.float32)
        rng = random.Random(recipe.seed)
        held_out = [self._draw(rng) for _ in range(recipe.held_out)]
        self.held_out_places = list(dict.fromkeys(held_out))
        self._kept = frozenset(self.held_out_places)
        self._refuse_none_left()
        self._descriptor_mean, self._descriptor_std = self._statistics(rng)

    def _refuse_none_left(self) -> None:
        """Refuses a recipe that holds out every molecule that it would train on.

        Raises:
            AssistantError: No step could be drawn.
        """
        share = self.recipe.labelled if -1 in self._pools else 1.0
        drawn = [*(self._tables if share else ()), *([-1] if share < 1 or not self._tables else ())]
        n_drawn = sum(self._pools[pool] for pool in drawn)
        if all(place in self._kept for place in self._places(drawn)):
            raise AssistantError(
                f"held_out = {self.recipe.held_out} takes all of the {n_drawn:,} molecules there"
                " are to train on; set it lower."
            )

    def _places(self, pools: Sequence[int]) -> Iterator[Place]:
        return ((pool, index) for pool in pools for index in range(self._pools[pool]))

    def _draw(self, rng: random.Random) -> Place:
        """A molecule of a pool: every table and the corpus are among the held-out ones."""
        from_table = self._tables and (rng.random() < self.recipe.labelled or -1 not in self._pools)
        pool = -1
        if from_table:
            pool = rng.choices(self._tables, self._shares)[0]
        return pool, rng.randrange(self._pools[pool])

    def _statistics(self, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
        places = [self._draw(rng) for _ in range(_FOR_STATISTICS)]
        with quiet_rdkit():
            rows = np.array([descriptors(Chem.MolFromSmiles(self._smiles(p))) for p in places])
        return rows.mean(0), np.maximum(rows.std(0), 1e-6)

    def _smiles(self, place: Place) -> str:
        pool, index = place
        texts = self.molecules.unlabelled if pool < 0 else self.molecules.sets[pool][0]
        return texts[index]

    def step(self, number: int) -> Lesson:
        """The molecules of a step; none is a held-out one."""
        rng = random.Random(f"{self.recipe.seed} {number}")
        places: list[Place] = []
        while len(places) < self.recipe.batch:
            place = self._draw(rng)
            if place not in self._kept:
                places.append(place)
        return self.lesson(places, seed=number, masked=self.recipe.masked)

    def held_out(self) -> list[Lesson]:
        """The held-out molecules, masked the same way each time."""
        size, places = self.recipe.batch, self.held_out_places
        parts = [places[i : i + size] for i in range(0, len(places), size)]
        return [
            self.lesson(part, seed=-1 - i, masked=self.recipe.masked)
            for i, part in enumerate(parts)
        ]

    def lesson(self, places: Sequence[Place], *, seed: int, masked: float) -> Lesson:
        """Graphs and targets of molecules."""
        generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + seed + 2**20)
        with quiet_rdkit():
            mols = [Chem.MolFromSmiles(self._smiles(place)) for place in places]
        graphs = collate(list(rdmols_to_graphs(mols)))
        is_masked = torch.rand(len(places), generator=generator) < masked
        hidden = hide(graphs, is_masked, self.recipe.mask_rate, generator)
        computed = np.zeros((len(places), len(DESCRIPTORS)), np.float32)
        for row in torch.nonzero(~is_masked)[:, 0].tolist():
            computed[row] = descriptors(mols[row])
        standard = (computed - self._descriptor_mean) / self._descriptor_std
        return Lesson(
            hidden,
            ~is_masked,
            torch.from_numpy(standard.astype(np.float32)).clamp(-6, 6),
            torch.from_numpy(self._targets(places)),
        )

    def _targets(self, places: Sequence[Place]) -> np.ndarray:
        rows = np.full((len(places), len(self.molecules.targets)), np.nan, np.float32)
        for row, (pool, index) in zip(rows, places, strict=True):
            if pool >= 0:
                row[:] = (self.molecules.sets[pool][1][index] - self._mean) / self._std
        return rows
