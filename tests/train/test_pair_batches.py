"""Which rows of pairs a step takes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.train.pair_batches import batches, steps_per_epoch
from assistant.train.pair_run import PairRun
from assistant.train.pair_tables import PairTable, read_pairs
from assistant.train.pair_views import molecules_of
from tests.pairing.tiny import RECIPE, write_dyes


@pytest.fixture
def table(tmp_path: Path) -> PairTable:
    return read_pairs(RECIPE.source, RECIPE.tasks, write_dyes(tmp_path / "data"))


def test_rows_taken_at_random_are_each_seen_once_an_epoch(table: PairTable) -> None:
    recipe = replace(RECIPE, by_rows=True, batch=7)
    found = list(batches(recipe, table, np.random.default_rng(1)))
    assert sorted(np.concatenate(found).tolist()) == table.rows("train").tolist()
    assert len(found) == steps_per_epoch(recipe, table)
    assert np.concatenate(found).tolist() != table.rows("train").tolist()


def test_no_step_has_one_row_alone(table: PairTable) -> None:
    """Batch normalisation has no spread of one row."""
    known = table.rows("train")
    for n_rows, batch, sizes in ((13, 6, [6, 7]), (13, 12, [13]), (5, 1, [2, 3]), (2, 1, [2])):
        split = np.where(np.isin(np.arange(len(table.split)), known[:n_rows]), "train", "")
        some = replace(table, split=split)
        recipe = replace(RECIPE, by_rows=True, batch=batch, epochs=1)
        found = list(batches(recipe, some, np.random.default_rng(1)))
        assert [len(rows) for rows in found] == sizes
        assert sorted(np.concatenate(found).tolist()) == known[:n_rows].tolist()
        assert len(found) == steps_per_epoch(recipe, some)
    alone = replace(table, split=np.where(np.arange(len(table.split)) == known[0], "train", ""))
    assert list(batches(replace(RECIPE, by_rows=True), alone, np.random.default_rng(1))) == []
    # A molecule a step, most with four rows, one with a single one: it is trained on as well.
    of_first = np.flatnonzero(table.pairs[:, 0] == table.pairs[known[0], 0])
    split = table.split.copy()
    split[of_first[1:]] = ""
    recipe = replace(RECIPE, batch=1, epochs=1)
    PairRun(recipe, replace(table, split=split), molecules_of(table, ())).train("single rows")
