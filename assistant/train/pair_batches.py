"""Which training rows of a table of pairs a step takes.

Some first molecules with all of their rows, so that each is encoded once however many partners it
has; for drugs some drugs with all known pairs among them; or rows at random, as the recipe says. No
step has one row alone: the head's batch normalisation needs two.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_tables import PairTable


def steps_per_epoch(recipe: PairRecipe, table: PairTable) -> int:
    """Steps in which each training row is seen once; of drugs, each drug."""
    rows = table.rows("train")
    if recipe.by_rows:  # a single row at the end joins the step before
        return math.ceil((len(rows) - 1) / max(2, recipe.batch))
    pairs = table.pairs[rows]
    molecules = pairs if recipe.is_symmetric else pairs[:, 0]
    return math.ceil(len(np.unique(molecules)) / recipe.batch)


def batches(
    recipe: PairRecipe, table: PairTable, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Rows of each step of an epoch, two or more.

    A single row joins the next step, at the end the one before; where there is none it is left out.
    """
    held: np.ndarray | None = None
    rest = np.zeros(0, dtype=int)
    for batch in _drawn(recipe, table, random):
        rest = np.concatenate((rest, batch))
        if len(rest) > 1:
            if held is not None:
                yield held
            held, rest = rest, rest[:0]
    if held is not None:
        yield np.concatenate((held, rest))


def _drawn(
    recipe: PairRecipe, table: PairTable, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Rows of each step as the recipe takes them, one or more."""
    rows = table.rows("train")
    if recipe.by_rows:
        yield from parts(random.permutation(rows), recipe.batch)
        return
    pairs, size = table.pairs[rows], recipe.batch
    columns = pairs if recipe.is_symmetric else pairs[:, 0]
    molecules = random.permutation(np.unique(columns))
    for start in range(0, len(molecules), size):
        chosen = np.zeros(len(table.smiles), dtype=bool)
        chosen[molecules[start : start + size]] = True
        if recipe.is_symmetric and start + size > len(molecules):
            chosen[molecules[-size:]] = True  # the last step has as many drugs as the others
        inside = chosen[pairs].all(1) if recipe.is_symmetric else chosen[pairs[:, 0]]
        batch = rows[inside]
        if len(batch) > recipe.max_pairs:
            batch = random.choice(batch, recipe.max_pairs, replace=False)
        if len(batch):
            yield batch


def parts(things: Sequence, size: int) -> Iterator[Sequence]:
    """Things in order, so many at a time."""
    for start in range(0, len(things), size):
        yield things[start : start + size]
