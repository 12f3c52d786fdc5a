"""A model between two runs: the language model is averaged, the rest is the second run's."""

from pathlib import Path

import pytest
import torch

from assistant.errors import AssistantError
from assistant.train.average import average, averaged_share, main
from assistant.train.state import write_state


def run_of(directory: Path, value: float, *, width: int = 3, tokens: str = "a") -> Path:
    (directory / "tokenizer").mkdir(parents=True)
    (directory / "tokenizer" / "tokenizer.json").write_text(tokens, encoding="utf-8")
    (directory / "recipe.json").write_text("{}", encoding="utf-8")
    (directory / "outside.json").write_text("[]", encoding="utf-8")
    model = {
        "llm.weight": torch.full((width,), value),
        "llm.places": torch.tensor([int(value)]),
        "encoder.weight": torch.full((2,), value),
    }
    progress = {"step": int(value), "seconds": 1.0, "tokens": 5, "quantised": True}
    write_state(directory, {"model": model, "optimizers": [], "progress": progress, "recipe": "{}"})
    return directory


def test_the_language_model_lies_between_and_the_rest_is_the_seconds(tmp_path: Path) -> None:
    first, second = run_of(tmp_path / "1", 1.0), run_of(tmp_path / "2", 2.0)
    given = {"first": first, "second": second, "share": 0.75, "run": tmp_path / "out"}
    assert not main([part for name, value in given.items() for part in (f"--{name}", str(value))])
    state = torch.load(tmp_path / "out" / "state.pt", weights_only=True)
    assert torch.equal(state["model"]["llm.weight"], torch.full((3,), 1.75))
    assert torch.equal(state["model"]["llm.places"], torch.tensor([2]))
    assert torch.equal(state["model"]["encoder.weight"], torch.full((2,), 2.0))
    assert state["progress"]["step"] == 2
    assert (tmp_path / "out" / "tokenizer" / "tokenizer.json").is_file()
    assert (tmp_path / "out" / "outside.json").is_file()
    assert averaged_share(tmp_path / "out") == 0.75
    assert averaged_share(second) is None


def test_what_does_not_fit_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = run_of(tmp_path / "1", 1.0), run_of(tmp_path / "2", 2.0)
    other = run_of(tmp_path / "3", 3.0, tokens="b")
    wide = run_of(tmp_path / "4", 4.0, width=5)
    out = tmp_path / "out"
    for one, share, message in (
        (first, 1.5, "share 1.5"),
        (tmp_path / "none", 0.5, "There is no"),
        (other, 0.5, "other tokenizers"),
        (wide, 0.5, "another shape"),
    ):
        with pytest.raises(AssistantError, match=message):
            average(one, second, out, share=share)
        assert not out.exists()
    average(first, second, out, share=0.5)
    with pytest.raises(AssistantError, match="weights already"):
        average(first, second, out, share=0.5)
    arguments = ["--first", "none", "--second", "none", "--share", "0.5", "--run", str(tmp_path)]
    assert main(arguments) == 1
    assert "There is no" in capsys.readouterr().err


def test_what_is_no_run_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, out = run_of(tmp_path / "1", 1.0), tmp_path / "out"
    damaged, other, bare = (tmp_path / name for name in ("damaged", "other", "bare"))
    for directory in (damaged, other, bare):
        directory.mkdir()
    (damaged / "state.pt").write_bytes(b"junk")
    write_state(other, {"head": {}})
    write_state(bare, torch.load(first / "state.pt", weights_only=True))
    for run, said in (
        (damaged, "cannot be read: it is damaged"),
        (other, "has no model, progress, recipe"),
        (bare, "There is no"),
    ):
        places = ["--first", str(first), "--second", str(run), "--run", str(out)]
        assert main([*places, "--share", "0.5"]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert not out.exists()
