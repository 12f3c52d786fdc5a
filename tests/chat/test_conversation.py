"""Numbers, references and focus of a conversation."""

import json

import pytest

from assistant.chat.conversation import Conversation, Message, PairQuestion, referred_numbers
from assistant.chat.mixture import ExpertScalings
from assistant.chat.prompts import render
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError

ASPIRIN = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O", name="aspirin")
ETHANOL = Molecule.parse("CCO")
BENZENE = Molecule.parse("c1ccccc1")


def conversation_of(*molecules: Molecule) -> Conversation:
    conversation = Conversation()
    for molecule in molecules:
        conversation, _ = conversation.with_molecule(molecule)
    return conversation


def asked(conversation: Conversation, text: str, *attached: int) -> Conversation:
    with_question = conversation.with_message(Message("user", text, attached))
    return with_question.with_message(Message("assistant", "…"))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Describe molecule 2.", (2,)),
        ("compare @1 with @3", (1, 3)),
        ("Compare molecules 1 and 2", (1, 2)),
        ("compounds 1, 2 and 3 differ", (1, 2, 3)),
        ("Is Compound #2 heavier?", (2,)),
        ("mail me at a@2b.example", ()),
        ("C, B and I are elements; 3 rings", ()),
        ("the 2 molecules", ()),
    ],
)
def test_references_are_read_in_order(text: str, numbers: tuple[int, ...]) -> None:
    assert referred_numbers(text) == numbers


def test_the_same_structure_keeps_its_number() -> None:
    conversation, first = Conversation().with_molecule(ASPIRIN)
    again, number = conversation.with_molecule(Molecule.parse("OC(=O)c1ccccc1OC(C)=O"))
    assert (first, number, len(again.molecules)) == (1, 1, 1)


def test_numbers_are_never_reused() -> None:
    conversation = conversation_of(ASPIRIN, ETHANOL).without_molecule(2)
    _, number = conversation.with_molecule(BENZENE)
    assert number == 3


def test_a_molecule_in_use_cannot_be_removed() -> None:
    conversation = asked(conversation_of(ASPIRIN), "What is it?", 1)
    with pytest.raises(AssistantError, match="part of the conversation"):
        conversation.without_molecule(1)


def test_focus_is_attached_or_named_else_the_previous_one() -> None:
    conversation = conversation_of(ASPIRIN, ETHANOL)
    conversation = asked(conversation, "What is it?", 1)
    conversation = asked(conversation, "And its mass?")
    conversation = asked(conversation, "Is molecule 2 lighter?")
    conversation = asked(conversation, "And now?")
    assert [conversation.focus(i) for i in range(4)] == [(1,), (1,), (2,), (2,)]


def test_focus_ignores_numbers_that_do_not_exist() -> None:
    conversation = asked(conversation_of(ASPIRIN), "Compare molecule 1 and molecule 7.")
    assert conversation.focus(0) == (1,)


def test_focus_holds_at_most_four() -> None:
    molecules = [Molecule.parse("C" * n) for n in range(1, 7)]
    conversation = asked(conversation_of(*molecules), "Compare all.", 1, 2, 3, 4, 5, 6)
    assert conversation.focus(0) == (1, 2, 3, 4)


def test_attaching_an_unknown_number_names_the_known_ones() -> None:
    with pytest.raises(AssistantError, match=r"no molecule 3 .* \(numbers: 1\)"):
        conversation_of(ASPIRIN).with_message(Message("user", "?", (3,)))


def test_json_round_trip() -> None:
    conversation = asked(conversation_of(ASPIRIN, ETHANOL), "Compare them.", 1, 2)
    assert Conversation.from_json(conversation.to_json()) == conversation


def test_json_round_trip_keeps_the_scalings_of_an_answer() -> None:
    scalings = ExpertScalings("turn", ("a", "b"), ("q", "v"), ((0.25, 0.75), (1.0, 0.0)))
    assert scalings.per_expert() == {"a": 0.625, "b": 0.375}
    conversation = Conversation(
        (Message("user", "?"), Message("assistant", "!", scalings=scalings))
    )
    data = json.loads(json.dumps(conversation.to_json()))
    assert Conversation.from_json(data) == conversation
    for message in data["messages"]:
        del message["scalings"]  # written before there were any
    assert Conversation.from_json(data).messages[1].scalings is None


@pytest.mark.parametrize("mean", [((0.5, 0.5),), ((0.5,), (0.5,))])
def test_scalings_that_do_not_go_with_their_names_are_refused(mean: tuple) -> None:
    with pytest.raises(ValueError, match="2 layers and 2 experts"):
        ExpertScalings("exact", ("a", "b"), ("q", "v"), mean)


def test_another_format_version_is_refused() -> None:
    with pytest.raises(AssistantError, match="version 2"):
        Conversation.from_json({**Conversation().to_json(), "format_version": 2})


def test_a_pair_is_in_focus_in_its_own_order_before_what_is_attached() -> None:
    conversation = conversation_of(ASPIRIN, ETHANOL, BENZENE)
    question = Message("user", "And molecule 3?", (3,), pair=PairQuestion(2, 1, "solvation"))
    assert conversation.with_message(question).focus(0) == (2, 1, 3)


