"""Answers chosen among structures that reaction templates make."""

import re
import shutil
import threading
from collections.abc import Iterator
from copy import copy
from pathlib import Path

import pytest
import torch

from assistant.assistant import Assistant
from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.events import Event, Finished, Notice, TextDelta
from assistant.chat.reply import ReplyOptions
from assistant.chat.short_tasks import LESS_LIKELY, SHORT_TASKS
from assistant.chem.molecule import Molecule
from assistant.errors import (
    AssistantError,
    ChemistryTimeoutError,
    PromptTooLongError,
    QueueFullError,
)
from assistant.evaluate.arms import ARMS, in_arm
from assistant.llm.layout import layout
from assistant.llm.scoring import score_tokens
from assistant.replay import Case, replay
from assistant.specialist.directory import LLM, Measured, SpecialistInfo
from assistant.specialist.service import Specialist
from assistant.train.export import save_nf4
from assistant.train.model import ModelSizes, language_model
from assistant.train.specialist.tokenizer import reaction_tokenizer
from tests.bundles import write_tiny_bundle
from tests.specialist.templates import EXAMPLES, in_process, write_acylations
from tests.specialist.test_answers import AMIDE, OPTIONS, RETRO, answered, asked

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
    write_acylations(directory, *tasks, lm_weight=0.01, covered=0.8)
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


def test_where_no_template_fits_the_language_model_writes(assistant: Assistant) -> None:
    events, done = answered(assistant, asked(RETRO, "CCCCC"))
    assert notice_of(events).startswith("No reaction template fits: written by a language model")
    assert LESS_LIKELY not in done.message.text


def test_templates_that_take_too_long_are_done_without(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> None:
        raise ChemistryTimeoutError("Applying reaction templates took more than 4 s.")

    monkeypatch.setattr(assistant.specialist.proposers["retrosynthesis"], "_apply", slow)
    events, done = answered(assistant, asked(RETRO, AMIDE))
    assert LESS_LIKELY not in done.message.text
    assert notice_of(events).startswith("Reaction templates could not be applied in time: written")


def test_a_crowd_before_the_templates_is_told_and_no_worse_answer_given(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise QueueFullError("The chemistry part is busy.")

    monkeypatch.setattr(assistant.specialist.proposers["retrosynthesis"], "_apply", busy)
    with pytest.raises(QueueFullError, match="busy"):
        list(assistant.reply(asked(RETRO, AMIDE), options=OPTIONS))


def test_what_the_language_model_cannot_read_templates_choose(assistant: Assistant) -> None:
    _, done = answered(assistant, asked(RETRO, f"CC(=O)Nc1ccc({'C' * 300})cc1"))
    assert "(48%)" in done.message.text.splitlines()[0]  # .6 of .8: templates alone
    with pytest.raises(PromptTooLongError, match="language model for reactions reads 256"):
        list(assistant.reply(asked(RETRO, "C" * 300), options=OPTIONS))


def test_stop_ends_it(assistant: Assistant) -> None:
    options = ReplyOptions()
    options.stop.set()
    *_, done = assistant.reply(asked(RETRO, AMIDE), options=options)
    assert isinstance(done, Finished)
    assert done.message.stopped
    assert not done.message.text


def test_stop_is_heard_between_the_ways_back(assistant: Assistant) -> None:
    proposer, stop, asked_for = (
        assistant.specialist.proposers["retrosynthesis"],
        threading.Event(),
        [],
    )

    def chance_of(given: str, wanted: str) -> float:
        asked_for.append(given)
        stop.set()
        return 0.5

    back = copy(proposer.back)
    back.chance_of = chance_of
    there = copy(proposer)
    there.back = back
    found = there.candidates(Molecule.parse(AMIDE).smiles, stop=stop)
    assert len(found) == 3
    assert len(asked_for) == 1
    assert all(candidate.returned is None for candidate in found)


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
    ids = specialist.answer_ids("retrosynthesis", given, WAYS[0])
    text = specialist.llm.tokenizer.decode(ids[:-1])
    assert Molecule.parse(task.smiles_in(text)).smiles == WAYS[0]
    assert ids[-1] in specialist.llm.end_ids
    spliced = specialist.spliced(layout(task.prompt(given), specialist.llm.tokenizer))
    expected, _ = score_tokens(specialist.llm, spliced, ids)
    asking = specialist.log_probabilities("retrosynthesis", given, [WAYS[0]], stop=OPTIONS.stop)
    found: list[float] = []

    def collect() -> Iterator[object]:
        found.extend((yield from asking))

    list(collect())
    assert found == pytest.approx([sum(expected)], abs=1e-3)


def reply_in(assistant: Assistant, arm: str) -> str:
    other = in_arm(assistant, ARMS[arm], [Molecule.parse("CCO"), Molecule.parse("CCN")])
    return answered(other, asked(RETRO, AMIDE))[1].message.text


def test_arms_say_who_chooses(assistant: Assistant) -> None:
    full, templates = reply_in(assistant, "full"), reply_in(assistant, "templates-alone")
    assert templates.startswith(f"Reactants: {WAYS[0]} (48%)")  # .6 of .8
    chosen = reply_in(assistant, "model-chooses")
    assert len({full, templates, chosen}) == 3
    assert LESS_LIKELY not in reply_in(assistant, "no-templates")
    off = in_arm(assistant, ARMS["no-specialist"], [])
    assert off.specialist is None
    assert in_arm(assistant, ARMS["text-only"], []).specialist is None


def test_arms_of_templates_need_some(bundle: Path, tmp_path: Path) -> None:
    without = shutil.copytree(bundle, tmp_path / "without")
    shutil.rmtree(without / SPECIALIST / "templates")
    assistant = Assistant.load(without, device="cpu")
    assert not assistant.specialist.proposers
    with pytest.raises(AssistantError, match="model-chooses changes what reaction templates do"):
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
    assert "reads the SMILES alone" in assistant.cannot_rescore(conversation, done.message)
