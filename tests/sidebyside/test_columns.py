"""What the columns ask, and which of them are off."""

import pytest

from assistant.chat.conversation import Conversation, Message, NumberedMolecule
from assistant.chat.reply import EXPERTS, GRAPH, LORA, AdapterStatus, ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.sidebyside.columns import adapter_columns, molecule_columns, spelling_columns
from tests.sidebyside.fakes import ALL_ON, ASPIRIN, ETHANOL, asked

OPTIONS = ReplyOptions(temperature=0.4, seed=7)


def test_each_adapter_by_itself_and_all_with_the_same_seed() -> None:
    columns = adapter_columns(asked(), ALL_ON, OPTIONS)
    on = [(c.options.graph_tokens, c.options.instance_lora, c.options.experts) for c in columns]
    assert on == [
        (False, False, "off"),
        (True, False, "off"),
        (False, True, "off"),
        (False, False, "exact"),
        (True, True, "exact"),
    ]
    assert [c.label for c in columns] == ["base", f"+ {GRAPH}", f"+ {LORA}", f"+ {EXPERTS}", "all"]
    assert {(c.options.seed, c.options.temperature) for c in columns} == {(7, 0.4)}
    assert all(c.conversation == asked() for c in columns)
    assert not any(c.off for c in columns)


def test_what_is_off_in_the_bundle_says_why() -> None:
    adapters = (AdapterStatus(GRAPH, True), AdapterStatus(LORA, False, "not trained yet"))
    off = {c.label: c.off for c in adapter_columns(asked(), adapters, OPTIONS)}
    assert off == {
        "base": "",
        f"+ {GRAPH}": "",
        f"+ {LORA}": "not trained yet",
        f"+ {EXPERTS}": "not in this bundle",
        "all": "the same as “+ graph tokens”: no other adapter is on",
    }


def test_without_a_molecule_only_the_experts_can_do_something() -> None:
    conversation = Conversation().with_message(Message("user", "Hello"))
    columns = adapter_columns(conversation, ALL_ON, OPTIONS)
    assert ["no molecule" in c.off for c in columns] == [False, True, True, False, False]
    assert columns[4].off == "the same as “+ experts”: no other adapter is on"
    none_on = adapter_columns(conversation, (), OPTIONS)
    assert none_on[4].off == "no adapter is on"
    assert none_on[0].off == ""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Is molecule 1 an acid?", "Is molecule 2 an acid?"),
        ("Is @1 an acid?", "Is @2 an acid?"),
        ("Is Compound #1 an acid? Has it 1 ring?", "Is Compound #2 an acid? Has it 1 ring?"),
        ("Is this molecule an acid?", "Is this molecule an acid?"),
    ],
)
def test_the_same_question_names_each_molecule_by_its_own_number(text: str, wanted: str) -> None:
    entries = (NumberedMolecule(1, ASPIRIN), NumberedMolecule(2, ETHANOL))
    first, second = molecule_columns(text, entries, OPTIONS)
    assert [c.conversation.messages[-1].text for c in (first, second)] == [text, wanted]
    assert [c.conversation.focus(0) for c in (first, second)] == [(1,), (2,)]
    assert [c.conversation.molecules for c in (first, second)] == [(e,) for e in entries]
    assert (first.label, second.label) == ("aspirin", "ethanol")


def test_a_question_about_both_cannot_be_asked_of_one() -> None:
    entries = (NumberedMolecule(1, ASPIRIN), NumberedMolecule(2, ETHANOL))
    with pytest.raises(AssistantError, match="names molecules 1 and 2"):
        molecule_columns("Compare molecules 1 and 2.", entries, OPTIONS)
    with pytest.raises(AssistantError, match="no question yet"):
        molecule_columns("  ", entries, OPTIONS)
    with pytest.raises(AssistantError, match="two different molecules"):
        molecule_columns("Why?", (entries[0], NumberedMolecule(5, ASPIRIN)), OPTIONS)


def test_four_spellings_of_one_molecule() -> None:
    entry = NumberedMolecule(3, ASPIRIN)
    columns = spelling_columns("What is it?", entry, OPTIONS)
    assert len({c.spelling for c in columns}) == 4
    assert {Molecule.parse(c.spelling) for c in columns} == {ASPIRIN}
    assert [dict(c.options.spellings) for c in columns] == [{3: c.spelling} for c in columns]
    others = spelling_columns("What is it?", entry, OPTIONS, seed=1)
    assert {c.spelling for c in others} != {c.spelling for c in columns}


def test_a_molecule_that_is_written_in_one_way_is_refused() -> None:
    with pytest.raises(AssistantError, match="C can hardly be written"):
        spelling_columns("Why?", NumberedMolecule(1, Molecule.parse("C")), OPTIONS)
