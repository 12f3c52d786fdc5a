"""Tests of splicing: graph tokens in their place, every token in its slot."""

import pytest
import torch

from assistant.adapters.weights import LowRank, combine
from assistant.chat.prompts import PairSlot
from assistant.encoding import MoleculeEncoding
from assistant.llm.layout import IdsPiece, Layout, PairPiece, SlotPiece
from assistant.llm.splice import splice
from assistant.pair_encoding import PairEncoding
from tests.llm.fakes import make_deltas, make_model

LAYOUT = Layout(
    (
        IdsPiece((5, 6), ()),
        IdsPiece((7,), (1,)),
        SlotPiece(1),
        IdsPiece((8,), (1, 2)),
        SlotPiece(2),
        IdsPiece((9,), (1, 2)),
    ),
    (1, 2),
)


def make_encodings() -> dict[int, MoleculeEncoding]:
    torch.manual_seed(0)
    deltas = make_deltas(make_model(), 2)
    return {n + 1: MoleculeEncoding(torch.randn(3, 64), delta) for n, delta in enumerate(deltas)}


def test_graph_tokens_stand_in_their_slots_and_run_under_their_own_delta():
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    spliced = splice(LAYOUT, encodings, embed)
    assert spliced.segment_index.tolist() == [[0, 0, 1, 1, 1, 1, 2, 3, 3, 3, 2]]
    assert spliced.answer_slot == 2
    assert torch.equal(spliced.inputs_embeds[0, 3:6], encodings[1].graph_tokens)
    assert torch.equal(spliced.inputs_embeds[0, 7:10], encodings[2].graph_tokens)
    assert torch.equal(spliced.inputs_embeds[0, :2], embed(torch.tensor([5, 6])))
    assert spliced.deltas[0] is encodings[1].lora
    expected = combine([encodings[1].lora, encodings[2].lora], "mean")
    for name, part in expected.items():
        assert torch.equal(spliced.deltas[1][name].lora_A, part.lora_A)


def test_components_that_are_off_leave_no_trace():
    embed = make_model().get_input_embeddings()
    spliced = splice(LAYOUT, {1: MoleculeEncoding(), 2: MoleculeEncoding()}, embed)
    assert spliced.segment_index.tolist() == [[0] * 5]
    assert spliced.deltas == ()
    assert spliced.answer_slot == 0
    assert torch.equal(spliced.inputs_embeds[0], embed(torch.tensor([5, 6, 7, 8, 9])))


def test_graph_tokens_without_a_generator_run_under_no_delta():
    encodings = {n: MoleculeEncoding(torch.randn(3, 64)) for n in (1, 2)}
    spliced = splice(LAYOUT, encodings, make_model().get_input_embeddings())
    assert spliced.n_tokens == 11
    assert not spliced.segment_index.any()


def test_content_marks_follow_values_and_not_numbers():
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    marks = splice(LAYOUT, encodings, embed).content
    assert len(marks) == 11
    assert marks == splice(LAYOUT, make_encodings(), embed).content
    other = encodings | {1: MoleculeEncoding(encodings[1].graph_tokens + 1, encodings[1].lora)}
    changed = splice(LAYOUT, other, embed).content
    assert [a != b for a, b in zip(marks, changed, strict=True)] == [False] * 3 + [True] * 3 + [
        False
    ] * 5
    swapped = {1: encodings[2], 2: encodings[1]}
    changed = splice(LAYOUT, swapped, embed).content
    assert changed[:2] == marks[:2]
    assert changed[2] != marks[2]


def test_scope_whole_puts_every_token_under_the_answers_delta():
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    spliced = splice(LAYOUT, encodings, embed, scope="whole")
    assert spliced.segment_index.tolist() == [[1] * 11]
    assert spliced.answer_slot == 1
    assert len(spliced.deltas) == 1
    one = Layout(LAYOUT.pieces, (1,))
    other = splice(one, encodings, embed, scope="whole")
    assert not set(spliced.content) & set(other.content)
    none = splice(Layout(LAYOUT.pieces, ()), encodings, embed, scope="whole")
    assert not none.segment_index.any()


@pytest.mark.parametrize(("mode", "rank"), [("mean", 4), ("sum", 4), ("concat", 8)])
def test_two_molecules_in_focus_are_combined_as_asked(mode, rank):
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    spliced = splice(LAYOUT, encodings, embed, mode=mode)
    both = combine([encodings[1].lora, encodings[2].lora], mode)
    for name, part in spliced.deltas[1].items():
        assert part.rank == rank
        assert torch.equal(part.lora_A, both[name].lora_A)
    assert (
        spliced.content != splice(LAYOUT, encodings, embed, mode="mean").content or mode == "mean"
    )


def test_a_static_lora_goes_on_every_token_beside_the_molecules():
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    static = make_deltas(make_model(), 1, seed=7)[0]
    spliced = splice(LAYOUT, encodings, embed, static=static)
    assert (spliced.segment_index > 0).all()
    assert spliced.deltas[0] is static
    name = next(iter(static))

    def dense(part: LowRank) -> torch.Tensor:
        return part.scaling * part.lora_B @ part.lora_A

    torch.testing.assert_close(
        dense(spliced.deltas[1][name]), dense(static[name]) + dense(encodings[1].lora[name])
    )
    assert spliced.content != splice(LAYOUT, encodings, embed).content


PAIR = PairSlot(1, 2, "drug_drug")
WITH_PAIR = Layout((*LAYOUT.pieces, PairPiece(PAIR, (1, 2)), IdsPiece((10,), (1, 2))), (1, 2))


def test_pair_tokens_stand_in_their_slot_and_run_under_the_focus():
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    pair = PairEncoding(torch.randn(2, 64))
    spliced = splice(WITH_PAIR, encodings, embed, pairs={PAIR: pair})
    assert torch.equal(spliced.inputs_embeds[0, 11:13], pair.tokens)
    assert spliced.segment_index[0, 10:].tolist() == [2, 2, 2, 2]
    other = splice(WITH_PAIR, encodings, embed, pairs={PAIR: PairEncoding(pair.tokens + 1)})
    marks = [a == b for a, b in zip(spliced.content, other.content, strict=True)]
    assert marks == [True] * 11 + [False] * 2 + [True]


def test_a_pair_without_tokens_leaves_no_trace():
    embed, encodings = make_model().get_input_embeddings(), make_encodings()
    plain = splice(WITH_PAIR, encodings, embed)
    assert plain.n_tokens == 12
    noted = splice(WITH_PAIR, encodings, embed, pairs={PAIR: PairEncoding(note="no shape")})
    assert noted.content == plain.content
