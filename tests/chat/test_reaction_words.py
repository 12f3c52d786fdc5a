"""Which questions ask for reactants or a product, and of which molecules."""

import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chat.prompts import fill
from assistant.chat.reaction_words import asked_reaction
from assistant.chem.molecule import Molecule

AMIDE, ACID, AMINE = "CC(=O)Nc1ccc(O)cc1", "CC(=O)O", "Nc1ccc(O)cc1"


def asked(question: str, *smiles: str, roles: tuple[str | None, ...] = ()) -> Conversation:
    conversation, numbers = Conversation(), []
    for place, text in enumerate(smiles):
        role = roles[place] if place < len(roles) else None
        conversation, number = conversation.with_molecule(Molecule.parse(text), role)
        numbers.append(number)
    return conversation.with_message(Message("user", question, tuple(numbers)))


@pytest.mark.parametrize(
    "question",
    [
        fill("menu/retrosynthesis", molecule="molecule 1"),
        fill("tasks/retro", molecule="molecule 1", form="reactant: <SMILES>"),
        "retrosynthesis please",
        "How would you make it?",
        "Which reactants give molecule 1?",
        "How can molecule 1 be synthesised?",
        "Name reactants for molecule 1.",
        "What are the precursors of this?",
        "Suggest a one-step synthesis.",
        "How do I make Ph-NHAc, molecule 1?",
        "How is crystal violet made?",
    ],
)
def test_reactants_are_asked_for(question: str) -> None:
    found = asked_reaction(asked(question, AMIDE))
    assert found is not None
    assert (found.task, found.numbers) == ("retrosynthesis", (1,))
    assert found.smiles == Molecule.parse(AMIDE).smiles


@pytest.mark.parametrize(
    "question",
    [
        fill("menu/product", molecules="molecules 1 and 2"),
        fill("tasks/forward", molecule="molecule 1", form="product: <SMILES>"),
        "What forms when these two react?",
        "Predict the product.",
        "Which product do molecules 1 and 2 give?",
        "What is the product of molecules 1 and 2?",
        "product from @1 + @2",
    ],
)
def test_a_product_is_asked_for(question: str) -> None:
    found = asked_reaction(asked(question, ACID, AMINE))
    assert found is not None
    assert (found.task, found.numbers) == ("product", (1, 2))
    assert found.smiles == f"{Molecule.parse(ACID).smiles}.{Molecule.parse(AMINE).smiles}"


@pytest.mark.parametrize(
    "question",
    [
        "What is the logP of molecule 1?",
        "Is it a natural product?",
        "How is it made industrially?",
        "In which solvent is it made?",
        "Give me a procedure for making 5 g of it.",
        "How would you make this in two steps from cheap stuff?",
        "When was it first synthesised?",
        "What would make it more soluble?",
        "How many products are there in my list?",
        "Which metabolic products are known?",
        "What reagents turn molecule 1 into its acetate?",
        "How do I make the acetate, and in which yield?",
        "How do I prepare 1 L of a phosphate buffer at pH 7?",
        "How do I make a 10 mM stock of it?",
        "How are samples of it prepared?",
        "How is a tablet made?",
    ],
)
def test_other_questions_are_left_alone(question: str) -> None:
    assert asked_reaction(asked(question, AMIDE)) is None


def test_the_product_of_a_drawn_reaction_is_what_is_taken_apart() -> None:
    roles = ("reactant", "reactant", "product")
    reaction = asked("Suggest a retrosynthesis.", ACID, AMINE, AMIDE, roles=roles)
    assert asked_reaction(reaction).numbers == (3,)
    assert asked_reaction(
        asked("Predict the product.", ACID, AMINE, AMIDE, roles=roles)
    ).numbers == (1, 2)


def test_without_a_molecule_or_with_several_to_take_apart_nothing_is_asked() -> None:
    assert asked_reaction(asked("Suggest a retrosynthesis.")) is None
    assert asked_reaction(asked("Suggest a retrosynthesis.", ACID, AMINE)) is None
