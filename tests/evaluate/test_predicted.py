"""From measured answers to what the page says of a predicted number."""

import gzip
import json
from pathlib import Path

import pytest

from assistant.answering import Written, checker, message_of
from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.figures import Figures
from assistant.chat.first_attempt import SecondThoughts
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.evaluate.predicted import main
from assistant.llm.requests import Done
from assistant.predicted.figures import PredictedFigures, read_known
from assistant.specialist.number_files import NumberInfo
from tests.bundles import write_tiny_bundle
from tests.specialist.number_bundle import write_bundle_with_a_number

ROWS = [("CCO", -0.27), ("CCCO", -0.26), ("c1ccccc1", -0.24), ("CCN", -0.22)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data" / "qm9"
    directory.mkdir(parents=True)
    train = "".join(f"{s},{v},train\n" for s, v in ROWS)
    text = f"smiles,homo,split\n{train}CCCCO,-0.25,test\nCc1ccccc1,-0.23,test\n"
    (directory / "qm9_homo.csv.gz").write_bytes(gzip.compress(text.encode()))
    return directory.parent


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that nothing is written into."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


def report(path: Path, measured: Path, **changes: object) -> Path:
    def outcome(smiles: str, reference: float, answer: str) -> dict[str, object]:
        empty = {"pair": "", "group": "", "ids": [], "text": "", "score": None}
        told = {"molecules": [smiles], "reference": reference, "answer": answer}
        return {"question": "HOMO?", "prediction": None, "failure": "", **empty, **told}

    values = {
        "task": "property:homo",
        "bundle": {"name": "tiny", "sha256": Bundle.read(measured).digest()[:12]},
        "arm": "full",
        "retrieval": False,
        "command": "python -m assistant.evaluate.run --task property:homo",
        "outcomes": [
            outcome("CCCCO", -0.25, "HOMO energy: -0.2620 Hartree"),
            outcome("Cc1ccccc1", -0.23, "I do not know."),
        ],
    }
    path.write_text(json.dumps(values | changes), encoding="utf-8")
    return path


def test_a_measured_bundle_says_how_far_its_numbers_are_off(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    answers = report(tmp_path / "answers.json", bundle)
    asked = ["--bundle", str(bundle), "--answers", str(answers), "--data", str(data)]
    assert main(asked) == 0
    # -0.262 for -0.25, and the training mean -0.2475 for -0.23: 0.0120 and 0.0175
    assert "HOMO energy: 0.0147 Hartree on 2 rows, 4 training molecules" in capsys.readouterr().out
    assistant = Assistant.load(bundle)
    conversation, number = Conversation().with_molecule(Molecule.parse("CCCCO"))
    conversation = conversation.with_message(Message("user", "Its HOMO energy?", (number,)))
    fitted = assistant.prompting.fit(conversation)
    text = "HOMO energy: -0.2600 Hartree"
    written = Written(text, Done("end", (1,), 0.1, 30.0), checker(fitted)(text))
    assert [check.note for check in written.checks] == [None]
    message = message_of(
        written,
        fitted,
        assistant.prompting,
        ReplyOptions(),
        identity={},
        figures=Figures(0.0, 0.1, 30.0, 1, 9, 0, 0),
        second_thoughts=SecondThoughts(True),
    )
    (found,) = message.checks
    assert "off by 0.0147 Hartree on average for 2 test molecules" in found.note
    assert found.near == "CCCO"
    assert "-0.2600 Hartree)" in found.note


def test_values_are_left_out_where_they_may_not_be_given_away(tmp_path: Path, data: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "bundle")
    answers = report(tmp_path / "answers.json", bundle)
    asked = ["--bundle", str(bundle), "--answers", str(answers), "--data", str(data)]
    assert main([*asked, "--without-values"]) == 0
    known = Assistant.load(bundle).components.predicted.quantities["HOMO energy"]
    assert known.nearest(Molecule.parse("CCCCO")).value is None


def test_what_the_specialist_writes_is_noted_in_the_specialist(tmp_path: Path, data: Path) -> None:
    bundle = write_bundle_with_a_number(tmp_path / "bundle")
    answers = report(tmp_path / "out.json", bundle)
    assert main(["--bundle", str(bundle), "--answers", str(answers), "--data", str(data)]) == 0
    place = bundle / "specialist" / "numbers" / "homo"
    figures = PredictedFigures.read(place)
    assert figures.n_test == 2
    assert figures.llm == NumberInfo.read(place).llm
    assert read_known(place)[0] == sorted(smiles for smiles, _ in ROWS)
    assert not (bundle / "predicted").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bundle": {"name": "tiny", "sha256": "0" * 12}}, "another bundle"),
        ({"arm": "no-graph"}, "arm full"),
        ({"retrieval": True}, "arm full"),
        ({"task": "caption"}, "does not ask for a value"),
        ({"task": "pairs:solvation"}, "does not ask for a value"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(
    tmp_path: Path,
    data: Path,
    untouched: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    message: str,
) -> None:
    answers = report(tmp_path / "answers.json", untouched, **changes)
    before = Bundle.read(untouched).digest()
    asked = ["--bundle", str(untouched), "--answers", str(answers), "--data", str(data)]
    assert main(asked) == 1
    assert message in capsys.readouterr().err
    assert Bundle.read(untouched).digest() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"smiles,homo", "is no report"),
        (b"\xff\xfe", "is no report"),
        (b"[]", "is no report"),
        (b'{"outcomes": [1]}', "does not tell its task"),
        (b'{"task": "property:homo", "outcomes": [{"molecules": ["C"]}]}', "of another form"),
        (b'{"task": "property:homo", "outcomes": []}', "holds no single answers"),
    ],
)
def test_a_file_that_is_no_report_is_one_line(
    tmp_path: Path,
    untouched: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    message: str,
) -> None:
    (tmp_path / "answers.json").write_bytes(content)
    assert main(["--bundle", str(untouched), "--answers", str(tmp_path / "answers.json")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
