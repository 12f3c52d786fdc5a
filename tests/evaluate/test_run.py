"""The command from table to report, on a tiny random bundle."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation
from assistant.chat.events import Event
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.evaluate import results, run
from assistant.evaluate.report import number_text
from assistant.evaluate.table import some
from assistant.evaluate.tasks.base import Example, Scored
from assistant.evaluate.tasks.registry import task_of
from assistant.pairing.predictor import PairPredictor
from assistant.retrieval.index import Captioned, build_index
from tests.bundles import write_tiny_bundle
from tests.pairing.heads import write_head

CAPTIONS = """smiles,description
CCO,The molecule is an alcohol.
CC(=O)O,The molecule is an acid.
c1ccccc1,The molecule is an arene.
"""
LABELS = """smiles,p_np,split
CCO,1,test
CC(=O)O,0,test
c1ccccc1,1,train
CCN,0,train
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.csv"
    path.write_text(CAPTIONS, encoding="utf-8")
    return path


def run_command(*arguments: object) -> int:
    return run.main([str(argument) for argument in arguments])


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(
    captions: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run, "run_any", lambda _: pytest.fail("it measured"))
    for option, place in (
        ("--json", captions / "x.json"),
        ("--record", captions),
        ("--json", tmp_path),
    ):
        assert run_command("--task", "caption", "--file", captions, option, place) == 1
        assert str(captions if option == "--record" else place.parent) in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_command("--task", "caption", "--n", -3)
    assert "--n takes a number from 1 on, not -3" in capsys.readouterr().err


