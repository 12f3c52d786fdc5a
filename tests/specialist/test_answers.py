"""Questions for reactants or a product are answered by the bundle's specialist, and say so."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Event, Finished, Notice, TextDelta
from assistant.chat.reply import REACTIONS, ReplyOptions
from assistant.chat.short_tasks import SHORT_TASKS
from assistant.chem.molecule import Molecule
from assistant.errors import BundleError
from assistant.llm.layout import layout, text_ids
from assistant.llm.requests import Done, Request
from assistant.replay import Case, replay
from assistant.specialist.directory import LLM, Measured, SpecialistInfo
from assistant.specialist.templates import ClassifierConfig, Weights
from assistant.train.export import save_nf4
from assistant.train.model import ModelSizes, language_model
from assistant.train.specialist.tokenizer import reaction_tokenizer
from tests.bundles import write_tiny_bundle

OPTIONS = ReplyOptions(temperature=1.0, seed=3, max_new_tokens=12)
AMIDE, ACID, AMINE = "CC(=O)Nc1ccc(O)cc1", "CC(=O)O", "Nc1ccc(O)cc1"
RETRO = "Suggest a retrosynthesis of molecule 1."
MEASURED = Measured("uspto50k_test.csv.gz", 5004, 0.25, 0.9)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")
    directory = bundle / SPECIALIST
    directory.mkdir()
    tokenizer = reaction_tokenizer([AMIDE, ACID, AMINE] * 50, vocab_size=400)
    sizes = ModelSizes(64, 1, 128, 2, 2, len(tokenizer), 256)
    save_nf4(language_model(sizes, tokenizer), tokenizer, directory / LLM)
    info = SpecialistInfo(("retrosynthesis", "product"), {"retrosynthesis": MEASURED})
    info.write(directory)
    Bundle.read(bundle).with_component(SPECIALIST, SPECIALIST)
    return bundle


@pytest.fixture(scope="module")
def assistant(bundle: Path) -> Assistant:
    return Assistant.load(bundle, device="cpu")


def asked(question: str, *smiles: str) -> Conversation:
    conversation, numbers = Conversation(), []
    for text in smiles:
        conversation, number = conversation.with_molecule(Molecule.parse(text))
        numbers.append(number)
    return conversation.with_message(Message("user", question, tuple(numbers)))


def answered(assistant: Assistant, conversation: Conversation) -> tuple[list[Event], Finished]:
    *events, done = assistant.reply(conversation, options=OPTIONS)
    assert isinstance(done, Finished)
    return events, done


def saying(assistant: Assistant, monkeypatch: pytest.MonkeyPatch, *texts: str) -> list[Request]:
    """Lets the specialist say something, to each spelling the next text; gives what it is asked."""
    seen: list[Request] = []
    tokenizer = assistant.specialist.llm.tokenizer

    def side_by_side(requests: Sequence[Request]) -> Iterator[object]:
        yield from ()
        seen.extend(requests)
        ends = []
        for request, text in zip(requests, cycle(texts), strict=False):
            if request.forced:
                scores = (-1.0,) * len(request.forced)
                ends.append(Done("end", (), 0.0, 0.0, log_probabilities=scores))
            else:
                ends.append(Done("end", text_ids(tokenizer, text), 0.01, 100.0))
        return tuple(ends)

    monkeypatch.setattr(assistant.specialist.engine, "side_by_side", side_by_side)
    return seen


def test_the_specialist_answers_and_the_page_says_how_well(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, f"Reactants: {ACID}.{AMINE}")
    events, done = answered(assistant, asked(RETRO, AMIDE))
    assert done.message.model == assistant.specialist.llm.fingerprint
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices[0].startswith("Predicted by a language model for reactions, right for 25% of")
    assert [e.text for e in events if isinstance(e, TextDelta)] == [done.message.text]
    passport = done.message.passport
    assert passport["model"]["specialist"] == assistant.specialist.llm.fingerprint
    assert passport["sampling"]["by"] == "specialist"
    assert passport["focus"] == [1]


def test_nothing_found_is_said_by_the_program(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = f"Reactants: {AMIDE}.{ACID}", "Reactants: C1CC", "Reactants: CC", "I do not know"
    saying(assistant, monkeypatch, *nothing)
    events, done = answered(assistant, asked(RETRO, AMIDE))
    assert done.message.text.startswith("I found no reactants")
    assert done.message.passport["sampling"]["by"] == "program"
    assert not done.message.checks
    assert not any(isinstance(event, Notice) for event in events)
    question = asked("Predict the product of molecules 1 and 2.", ACID, AMINE)
    saying(assistant, monkeypatch, f"Product: {ACID}", "Product: Brc1ccccc1")
    assert answered(assistant, question)[1].message.text.startswith("I found no product")


def test_the_structure_written_most_often_and_likely_wins(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    chloride = f"CC(=O)Cl.{AMINE}"
    saying(assistant, monkeypatch, f"Reactants: {chloride}", f"Reactants: {ACID}.{AMINE}")
    monkeypatch.setattr(
        assistant.specialist.proposers["retrosynthesis"],
        "config",
        ClassifierConfig(1, weights=Weights(lm=1.0)),
    )
    _, done = answered(assistant, asked(RETRO, AMIDE))
    written = SHORT_TASKS["retrosynthesis"].all_smiles_in(done.message.text)
    assert written == (Molecule.parse(f"{ACID}.{AMINE}").smiles,)  # every token alike: the shorter


def test_what_nobody_has_measured_is_said_to_be_so(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, f"Product: {AMIDE}")
    events, _ = answered(assistant, asked("Predict the product of molecules 1 and 2.", ACID, AMINE))
    assert "nobody has measured" in next(e.text for e in events if isinstance(e, Notice))


def test_it_reads_the_structure_alone(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = saying(assistant, monkeypatch, f"Reactants: {ACID}.{AMINE}")
    before = asked("What is its logP?", AMIDE).with_message(Message("assistant", "0.9"))
    conversation = before.with_message(Message("user", RETRO))
    _, done = answered(assistant, conversation)
    specialist = assistant.specialist
    prompt = SHORT_TASKS["retrosynthesis"].prompt(Molecule.parse(AMIDE).smiles)
    alone = specialist.writer.spliced(layout(prompt, specialist.llm.tokenizer))
    assert seen[0].spliced.content == alone.content
    assert len({request.spliced.content for request in seen if not request.forced}) > 1
    assert not any(request.spliced.deltas for request in seen)
    assert done.message.text == f"Reactants: {ACID}.{AMINE}"
    (check,) = done.message.checks
    assert check.smiles == Molecule.parse(f"{ACID}.{AMINE}").smiles
    assert "right for 25% of 5,004 test reactions" in check.note
    assert "every atom of the product is there" in check.note


@pytest.mark.parametrize("question", ["What is its logP?", "How is it made industrially?"])
def test_other_questions_are_the_language_models(assistant: Assistant, question: str) -> None:
    _, done = answered(assistant, asked(question, AMIDE))
    assert done.message.model == assistant.prompting.llm.fingerprint


def test_the_next_turn_reads_the_answer_as_text(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, f"Reactants: {ACID}.{AMINE}")
    conversation = asked(RETRO, AMIDE)
    _, done = answered(assistant, conversation)
    later = conversation.with_message(done.message).with_message(Message("user", "Its mass?"))
    _, then = answered(assistant, later)
    assert then.message.model == assistant.prompting.llm.fingerprint


def test_a_controlled_product_is_not_told(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, "Product: CNC(C)Cc1ccccc1")
    events, done = answered(
        assistant,
        asked("What is the product of the reaction of molecules 1 and 2?", "CN", "O=C(C)Cc1ccccc1"),
    )
    assert "methamphetamine, a controlled drug" in done.message.text
    assert done.message.passport["sampling"]["by"] == "program"
    assert not any("CNC" in e.text for e in events if isinstance(e, TextDelta))


def test_a_controlled_reactant_is_told(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, "Reactants: O=C(Cl)Cl.Nc1ccc(O)cc1")
    _, done = answered(assistant, asked(RETRO, "O=C=Nc1ccc(O)cc1"))
    assert done.message.text == "Reactants: Nc1ccc(O)cc1.O=C(Cl)Cl"


def test_a_controlled_molecule_has_no_retrosynthesis(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = saying(assistant, monkeypatch, "Reactants: C")
    _, done = answered(assistant, asked(RETRO, "CNC(C)Cc1ccccc1"))
    assert not seen
    assert "I do not help" in done.message.text


def test_its_tasks_are_offered(assistant: Assistant, bundle: Path) -> None:
    known = Bundle.read(bundle)
    Bundle.write(
        bundle,
        known.name,
        {name: path.name for name, path in known.components.items()},
        cannot=("product", "name"),
    )
    status = Assistant.load(bundle, device="cpu").status()
    assert status.cannot == ("name",)
    assert REACTIONS in {adapter.name for adapter in status.adapters if adapter.on}


def test_its_passport_asked_again_gives_the_same(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(assistant, monkeypatch, f"Reactants: {ACID}.{AMINE}", f"Reactants: CC(=O)Cl.{AMINE}")
    conversation = asked(RETRO, AMIDE)
    _, done = answered(assistant, conversation)
    case = Case(1, conversation, done.message.passport, done.message)
    report = replay(assistant, case)
    assert report.equal
    assert not report.environment


def test_a_directory_that_says_nothing_is_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"config\.json is missing"):
        SpecialistInfo.read(tmp_path)
    (tmp_path / "config.json").write_text('{"tasks": ["reagent"]}', encoding="utf-8")
    with pytest.raises(BundleError, match="reagent"):
        SpecialistInfo.read(tmp_path)


def test_figures_come_back_as_written(tmp_path: Path) -> None:
    info = SpecialistInfo(("product",), {"product": replace(MEASURED, command="measure")})
    info.write(tmp_path)
    assert SpecialistInfo.read(tmp_path) == info