def test_1_with_2_and_2_with_1_are_one_question_where_the_order_does_not_matter() -> None:
    assert PairQuestion(2, 1, "drug_drug") == PairQuestion(1, 2, "drug_drug")
    assert PairQuestion(2, 1, "solvation") != PairQuestion(1, 2, "solvation")


def test_a_pair_of_unknown_molecules_or_tasks_is_refused() -> None:
    with pytest.raises(AssistantError, match="no molecule 2"):
        conversation_of(ASPIRIN).with_message(
            Message("user", "?", pair=PairQuestion(1, 2, "drug_drug"))
        )
    with pytest.raises(AssistantError, match="no pair task 'ddi'"):
        PairQuestion(1, 2, "ddi")


def test_a_pair_survives_json_and_older_files_have_none() -> None:
    question = Message("user", "?", pair=PairQuestion(1, 2, "solvation"))
    conversation = conversation_of(ASPIRIN, ETHANOL).with_message(question)
    stored = conversation.to_json()
    assert Conversation.from_json(stored) == conversation
    del stored["messages"][0]["pair"]
    assert Conversation.from_json(stored).messages[0].pair is None


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("Which of the two is heavier?", (1, 2)),
        ("Do they have the same TPSA?", (1, 2)),
        ("And which has fewer rings?", (1, 2)),
        ("Compare the masses.", (1, 2)),
        ("Which functional groups does it have?", (2,)),
        ("Is this the same molecule as in the patent?", (2,)),
        ("What is its logP?", (2,)),
        ("Does molecule 1 differ from the patent?", (1,)),
    ],
)
def test_a_question_that_compares_and_names_none_is_about_all(
    question: str, focus: tuple[int, ...]
) -> None:
    conversation = Conversation()
    for smiles in ("CCO", "CCN"):
        conversation, number = conversation.with_molecule(Molecule.parse(smiles))
        conversation = conversation.with_message(Message("user", "Its mass?", (number,)))
        conversation = conversation.with_message(Message("assistant", "46 g/mol"))
    conversation = conversation.with_message(Message("user", question))
    assert conversation.focus(2) == focus
    assert conversation.focus(1) == (2,)
    later = conversation.with_message(Message("user", "And its logP?"))
    assert later.focus(3) == ((1,) if focus == (1,) else (2,)), "a comparison is of its own turn"


def test_a_comparison_that_brings_a_molecule_is_about_those_before_as_well() -> None:
    conversation = asked(conversation_of(ASPIRIN, ETHANOL, BENZENE), "Its mass?", 1)
    both = asked(conversation, "Which of the two is heavier?", 2)
    assert both.focus(1) == (1, 2)
    assert asked(conversation, "Which of the two, molecule 2 or @3?", 2).focus(1) == (2, 3)


def test_a_question_keeps_its_words_and_the_model_reads_numbers() -> None:
    conversation = Conversation()
    for smiles in ("CCO", "CCC"):
        conversation, _ = conversation.with_molecule(Molecule.parse(smiles))
    text = "Ethanol or propane: which is heavier?"
    mentions = ((0, 7, 1), (11, 18, 2))
    question = Message("user", text, attached=(2,), mentions=mentions)
    assert question.asked == "Molecule 1 or molecule 2: which is heavier?"
    asked = conversation.with_message(question)
    assert set(asked.focus(0)) == {1, 2}
    assert Conversation.from_json(asked.to_json()) == asked
    (last,) = render(asked, compute_facts).messages[1:]
    assert str(last.parts[-1]).endswith(question.asked)
    older = asked.to_json()
    del older["messages"][0]["mentions"]  # as it was saved before there were any
    assert Conversation.from_json(older).messages[0].mentions == ()


def test_a_comparison_keeps_what_its_question_brings() -> None:
    conversation = Conversation()
    for smiles in ("CCO", "CCC", "CCN", "CCCl", "CCBr"):
        conversation, _ = conversation.with_molecule(Molecule.parse(smiles))
        number = conversation.next_number - 1
        conversation = conversation.with_message(Message("user", "Mass?", attached=(number,)))
        conversation = conversation.with_message(Message("assistant", "1"))
    question = "Which of the two is heavier?"
    for attached, focus in (((1, 2), (1, 2)), ((1,), (1, 3, 4, 5)), ((), (2, 3, 4, 5))):
        asked = conversation.with_message(Message("user", question, attached=attached))
        assert asked.focus(5) == focus


def test_a_number_behind_a_name_is_no_molecule() -> None:
    conversation = Conversation()
    for smiles in ("Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCO", "CCC"):
        conversation, _ = conversation.with_molecule(Molecule.parse(smiles))
    text = "Do caffeine and 2 equivalents of NaOH react?"
    question = Message("user", text, attached=(1,), mentions=((3, 11, 1),))
    assert question.asked.startswith("Do molecule 1 and 2")
    assert conversation.with_message(question).focus(0) == (1,)
