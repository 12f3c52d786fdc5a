"""Tables that people bring: read as they are meant, or refused in one line with the place."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.evaluate import run

HOMO = "smiles,homo\nCCO,-0.25\nCCN,-0.21\n"
TRAIN = "smiles,homo\nc1ccccc1,-0.3\nCC,-0.4\n"

Asked = Callable[..., int]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    def ask(
        task: str, table: str | bytes, *more: object, train: str = "", name: str = "t.csv"
    ) -> int:
        path = tmp_path / name
        path.write_bytes(table if isinstance(table, bytes) else table.encode())
        arguments = ["--task", task, "--file", path, *more]
        if train:
            (tmp_path / "train.csv").write_text(train, encoding="utf-8")
            arguments += ["--train", tmp_path / "train.csv"]
        return run.main([str(argument) for argument in arguments])

    return ask


def metrics_of(path: Path, method: int = 0) -> dict[str, tuple[float | None, int]]:
    row = json.loads(path.read_text(encoding="utf-8"))["rows"][method]
    return {metric["name"]: (metric["value"], metric["n"]) for metric in row["metrics"]}


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (b"\xef\xbb\xbf" + HOMO.encode(), "bom.csv"),
        (HOMO.replace("\n", "\r\n"), "windows.csv"),
        (HOMO.replace(",", ";"), "semicolons.csv"),
        (HOMO.replace(",", "\t"), "tabs.csv"),
        (HOMO, "commas.tsv"),
        (HOMO, "UPPER.CSV"),
        (HOMO.replace("smiles,homo", "SMILES , HOMO"), "letters.csv"),
        (gzip.compress(HOMO.encode()), "packed.csv"),
        (HOMO, "not_packed.csv.gz"),
        (HOMO + "CCC,\nCCCC,n/a\n,\n", "unmeasured.csv"),
        (
            '{"Smiles": "CCO", "homo": -0.25}\n{"homo": -0.21, "Smiles": "CCN"}\n{"x": 1}\n',
            "t.jsonl",
        ),
    ],
)
def test_a_table_counts_the_same_however_it_was_saved(
    asked: Asked, tmp_path: Path, table: str | bytes, name: str
) -> None:
    out = tmp_path / "out.json"
    assert asked("property:homo", table, "--json", out, train=TRAIN, name=name) == 0
    # The mean of the training rows is -0.35: 0.10 and 0.14 away.
    assert metrics_of(out)["MAE (Hartree)"] == (pytest.approx(0.12), 2)
    assert metrics_of(out)["RMSE (Hartree)"] == (pytest.approx(0.0148**0.5), 2)


@pytest.mark.parametrize(
    ("task", "table", "said"),
    [
        ("property:homo", 'smiles,homo\nCCO,"-0,25"\n', "t.csv, line 2: homo is '-0,25'; write"),
        ("property:homo", "smiles,homo\nCCO,-0.2\nCC,inf\n", "line 3: homo is 'inf'"),
        ("property:homo", "smiles,homo\nCCO,-0.2\nCC\n", "line 3: 1 cells, but the header names 2"),
        ("property:homo", "smiles,homo\nCCO,-0.2,x\n", "line 2: 3 cells"),
        ("property:homo", "smiles,homo,homo\nCCO,1,2\n", "two columns are called 'homo'"),
        ("property:homo", b"\x1f\x8b\x08" + b"\0" * 30, "damaged gzip"),
        ("property:homo", gzip.compress(HOMO.encode() * 99)[:-9], "damaged gzip"),
        ("property:homo", "smiles,homo\nCCO,\xe9\n".encode("latin-1"), "not UTF-8"),
        ("property:bbbp", "smiles,p_np\nCCO,yes\n", "p_np is 'yes'; write 1 for yes and 0"),
        ("property:bbbp", "smiles,p_np\nCCO,-1\n", "p_np is '-1'"),
        ("pairs:ddi", "cid_1,cid_2,label,smiles_1,smiles_2\na,b,yes,C,CC\n", "label is 'yes'"),
        ("pairs:lifetime", "chromophore,solvent,lifetime_ns\nCCN,O,0\n", "has no logarithm"),
        (
            "property:homo",
            HOMO.replace("smiles", "split").replace("CC", "Te"),
            "no column 'smiles'",
        ),
        (
            "property:homo",
            "smiles,homo,split\nCCO,1,Valid\n",
            "no row whose split is test, but Valid",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line_with_its_place(
    asked: Asked, capsys: pytest.CaptureFixture[str], task: str, table: str | bytes, said: str
) -> None:
    assert asked(task, table) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_lines_that_are_no_objects_are_refused(
    asked: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked("property:homo", "[1]\n", name="t.jsonl") == 1
    assert "t.jsonl, line 1: a JSON object" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        asked("property:homo", HOMO, "--seed", -1)
    assert "--seed takes a number from 0 on" in capsys.readouterr().err


def test_a_split_counts_in_any_letters_and_no_test_row_is_learned_from(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    marked = "smiles,homo,Split\nCCO,-0.25,Test\nc1ccccc1,-0.3,TRAIN\nCC,-0.4,Train\n"
    assert asked("property:homo", marked, "--json", out, train=marked) == 0
    assert metrics_of(out)["MAE (Hartree)"] == (pytest.approx(0.1), 1)
    assert capsys.readouterr().err == ""
    assert asked("property:homo", HOMO, train=HOMO.replace("CCO", "OCC") + "CC,0\n") == 0
    assert "2 of 2 rows that are asked stand among the training rows" in capsys.readouterr().err


def test_labels_count_as_they_are_written(asked: Asked, tmp_path: Path) -> None:
    out, nearest = tmp_path / "out.json", 1
    table = "smiles,p_np\nCCO,1.0\nCCCO,1\nCCN,0\nCCCN,0.0\nC,\n"
    train = "smiles,p_np\nCCCCO,1\nCCCCN,0\n"
    assert asked("property:bbbp", table, "--json", out, train=train) == 0
    assert metrics_of(out, nearest) == {
        "ROC-AUC": (1.0, 4),
        "AUPRC": (1.0, 4),
        "accuracy": (1.0, 4),
    }
    majority = metrics_of(out)  # all scores are equal: ties count half
    assert (majority["ROC-AUC"], majority["AUPRC"]) == ((0.5, 4), (0.5, 4))
    pairs = (
        "cid_1,cid_2,label,smiles_1,smiles_2\na,b,1.0,CCO,CCN\nc,d,0,CCCO,CCCN\na,e,1,CCO,C1CC\n"
    )
    other = "cid_1,cid_2,label,smiles_1,smiles_2\na,f,1,CCO,CCCN\nc,g,0,CCCO,CC\n"
    assert asked("pairs:ddi", pairs, "--json", out, train=other) == 0
    assert metrics_of(out)["ROC-AUC"] == (0.5, 2)  # both classes, and no pair of no structure


def test_columns_that_name_the_molecule_are_no_assays(asked: Asked, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    table = "mol_id,name,smiles,NR-AR\nT1,ethanol,CCO,1\nT2,amine,CCN,0\n"
    train = "smiles,NR-AR\nCCCO,1\nCCCN,0\n"
    assert asked("property:tox21", table, "--json", out, train=train) == 0
    assert metrics_of(out, 1)["ROC-AUC"] == (1.0, 2)


def test_structures_are_right_with_and_without_stereo(asked: Asked, tmp_path: Path) -> None:
    out, outputs = tmp_path / "out.json", tmp_path / "outputs.csv"
    table = "smiles,description\nC[C@H](N)O,a\nCCO,b\nCCN,c\nOCC,d\n"
    written = ("C[C@@H](N)O", "OCC", "C1CC", "")
    outputs.write_text("output\n" + "".join(f'"{text}"\n' for text in written), encoding="utf-8")
    assert asked("text_to_molecule", table, "--outputs", outputs, "--json", out) == 1  # 3 rows
    rows = "".join(f"{text},{place}\n" for place, text in enumerate(written))
    outputs.write_text(f"output,place\n{rows}", encoding="utf-8")
    assert asked("text_to_molecule", table, "--outputs", outputs, "--json", out) == 0
    found = metrics_of(out)
    assert (found["exact"], found["exact without stereo"], found["validity"]) == (
        (0.25, 4),
        (0.5, 4),
        (0.5, 4),
    )
    row = json.loads(out.read_text(encoding="utf-8"))["rows"][0]
    assert row["failures"] == 1  # no answer; what is no molecule was an answer


def test_a_missing_value_is_never_scored_by_the_rows_that_are_asked(
    asked: Asked, tmp_path: Path
) -> None:
    out, outputs = tmp_path / "out.json", tmp_path / "outputs.csv"
    outputs.write_text(
        "smiles,output\nCCO,HOMO energy: -0.20 Hartree\nCCN,unknown\n", encoding="utf-8"
    )
    options = ("--outputs", outputs, "--json", out)
    assert asked("property:homo", HOMO, *options, train=TRAIN) == 0
    # 0.05 off, and the training mean -0.35 in the place of -0.21
    assert metrics_of(out)["MAE (Hartree)"] == (pytest.approx(0.095), 2)
    assert asked("property:homo", HOMO, *options) == 0
    found = metrics_of(out)
    assert found["MAE (Hartree)"] == found["RMSE (Hartree)"] == (None, 2)
    assert found["MAE of those given (Hartree)"] == (pytest.approx(0.05), 1)
    assert found["share with a value"] == (0.5, 2)


def test_rows_that_are_left_out_are_counted(
    asked: Asked, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked("property:homo", HOMO + "C1CC,1\nCCC,\n", train=TRAIN) == 0
    assert "t.csv: 2 of 4 test rows are left out" in caplog.text
    assert asked("property:homo", "smiles,homo\nC1CC,1\n", train=TRAIN) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("each needs smiles, homo, and structures that RDKit reads.")


def test_the_help_tells_the_columns_of_each_task(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.main(["--help"])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "property:esol smiles, logSolubility",
        "property:tox21 smiles, a label per column",
        "pairs:ddi cid_1, cid_2, label, [smiles_1], [smiles_2]",
        "chat id, molecules, turns",
        "forgetting text",
    ):
        assert line in lines


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({"molecules": ["C1CC"], "turns": []}, "line 1: No molecule in 'C1CC'"),
        (
            {"molecules": ["C"], "turns": [{"user": "Hi", "attach": []}]},
            "no script (KeyError: 'exp",
        ),
        ({"molecules": [], "turns": [{"user": "x", "attach": [1], "expect": {}}]}, "is about [1]"),
        ({"molecules": ["C"], "turns": [1]}, "no script (TypeError"),
    ],
)
def test_a_script_that_cannot_be_played_is_told_before_anything_is_asked(
    asked: Asked, capsys: pytest.CaptureFixture[str], script: dict[str, object], said: str
) -> None:
    text = json.dumps({"id": "a"} | script) + "\n"
    assert asked("chat", text, name="t.jsonl") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
