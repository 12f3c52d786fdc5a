"""The JSON form: what was written is read back equal, everything else is refused with its place."""

import json
from collections.abc import Callable

import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chem.limits import MAX_FILE_BYTES
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, InvalidMoleculeError, UnreadableFileError
from assistant.export.exchange import (
    BranchMessage,
    read_json,
    to_json,
    to_passport_json,
)
from assistant.export.source import export_of
from assistant.replay import read_cases
from tests.export.sample import PASSPORT, WHEN, conversation, predicted, sample


def changed(change: Callable[[dict], object]) -> str:
    document = json.loads(to_json(sample()))
    change(document)
    return json.dumps(document)


def test_what_is_exported_is_imported_equal() -> None:
    found = read_json(to_json(sample()))
    assert found.conversation == conversation()
    assert found.conversation.next_number == 4
    assert found.conversation.messages[1].passport == PASSPORT
    assert [b.parent for b in found.messages] == [None, 1, 2, 3]
    assert not found.is_passport
    assert read_json(to_json(export_of(Conversation(), WHEN))).conversation == Conversation()


def test_a_file_that_an_editor_saved_again_is_read() -> None:
    assert read_json("\ufeff" + to_json(sample())).conversation == conversation()
    (case, *_) = read_cases("\ufeff" + to_passport_json(sample(), 1))
    assert case.passport == PASSPORT


def test_a_name_is_inert_and_half_a_character_is_refused() -> None:
    text = changed(lambda d: d["molecules"][0].update(name="a\x00\u202e\n\nb"))
    assert read_json(text).conversation.molecule(1).molecule.name == "a b"
    for half in (
        changed(lambda d: d["messages"][1].update(passport={"x": "\ud800"})),
        changed(lambda d: d["messages"][1].update(passport={"\ud800": 1})),
    ):
        with pytest.raises(UnreadableFileError, match="surrogates not allowed"):
            read_json(half)


def test_what_is_known_of_a_predicted_number_comes_back_with_its_structure_read() -> None:
    written = to_json(export_of(predicted(), WHEN))
    assert read_json(written).conversation == predicted()
    other = json.loads(written)
    other["messages"][1]["checks"][0]["near"] = "OCC"  # another SMILES of the same molecule
    assert read_json(json.dumps(other)).conversation == predicted()
    other["messages"][1]["checks"][0]["near"] = "C1CC"
    with pytest.raises(UnreadableFileError, match="structure with a mistake"):
        read_json(json.dumps(other))


def test_where_a_question_names_molecules_comes_back() -> None:
    talk, number = Conversation().with_molecule(Molecule.parse("CCO", name="ethanol"))
    named = Message("user", "Is ethanol an acid?", (number,), mentions=((3, 10, number),))
    talk = talk.with_message(named)
    assert read_json(to_json(export_of(talk, WHEN))).conversation == talk


def test_branches_are_kept_and_one_is_shown() -> None:
    first, answer, second, other = conversation().messages
    branches = (
        BranchMessage(1, None, first),
        BranchMessage(2, 1, answer),
        BranchMessage(3, 1, other),
        BranchMessage(4, None, second),
    )
    found = read_json(to_json(sample(), branches=branches, shown=2))
    assert found.messages == branches
    assert found.conversation.messages == (first, answer)


def test_a_passport_file_ends_with_its_answer() -> None:
    found = read_json(to_passport_json(sample(), 1))
    assert found.is_passport
    assert found.conversation.messages == conversation().messages[:2]
    with pytest.raises(AssistantError, match="Question 3 has no answer"):
        to_passport_json(sample(), 3)


def put(document: dict, path: str, value: object) -> None:
    *steps, last = [int(s) if s.isdigit() else s for s in path.split(".")]
    for step in steps:
        document = document[step]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("messages.0.run", "import os", r"messages\[0\]\.run: Extra inputs"),
        ("run", 1, "run: Extra inputs"),
        ("messages.1.checks.0.extra", 1, r"checks\[0\]\.extra"),
        ("messages.1.checks.0.verdict", "true", r"verdict"),
        ("messages.0.role", "system", r"messages\[0\]\.role"),
        ("messages.0.text", 7, r"messages\[0\]\.text"),
        ("messages.0.text", "x" * 100_001, r"messages\[0\]\.text.*100000"),
        ("messages.1.token_ids", ["5"], r"token_ids\[0\]"),
        ("messages.1.token_ids", [2**31], r"token_ids\[0\]"),
        ("messages.1.passport", {"a": "x" * 50_001}, "passport of messages"),
        ("messages.1.checks.0.end", 5000, "outside of its text"),
        ("messages.1.scalings.mean", [[1.0]], "weights do not go with"),
        (
            "messages.1.first_attempt",
            {"text": "abc", "token_ids": [], "checks": []},
            "has no contradicted claim",
        ),
        ("messages.0.attached", [3], "about molecule 3, which is missing"),
        ("messages.0.mentions", [[0, 4, 3]], "about molecule 3, which is missing"),
        ("messages.0.mentions", [[0, 5000, 1]], "named outside of its text"),
        ("messages.0.mentions", [[3, 5, 1], [0, 2, 1]], "named outside of its text"),
        ("messages.0.role", "assistant", "answer without a question"),
        ("messages.2.parent", 9, "follows no earlier message"),
        ("messages.2.id", 1, "its id is taken"),
        ("shown", 17, "message 17 is shown, but missing"),
        ("next_number", 2, "next_number is 2, but 2 is taken"),
        ("molecules.1.number", 1, "same number"),
        ("molecules.1.smiles", "OC(=O)c1ccccc1OC(C)=O", "same structure"),
        ("molecules.1.smiles", "C1CC", "structure with a mistake"),
        ("molecules.1.smiles", "C" * 2001, r"molecules\[1\]\.smiles"),
        ("messages.1.checks.2.smiles", "nonsense(", "structure with a mistake"),
        ("version", 2, "version 2; version 1 is read"),
        ("format", "other", "no exported conversation"),
    ],
)
def test_what_is_not_as_written_is_refused_with_its_place(
    path: str, value: object, told: str
) -> None:
    with pytest.raises(UnreadableFileError, match=told):
        read_json(changed(lambda document: put(document, path, value)))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": NaN}', "[" * 200_000, "null", '{"a": 1' + "0" * 5000 + "}"]
)
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(UnreadableFileError):
        read_json(text)


def test_a_big_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(UnreadableFileError, match="MB"):
        read_json("[" + " " * MAX_FILE_BYTES)


def test_structures_go_through_the_parser_that_is_given() -> None:
    asked: list[str] = []

    def parse(many: list[str]) -> list[str]:
        asked.extend(many)
        raise InvalidMoleculeError("told so")

    with pytest.raises(UnreadableFileError, match="told so"):
        read_json(to_json(sample()), parse=parse)
    assert asked == ["CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "O=C(O)c1ccccc1O"]
