"""A run that travels: what is no run, and what would be lost, is told before it is written."""

import json
from pathlib import Path

import pytest
import torch

from assistant.train import carry
from assistant.train.state import write_state


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    model = {"llm.up_proj.weight": torch.arange(128.0).reshape(2, 64), "norm": torch.ones(3)}
    progress = {"step": 1, "quantised": True}
    write_state(directory, {"model": model, "progress": progress, "recipe": "{}"})
    return directory


def carried(action: str, run: Path, out: Path) -> int:
    return carry.main([action, "--run", str(run), "--out", str(out)])


def test_a_run_comes_back_and_may_be_packed_again(run: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert carried("pack", run, tmp_path / "out") == 0
    assert carried("unpack", tmp_path / "other", tmp_path / "out") == 0
    state = torch.load(tmp_path / "other" / "state.pt", weights_only=True)
    assert state["progress"] == {"step": 1, "quantised": True}
    assert torch.equal(state["model"]["norm"], torch.ones(3))


def test_a_directory_of_other_files_stays_whatever_is_packed(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("mine", encoding="utf-8")
    for source, said in ((tmp_path / "none", "There is no"), (run, "nothing is written")):
        assert carried("pack", source, own) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert [path.name for path in own.iterdir()] == ["thesis.txt"]


def test_what_was_not_packed_whole_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, new = tmp_path / "out", tmp_path / "new"

    def refused() -> str:
        assert carried("unpack", new, out) == 1
        assert not new.exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "There is no" in refused()
    carried("pack", run, out)
    capsys.readouterr()
    about = (out / "about.json").read_text(encoding="utf-8")
    for text, said in (
        ("{", "is damaged"),
        ("[]", "no whole run"),
        (json.dumps({"shapes": {}}), "no whole run"),
    ):
        (out / "about.json").write_text(text, encoding="utf-8")
        assert said in refused()
    (out / "about.json").write_text(about, encoding="utf-8")
    (out / "part-0.safetensors").write_bytes(b"junk")
    assert "is damaged" in refused()


def test_weights_that_are_there_are_not_overwritten(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carried("pack", run, tmp_path / "out")
    before = (run / "state.pt").read_bytes()
    assert carried("unpack", run, tmp_path / "out") == 1
    assert "would be lost" in capsys.readouterr().err
    assert (run / "state.pt").read_bytes() == before
