"""Scores are the probabilities that the model gives, by the path an answer takes."""

import math

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from assistant.adapters.lora import step_adapters
from assistant.encoding import MoleculeEncoding
from assistant.errors import AssistantError
from assistant.llm.layout import IdsPiece, Layout, PairPiece, SlotPiece
from assistant.llm.load import LoadedLLM
from assistant.llm.scoring import (
    NO,
    YES,
    YesNoScore,
    likeliest_others,
    log_probabilities,
    score_yes_no,
    spellings,
)
from assistant.llm.splice import Spliced, splice
from assistant.pair_encoding import PairEncoding
from tests.llm.fakes import make_deltas, make_tokenizer, make_wrapped_llm
from tests.llm.test_splice import PAIR

LAYOUT = Layout(
    (
        IdsPiece((5, 40), ()),
        SlotPiece(1),
        IdsPiece((50, 51, 52), (1,)),
        PairPiece(PAIR, (1,)),
        IdsPiece((53,), (1,)),
    ),
    (1,),
)


@pytest.fixture(scope="module")
def llm() -> LoadedLLM:
    return make_wrapped_llm()


@pytest.fixture(scope="module")
def spliced(llm: LoadedLLM) -> Spliced:
    return splice_with(llm, seed=1)


def splice_with(llm: LoadedLLM, *, seed: int) -> Spliced:
    """A prompt with graph tokens, ΔW and pair tokens; the seed is that of the pair tokens."""
    torch.manual_seed(0)
    encodings = {1: MoleculeEncoding(torch.randn(3, 64), make_deltas(llm.model, 1)[0])}
    torch.manual_seed(seed)
    pairs = {PAIR: PairEncoding(torch.randn(4, 64))}
    return splice(LAYOUT, encodings, llm.model.get_input_embeddings(), pairs=pairs)


def by_one_pass(llm: LoadedLLM, spliced: Spliced, ids: tuple[int, ...]) -> float:
    """The same log-probability from one forward pass over prompt and continuation, no cache."""
    embed = llm.model.get_input_embeddings()
    embeds = torch.cat([spliced.inputs_embeds, embed(torch.tensor([ids]))], dim=1)
    slots = torch.full((1, len(ids)), spliced.answer_slot)
    index = torch.cat([spliced.segment_index, slots], dim=1)
    with torch.no_grad(), step_adapters(spliced.deltas, index):
        rows = llm.model(inputs_embeds=embeds, use_cache=False).logits[0].log_softmax(dim=-1)
    return sum(float(rows[spliced.n_tokens - 1 + k, token]) for k, token in enumerate(ids))


def test_a_continuation_has_the_probability_of_one_uncached_pass(llm, spliced):
    continuations = [(60,), (60, 61), (7, 7, 100), (61,)]
    values = log_probabilities(llm, spliced, continuations)
    wanted = [by_one_pass(llm, spliced, ids) for ids in continuations]
    torch.testing.assert_close(values, torch.tensor(wanted), atol=1e-4, rtol=1e-4)


def test_the_order_of_the_continuations_does_not_matter(llm, spliced):
    values = log_probabilities(llm, spliced, [(60, 61), (7, 7, 100)])
    back = log_probabilities(llm, spliced, [(7, 7, 100), (60, 61)])
    torch.testing.assert_close(values, back.flip(0))


def test_a_score_is_yes_against_no_over_all_spellings(llm, spliced):
    score = score_yes_no(llm, spliced)
    sums = [
        sum(math.exp(by_one_pass(llm, spliced, ids)) for ids in spellings(llm.tokenizer, words))
        for words in (YES, NO)
    ]
    assert score.log_odds == pytest.approx(math.log(sums[0] / sums[1]), abs=1e-3)
    assert score.probability == pytest.approx(sums[0] / sum(sums), abs=1e-4)
    assert score.mass == pytest.approx(sum(sums), rel=1e-3)


def test_asking_for_the_opposite_turns_the_score_round(llm, spliced):
    there = score_yes_no(llm, spliced)
    back = score_yes_no(llm, spliced, yes=NO, no=YES)
    assert back.log_odds == pytest.approx(-there.log_odds, abs=1e-4)
    assert back.probability == pytest.approx(1 - there.probability, abs=1e-4)


def test_pair_tokens_and_delta_reach_the_score(llm, spliced):
    other = splice_with(llm, seed=2)
    assert abs(score_yes_no(llm, spliced).log_odds - score_yes_no(llm, other).log_odds) > 1e-3
    bare = Spliced(
        spliced.inputs_embeds, torch.zeros_like(spliced.segment_index), (), 0, spliced.content
    )
    assert abs(score_yes_no(llm, spliced).log_odds - score_yes_no(llm, bare).log_odds) > 1e-3


def test_spellings_are_distinct_and_none_begins_another():
    tokenizer = make_tokenizer()
    found = spellings(tokenizer, ("Yes", "yes", "Yes", "Yes!"))
    texts = [tokenizer.decode(ids) for ids in found]
    assert texts == ["Yes", "yes"]


def test_a_tokenizer_without_these_words_gives_no_score(llm, spliced):
    with pytest.raises(AssistantError, match="cannot tell 'Yes' from 'Yes'"):
        score_yes_no(llm, spliced, yes=("Yes",), no=("Yes",))
    with pytest.raises(AssistantError, match="cannot tell '' from 'No'"):
        score_yes_no(llm, spliced, yes=("",), no=("No",))


def test_an_unknown_token_is_not_a_spelling():
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"?": 0, "Yes": 1}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?")
    assert spellings(tokenizer, ("Yes", "No")) == ((1,),)


def test_extreme_odds_are_a_probability():
    assert YesNoScore(1e4, 1.0).probability == pytest.approx(1.0)
    assert YesNoScore(-1e4, 1.0).probability == pytest.approx(0.0)


def test_an_empty_continuation_is_refused(llm, spliced):
    with pytest.raises(ValueError, match="at least one token"):
        log_probabilities(llm, spliced, [()])


def test_the_likeliest_others_are_those_besides_the_token_that_stands_there():
    torch.manual_seed(0)
    values = torch.randn(4, 9).log_softmax(dim=-1)
    ids = torch.stack([values[0].argmax(), values[1].argmin(), *values[2:].topk(2)[1][:, 1]])
    for n in (1, 3, 8, 20):
        found = likeliest_others(values, ids, n)
        for row, own, others in zip(values, ids.tolist(), found, strict=True):
            order = [i for i in row.argsort(descending=True).tolist() if i != own]
            assert [other.token_id for other in others] == order[:n]
            assert [o.log_probability for o in others] == [float(row[i]) for i in order[:n]]
