"""Messages between conformers: turned round, padded, and without a partner."""

import pytest
import torch

from assistant.graph.pairs.conformer_graph import ConformerGraph
from assistant.graph.pairs.published import PublishedConformerGraph


def make() -> ConformerGraph:
    torch.manual_seed(6)
    return ConformerGraph(16, 2, n_kept=3)


def sides() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(7)
    return (
        torch.randn(1, 6, 16),
        torch.ones(1, 6, dtype=torch.bool),
        torch.randn(1, 4, 16),
        torch.ones(1, 4, dtype=torch.bool),
    )


@torch.no_grad()
def test_a_pair_turned_round_gives_the_same_states_turned_round():
    a, mask_a, b, mask_b = sides()
    graph = make()
    new_a, new_b = graph(a, mask_a, b, mask_b)
    back_b, back_a = graph(b, mask_b, a, mask_a)
    assert torch.equal(new_a, back_a)
    assert torch.equal(new_b, back_b)


@torch.no_grad()
def test_order_and_padding_of_conformers_change_nothing():
    a, mask_a, b, mask_b = sides()
    graph = make()
    new_a, new_b = graph(a, mask_a, b, mask_b)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    mixed_a, mixed_b = graph(a[:, order], mask_a, b, mask_b)
    torch.testing.assert_close(mixed_a, new_a[:, order])
    torch.testing.assert_close(mixed_b, new_b)
    wide = torch.cat([b, torch.full((1, 2, 16), 9.0)], dim=1)
    wide_mask = torch.tensor([[True] * 4 + [False] * 2])
    padded_a, padded_b = graph(a, mask_a, wide, wide_mask)
    torch.testing.assert_close(padded_a, new_a)
    torch.testing.assert_close(padded_b[:, :4], new_b)


def test_the_partner_counts_and_a_missing_one_does_no_harm():
    a, mask_a, b, mask_b = sides()
    graph = make()
    new_a, _ = graph(a, mask_a, b, mask_b)
    other_a, _ = graph(a, mask_a, b + 1, mask_b)
    assert not torch.allclose(new_a, other_a, atol=1e-3)
    alone_a, _ = graph(a, mask_a, b, torch.zeros_like(mask_b))
    assert torch.isfinite(alone_a).all()
    alone_a.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in graph.parameters() if p.grad is not None)


def test_within_a_molecule_messages_have_a_direction_which_the_published_ones_lack():
    a, _, _, _ = sides()
    graph = make()
    forward = graph.toward(a) @ graph.back(a).transpose(1, 2)
    assert (forward - forward.transpose(1, 2)).abs().max() > 0.1
    published = PublishedConformerGraph(16, 2, 3, 3)
    within, _, _ = published.dyngraph(a, a)
    assert within.abs().max() < 1e-6  # elementwise factors: the difference of equal numbers


def test_a_width_that_does_not_fit_the_heads_is_refused():
    with pytest.raises(ValueError, match="d_model 18 is not a multiple of n_heads 4"):
        ConformerGraph(18, 4)
