"""The dialogues a model is trained on must be true and laid out as in serving."""

import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from assistant.chat.card import CARD_LABELS, COMPARED_KEYS, compared_number
from assistant.chat.prompts import render_with
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.evaluate.statements import refuses
from assistant.llm.layout import SlotPiece, layout
from assistant.train import comparing, wording
from assistant.train import dialogues as dialogues_module
from assistant.train.both import both
from assistant.train.comparing import _being_ahead, _end
from assistant.train.dialogues import PASSAGES, DialogueWriter
from assistant.train.encode import Encoder, LossWeights
from assistant.train.language import Naming
from assistant.train.tokenizer import train_tokenizer
from assistant.train.view import GOES_ON, Dialogue, View

SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O", "CCO", "C[C@H](N)C(=O)O", "c1ccncc1", "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "C/C=C/C", "[Na+].CC(=O)[O-]", "Clc1ccc(Br)cc1", "O=[N+]([O-])c1ccccc1", "C",
)  # fmt: skip


@pytest.fixture(scope="module")
def writer() -> DialogueWriter:
    molecules = [
        Molecule.parse(s, name="aspirin" if i == 0 else None) for i, s in enumerate(SMILES)
    ]
    outside = {"off_topic": ["Book a table for two."], "general_chemistry": ["What is a mole?"]}
    return DialogueWriter([(m, compute_facts(m)) for m in molecules], outside, seed=3)


@pytest.fixture(scope="module")
def dialogues(writer: DialogueWriter) -> list[Dialogue]:
    return [writer.write() for _ in range(400)]


