"""Which questions are for a number that a specialist writes, and which only look like it."""

import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chat.number_words import AskedNumber, asked_number
from assistant.chat.short_values import SHORT_VALUES
from assistant.chem.molecule import Molecule
from assistant.evaluate.tasks.reading import read_value
from assistant.evaluate.tasks.registry import task_of


def asked(question: str, *smiles: str) -> AskedNumber | None:
    conversation, numbers = Conversation(), []
    for text in smiles or ("Oc1ccccc1",):
        conversation, number = conversation.with_molecule(Molecule.parse(text))
        numbers.append(number)
    return asked_number(conversation.with_message(Message("user", question, tuple(numbers))))


@pytest.mark.parametrize(
    "question",
    [
        "What is the HOMO energy of molecule 1?",
        "homo?",
        "HOMO energy in eV please",
        "and the energy of the highest occupied orbital?",
        "Predict the HOMO energy.",
        "Can you estimate its HOMO level?",
        "Calculate the HOMO energy with DFT",
        "How high is the HOMO?",
        "how deep is its HOMO",
        'What is the HOMO energy of molecule 1? Answer in the form "HOMO energy: <number> Eh".',
    ],
)
def test_questions_for_the_number(question: str) -> None:
    assert asked(question) == AskedNumber("homo", (1,))


@pytest.mark.parametrize(
    "question",
    [
        "What's the measured HOMO energy?",
        "experimental HOMO level from CV",
        "What does HOMO mean?",
        "Draw the HOMO",
        "Which orbital is the HOMO?",
        "Where is the HOMO located?",
        "Is the HOMO energy above -6 eV?",
        "HOMO of @1 at CAM-B3LYP/def2-TZVP",
        "HOMO energy at the M06-2X level",
        "HOMO energy of the radical cation",
        "HOMO energy in water",
        "What is the HOMO-LUMO gap?",
        "LUMO energy?",
        "HOMO and LUMO energies?",
        "Why is the HOMO so low?",
        "How does the HOMO energy change when I add a nitro group?",
        "How high is the HOMO of benzene compared to this?",
        "What is the melting point?",
        "What is the logP?",
    ],
)
def test_questions_that_it_does_not_answer(question: str) -> None:
    assert asked(question) is None


def test_of_several_molecules_the_one_that_is_named() -> None:
    assert asked("HOMO energy of molecule 2?", "CCO", "CCN") == AskedNumber("homo", (2,))
    assert asked("How high is the HOMO?", "CCO", "CCN") is None


@pytest.mark.parametrize(
    "question",
    [
        "Which has the higher HOMO energy?",
        "Which of molecule 1 and 2 has the higher HOMO?",
        "HOMO energies of both",
        "Compare the HOMO energies.",
        "Is the HOMO of 1 higher than that of 2?",
        "homo of 1 and 2",
    ],
)
def test_which_of_several_has_the_higher_one(question: str) -> None:
    assert asked(question, "CCO", "CCN") == AskedNumber("homo", (1, 2))


@pytest.mark.parametrize(
    "question",
    [
        "How much do the HOMO energies differ?",
        "Which has the higher HOMO energy in water?",
        "Which is easier to oxidise?",
        "Draw the HOMOs of both",
        "Which has the larger HOMO-LUMO gap?",
        "Why is the HOMO of 1 higher?",
    ],
)
def test_what_is_asked_of_several_and_not_answered(question: str) -> None:
    assert asked(question, "CCO", "CCN") is None


def test_an_answer_about_several_says_which_is_highest_and_how_surely() -> None:
    value = SHORT_VALUES["homo"]
    text = value.answer_of_several({1: -0.2612, 3: -0.2202}, 0.0045)
    assert text.splitlines() == [
        "HOMO energy of molecule 1: -0.2612 Hartree (-7.11 eV)",
        "HOMO energy of molecule 3: -0.2202 Hartree (-5.99 eV)",
        "Molecule 3 has the higher one, estimated for B3LYP/6-31G(2df,p).",
    ]
    close = value.answer_of_several({1: -0.2612, 3: -0.2602}, 0.0045)
    assert close.endswith("; it is ahead by less than the mean error of 0.0045 Hartree.")
    assert "Both are equal," in value.answer_of_several({1: -0.26, 2: -0.26}, None)
    three = {1: -0.26, 2: -0.31, 3: -0.21}
    assert "Molecule 3 has the highest one," in value.answer_of_several(three, 0.0045)
    three[1] = three[3]
    assert "The highest ones are equal," in value.answer_of_several(three, 0.0045)


def test_what_is_written_is_read_back() -> None:
    value = SHORT_VALUES["homo"]
    for number in (-0.2451, -0.1, 0.0312):
        assert value.value_in(value.written(number)) == pytest.approx(number)
    for text in ("", "2-2", "--.2445", "-0.24 Hartree", "0,24", "nan"):
        assert value.value_in(text) is None


def test_an_answer_is_read_by_its_task_and_has_both_units() -> None:
    text = SHORT_VALUES["homo"].answer(-0.2451)
    assert text == "HOMO energy: -0.2451 Hartree (-6.67 eV), estimated for B3LYP/6-31G(2df,p)"
    assert read_value(text, task_of("property:homo").quantity) == pytest.approx(-0.2451)
