"""Two arms are compared row by row."""

import json

import numpy as np
import pytest

from assistant.evaluate import compare as comparing
from assistant.evaluate.compare import compare
from assistant.evaluate.metrics.interval import mean


def test_a_small_steady_gain_on_rows_of_all_kinds_is_seen():
    hard = np.random.default_rng(0).normal(0, 10, 200)
    gain = np.random.default_rng(1).normal(0.5, 0.5, 200)
    a, b = [mean("x", hard + gain)], [mean("x", hard)]
    assert a[0].low < b[0].value < a[0].high  # apart, the intervals overlap widely
    (difference,) = compare([a], [b])
    assert difference.low > 0
    assert difference.verdict == "A better"
    assert compare([b], [a])[0].verdict == "B better"


def test_less_is_better_where_it_is_an_error():
    a, b = ([mean("MAE", np.full(20, value), better="lower")] for value in (1.0, 2.0))
    assert compare([a], [b])[0].verdict == "A better"


def test_equal_runs_show_no_difference_and_seeds_are_listed():
    runs = [[mean("x", np.arange(10.0) + shift)] for shift in (0, 1, 2)]
    (difference,) = compare(runs, runs)
    assert (difference.low, difference.high) == (0.0, 0.0)
    assert difference.verdict == "no difference shown"
    (other,) = compare(runs[:2], runs[1:])
    assert other.single == (-1.0, -1.0)


@pytest.fixture
def report(tmp_path):
    def write(name, answers, molecules=("CCO", "CCN")):
        outcomes = [
            {
                "molecules": [smiles],
                "question": "?",
                "reference": f"It is {smiles}.",
                "pair": "",
                "group": "",
                "ids": [],
                "text": "",
                "answer": answer,
                "prediction": answer,
                "score": None,
                "failure": "",
            }
            for smiles, answer in zip(molecules, answers, strict=True)
        ]
        path = tmp_path / name
        path.write_text(json.dumps({"task": "caption", "outcomes": outcomes}), encoding="utf-8")
        return str(path)

    return write


def test_the_command_reads_the_answers_again(report, capsys, monkeypatch):
    monkeypatch.delenv("MOLECULE_CHAT_DATA", raising=False)
    a = report("a.json", ["It is CCO.", "It is CCN."])
    b = report("b.json", ["No.", ""])
    assert comparing.main(["--a", a, "--b", b]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("BLEU-2 (words)")
    assert "1.000 - 0 = 1.000" in lines[0]


def test_other_rows_are_refused(report, capsys):
    a, b = report("a.json", ["x", "y"]), report("b.json", ["x", "y"], molecules=("CCO", "CCC"))
    assert comparing.main(["--a", a, "--b", b]) == 1
    assert "a.json and b.json did not ask the same rows" in capsys.readouterr().err


def test_a_record_without_answers_is_refused(tmp_path, capsys):
    path = tmp_path / "r.json"
    path.write_text('{"task": "caption", "rows": []}', encoding="utf-8")
    assert comparing.main(["--a", str(path), "--b", str(path)]) == 1
    assert "holds no single answers" in capsys.readouterr().err
