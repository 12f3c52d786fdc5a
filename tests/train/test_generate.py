"""Conversations about a person's own molecules: whatever their file is, and without losing it."""

import gzip
from pathlib import Path

import pytest

from assistant.train import generate
from assistant.train.dialogues import DialogueWriter
from assistant.train.sources.conversations import read_conversations

TABLE = "SMILES,Name\nCCO,ethanol\n,\nCC(=O)O,acetic acid\n"


def written(molecules: Path, out: Path, *more: str) -> int:
    return generate.main(["--molecules", str(molecules), "--out", str(out), "--n", "3", *more])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.csv", TABLE.encode()),
        ("mine.csv", b"\xef\xbb\xbf" + TABLE.replace(",", ";").encode()),
        ("mine.smi", b"\xef\xbb\xbfCCO ethanol\r\n\r\nCC(=O)O\tacetic acid\r\n"),
        ("mine.smi.gz", gzip.compress(b"CCO ethanol\nCC(=O)O acetic acid\n")),
        ("mine.jsonl", b'{"smiles": "CCO", "name": "ethanol"}\n{"name": "none"}\n'),
    ],
)
def test_molecules_are_read_as_they_are_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    assert written(tmp_path / name, tmp_path / "new" / "out.jsonl") == 0
    assert capsys.readouterr().err == ""
    found = list(read_conversations(tmp_path / "new" / "out.jsonl"))
    assert len(found) == 3
    names = {m.molecule.name for one in found for m in one.conversation.molecules}
    assert names <= {"ethanol", "acetic acid"}


def test_a_row_that_is_left_out_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text(TABLE + "C1CC,ring\n", encoding="utf-8")
    assert written(tmp_path / "mine.csv", tmp_path / "out.jsonl") == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("mine.csv, line 5: ")
    assert second == "1 rows left out, 2 molecules read"


@pytest.mark.parametrize(
    ("molecules", "out", "said"),
    [
        ("none.csv", "out.jsonl", "No file at"),
        ("none.smi", "out.jsonl", "No file at"),
        ("latin.smi", "out.jsonl", "latin.smi, after line 0: not UTF-8"),
        ("short.csv", "out.jsonl", "short.csv, line 3: 1 cells"),
        ("mine.jsonl", "mine.jsonl", "holds the molecules, which would be lost"),
        ("mine.jsonl", ".", "is a directory"),
        ("mine.jsonl", "short.csv/out.jsonl", "Nothing can be written into"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], molecules: str, out: str, said: str
) -> None:
    (tmp_path / "latin.smi").write_bytes("CCO \xe9thanol\n".encode("latin-1"))
    (tmp_path / "short.csv").write_text("name,smiles\nx,CCO\nCC\n", encoding="utf-8")
    (tmp_path / "mine.jsonl").write_text('{"smiles": "CCO"}\n', encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert written(tmp_path / molecules, tmp_path / out) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_ctrl_c_leaves_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.smi").write_text("CCO\n", encoding="utf-8")
    (tmp_path / "out.jsonl").write_text("older\n", encoding="utf-8")

    def stop(_: DialogueWriter) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DialogueWriter, "write", stop)
    assert written(tmp_path / "mine.smi", tmp_path / "out.jsonl") == 130
    assert capsys.readouterr().err == "\nstopped; nothing was written\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.smi", "out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "older\n"
