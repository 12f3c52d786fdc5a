"""Views that a run keeps: whole, and computed by this version."""

from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch

from assistant.train import pair_views
from assistant.train.pair_tables import PairTable, read_pairs
from assistant.train.pair_views import molecules_of
from tests.pairing.tiny import RECIPE, write_dyes


@pytest.fixture
def table(tmp_path: Path) -> PairTable:
    return read_pairs(RECIPE.source, RECIPE.tasks, write_dyes(tmp_path / "data"))


def test_kept_views_are_whole_and_of_this_version(
    table: PairTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(file: BinaryIO, rows: np.ndarray) -> None:
        file.write(rows.tobytes()[:9])
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(np, "save", breaks_off)
        with pytest.raises(OSError, match="full"):
            molecules_of(table, ("groups",), tmp_path)
    fresh = molecules_of(table, ("groups",), tmp_path)
    [kept] = tmp_path.glob("view-groups-*.npy")
    np.save(kept, np.load(kept) + 1)  # what another version had computed
    again = molecules_of(table, ("groups",), tmp_path)
    assert torch.equal(again[0].views["groups"], fresh[0].views["groups"] + 1)
    monkeypatch.setattr(pair_views, "VIEWS_VERSION", pair_views.VIEWS_VERSION + 1)
    newer = molecules_of(table, ("groups",), tmp_path)
    assert torch.equal(newer[0].views["groups"], fresh[0].views["groups"])