def test_dialogues_alternate_and_end_with_an_answer(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        roles = [m.role for m in dialogue.conversation.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert len(dialogue.intents) == len(roles) // 2


def test_no_placeholder_is_left(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        for message in dialogue.conversation.messages:
            assert "{" not in message.text, message.text


def test_every_intent_is_written(dialogues: list[Dialogue]) -> None:
    intents = {intent for dialogue in dialogues for intent in dialogue.intents}
    assert {
        "describe",
        "compare",
        "unknown",
        "group",
        "name",
        "both",
        "small talk",
        "no molecule",
    } <= intents
    assert {f"fact {key}" for key in CARD_LABELS} <= intents


def test_answers_speak_of_a_molecule_in_focus(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        messages = dialogue.conversation.messages
        for turn, answer in enumerate(messages[1::2]):
            said = {int(n) for n in re.findall(r"[Mm]olecule (\d+)", answer.text)}
            if dialogue.intents[turn] not in ("small talk", "no molecule"):
                assert said <= set(dialogue.conversation.focus(turn)), answer.text


def test_a_dropped_fact_is_never_stated(dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues:
        answers = dialogue.conversation.messages[1::2]
        for turn, (intent, answer) in enumerate(zip(dialogue.intents, answers, strict=True)):
            focus = dialogue.conversation.focus(turn)
            key = intent.removeprefix("fact ")
            if intent.startswith("fact ") and len(focus) == 1:
                view = dialogue.views[focus[0]]
                if not view.knows(key):
                    assert CARD_LABELS[key] in answer.text
                    assert refuses(answer.text)


def test_names_are_read_and_not_remembered(dialogues: list[Dialogue]) -> None:
    views = [view for dialogue in dialogues for view in dialogue.views.values()]
    names = [view.name for view in views if view.name and view.name != "aspirin"]
    assert len(names) > len(views) // 5
    assert len(set(names)) > 0.97 * len(names)
    for dialogue in dialogues:
        answers = dialogue.conversation.messages[1::2]
        for turn, answer in enumerate(answers):
            view = dialogue.views.get((*dialogue.conversation.focus(turn), 0)[0])
            if dialogue.intents[turn] == "describe" and view is not None and view.name:
                assert f" is {view.name}" in answer.text


def test_an_isomer_is_drawn_among_those_that_are_not_there_yet(
    writer: DialogueWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogues_module, "ISOMERS", 1.0)
    families = ("CCCCO", "CCC(C)O", "CCOCC"), ("CCCN", "CC(C)N"), ("CC#N",), ("c1ccsc1",)
    molecules = [Molecule.parse(smiles) for family in families for smiles in family]
    formulas = {m.smiles: compute_facts(m).formula for m in molecules}
    other = DialogueWriter([(m, compute_facts(m)) for m in molecules], writer.outside, seed=8)
    after: dict[int, int] = Counter()
    for _ in range(300):
        conversation = other.write().conversation
        there = [known.molecule.smiles for known in conversation.molecules]
        for i, (last, further) in enumerate(pairwise(there)):
            left = {s for s in formulas if formulas[s] == formulas[last]} - set(there[: i + 1])
            assert further in left or not left
            after[len(left)] += 1
    assert min(after[0], after[1], after[2]) > 10


def test_two_questions_in_one_get_both_answers(writer: DialogueWriter) -> None:
    rng = random.Random(5)
    dialogue = next(d for d in iter(writer.write, None) if len(d.views) == 1)
    ((number, view),) = dialogue.views.items()
    for _ in range(50):
        question, answer, _ = both(rng, view, Naming(rng, number, alone=True, in_focus=True))
        assert len(question.split()) > 3
        assert answer.count(". ") >= 1


def test_what_cannot_be_answered_is_declined_in_words_that_are_counted_as_such() -> None:
    said = (
        *wording.SAY_UNKNOWN,
        *wording.SAY_ABSENT,
        *wording.SAY_OFF_TOPIC,
        *wording.SAY_GENERAL_CHEMISTRY,
    )
    assert not [text for text in said if not refuses(text)]


def test_the_same_seed_writes_the_same(writer: DialogueWriter) -> None:
    twins = [DialogueWriter(writer.molecules, writer.outside, seed=9) for _ in range(2)]
    assert [twins[0].write() for _ in range(5)] == [twins[1].write() for _ in range(5)]


@pytest.fixture(scope="module")
def tokenizer(dialogues: list[Dialogue]) -> PreTrainedTokenizerFast:
    texts = [m.text for d in dialogues for m in d.conversation.messages]
    return train_tokenizer(texts, vocab_size=1800)


def test_training_layout_is_the_layout_of_serving(
    dialogues: list[Dialogue], tokenizer: PreTrainedTokenizerFast
) -> None:
    encoder = Encoder(tokenizer, LossWeights())
    for dialogue in dialogues[:60]:
        conversation, views = dialogue.conversation, dialogue.views
        example = encoder.encode(dialogue)
        prompt = render_with(
            conversation.truncated(len(conversation.messages) - 1),
            lambda entry, views=views: views[entry.number].card(),
            lambda entry, views=views: views[entry.number].identity(),
        )
        ids: list[int] = []
        focuses: list[tuple[int, ...]] = []
        for piece in layout(prompt, tokenizer).pieces:
            if isinstance(piece, SlotPiece):
                n_tokens = 28 if views[piece.number].graph else 0
                ids += [0] * n_tokens
                focuses += [(piece.number,)] * n_tokens
            else:
                ids += piece.ids
                focuses += [piece.segment] * len(piece.ids)
        assert example.ids[: len(ids)].tolist() == ids
        assert [example.focuses[s] for s in example.segments[: len(ids)]] == focuses
        answer = tokenizer.decode(example.ids[len(ids) :])
        assert answer == conversation.messages[-1].text + "<|end|>"
        assert np.all(example.weights[len(ids) :] >= 1.0)


@pytest.mark.parametrize(
    "text",
    ["SMILES: C[C@@H](N)C(=O)[O-].[Na+]", "cLogP: -1.31", "63.6 Å²", "Ünïcode 分子 ✓\n\n  x"],
)
def test_the_tokenizer_is_lossless_and_groups_digits_by_three(
    tokenizer: PreTrainedTokenizerFast, text: str
) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert all(sum(c.isdigit() for c in t) <= 3 for t in tokens)


def test_data_directory_without_a_corpus_is_named(tmp_path: Path) -> None:
    from assistant.errors import AssistantError
    from assistant.train.corpus import molecules_with_facts

    with pytest.raises(AssistantError, match="smiles_corpus"):
        molecules_with_facts(tmp_path, tmp_path / "kept.pkl", n=1, seed=1)


def test_a_comparison_names_the_molecule_that_its_facts_name(dialogues: list[Dialogue]) -> None:
    n = 0
    for dialogue in dialogues:
        for intent, answer in zip(
            dialogue.intents, dialogue.conversation.messages[1::2], strict=True
        ):
            found = re.search(r"so molecule (\d) (?:is|has) (.*)\.$", answer.text)
            if not intent.startswith("compare ") or not found:
                continue
            n += 1
            said = [int(number) for number in re.findall(r"olecule (\d)", answer.text)]
            views = {number: dialogue.views[number] for number in said}
            key, less = next(
                (key, less)
                for key in COMPARED_KEYS
                for less in (False, True)
                if found[2] in (_being_ahead(key, less=less), "the " + _end(key, less=less))
            )
            numbers = {m: compared_number(view.values[key]) for m, view in views.items()}
            best = min(numbers.values()) if less else max(numbers.values())
            assert [m for m, value in numbers.items() if value == best] == [int(found[1])]
    assert n > 40


def test_texts_to_go_on_with_count_as_text(
    writer: DialogueWriter, tokenizer: PreTrainedTokenizerFast
) -> None:
    outside = {**writer.outside, PASSAGES: ["Water boils.\nAt 100 degrees it is a gas."]}
    other = DialogueWriter(writer.molecules, outside, seed=4)
    dialogue = next(
        d for d in iter(other.write, None) if d.intents[-1] == GOES_ON and GOES_ON in d.intents[:-1]
    )
    assert dialogue.conversation.messages[-2].text == "Go on with this text: Water boils."
    assert dialogue.conversation.messages[-1].text == "At 100 degrees it is a gas."
    weights = LossWeights(answer=1.0, number=4.0, text=0.3)
    example = Encoder(tokenizer, weights).encode(dialogue)
    n = len(tokenizer.encode("At 100 degrees it is a gas.", add_special_tokens=False))
    assert example.weights[-n - 1 :] == pytest.approx(0.3)
    (_, *ends) = np.flatnonzero(example.ids == tokenizer.eos_token_id)  # the first: of the system
    plain = [0.3 if intent == GOES_ON else 1.0 for intent in dialogue.intents]
    assert example.weights[ends[1::2]] == pytest.approx(plain)
    assert example.weights[ends[::2]] == pytest.approx(0.0)


def test_what_no_fact_compares_is_declined(dialogues: list[Dialogue]) -> None:
    declined = [
        answer.text
        for dialogue in dialogues
        for turn, (intent, answer) in enumerate(
            zip(dialogue.intents, dialogue.conversation.messages[1::2], strict=True)
        )
        if intent == "unknown" and len(dialogue.conversation.focus(turn)) > 1
    ]
    assert len(declined) > 10
    assert all(map(refuses, declined))


def test_two_molecules_are_not_all_and_counts_are_plural(dialogues: list[Dialogue]) -> None:
    rng = random.Random(12)
    (two, several) = (next(d.views for d in dialogues if len(d.views) == n) for n in (2, 3))
    of_two = [comparing.compare(rng, two, *two)[0].lower() for _ in range(3000)]
    assert not [asked for asked in of_two if "all two" in asked or "all of them" in asked]
    assert any("of the two" in asked for asked in of_two)
    of_three = [comparing.most_of_all(rng, several)[0].lower() for _ in range(500)]
    assert any("all three" in asked for asked in of_three)
    shown = {n: View({"stereocentres": f"{n} of 2 set"}, v.facts, None, None, graph=False)
             for n, v in two.items()}  # fmt: skip
    assert comparing._values(shown, "stereocentres") == (
        "The stereocentres are 1 of 2 set for molecule 1 and 2 of 2 set for molecule 2"
    )


def test_a_conversation_is_as_long_as_the_writer_says(dialogues: list[Dialogue]) -> None:
    assert {len(d.intents) for d in dialogues} == set(range(1, 13))
    assert {len(d.views) for d in dialogues} == set(range(5))
    assert max(len(d.conversation.focus(t)) for d in dialogues for t in range(len(d.intents))) == 4


def test_some_dialogues_have_the_numbers_of_a_long_chat(writer: DialogueWriter) -> None:
    other = DialogueWriter(writer.molecules, writer.outside, seed=5, later=0.5)
    dialogues = [other.write() for _ in range(200)]
    firsts = [min(d.views) for d in dialogues if d.views]
    assert 0.35 < sum(first > 1 for first in firsts) / len(firsts) < 0.65
    assert max(firsts) > 20
    for dialogue in dialogues:
        known = set(dialogue.views)
        texts = " ".join(message.text for message in dialogue.conversation.messages)
        said = {int(n) for n in re.findall(r"\b[Mm]olecule (\d+)\b", texts)}
        assert {n for n in said if n > 3} <= known  # small ones stand in explanations, too
