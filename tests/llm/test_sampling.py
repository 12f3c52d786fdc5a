"""Tests of drawing tokens and of text that grows token by token."""

import pytest
import torch

from assistant.llm.sampling import AnswerText, Detokenizer, Sampler, Sampling
from tests.llm.fakes import make_tokenizer

LOGITS = torch.tensor([0.1, 2.0, 1.9, -3.0])


def test_temperature_zero_takes_the_most_probable_token():
    assert Sampler(Sampling(), "cpu").draw(LOGITS) == 1


def test_a_small_nucleus_is_the_most_probable_token():
    sampler = Sampler(Sampling(temperature=1.0, top_p=0.01, seed=4), "cpu")
    assert {sampler.draw(LOGITS) for _ in range(30)} == {1}


def test_the_nucleus_leaves_out_the_improbable():
    sampler = Sampler(Sampling(temperature=1.0, top_p=0.9, seed=4), "cpu")
    assert {sampler.draw(LOGITS) for _ in range(200)} == {1, 2}


def test_sampling_follows_the_probabilities():
    sampler = Sampler(Sampling(temperature=1.0, seed=1), "cpu")
    drawn = torch.bincount(torch.tensor([sampler.draw(LOGITS) for _ in range(4000)]), minlength=4)
    torch.testing.assert_close(drawn / 4000, LOGITS.softmax(0), atol=0.03, rtol=0)


def test_a_repeated_token_is_penalised():
    sampler = Sampler(Sampling(repetition_penalty=1.5), "cpu")
    assert [sampler.draw(LOGITS) for _ in range(2)] == [1, 2]


def test_a_penalty_lowers_negative_logits_too():
    sampler = Sampler(Sampling(repetition_penalty=2.0), "cpu")
    negative = torch.tensor([-1.0, -1.5])
    assert [sampler.draw(negative) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize(
    "options", [{"temperature": -1}, {"top_p": 0}, {"repetition_penalty": 0}, {"max_new_tokens": 0}]
)
def test_impossible_settings_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        Sampling(**options)


@pytest.mark.parametrize(
    "text", ["the acid, is it not?", "  spaces  stay ", "µg·mL⁻¹ → 水 🧪🧪", "C[C@H](N)C(=O)O\n\n"]
)
def test_growing_text_equals_the_text_decoded_at_once(text):
    tokenizer = make_tokenizer()
    detokenizer = Detokenizer(tokenizer)
    deltas = [detokenizer.add(token) for token in tokenizer(text)["input_ids"]]
    assert all("\ufffd" not in delta for delta in deltas)
    assert "".join(deltas) + detokenizer.flush() == text


def test_an_unfinished_character_comes_out_at_the_end():
    tokenizer = make_tokenizer()
    detokenizer = Detokenizer(tokenizer)
    ids = tokenizer("a🧪")["input_ids"][:-1]
    text = "".join(detokenizer.add(token) for token in ids)
    assert text == "a"
    assert "\ufffd" in detokenizer.flush()
    assert detokenizer.flush() == ""


def test_control_tokens_show_no_text():
    tokenizer = make_tokenizer()
    detokenizer = Detokenizer(tokenizer)
    ids = tokenizer("acid<|im_end|> base")["input_ids"]
    assert "".join(map(detokenizer.add, ids)) + detokenizer.flush() == "acid base"


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (("acid",), "the "),
        (("never", "id, is"), "the ac"),
        (("acidic",), "the acid, is it not?"),
        (("t?", "?"), "the acid, is it no"),
        ((), "the acid, is it not?"),
    ],
)
def test_text_ends_before_a_stop_text_and_nothing_of_it_was_given_out(stop, expected):
    tokenizer = make_tokenizer()
    text = AnswerText(tokenizer, stop)
    given, ended = "", False
    for token_id in tokenizer("the acid, is it not?").input_ids:
        delta, ended = text.add(token_id)
        given += delta
        if ended:
            break
    assert given + text.flush() == expected
    assert ended == (expected != "the acid, is it not?")


def test_an_empty_stop_text_is_a_mistake():
    with pytest.raises(ValueError, match="empty text"):
        Sampling(stop=("",))
