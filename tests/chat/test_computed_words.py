"""What RDKit computes and no card holds is answered by the program, where nothing else is asked."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.chat.computed_words import asked_computed, computed_answer
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chem.molecule import Molecule
from tests.bundles import write_tiny_bundle

DATA = Path(__file__).parents[1] / "data"
ASPIRIN, ETHANOL = "CC(=O)Oc1ccccc1C(=O)O", "CCO"


def asked(question: str, *smiles: str) -> Conversation:
    conversation, numbers = Conversation(), []
    for one in smiles or (ASPIRIN,):
        conversation, number = conversation.with_molecule(Molecule.parse(one))
        numbers.append(number)
    return conversation.with_message(Message("user", question, tuple(numbers)))


def text_of(conversation: Conversation) -> str:
    return computed_answer(conversation)[0]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Give me the InChIKey", "InChIKey"),
        ("InChIKey?", "InChIKey"),
        ("inchi key of molecule 2 please", "InChIKey"),
        ("Hi, can you give me the standard InChIKey for this molecule?", "InChIKey"),
        ("What is molecule 1's InChIKey?", "InChIKey"),
        ("What is its InChI?", "InChI"),
        ("What is the InChI of molecules 1 and 2?", "InChI"),
        ("How many degrees of unsaturation does it have?", "degrees of unsaturation"),
        ("DBE?", "degrees of unsaturation"),
        ("What is the index of hydrogen deficiency of this compound?", "degrees of unsaturation"),
        ("Calculated elemental analysis?", "composition by mass"),
        ("CHN", "composition by mass"),
        ("What percentage of the mass is carbon?", "composition by mass"),
        ("what share of its mass is oxygen", "composition by mass"),
        ("What is the nitrogen content?", "composition by mass"),
        ("What is an InChIKey?", ""),
        ("What is InChI?", ""),
        ("What are degrees of unsaturation?", ""),
        ("what's elemental analysis?", ""),
        ("What does InChIKey mean?", ""),
        ("Give me InChI and SMILES", ""),
        ("For my degrees-of-unsaturation check I need the ring count", ""),
        ("At pH 7.4, what percentage of it is protonated?", ""),
        ("elemental composition", ""),  # the formula
        ("What is the water content?", ""),
        ("How many carbons?", ""),
        ("What is the InChIKey used for?", ""),
    ],
)
def test_one_of_them_and_nothing_else_is_asked_for(question: str, name: str) -> None:
    asked = asked_computed(question)
    assert (asked.name if asked else "") == name


def test_no_question_that_the_model_is_measured_by_is_taken() -> None:
    taken = []
    for path in sorted(DATA.glob("heldout*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            turns = [turn["user"] for turn in row.get("turns", ())]
            taken += [q for q in (row.get("question", ""), *turns) if asked_computed(q)]
    assert taken == []


def test_the_answer_is_the_computed_value() -> None:
    assert text_of(asked("InChIKey?")) == "InChIKey: BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert text_of(asked("InChIKeys?")) == "InChIKey: BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert text_of(asked("InChI please", ETHANOL)) == "InChI: InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"
    assert text_of(asked("DBE?")) == "Degrees of unsaturation: 6 (rings and π bonds)"
    assert text_of(asked("CHN", ETHANOL)) == (
        "Composition by mass: C 52.14 %, H 13.13 %, O 34.73 %"
    )


def test_each_of_several_molecules_has_its_line() -> None:
    both = text_of(asked("What are their InChIKeys?", ASPIRIN, ETHANOL))
    assert both.splitlines() == [
        "InChIKey of molecule 1: BSYNRYMUTXBXSQ-UHFFFAOYSA-N",
        "InChIKey of molecule 2: LFQSCWFLJHTTHZ-UHFFFAOYSA-N",
    ]
    many = text_of(asked("InChIKeys?", *("C" * n for n in range(1, 8))))
    assert len(many.splitlines()) == 7
    one = text_of(asked("InChIKey of molecule 2?", ASPIRIN, ETHANOL))
    assert one == "InChIKey of molecule 2: LFQSCWFLJHTTHZ-UHFFFAOYSA-N"


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("InChI of 1?", [1]),
        ("InChI 2", [2]),
        ("DBE of 1 and 2", [1, 2]),
        ("What is molecule 1's InChIKey?", [1]),
        ("InChIKey", [2]),
        ("chn of 2024", []),
        ("InChIKeys of these compounds", []),  # which others is not said
    ],
)
def test_a_number_says_which_molecule_whatever_is_in_focus(
    question: str, numbers: list[int]
) -> None:
    both = asked(question, ASPIRIN, ETHANOL)
    last = replace(both.messages[-1], attached=(2,))
    lines = text_of(replace(both, messages=(last,))).splitlines()
    assert [int(line.partition(" of molecule ")[2].partition(":")[0]) for line in lines] == numbers


@pytest.mark.parametrize(
    ("question", "smiles"),
    [
        ("InChIKey of molecule 7?", (ASPIRIN,)),
        ("InChIKey of its sodium salt?", (ASPIRIN,)),
        ("InChIKeys?", tuple("C" * n for n in range(1, 30))),
    ],
)
def test_what_is_not_there_or_too_many_is_left_to_the_model(
    question: str, smiles: tuple[str, ...]
) -> None:
    assert text_of(asked(question, *smiles)) == ""


def test_what_inchi_cannot_say_is_said() -> None:
    assert text_of(asked("InChIKey?", "*CC")) == "InChIKey: InChI cannot express this structure"


@pytest.mark.parametrize("question", ["CHN", "DBE?"])
def test_an_open_structure_has_no_composition(question: str) -> None:
    assert text_of(asked(question, "*c1ccccc1")).endswith("with an open place")


def test_the_program_answers_in_the_models_place(tmp_path: Path) -> None:
    assistant = Assistant.load(write_tiny_bundle(tmp_path / "tiny"), device="cpu")
    *_, done = assistant.reply(asked("Give me the InChIKey"))
    assert isinstance(done, Finished)
    assert done.message.text == "InChIKey: BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    assert done.message.passport["sampling"]["by"] == "program"
    (check,) = done.message.checks
    assert (check.verdict, check.truth, check.molecule) == ("confirmed", "computed by RDKit", 1)
    assert (
        done.message.text[check.start : check.end] == check.claim == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"
    )


def test_each_value_has_its_mark() -> None:
    text, checks = computed_answer(asked("InChIKeys?", ASPIRIN, ETHANOL))
    assert [text[c.start : c.end] for c in checks] == [c.claim for c in checks]
    assert [c.molecule for c in checks] == [1, 2]
