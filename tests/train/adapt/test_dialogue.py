"""Records become conversations whose answers can be scored, and are shown in part."""

import random

import pytest

from assistant.chat.card import CARD_KEYS
from assistant.chat.pair_answers import parse_value, parse_yes_no
from assistant.chem.aligned import aligned_smiles
from assistant.chem.molecule import Molecule
from assistant.chem.pairs import pair_task
from assistant.train.adapt.dialogue import conversation_of, lesson, show
from assistant.train.adapt.recipe import ShownRates
from assistant.train.sources.records import Caption, Label, Pair, Reaction, Value
from tests.train.adapt.tiny import ACID, BENZENE, ETHANOL, own_conversation, records


def asked(record, seed: int = 0) -> tuple[str, str, tuple[int, ...]]:
    conversation = conversation_of(record, random.Random(seed))
    question, answer = conversation.messages
    return question.text, answer.text, conversation.focus(0)


@pytest.mark.parametrize("record", records(), ids=lambda r: f"{type(r).__name__} {r.place}")
def test_every_record_ends_with_an_answer_and_is_the_same_twice(record):
    first, again = (lesson(record, random.Random(3), ShownRates()) for _ in range(2))
    assert first == again
    assert first.conversation.messages[-1].role == "assistant"
    assert set(first.shown) == {m.number for m in first.conversation.molecules}
    for message in first.conversation.messages:
        assert "{" not in message.text


def test_a_caption_is_asked_for_in_many_ways():
    record = Caption(ETHANOL, "It is an alcohol.", "x")
    questions = {asked(record, seed)[0] for seed in range(60)}
    assert len(questions) >= 8
    assert "Describe molecule 1." in questions
    assert all("molecule 1" in q for q in questions)
    assert asked(record)[1:] == ("It is an alcohol.", (1,))


def test_values_labels_and_pairs_are_answered_in_their_forms():
    value = Value(ETHANOL, "HOMO energy", -0.26351, "Hartree", 4, "x")
    assert asked(value)[1] == "HOMO energy: -0.2635 Hartree"
    label = Label(ETHANOL, "crosses the blood-brain barrier", False, "x")
    question, answer, _ = asked(label)
    assert "crosses the blood-brain barrier" in question
    assert parse_yes_no(answer) is False
    pair = Pair(BENZENE, ETHANOL, "absorption", 431.5, "x")
    conversation = conversation_of(pair, random.Random(0))
    assert conversation.messages[0].pair.numbers == (1, 2)
    assert parse_value(pair_task("absorption"), conversation.messages[1].text) == 431.5
    assert parse_yes_no(asked(Pair(ACID, ETHANOL, "drug_drug", True, "x"))[1]) is True


def test_a_reaction_is_asked_from_all_sides():
    record = Reaction(ETHANOL, BENZENE, ACID, "x")
    answers = {asked(record, seed)[1] for seed in range(40)}
    along = f"Reactants: {aligned_smiles(ETHANOL, ACID.smiles)}"
    assert answers == {"Product: CC(=O)O", along, "Reagents: c1ccccc1"}
    without = Reaction(ETHANOL, None, ACID, "x")
    assert {asked(without, s)[1] for s in range(40)} == {"Product: CC(=O)O", along}
    for seed in range(10):
        conversation = conversation_of(record, random.Random(seed))
        answer = conversation.messages[-1].text.split(": ")[1]
        assert answer not in {m.molecule.smiles for m in conversation.molecules}


def test_a_product_is_asked_of_reagents_apart_and_of_the_mixture():
    record = Reaction(ETHANOL, BENZENE, ACID, "x")
    given = [
        tuple(m.molecule.smiles for m in conversation_of(record, rng, ["forward"]).molecules)
        for rng in map(random.Random, range(60))
    ]
    assert set(given) == {("CCO", "c1ccccc1"), ("CCO.c1ccccc1",)}


def test_only_the_sides_that_a_recipe_wants_are_asked_for():
    record = Reaction(ETHANOL, BENZENE, ACID, "x")
    for side, field in {"forward": "Product", "retro": "Reactants", "reagent": "Reagents"}.items():
        answers = [
            conversation_of(record, random.Random(seed), [side]).messages[-1].text
            for seed in range(20)
        ]
        assert all(answer.startswith(f"{field}: ") for answer in answers)


def test_of_a_mixture_nobody_is_asked_for_the_reactants():
    record = Reaction(Molecule.parse("CCO.[Na+].[OH-]"), None, ACID, "x", mixed=True)
    assert {asked(record, seed)[1] for seed in range(20)} == {"Product: CC(=O)O"}


def test_own_conversations_stay_as_they_are():
    record = next(r for r in records() if type(r).__name__ == "OwnConversation")
    assert conversation_of(record, random.Random(0)) == own_conversation()


def test_parts_are_left_out_as_often_as_the_recipe_says():
    rates = ShownRates(card=0.5, line=0.25, smiles=0.4, graph=0.2, blind=0.1)
    rng = random.Random(0)
    shown = [show(ETHANOL, rng, rates) for _ in range(4000)]
    blind = [s for s in shown if not s.graph and not s.identity]
    seen = [s for s in shown if s.graph or s.identity]
    cards = [s.card.splitlines() for s in seen if s.card != "no facts computed"]
    assert len(blind) / 4000 == pytest.approx(0.1, abs=0.02)
    assert sum(not s.graph for s in seen) / len(seen) == pytest.approx(0.2, abs=0.03)
    assert sum(not s.identity for s in seen) / len(seen) == pytest.approx(0.32, abs=0.03)
    assert len(cards) / len(seen) == pytest.approx(0.5, abs=0.03)
    kept = sum(map(len, cards)) / (len(cards) * len(CARD_KEYS))
    assert kept == pytest.approx(0.75, abs=0.02)
