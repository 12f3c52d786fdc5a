"""A number that the specialist writes: who is asked, what is said of it, what it is not asked."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.assistant import Assistant
from assistant.chat.conversation import Message
from assistant.chat.events import Notice, TextDelta
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.evaluate.arms import arm_of, in_arm
from assistant.metrics import Registry
from assistant.replay import Case, replay
from assistant.specialist.number_files import NumberInfo
from assistant.specialist.writer import Asking
from tests.specialist.number_bundle import write_bundle_with_a_number
from tests.specialist.test_answers import answered, asked, saying
from tests.test_metrics import parse

QUESTION = "What is the HOMO energy of molecule 1?"
PHENOL, ASPIRIN = "Oc1ccccc1", "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle_with_a_number(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="module")
def assistant(bundle: Path) -> Assistant:
    return Assistant.load(bundle, device="cpu")


def test_a_number_says_who_wrote_it_how_far_it_is_off_and_what_is_near(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = saying(assistant, monkeypatch, "-0.2191")
    conversation = asked(QUESTION, PHENOL)
    events, done = answered(assistant, conversation)
    message = done.message
    assert message.text == (
        "HOMO energy: -0.2191 Hartree (-5.96 eV), estimated for B3LYP/6-31G(2df,p)"
    )
    assert [e.text for e in events if isinstance(e, TextDelta)] == [message.text]
    notice, *others = [e.text for e in events if isinstance(e, Notice)]
    assert others in ([], ["Looking for the training molecule most like this one …"])
    assert "off by 0.0052 Hartree on average for 1,000 test molecules" in notice
    [check] = [c for c in message.checks if c.kind == "HOMO energy"]
    assert check.verdict == "unverifiable"
    assert "0.0052 Hartree" in check.note
    assert check.near == "Cc1ccccc1"
    assert message.model == assistant.specialist.llm.fingerprint
    assert message.passport["sampling"]["by"] == "specialist"
    assert message.passport["focus"] == [1]
    assert "graph tokens of its own" in assistant.cannot_rescore(conversation, message)
    assert len(seen) == 1
    assert seen[0].spliced.deltas  # under its LoRA


def test_who_waits_for_what_is_near_is_told_so_once(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = Assistant.load(bundle, device="cpu")
    saying(assistant, monkeypatch, "-0.2191")
    measured = assistant.specialist.numbers["homo"].measured
    monkeypatch.setattr(measured, "begin_reading", lambda: None)
    told = []
    for _ in range(2):
        events, _ = answered(assistant, asked(QUESTION, PHENOL))
        told.append([e.text for e in events if isinstance(e, Notice) and "Looking" in e.text])
    assert told == [["Looking for the training molecule most like this one …"], []]


def test_the_real_engine_writes_the_same_each_time_and_reads_the_graph(
    assistant: Assistant,
) -> None:
    number, specialist = assistant.specialist.numbers["homo"], assistant.specialist
    requests = [
        number.request(Molecule.parse(smiles), specialist.llm, Asking())
        for smiles in (PHENOL, PHENOL, "CCO")
    ]
    one, two, three = requests
    assert torch.equal(one.spliced.inputs_embeds, two.spliced.inputs_embeds)
    assert not torch.equal(one.spliced.inputs_embeds, three.spliced.inputs_embeds)
    writing = specialist.engine.side_by_side([one, two])
    with pytest.raises(StopIteration) as end:
        next(writing)  # nobody waits
    first, second = end.value.value
    assert first.token_ids == second.token_ids


def test_several_molecules_are_compared_and_each_number_has_its_own_note(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = saying(assistant, monkeypatch, "-0.2191")
    _, done = answered(assistant, asked("Which has the higher HOMO energy?", PHENOL, "CCO"))
    assert "Both are equal" in done.message.text
    assert len(seen) == 2
    checks = [c for c in done.message.checks if c.kind == "HOMO energy"]
    assert [(c.molecule, c.near) for c in checks] == [(1, "Cc1ccccc1"), (2, "CCO")]
    assert done.message.passport["focus"] == [1, 2]


def test_the_note_is_of_the_molecule_that_is_meant_whatever_is_in_focus(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, "-0.2191")
    conversation = asked("Hello", "CCO", PHENOL)
    last = Message("user", "What is the HOMO energy of the first one?", (2,))
    _, done = answered(assistant, replace(conversation, messages=(last,)))
    [check] = done.message.checks
    assert (check.molecule, check.near) == (1, "CCO")
    assert done.message.passport["focus"] == [1]


def test_one_molecule_of_another_kind_leaves_the_comparison_undone(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = saying(assistant, monkeypatch, "-0.2191")
    _, done = answered(assistant, asked("Which has the higher HOMO energy?", PHENOL, ASPIRIN))
    assert done.message.text.startswith("I do not know the HOMO energy of molecule 2: ")
    assert not seen


@pytest.mark.parametrize(
    ("smiles", "why"), [(ASPIRIN, "this one has 13 heavy atoms."), ("CS(C)=O", "this one has S.")]
)
def test_a_molecule_of_another_kind_is_declined_with_the_reason(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, smiles: str, why: str
) -> None:
    seen = saying(assistant, monkeypatch, "-0.2191")
    _, done = answered(assistant, asked(QUESTION, smiles))
    assert done.message.text.startswith("I do not know the HOMO energy of molecule 1: ")
    assert done.message.text.endswith(why)
    assert done.message.passport["sampling"]["by"] == "program"
    assert not seen


@pytest.mark.parametrize("text", ["2-2", "20.2412", "-0.9412", "0.2412", "-0.0512"])
def test_what_is_no_number_or_cannot_be_meant_is_not_told(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    saying(assistant, monkeypatch, text)
    _, done = answered(assistant, asked(QUESTION, PHENOL))
    assert done.message.text.startswith("I do not know the HOMO energy of molecule 1")
    assert done.message.passport["sampling"]["by"] == "program"


def test_a_little_beyond_what_was_learned_is_told(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, "-0.4500")
    _, done = answered(assistant, asked(QUESTION, PHENOL))
    assert done.message.text.startswith("HOMO energy: -0.4500 Hartree")


def test_a_stopped_question_has_no_text(assistant: Assistant) -> None:
    stop = threading.Event()
    stop.set()
    options = ReplyOptions(max_new_tokens=12, stop=stop)
    *_, done = assistant.reply(asked(QUESTION, PHENOL), options=options)
    assert done.message.stopped
    assert done.message.text == ""


def test_other_questions_go_where_they_went(assistant: Assistant) -> None:
    _, done = answered(assistant, asked("What is the LUMO energy of molecule 1?", PHENOL))
    assert "by" not in done.message.passport["sampling"]


def test_the_passport_gives_the_same_answer_again(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, "-0.2191")
    conversation = asked(QUESTION, PHENOL)
    _, done = answered(assistant, conversation)
    case = Case(1, conversation, done.message.passport, done.message)
    assert replay(assistant, case).equal


def test_what_it_predicts_is_offered(assistant: Assistant) -> None:
    assert assistant.status().predicts == ("HOMO energy",)


def test_another_molecules_graph_is_a_control_and_hidden_graphs_leave_it_out(
    assistant: Assistant,
) -> None:
    others = [Molecule.parse("CCN")]
    changed = in_arm(assistant, arm_of("wrong-graph"), others).specialist
    own, other = (
        s.numbers["homo"].encoder.encode([Molecule.parse(PHENOL)])[0].graph_tokens
        for s in (assistant.specialist, changed)
    )
    alien = assistant.specialist.numbers["homo"].encoder.encode(others)[0].graph_tokens
    assert torch.equal(other, alien)
    assert not torch.equal(own, other)
    assert changed.info.tasks == ()
    assert in_arm(assistant, arm_of("text-only"), others).specialist is None


def test_answers_in_the_models_place_are_counted(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Registry("app")
    assistant = Assistant.load(bundle, device="cpu", metrics=metrics)
    saying(assistant, monkeypatch, "-0.2191")
    for smiles in (PHENOL, ASPIRIN, ASPIRIN):
        answered(assistant, asked(QUESTION, smiles))
    found = parse(metrics.text())
    assert found["app_answers_instead_total"] == {'by="program"': 2, 'by="specialist"': 1}
    assert found["app_answers_instead_seconds"]["_count"] == 3
    assert found["app_specialist_waiting"] == {"": 0}
    assert sum(found["app_requests_total"].values()) == 0  # the language model was not asked


def test_the_header_says_which_numbers_are_on_and_why_one_is_off(tmp_path: Path) -> None:
    def states(bundle: Path) -> dict[str, tuple[bool, str]]:
        status = Assistant.load(bundle, device="cpu").status()
        return {a.name: (a.on, a.reason) for a in status.adapters}

    bundle = write_bundle_with_a_number(tmp_path / "bundle")
    assert states(bundle)["HOMO energy"] == (True, "")
    number = bundle / "specialist" / "numbers" / "homo"
    replace(NumberInfo.read(number), llm="another").write(number)
    on, reason = states(bundle)["HOMO energy"]
    assert not on
    assert reason == "trained for another language model of the specialist"
    assert states(bundle)["reactions"] == (True, "")
