"""Tokens of an answer and the characters they wrote."""

from assistant.chat.sentences import tokens_within
from assistant.llm.offsets import token_offsets
from tests.llm.fakes import make_tokenizer


def test_offsets_are_those_of_the_text_that_was_streamed():
    tokenizer = make_tokenizer()
    text = "the molecule is 1 Å long. It is a carboxylic acid."
    ids = tokenizer(text)["input_ids"]
    spans = token_offsets(tokenizer, ids)
    assert len(spans) == len(ids)
    assert spans[0][0] == 0
    assert [a for a, _ in spans[1:]] == [b for _, b in spans[:-1]]
    assert spans[-1][1] == len(text)
    assert any(a == b for a, b in spans)  # the first byte of Å is no character yet
    assert "".join(text[a:b] for a, b in spans) == text


def test_parts_that_follow_each_other_share_no_token_and_leave_none():
    spans = ((0, 3), (3, 8), (8, 8), (8, 9), (9, 13), (13, 14))
    first, second = tokens_within(spans, 0, 9), tokens_within(spans, 9, 14)
    assert first + second == (0, 1, 2, 3, 4, 5)


def test_a_blank_before_a_word_goes_with_the_word():
    # "acid. It": the token " It" begins inside the gap between two sentences
    assert tokens_within(((0, 4), (4, 5), (5, 8)), 6, 8) == (2,)
