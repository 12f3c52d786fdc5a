"""From measured answers to what the page says of a predicted structure."""

import json
from pathlib import Path

import pytest

from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.conversation import Message
from assistant.evaluate.asking import Answer
from assistant.evaluate.run import who_answered
from assistant.evaluate.specialist import main
from assistant.specialist.directory import SpecialistInfo


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    bundle = tmp_path / "bundle"
    SpecialistInfo(("retrosynthesis",)).write(bundle / SPECIALIST)
    Bundle.write(bundle, "tiny", {SPECIALIST: SPECIALIST})
    return bundle


def report(path: Path, measured: Path, **changes: object) -> Path:
    def outcome(product: str, reactants: str, answer: str) -> dict[str, object]:
        empty = {"pair": "", "group": "", "ids": [], "text": "", "score": None}
        told = {"molecules": [product], "reference": reactants, "answer": answer}
        return {"question": "?", "prediction": None, "failure": "", **empty, **told}

    values = {
        "task": "retro",
        "bundle": {"name": "tiny", "sha256": Bundle.read(measured).digest()[:12]},
        "arm": "full",
        "retrieval": False,
        "command": "python -m assistant.evaluate.run --task retro",
        "outcomes": [
            outcome("CC(=O)NC", "CC(=O)Cl.CN", "Reactants: NC.ClC(C)=O"),
            outcome("CC(=O)OC", "CC(=O)Cl.CO", "Reactants: CC(=O)O.CO"),
            outcome("CCOC", "CCBr.CO", "Reactants: CC(("),
            outcome("CCO", "CC=O", "I do not know."),
        ],
    }
    path.write_text(json.dumps(values | changes), encoding="utf-8")
    return path


def test_what_was_measured_is_noted(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = report(tmp_path / "answers.json", bundle)
    assert main(["--bundle", str(bundle), "--answers", str(answers)]) == 0
    assert "right for 25% of 4 test reactions" in capsys.readouterr().out
    measured = SpecialistInfo.read(bundle / SPECIALIST).measured["retrosynthesis"]
    assert (measured.n, measured.exact, measured.valid) == (4, 0.25, 0.5)
    assert measured.table == "uspto50k_test.csv.gz"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bundle": {"sha256": "0" * 12}}, "another bundle"),
        ({"arm": "no card"}, "not measured as the page asks"),
        ({"task": "forward"}, "task forward; the specialist answers retro"),
    ],
)
def test_a_report_of_something_else_is_refused(
    tmp_path: Path,
    bundle: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    told: str,
) -> None:
    answers = report(tmp_path / "answers.json", bundle, **changes)
    assert main(["--bundle", str(bundle), "--answers", str(answers)]) == 1
    assert told in capsys.readouterr().err
    assert not SpecialistInfo.read(bundle / SPECIALIST).measured


def test_answers_that_give_several_are_counted_among_five(tmp_path: Path, bundle: Path) -> None:
    answers = report(tmp_path / "answers.json", bundle)
    values = json.loads(answers.read_text(encoding="utf-8"))
    text = "Reactants: CC(=O)O.CO (60%)\n\nLess likely:\n2. CC(=O)OC(C)=O.CO (20%)"
    values["outcomes"][1]["answer"] = f"{text}\n3. CO.CC(=O)Cl (9%)"
    answers.write_text(json.dumps(values), encoding="utf-8")
    assert main(["--bundle", str(bundle), "--answers", str(answers)]) == 0
    measured = SpecialistInfo.read(bundle / SPECIALIST).measured["retrosynthesis"]
    assert (measured.exact, measured.among_five) == (0.25, 0.5)
    assert "among the first five for 50%" in measured.in_words


def test_a_row_says_who_has_answered() -> None:
    def answer(by: str) -> Answer:
        return Answer("", message=Message("assistant", "", passport={"sampling": {"by": by}}))

    assert who_answered([answer("specialist"), answer("specialist"), answer("program")]) == (
        "specialist"
    )
    assert who_answered([answer(""), Answer("", failure="too long")]) == "language model"
    assert who_answered([]) == "language model"
