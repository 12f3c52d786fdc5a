"""A first attempt that was withdrawn is in every file, with what was wrong in it."""

import json
from dataclasses import replace

import pytest

from assistant.chat.conversation import (
    Conversation,
    Message,
    message_from_json,
    message_to_json,
)
from assistant.chat.first_attempt import FirstAttempt
from assistant.errors import UnreadableFileError
from assistant.export.exchange import read_json, to_json
from assistant.export.markdown import to_markdown
from assistant.export.notebook import to_notebook
from assistant.export.pdf import to_pdf
from assistant.export.source import Export
from tests.export.pdf_words import words_of
from tests.export.sample import check, sample


def attempt(text: str) -> FirstAttempt:
    start = text.index("2 rings")
    wrong = replace(check("2 rings", "contradicted", "1 ring"), start=start, end=start + 7)
    return FirstAttempt(text, (7, 8, 9), (wrong,))


@pytest.fixture
def export() -> Export:
    """The sample with a first attempt below its last answer."""
    whole = sample()
    messages = list(whole.conversation.messages)
    assert messages[-1].role == "assistant"
    messages[-1] = replace(messages[-1], first_attempt=attempt("- It has 2 rings\n- and an ester"))
    return replace(whole, conversation=replace(whole.conversation, messages=tuple(messages)))


def answer_of(conversation: Conversation) -> Message:
    return conversation.messages[-1]


def test_json_gives_it_back_equal(export: Export) -> None:
    again = read_json(to_json(export)).conversation
    assert again == export.conversation
    assert answer_of(again).first_attempt == answer_of(export.conversation).first_attempt


def test_files_and_records_of_before_there_were_first_attempts_are_read() -> None:
    old = message_to_json(answer_of(sample().conversation))
    assert "first_attempt" not in old
    assert message_from_json(json.loads(json.dumps(old))).first_attempt is None


def test_a_stored_message_keeps_it(export: Export) -> None:
    message = answer_of(export.conversation)
    assert message_from_json(json.loads(json.dumps(message_to_json(message)))) == message


def test_a_check_outside_of_the_first_attempt_is_refused(export: Export) -> None:
    document = json.loads(to_json(export))
    document["messages"][-1]["first_attempt"]["checks"][0]["end"] = 900
    with pytest.raises(UnreadableFileError, match="outside of its text"):
        read_json(json.dumps(document))


def test_markdown_folds_it_away_with_marks_and_true_values(export: Export) -> None:
    text = to_markdown(export)
    folded = text[
        text.index("<summary>first attempt, withdrawn because the structure contradicts it") :
    ]
    assert "- It has 2 rings ✗ (computed: 1 ring)" in folded
    assert "| ✗ | 2 rings | 1 ring |" in folded


def test_pdf_has_it_with_its_mark(export: Export) -> None:
    words = words_of(to_pdf(export))
    assert "first" in words
    assert "withdrawn" in words
    assert "computed: 1 ring" in words or "1 ring" in words


def test_notebook_has_it_below_the_answer(export: Export) -> None:
    cells = json.loads(to_notebook(export))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    assert any("first attempt, withdrawn" in text and "It has 2 rings" in text for text in texts)
    assert any("'first_attempt'" in s or '"first_attempt"' in s for s in map(str, cells))


@pytest.fixture
def asked_again(export: Export) -> Export:
    """The first attempt gave nothing of what was asked for."""
    messages = list(export.conversation.messages)
    first = FirstAttempt("I do not know.", (7,), (), "What is the *QED* of <b>molecule 1</b>?")
    messages[-1] = replace(messages[-1], first_attempt=first)
    return replace(export, conversation=replace(export.conversation, messages=tuple(messages)))


def test_a_question_that_was_asked_again_in_plain_words_is_kept(asked_again: Export) -> None:
    assert read_json(to_json(asked_again)).conversation == asked_again.conversation
    message = answer_of(asked_again.conversation)
    assert message_from_json(json.loads(json.dumps(message_to_json(message)))) == message


def test_every_file_says_how_it_was_asked_again_and_escapes_it(asked_again: Export) -> None:
    text = to_markdown(asked_again)
    assert "<summary>first attempt, withdrawn; asked again as" in text
    assert "What is the *QED* of &lt;b&gt;molecule 1&lt;/b&gt;?" in text  # inside of markup
    cells = json.loads(to_notebook(asked_again))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    assert any("asked again as" in text and "<b>" not in text for text in texts)
    assert "again" in words_of(to_pdf(asked_again))


def test_a_first_attempt_with_nothing_wrong_in_it_is_refused(asked_again: Export) -> None:
    document = json.loads(to_json(asked_again))
    document["messages"][-1]["first_attempt"]["asked_again"] = ""
    with pytest.raises(UnreadableFileError, match="no contradicted claim"):
        read_json(json.dumps(document))


@pytest.fixture
def misnamed(export: Export) -> Export:
    """The first attempt called the molecule what nobody knows."""
    messages = list(export.conversation.messages)
    first = FirstAttempt("It is rosane.", (7,), (), misnamed="rosane")
    messages[-1] = replace(messages[-1], first_attempt=first)
    return replace(export, conversation=replace(export.conversation, messages=tuple(messages)))


def test_every_file_says_which_name_nobody_knew(misnamed: Export) -> None:
    assert read_json(to_json(misnamed)).conversation == misnamed.conversation
    message = answer_of(misnamed.conversation)
    assert message_from_json(json.loads(json.dumps(message_to_json(message)))) == message
    assert "withdrawn because nobody knows “rosane” here" in to_markdown(misnamed)
    assert "rosane" in words_of(to_pdf(misnamed))
