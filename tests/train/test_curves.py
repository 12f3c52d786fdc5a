"""A curve can be drawn, which is known before a training begins, and never goes backwards."""

import importlib.util
import json
from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.train import pairs
from assistant.train.adapt import __main__ as adapt
from assistant.train.curves import read_log
from assistant.train.encoder import __main__ as encoder
from assistant.train.export import export


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else found(name)
    )


@pytest.mark.usefixtures("no_matplotlib")
def test_without_matplotlib_a_training_does_not_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Neither recipe nor data is there: whatever looks for them first would name them.
    run = ["--config", str(tmp_path / "none.toml"), "--data", "x=y", "--run", str(tmp_path / "run")]
    for command, more in ((encoder, []), (pairs, []), (adapt, ["--llm", str(tmp_path)])):
        assert command.main([*run, *more]) == 1
        assert "pip install matplotlib" in capsys.readouterr().err
    with pytest.raises(AssistantError, match="pip install matplotlib"):
        export(tmp_path / "run", tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("no_matplotlib")
def test_other_splits_of_pairs_draw_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = str(tmp_path / "none.toml"), str(tmp_path / "run")
    arguments = ["--config", config, "--data", str(tmp_path), "--run", run]
    assert pairs.main([*arguments, "--splits", "scaffold"]) == 1
    assert "none.toml" in capsys.readouterr().err


def _log(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_epochs_that_were_done_again_count_once(tmp_path: Path) -> None:
    again = [(1, 9.0), (2, 8.0), (3, 7.0), (2, 6.0), (3, 5.0), (4, 4.0)]
    log = _log(tmp_path / "log.jsonl", *({"epoch": e, "loss": loss} for e, loss in again))
    rows = read_log(log, "epoch")
    assert [(r["epoch"], r["loss"]) for r in rows] == [(1, 9.0), (2, 6.0), (3, 5.0), (4, 4.0)]


def test_parts_stay_in_the_order_they_were_begun_in(tmp_path: Path) -> None:
    log = _log(
        tmp_path / "log.jsonl",
        {"stage": "instruct", "step": 1, "loss": 3.0},
        {"stage": "instruct", "step": 2, "loss": 2.0},
        {"stage": "align", "step": 1, "loss": 1.0},
        {"stage": "instruct", "step": 1, "held_out": {"own": 4.0}},
        {"stage": "align", "step": 1, "loss": 0.5},
    )
    rows = read_log(log, "stage", "step")
    assert [(r["stage"], r["step"], r.get("loss")) for r in rows] == [
        ("instruct", 1, 3.0), ("instruct", 1, None), ("instruct", 2, 2.0), ("align", 1, 0.5),
    ]  # fmt: skip
