"""A saved passport is asked again: equal, or where it differs, or of another bundle."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import launch
from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, OtherBundleError, UnreadableFileError
from assistant.export.exchange import to_json, to_passport_json
from assistant.export.source import Export, export_of
from assistant.llm import compute
from assistant.llm.plan import Way
from assistant.passport_model import differences, find_bundle
from assistant.replay import Report, replay_text
from tests.bundles import write_tiny_bundle
from tests.export.sample import WHEN

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
OPTIONS = ReplyOptions(temperature=0.7, top_p=0.9, seed=5, max_new_tokens=10, visitor="a")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    (folder / "broken").mkdir()
    (folder / "broken" / "bundle.json").write_text("{", encoding="utf-8")
    write_tiny_bundle(folder / "tiny")
    return folder


@pytest.fixture(scope="module")
def export(checkpoints: Path) -> Export:
    """Two turns that the tiny bundle answered."""
    assistant = Assistant.load(checkpoints / "tiny", device="cpu")
    talk, number = Conversation().with_molecule(ASPIRIN)
    for question in (Message("user", "What is it?", (number,)), Message("user", "And then?")):
        talk = talk.with_message(question)
        *_, last = assistant.reply(talk, options=OPTIONS)
        assert isinstance(last, Finished)
        talk = talk.with_message(last.message)
    return export_of(talk, WHEN)


def replayed(text: str, checkpoints: Path, **more: object) -> list[Report]:
    return list(replay_text(text, checkpoints=checkpoints, device="cpu", **more))


def test_every_answer_of_an_exported_conversation_is_equal(
    export: Export, checkpoints: Path
) -> None:
    reports = replayed(to_json(export), checkpoints)
    assert [str(r) for r in reports] == ["question 1: equal", "question 2: equal"]


def test_an_answer_is_computed_again_in_the_very_way_it_was(
    checkpoints: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = Way("fp32", by_columns=True)
    assistant = Assistant.load(checkpoints / "tiny", device="cpu", compute=way)
    talk = Conversation().with_molecule(ASPIRIN)[0].with_message(Message("user", "What is it?"))
    *_, last = assistant.reply(talk, options=OPTIONS)
    text = to_json(export_of(talk.with_message(last.message), WHEN))
    monkeypatch.setattr(compute, "time_ways", None)  # whatever may be faster now
    assert [str(r) for r in replayed(text, checkpoints)] == ["question 1: equal"]


def test_a_saved_passport_asks_only_its_own_question(export: Export, checkpoints: Path) -> None:
    assert [r.turn for r in replayed(to_passport_json(export, 2), checkpoints)] == [2]


def test_a_copied_passport_of_a_first_turn_is_enough(export: Export, checkpoints: Path) -> None:
    first, second = (turn.answer.passport for turn in export.turns)
    assert [r.equal for r in replayed(json.dumps(first), checkpoints)] == [True]
    changed = {**first, "answer_sha256": "0" * 64}
    (report,) = replayed(json.dumps(changed), checkpoints)
    assert "only a digest" in report.where
    with pytest.raises(AssistantError, match="Save the passport from the page"):
        replayed(json.dumps(second), checkpoints)


def test_the_first_difference_is_told(export: Export, checkpoints: Path) -> None:
    *before, answer = export.conversation.messages
    ids = (*answer.token_ids[:4], answer.token_ids[4] + 1, *answer.token_ids[5:])
    text = answer.text[:3] + "\u2603" + answer.text[4:]
    changed = replace(answer, token_ids=ids, text=text, checks=())
    talk = replace(export.conversation, messages=(*before, changed))
    one, two = replayed(to_json(export_of(talk, WHEN)), checkpoints)
    assert (one.equal, two.equal) == (True, False)
    assert "at token 5, character 4: “\u2603" in two.where


def test_a_stopped_answer_is_equal_when_the_new_one_begins_like_it(
    export: Export, checkpoints: Path
) -> None:
    question, answer = export.conversation.messages[:2]
    short = replace(
        answer, token_ids=answer.token_ids[:3], text=answer.text[:2], stopped=True, checks=()
    )
    talk = replace(export.conversation, messages=(question, short))
    assert [r.equal for r in replayed(to_json(export_of(talk, WHEN)), checkpoints)] == [True]


def test_what_is_not_as_then_is_named(export: Export, checkpoints: Path) -> None:
    passport = export.turns[0].answer.passport
    then = json.loads(json.dumps(passport))
    then["versions"]["torch"] = "1.0"
    then["model"]["compute_format"] = "NF4 kernel, fp16"
    then["model"]["adapters"][0]["on"] = False
    told = differences(then, passport["model"])
    assert any(line.startswith("version of torch: 1.0 then") for line in told)
    assert any(line.startswith("compute_format: NF4 kernel, fp16 then") for line in told)
    assert any(line.startswith("adapters on: instance LoRA then, graph tokens") for line in told)
    assert differences(passport, passport["model"]) == ()


def test_a_passport_of_another_bundle_names_both(export: Export, tmp_path: Path) -> None:
    model = export.turns[0].answer.passport["model"]
    other = write_tiny_bundle(tmp_path / "other", seed=9)
    with pytest.raises(OtherBundleError, match="--bundle") as caught:
        find_bundle(model, None, tmp_path)
    assert (caught.value.name, caught.value.sha256) == ("tiny", model["bundle_sha256"])
    assert list(caught.value.found) == ["other"]
    with pytest.raises(OtherBundleError):
        find_bundle(model, other, tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"prompt_sha256": "x"}', '{"prompt_sha256": "x", "molecules": {}}']
)
def test_what_is_no_passport_is_refused(text: str, checkpoints: Path) -> None:
    with pytest.raises(UnreadableFileError):
        replayed(text, checkpoints)


def test_launch_says_equal_or_where_and_ends_with_0_or_1(
    export: Export, checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "passport.json"
    where = ["--replay", str(saved), "--bundle", str(checkpoints / "tiny"), "--device", "cpu"]
    saved.write_text(to_passport_json(export, 1), encoding="utf-8")
    assert launch.main(where) == 0
    assert capsys.readouterr().out == "question 1: equal\n"
    answer = export.conversation.messages[1]
    wrong = replace(answer, token_ids=(1,), text="x", checks=())
    talk = replace(export.conversation, messages=(export.conversation.messages[0], wrong))
    saved.write_text(to_json(export_of(talk, WHEN)), encoding="utf-8")
    assert launch.main(where) == 1
    assert "question 1: different: at token 1" in capsys.readouterr().out
    assert launch.main(["--replay", str(tmp_path / "none.json")]) == 1
    assert "check --replay" in capsys.readouterr().err
