"""Tables and JSON one row at a time: packed or not, with errors that name file and line."""

import gzip
import json
from pathlib import Path

import pytest

from assistant import rows
from assistant.errors import UnreadableFileError
from assistant.rows import read_json_array, read_json_lines, read_table


def write(path: Path, text: str, *, packed: bool = False) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("sign", [",", "\t"])
def test_a_table_gives_rows_with_their_lines(tmp_path, packed, sign):
    text = f"CID{sign} SMILES \n1{sign}CCO\n\n2{sign}CC\n"
    found = list(read_table(write(tmp_path / "t.txt", text, packed=packed), required=("smiles",)))
    assert [(row.values["smiles"], row.line) for row in found] == [("CCO", 2), ("CC", 4)]
    assert found[1].place == "t.txt, line 4"


def test_quoted_cells_may_hold_separators_and_line_ends(tmp_path):
    path = write(tmp_path / "t.csv", 'smiles,text\nC,"a, b\nc"\nCC,d\n')
    assert [(r.values["text"], r.line) for r in read_table(path)] == [("a, b\nc", 3), ("d", 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty"),
        ("id,name\n1,x\n", "t.csv, line 1: no column smiles or mol; the columns are id, name"),
        ("smiles,y\nC,1\nCC\n", "t.csv, line 3: 1 cells, but the header names 2 columns"),
        ("smiles,y\nC,\0\n" + "x" * 40, "t.csv, line 3: 1 cells"),
    ],
)
def test_what_is_missing_in_a_table_is_named(tmp_path, text, message):
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(UnreadableFileError, match=message):
        list(read_table(path, required=("smiles|mol",)))


def test_files_that_are_no_text_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"absent\.csv cannot be read"):
        list(read_table(tmp_path / "absent.csv"))
    (tmp_path / "b.csv").write_bytes(b"smiles\n\xff\xfe\xff\n")
    with pytest.raises(UnreadableFileError, match=r"b\.csv, after line \d+: not UTF-8"):
        list(read_table(tmp_path / "b.csv"))
    whole = gzip.compress(b"smiles\n" + b"CCO\n" * 5000)
    (tmp_path / "cut.csv.gz").write_bytes(whole[:-9])
    with pytest.raises(UnreadableFileError, match="damaged gzip"):
        list(read_table(tmp_path / "cut.csv.gz"))


def test_a_line_over_the_cap_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "MAX_ROW_CHARS", 100)
    path = write(tmp_path / "t.csv", "smiles\nC\n" + "C" * 101 + "\n")
    with pytest.raises(UnreadableFileError, match="line 3: longer than 100 characters"):
        list(read_table(path))


def test_json_lines_name_the_bad_line(tmp_path):
    path = write(tmp_path / "t.jsonl", '{"a": 1}\n\n[2]\n')
    with pytest.raises(UnreadableFileError, match=r"line 3: a JSON object .* not list"):
        list(read_json_lines(path))
    path = write(tmp_path / "t.jsonl", '{"a": 1}\n{"a": \n')
    with pytest.raises(UnreadableFileError, match="line 2: not JSON"):
        list(read_json_lines(path))


@pytest.mark.parametrize("chunk", [1, 7, 2**18])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_array_is_decoded_object_by_object(tmp_path, monkeypatch, chunk, indent):
    monkeypatch.setattr(rows, "_CHUNK", chunk)
    values = [{"a": "x]}{[", "n": n, "deep": {"l": [1, {"k": "ü"}]}} for n in range(5)]
    path = write(tmp_path / "t.json", json.dumps(values, indent=indent))
    found = list(read_json_array(path))
    assert [row.values for row in found] == values
    text = path.read_text()
    assert found[-1].line == 1 + text.count(
        "\n", 0, text.rindex('{"a"' if not indent else '{\n    "a"')
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}', "line 1: a JSON array"),
        ('[{"a": 1},\n{"a": 2}', "line 2: the file ends inside its array"),
        ('[{"a": 1},\n{"a": oops}]', "line 2: the object that begins here is not JSON"),
        ("[1]", "a JSON object"),
        ("", "the file ends"),
    ],
)
def test_a_broken_array_names_the_line(tmp_path, text, message):
    with pytest.raises(UnreadableFileError, match=message):
        list(read_json_array(write(tmp_path / "t.json", text)))
