"""Answers chosen among structures that reaction templates make."""

import math
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.assistant import Assistant
from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.events import Event, Finished, Notice, TextDelta
from assistant.chat.reply import ReplyOptions
from assistant.chat.short_tasks import LESS_LIKELY, SHORT_TASKS
from assistant.chem.aligned import Alignable
from assistant.chem.molecule import Molecule
from assistant.errors import (
    AssistantError,
    ChemistryTimeoutError,
    PromptTooLongError,
    QueueFullError,
)
from assistant.evaluate.arms import ARMS, in_arm
from assistant.llm.layout import layout
from assistant.llm.requests import Done, Request
from assistant.llm.scoring import score_tokens
from assistant.replay import Case, replay
from assistant.specialist.candidates import Opinion
from assistant.specialist.directory import LLM, Measured, SpecialistInfo
from assistant.specialist.service import Specialist
from assistant.specialist.templates import Weights
from assistant.specialist.writer import N_ALONE, N_DRAFTS, Asking, spellings
from assistant.train.export import save_nf4
from assistant.train.model import ModelSizes, language_model
from assistant.train.specialist.tokenizer import reaction_tokenizer
from tests.bundles import write_tiny_bundle
from tests.specialist.templates import EXAMPLES, in_process, write_acylations
from tests.specialist.test_answers import AMIDE, OPTIONS, RETRO, answered, asked, saying

