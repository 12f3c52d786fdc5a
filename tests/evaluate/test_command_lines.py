"""Mistakes on the command lines of the evaluations: one line each, before anything is measured."""

from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.evaluate import checks, grounding


def line_of(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_grounding_refuses_what_cannot_be_before_it_asks_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grounding.main(["--bundle", str(tmp_path / "none")]) == 1
    assert "No bundle at" in line_of(capsys)
    monkeypatch.setattr(Assistant, "load", lambda _: pytest.fail("it measured"))
    (tmp_path / "file").write_text("")
    assert grounding.main(["--json", str(tmp_path / "file" / "out.json")]) == 1
    assert "Nothing can be written into" in line_of(capsys)
    with pytest.raises(SystemExit):
        grounding.main(["--n", "-1"])
    assert "--n takes a number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe\x00", "line 0: not UTF-8 text"),
        (b"[1]\n", "line 1: a JSON object"),
        (b'\n{"id": 3}\n', "line 2: not a labelled sentence (KeyError('text'))"),
    ],
)
def test_a_file_without_labelled_sentences_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, reason: str
) -> None:
    path = tmp_path / "claims.jsonl"
    path.write_bytes(content)
    assert checks.main(["--file", str(path)]) == 1
    assert reason in line_of(capsys)
    assert checks.main(["--json", str(path / "x.json")]) == 1
    assert "Nothing can be written into" in line_of(capsys)