def test_a_report_has_the_model_and_the_baselines_on_the_same_rows(
    bundle: Path, captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, records = tmp_path / "out.json", tmp_path / "records"
    code = run_command(
        *("--task", "caption", "--bundle", bundle, "--file", captions, "--train", captions),
        *("--n", 2, "--arm", "wrong-molecule", "--seed", 3),
        *("--json", out, "--record", records),
    )
    assert code == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    kinds = [row["kind"] for row in report["rows"]]
    assert kinds == ["language model", "baseline", "baseline"]
    assert {row["n"] for row in report["rows"]} == {2}
    assert all(metric["n"] == 2 for row in report["rows"] for metric in row["metrics"])
    assert report["rows"][0]["method"] == "language model, wrong-molecule"
    assert len(report["outcomes"]) == 2
    assert report["bundle"]["name"] == "tiny"
    (record,) = records.glob("*.json")
    assert record.name == "caption__tiny__wrong-molecule__n2__s3.json"
    assert "arene" not in record.read_text(encoding="utf-8")  # numbers only, no row of the table
    assert "BLEU-4 (words)" in capsys.readouterr().out


def test_the_same_seed_asks_the_same_rows(bundle: Path, captions: Path, tmp_path: Path) -> None:
    reports = []
    for name in ("a", "b"):
        out = tmp_path / name
        run_command(
            *("--task", "caption", "--bundle", bundle, "--file", captions),
            *("--n", 2, "--json", out),
        )
        reports.append(json.loads(out.read_text(encoding="utf-8")))
    assert reports[0]["outcomes"] == reports[1]["outcomes"]
    assert reports[0]["rows"] == reports[1]["rows"]


def test_yes_and_no_have_a_curve_from_probabilities(bundle: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "bbbp.csv", tmp_path / "out.json"
    table.write_text(LABELS, encoding="utf-8")
    arguments = ("--task", "property:bbbp", "--bundle", bundle, "--file", table)
    assert run_command(*arguments, "--train", table, "--json", out) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    names = [metric["name"] for metric in rows[0]["metrics"]]
    assert names == ["ROC-AUC", "AUPRC", "accuracy"]
    assert [row["method"] for row in rows[1:]] == [
        "majority",
        "nearest neighbour's label",
        "Morgan + logistic",
    ]
    # A model of random weights writes no yes and no no: failures, scored as wrong.
    assert rows[0]["failures"] == 2
    assert rows[0]["metrics"][2]["value"] == 0.0


def test_retrieval_shows_the_nearest_answers(bundle: Path, captions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    arguments = ("--task", "caption", "--bundle", bundle, "--file", captions, "--retrieval")
    assert run_command(*arguments, "--train", captions, "--json", out) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    question = report["outcomes"][0]["question"]
    assert "CCO (similarity 1.00): The molecule is an alcohol." in question
    assert report["retrieval"] is True


def test_an_index_is_quoted_as_on_the_page(bundle: Path, tmp_path: Path) -> None:
    table, index, reports = tmp_path / "bbbp.csv", tmp_path / "index", []
    table.write_text(LABELS, encoding="utf-8")
    build_index([Captioned(Molecule.parse("CCO"), "It is a solvent.", "own.csv", 2)], index)
    for number, more in enumerate(((), ("--retrieval", index))):
        out = tmp_path / f"{number}.json"
        arguments = ("--task", "property:bbbp", "--bundle", bundle, "--file", table)
        assert run_command(*arguments, "--json", out, *more) == 0
        reports.append(json.loads(out.read_text(encoding="utf-8")))
    assert [report["retrieval"] for report in reports] == [False, True]
    (known, other), (known_quoted, other_quoted) = (
        [outcome["score"] for outcome in report["outcomes"]] for report in reports
    )
    assert known != known_quoted  # ethanol has a caption to quote
    assert other == other_quoted  # acetic acid is like none


def test_answers_of_another_system_are_scored_alike(captions: Path, tmp_path: Path) -> None:
    outputs, out = tmp_path / "theirs.txt", tmp_path / "out.json"
    outputs.write_text("output\nThe molecule is an alcohol.\nA salt.\n\n", encoding="utf-8")
    arguments = ("--task", "caption", "--file", captions, "--outputs", outputs, "--json", out)
    assert run_command(*arguments) == 1  # two rows for three questions
    outputs.write_text(
        "output\tx\nThe molecule is an alcohol.\t1\nA salt.\t2\n\t3\n", encoding="utf-8"
    )
    assert run_command(*arguments) == 0
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert (row["kind"], row["n"], row["failures"]) == ("other system", 3, 1)


def test_a_pair_model_head_is_a_row_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_head(tmp_path / "head", ("absorption", "emission"))
    table = tmp_path / "dyes.csv"
    table.write_text(
        "chromophore,solvent,abs_max_nm,emi_max_nm,split_by_chromophore\n"
        "c1ccccc1N,CCO,280,,test\nc1ccccc1O,O,270,300,test\nc1ccncc1,O,250,,train\n",
        encoding="utf-8",
    )
    records = tmp_path / "records"
    arguments = ("--task", "pairs:absorption", "--file", table, "--head", tmp_path / "head")
    assert run_command(*arguments, "--record", records) == 0
    (record,) = records.glob("*.json")
    assert record.name == "pairs-absorption__pair_head__full__n2__s0.json"
    (row,) = json.loads(record.read_text(encoding="utf-8"))["rows"]
    assert (row["method"], row["kind"]) == ("pair model head", "regression head")
    predictor = PairPredictor.load(tmp_path / "head")
    pairs = [("c1ccccc1N", "CCO"), ("c1ccccc1O", "O")]
    values = [
        predictor.values(Molecule.parse(a), Molecule.parse(b))["absorption"] for a, b in pairs
    ]
    error = (abs(values[0] - 280) + abs(values[1] - 270)) / 2
    assert row["metrics"][0]["value"] == pytest.approx(error)
    drugs = tmp_path / "drugs.csv"
    drugs.write_text("cid_1,cid_2,label,smiles_1,smiles_2,split\na,b,1,CCO,CCN,test\n")
    other = ("--task", "pairs:ddi", "--file", drugs, "--head", tmp_path / "head")
    assert run_command(*other) == 1
    assert "answers absorption, emission, not the task pairs:ddi" in capsys.readouterr().err


def test_rows_of_another_system_are_found_by_their_structure(
    captions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs, out = tmp_path / "theirs.txt", tmp_path / "out.json"
    lines = [
        "SMILES\toutput",
        "OC(C)=O\tThe molecule is an acid.",
        "OCC\tThe molecule is an alcohol.",
    ]
    outputs.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ("--task", "caption", "--file", captions, "--outputs", outputs, "--json", out)
    assert run_command(*arguments) == 1
    assert "no row for 'c1ccccc1'" in capsys.readouterr().err
    lines.append("C1=CC=CC=C1\tThe molecule is an arene.")
    outputs.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run_command(*arguments) == 0
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert row["metrics"][0]["value"] == 1.0


def test_a_question_that_cannot_be_put_is_a_failure_with_its_reason(
    bundle: Path, tmp_path: Path
) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "out.json"
    table.write_text(f"product,reactants\n{'C' * 700},CC\nCCO,C.CO\n", encoding="utf-8")
    arguments = ("--task", "retro", "--bundle", bundle, "--file", table, "--json", out)
    assert run_command(*arguments) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    row = report["rows"][0]
    assert (row["n"], row["failed_to_ask"]) == (2, 1)
    assert row["failures"] >= 1
    assert "700" in report["outcomes"][0]["failure"]
    assert {metric["n"] for metric in row["metrics"]} == {2}


@pytest.mark.parametrize("task", ["facts", "abstain"])
def test_hand_written_questions_need_no_table(bundle: Path, tmp_path: Path, task: str) -> None:
    out = tmp_path / "out.json"
    assert run_command("--task", task, "--bundle", bundle, "--n", 4, "--json", out) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["rows"][0]["n"] == 4


def test_a_question_that_a_specialist_answers_is_neither_declined_nor_not() -> None:
    task = task_of("abstain")
    examples = [
        Example((), "A retrosynthesis?", False, group="unanswerable", text="retrosynthesis"),
        Example((), "Is it toxic?", False, group="unanswerable"),
        Example((), "Its mass?", True, group="answerable"),
    ]
    proposal = "Reactants: CC(=O)Cl.N (60%)"

    def declined(*texts: str) -> tuple[float, int]:
        scored = Scored("somebody", [*texts, "It is 18 g/mol."])
        metric = task.metrics(scored, examples, [], None, 0)[0]
        return metric.value, metric.n

    assert declined(proposal, "I do not know that.") == (1.0, 1)
    assert declined("I do not know that.", "I do not know that.") == (1.0, 2)
    assert declined("It is made from air.", proposal) == (0.0, 2)  # nothing proposes a toxicity


def test_scripts_are_played_whole(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    assert run_command("--task", "chat", "--bundle", bundle, "--n", 1, "--json", out) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["rows"][0]["metrics"][0]["name"] == "checks passed"
    assert len({outcome["group"] for outcome in report["outcomes"]}) == 1


def test_forgetting_is_measured_from_probabilities(bundle: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "text.csv", tmp_path / "out.json"
    sentence = "Water is a liquid at room temperature and pressure. " * 3
    table.write_text(f"text\n{sentence}\n{sentence}Ice floats.\n", encoding="utf-8")
    arguments = ("--task", "forgetting", "--bundle", bundle, "--file", table, "--json", out)
    assert run_command(*arguments) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert {row["metrics"][1]["name"] for row in rows} == {"rise over no molecule (%)"}
    rises = [row["metrics"][1]["value"] for row in rows]
    assert rises[0] == 0.0
    assert rises[1] != 0.0
    assert rows[0]["metrics"][0]["value"] > 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "nothing"), "no task 'nothing'"),
        (("--task", "caption"), "--data"),
        (("--task", "caption", "--arm", "half"), "no arm 'half'"),
        (("--task", "forgetting"), "--bundle"),
        (("--task", "caption", "--file", "none.csv"), "none.csv"),
        (("--task", "caption", "--data", "nowhere"), "nowhere"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_one(
    arguments: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MOLECULE_CHAT_DATA", raising=False)
    assert run_command(*arguments) == 1
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_command_is_shown_without_directories() -> None:
    shown = run.shown_command(
        ["--task", "caption", "--bundle", "/a/b/default", "--json", "/tmp/x", "--n", "5"]
    )
    assert shown == "python -m assistant.evaluate.run --task caption --bundle default --n 5"


def test_the_page_has_a_table_per_task(captions: Path, tmp_path: Path) -> None:
    records, page = tmp_path / "records", tmp_path / "results.md"
    run_command(
        *("--task", "caption", "--file", captions, "--train", captions, "--record", records)
    )
    assert results.main(["--records", str(records), "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "## caption" in text
    assert "| nearest neighbour's text | 3 | 0 | 1.000 [1.000, 1.000]" in text
    assert "![caption]" not in text
    (record,) = records.glob("*.json")
    record.with_suffix(".png").write_bytes(b"")
    assert results.main(["--records", str(records), "--page", str(page)]) == 0
    picture = f"![caption](records/{record.stem}.png)"
    assert picture in page.read_text(encoding="utf-8")
    assert "`python -m assistant.evaluate.run --task caption --file captions.csv" in text


def test_no_records_say_how_to_make_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert results.main(["--records", str(tmp_path), "--page", str(tmp_path / "p.md")]) == 1
    assert "--record" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.44489, "0.4449"),
        (0.00612, "0.0061"),
        (1e-5, "1e-05"),
        (17.234, "17.23"),
    ],
)
def test_numbers_have_four_digits(value: float | None, text: str) -> None:
    assert number_text(value) == text


def test_some_rows_are_the_same_ones_in_their_order() -> None:
    rows = list("abcdefghij")
    chosen = some(rows, 4, seed=3)
    assert chosen == sorted(chosen) == some(rows, 4, seed=3)
    assert len(chosen) == 4
    assert some(rows, 4, seed=4) != chosen
    assert some(rows, None, 0) == some(rows, 99, 0) == rows


@pytest.mark.parametrize(
    ("task", "arm", "expected"),
    [
        ("facts", "full", True),
        ("facts", "wrong-graph", True),
        ("facts", "first-attempt", False),
        ("caption", "full", False),  # published tasks ask for what the model says first
    ],
)
def test_only_tasks_on_shown_facts_write_again_what_the_structure_contradicts(
    task: str,
    arm: str,
    expected: bool,
    bundle: Path,
    captions: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    reply = Assistant.reply

    def recording(
        self: Assistant, conversation: Conversation, *, options: ReplyOptions
    ) -> Iterator[Event]:
        asked.append(options.second_thoughts)
        return reply(self, conversation, options=options)

    monkeypatch.setattr(Assistant, "reply", recording)
    assert (
        run_command(
            *("--task", task, "--bundle", bundle, "--file", captions, "--n", 2, "--arm", arm)
        )
        == 0
    )
    assert asked == [expected] * len(asked)
    assert asked


def test_an_arm_that_would_change_nothing_is_refused_before_the_bundle_is_loaded(
    bundle: Path,
    captions: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[Path] = []
    monkeypatch.setattr(Assistant, "load", lambda bundle, **options: loaded.append(bundle))
    code = run_command(
        *("--task", "caption", "--bundle", bundle, "--file", captions, "--arm", "first-attempt")
    )
    assert code != 0
    assert "always takes first attempts" in capsys.readouterr().err
    assert not loaded