AMINE = "Nc1ccc(O)cc1"
WAYS = [Molecule.parse(f"{way.split('.')[0]}.{AMINE}").smiles for way in EXAMPLES]
MEASURED = Measured("uspto50k_test.csv.gz", 5004, 0.25, 0.9, among_five=0.5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    directory = bundle / SPECIALIST
    directory.mkdir()
    tokenizer = reaction_tokenizer([AMIDE, *WAYS] * 50, vocab_size=400)
    sizes = ModelSizes(64, 1, 128, 2, 2, len(tokenizer), 256)
    save_nf4(language_model(sizes, tokenizer), tokenizer, directory / LLM)
    tasks = ("retrosynthesis", "product")
    SpecialistInfo(tasks, {"retrosynthesis": MEASURED}).write(directory)
    write_acylations(directory, *tasks, weights=Weights(1.0, 0.0, 0.01), covered=0.8)
    Bundle.read(bundle).with_component(SPECIALIST, SPECIALIST)
    return bundle


@pytest.fixture(scope="module")
def assistant(bundle: Path) -> Assistant:
    assistant = Assistant.load(bundle, device="cpu")
    for proposer in assistant.specialist.proposers.values():
        proposer._apply = in_process  # the child has tests of its own, and takes seconds to start
    return assistant


def notice_of(events: list[Event]) -> str:
    return next(event.text for event in events if isinstance(event, Notice))


def shares_in(done: Finished) -> list[int]:
    return [int(found) for found in re.findall(r"\((\d+)%\)", done.message.text)]


def test_the_likeliest_ways_are_shown_with_their_shares(assistant: Assistant) -> None:
    events, done = answered(assistant, asked(RETRO, AMIDE))
    task = SHORT_TASKS["retrosynthesis"]
    assert sorted(task.all_smiles_in(done.message.text)) == sorted(WAYS)
    assert done.message.text.startswith(f"Reactants: {WAYS[0]} (")
    assert LESS_LIKELY in done.message.text
    shares = shares_in(done)
    assert shares == sorted(shares, reverse=True)
    assert 77 <= sum(shares) <= 83
    assert [e.text for e in events if isinstance(e, TextDelta)] == [done.message.text]
    assert "Made by reaction templates" in notice_of(events)
    assert "right for 25% of 5,004 test reactions, among the first five for 50%" in notice_of(
        events
    )


def test_nobody_waits_for_the_marks_to_read_the_answer(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened = []
    proposer = assistant.specialist.proposers["retrosynthesis"]
    monkeypatch.setattr(proposer, "returned", lambda *_: happened.append("way back"))
    for event in assistant.reply(asked(RETRO, AMIDE), options=OPTIONS):
        happened.append(type(event).__name__)
    assert happened.index("TextDelta") < happened.index("way back") < happened.index("Finished")


def test_every_structure_says_what_is_known_of_it(assistant: Assistant) -> None:
    _, done = answered(assistant, asked(RETRO, AMIDE))
    first, *others = done.message.checks
    assert [check.smiles for check in (first, *others)] == WAYS
    text = done.message.text
    assert all(text[c.start : c.end] == c.smiles for c in (first, *others))
    assert "right for 25%" in first.note
    assert "by a template of 10 training reactions" in first.note
    assert "templates for products make the molecule of them: 60%" in first.note
    assert "every atom of the product is there" in first.note
    assert all("right for" not in check.note for check in others)
    assert "by a template of 30 training reactions" in others[-1].note


def test_products_are_chosen_too(assistant: Assistant) -> None:
    _, done = answered(
        assistant, asked("Predict the product of molecules 1 and 2.", "CC(=O)Cl", AMINE)
    )
    assert done.message.text.startswith(f"Product: {Molecule.parse(AMIDE).smiles} (")
    assert "templates for reactants make it of these: 30%" in done.message.checks[0].note


def test_the_passport_says_who_answered_and_gives_the_same(assistant: Assistant) -> None:
    conversation = asked(RETRO, AMIDE)
    _, done = answered(assistant, conversation)
    assert done.message.passport["sampling"]["by"] == "specialist"
    assert done.message.model == assistant.specialist.llm.fingerprint
    report = replay(assistant, Case(1, conversation, done.message.passport, done.message))
    assert report.equal


def test_where_no_template_fits_the_language_model_writes(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, "Reactants: CC.CCC", "Reactants: CCCCCBr")
    events, done = answered(assistant, asked(RETRO, "CCCCC"))
    assert notice_of(events).startswith("No reaction template fits: written by a language model")
    assert LESS_LIKELY not in done.message.text
    assert done.message.text in ("Reactants: CC.CCC", "Reactants: CCCCCBr")


def test_what_only_the_language_model_wrote_is_among_them(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ester = Molecule.parse(f"CCOC(C)=O.{AMINE}").smiles
    specialist = assistant.specialist
    asked_for = saying(assistant, monkeypatch, f"Reactants: {ester}", f"Reactants: {WAYS[1]}")
    proposer = specialist.proposers["retrosynthesis"]
    by_drafts = replace(proposer.config, weights=Weights(0.3, 0.5))
    monkeypatch.setattr(proposer, "config", by_drafts)
    events, done = answered(assistant, asked(RETRO, AMIDE))
    told = {check.smiles: check.note for check in done.message.checks}
    assert set(told) == {*WAYS, ester}
    assert "written by the language model for reactions, made by no likely template" in told[ester]
    assert "and written by the language model for reactions" in told[WAYS[1]]
    assert "written by" not in told[WAYS[0]]
    assert done.message.text.startswith(f"Reactants: {WAYS[1]} (")
    assert "chosen by what both say" in notice_of(events)
    assert 1 < len([request for request in asked_for if not request.forced]) <= N_DRAFTS


def test_templates_that_take_too_long_are_done_without(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> None:
        raise ChemistryTimeoutError("Applying reaction templates took more than 4 s.")

    monkeypatch.setattr(assistant.specialist.proposers["retrosynthesis"], "_apply", slow)
    saying(assistant, monkeypatch, f"Reactants: {WAYS[0]}")
    events, done = answered(assistant, asked(RETRO, AMIDE))
    assert done.message.text == f"Reactants: {WAYS[0]}"
    assert notice_of(events).startswith("Reaction templates could not be applied in time: written")
    (check,) = done.message.checks
    assert "template" not in check.note  # none was applied, none leads back
    saying(assistant, monkeypatch, "Reactants: C1CC")
    _, done = answered(assistant, asked(RETRO, AMIDE))
    assert "reaction templates could not be applied in time, and nothing" in done.message.text
    assert "fits" not in done.message.text


def test_a_crowd_before_the_templates_is_told_and_no_worse_answer_given(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise QueueFullError("The chemistry part is busy.")

    monkeypatch.setattr(assistant.specialist.proposers["retrosynthesis"], "_apply", busy)
    with pytest.raises(QueueFullError, match="busy"):
        list(assistant.reply(asked(RETRO, AMIDE), options=OPTIONS))


def test_what_the_language_model_cannot_read_templates_choose(assistant: Assistant) -> None:
    events, done = answered(assistant, asked(RETRO, f"CC(=O)Nc1ccc({'C' * 300})cc1"))
    assert "(48%)" in done.message.text.splitlines()[0]  # .6 of .8: templates alone
    assert "by reaction templates alone, since the SMILES is too long" in notice_of(events)
    assert "nobody has measured" in notice_of(events)
    with pytest.raises(PromptTooLongError, match="language model for reactions, which reads 256"):
        list(assistant.reply(asked(RETRO, "C" * 300), options=OPTIONS))


def test_a_candidate_that_is_too_long_to_be_read_spoils_nothing(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = f"CC(=O)Cl.{AMINE}.{'C' * 300}"
    proposer = assistant.specialist.proposers["retrosynthesis"]
    made = ((WAYS[1],), (Molecule.parse(long).smiles,), ())
    monkeypatch.setattr(proposer, "_apply", lambda *_, **__: made)
    _, done = answered(assistant, asked(RETRO, AMIDE))
    assert done.message.text.startswith(f"Reactants: {WAYS[1]} (53%)")  # .6 of .9, times .8


def test_stop_ends_it(assistant: Assistant) -> None:
    options = ReplyOptions()
    options.stop.set()
    *_, done = assistant.reply(asked(RETRO, AMIDE), options=options)
    assert isinstance(done, Finished)
    assert done.message.stopped
    assert not done.message.text


def test_stop_is_heard_between_the_parts(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ReplyOptions()
    specialist = assistant.specialist

    def stopping(requests: Sequence[Request]) -> Iterator[object]:
        yield from ()
        options.stop.set()
        return tuple(Done("stopped", (), 0.0, 0.0) for _ in requests)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("templates are applied to a question that was stopped")

    monkeypatch.setattr(specialist.engine, "side_by_side", stopping)
    monkeypatch.setattr(specialist.proposers["retrosynthesis"], "_apply", never)
    *_, done = assistant.reply(asked(RETRO, AMIDE), options=options)
    assert done.message.stopped
    assert not done.message.text


def test_the_time_limit_ends_it_and_is_named(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(requests: Sequence[Request]) -> Iterator[object]:
        yield from ()
        requests[0].progress.begin(0)
        time.sleep(0.05)
        return tuple(Done("stopped", (), 0.0, 0.0) for _ in requests)

    monkeypatch.setattr(assistant.specialist.engine, "side_by_side", slow)
    *_, done = assistant.reply(asked(RETRO, AMIDE), options=ReplyOptions(max_seconds=0.01))
    assert done.message.passport["sampling"]["ended"] == "time"
    assert not done.message.text


def test_molecules_that_are_too_much_together_are_no_accident(assistant: Assistant) -> None:
    waters = ".".join("O" * 15)  # sixteen parts each, of which thirty are read together
    question = asked("Predict the product of molecules 1 and 2.", f"CCl.{waters}", f"CN.{waters}")
    _, done = answered(assistant, question)
    assert done.message.text


def test_no_way_back_is_asked_after_a_stop(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ReplyOptions()
    proposer, asked_for = assistant.specialist.proposers["retrosynthesis"], []

    def chance_of(given: str, wanted: str) -> float:
        asked_for.append(given)
        options.stop.set()
        return 0.5

    back = copy(proposer.opposite)
    back.chance_of = chance_of
    monkeypatch.setattr(proposer, "opposite", back)
    *_, done = assistant.reply(asked(RETRO, AMIDE), options=options)
    assert len(asked_for) == 1
    assert len(done.message.checks) == 3


def test_a_controlled_product_is_not_shown(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    drug = Molecule.parse("CNC(C)Cc1ccccc1").smiles
    harmless = Molecule.parse(AMIDE).smiles
    proposer = assistant.specialist.proposers["product"]
    question = asked("Predict the product of molecules 1 and 2.", "CC(=O)Cl", AMINE)

    def making(*products: str) -> str:
        made = tuple((product,) for product in products)
        monkeypatch.setattr(proposer, "_apply", lambda *_, **__: made)
        return answered(assistant, question)[1].message.text

    assert drug not in making(harmless, drug, "CCO")
    assert "CCO" in making(harmless, drug, "CCO")
    told = making(drug, harmless, "CCO")
    assert "methamphetamine, a controlled drug" in told
    assert harmless not in told


def test_the_language_model_is_asked_about_answers_as_it_learned_them(
    assistant: Assistant,
) -> None:
    specialist = assistant.specialist
    task, given = SHORT_TASKS["retrosynthesis"], Molecule.parse(AMIDE).smiles
    writer = specialist.writer
    ids = writer.answer_ids("retrosynthesis", given, Alignable(WAYS[0]))
    text = specialist.llm.tokenizer.decode(ids[:-1])
    assert Molecule.parse(task.smiles_in(text)).smiles == WAYS[0]
    assert ids[-1] in specialist.llm.end_ids
    values = []
    for spelled in spellings(given, 2):
        spliced = writer.spliced(layout(task.prompt(spelled), specialist.llm.tokenizer))
        ids = writer.answer_ids("retrosynthesis", spelled, Alignable(WAYS[0]))
        values.append(math.exp(sum(score_tokens(specialist.llm, spliced, ids)[0])))
    back = SHORT_TASKS["product"].prompt(WAYS[0])
    spliced = writer.spliced(layout(back, specialist.llm.tokenizer))
    ids = writer.answer_ids("product", WAYS[0], Alignable(given))
    returned = sum(score_tokens(specialist.llm, spliced, ids)[0])
    found: list[Opinion] = []

    def collect() -> Iterator[object]:
        found.extend((yield from writer.opinions("retrosynthesis", given, WAYS, asking=Asking())))

    list(collect())
    assert len(found) == len(WAYS)
    assert found[0].along == pytest.approx(math.log(sum(values) / 2), abs=1e-3)
    assert found[0].back == pytest.approx(returned, abs=1e-3)


def reply_in(assistant: Assistant, arm: str) -> str:
    other = in_arm(assistant, ARMS[arm], [Molecule.parse("CCO"), Molecule.parse("CCN")])
    return answered(other, asked(RETRO, AMIDE))[1].message.text


def test_arms_say_who_chooses(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for = []

    def drafted(_: object, task: str, given: str, n: int, **__: object) -> Iterator[object]:
        yield from ()
        asked_for.append(n)
        return {WAYS[2]: 1}

    full, templates = reply_in(assistant, "full"), reply_in(assistant, "templates-alone")
    assert templates.startswith(f"Reactants: {WAYS[0]} (48%)")  # .6 of .8
    chosen = reply_in(assistant, "model-chooses")
    assert len({full, templates, chosen}) == 3
    assert reply_in(assistant, "no-templates").startswith("I found no reactants")  # untrained
    monkeypatch.setattr(assistant.specialist.writer.__class__, "drafts", drafted)
    assert reply_in(assistant, "no-templates").startswith("Reactants: ")
    assert LESS_LIKELY not in reply_in(assistant, "no-templates")
    assert asked_for[-1] == N_ALONE
    assert reply_in(assistant, "one-draft").startswith("Reactants: ")
    assert asked_for[-1] == 1
    off = in_arm(assistant, ARMS["no-specialist"], [])
    assert off.specialist is None
    assert in_arm(assistant, ARMS["text-only"], []).specialist is None


def test_arms_of_templates_need_some(bundle: Path, tmp_path: Path) -> None:
    without = shutil.copytree(bundle, tmp_path / "without")
    shutil.rmtree(without / SPECIALIST / "templates")
    assistant = Assistant.load(without, device="cpu")
    assert not assistant.specialist.has_templates
    assert assistant.specialist.n_drafts == N_ALONE
    with pytest.raises(AssistantError, match="model-chooses needs reaction templates"):
        in_arm(assistant, ARMS["model-chooses"], [])


def test_no_time_of_the_start_goes_into_finding_the_fastest_way(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(*_: object) -> None:
        raise AssertionError("the ways to multiply are timed")

    monkeypatch.setattr("assistant.llm.compute.time_ways", search)
    found = Specialist.load(bundle / SPECIALIST, device=torch.device("cpu"))
    assert "fp32" in found.llm.compute_format


def test_why_says_that_it_read_no_graph(assistant: Assistant) -> None:
    conversation = asked(RETRO, AMIDE)
    _, done = answered(assistant, conversation)
    assert "reactions as SMILES" in assistant.cannot_rescore(conversation, done.message)
