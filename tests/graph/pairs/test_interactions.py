"""Interactions: what each equation says, and what is refused."""

import pytest
import torch
from torch import nn

from assistant.graph.pairs.interactions import (
    INTERACTIONS,
    FullBilinearFusion,
    InteractionConfig,
    LowRankBilinearFusion,
    build_interaction,
)

ORDERED = ("bilinear_attention", "cross_attention", "gated_fusion", "bilinear_fusion")


def blocks(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return torch.randn(*shape), torch.randn(*shape)


def make(kind: str, d_model: int = 16) -> nn.Module:
    torch.manual_seed(3)
    return build_interaction(InteractionConfig(kind, n_heads=4, rank=6), d_model)


def test_the_seven_published_ones_are_there_and_the_full_form_under_its_own_name():
    assert INTERACTIONS.keys() == {
        "mean",
        "bilinear_attention",
        "self_attention",
        "cross_attention",
        "highway",
        "gated_fusion",
        "bilinear_fusion",
        "bilinear_fusion_full",
    }


@pytest.mark.parametrize("kind", INTERACTIONS)
def test_a_batch_equals_one_by_one_and_gradients_flow(kind):
    x1, x2 = blocks(3, 5, 16)
    module = make(kind)
    together = module(x1.requires_grad_(), x2)
    alone = torch.cat([module(x1[i : i + 1], x2[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    together.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in (x1, *module.parameters()))


@pytest.mark.parametrize("kind", INTERACTIONS)
def test_order_matters_where_the_equation_has_an_order(kind):
    x1, x2 = blocks(1, 5, 16)
    module = make(kind)
    with torch.no_grad():
        same = torch.allclose(module(x1, x2), module(x2, x1), atol=1e-5)
    assert same == (kind not in (*ORDERED, "bilinear_fusion_full"))


def test_the_low_rank_form_is_the_full_form_of_its_own_weights():
    """W_k = sum_r P_kr U_r V_r^T put into the published module gives the same numbers."""
    low = LowRankBilinearFusion(8, 5)
    full = FullBilinearFusion(8)
    with torch.no_grad():
        full.bilinear.weight.copy_(
            torch.einsum("kr,ri,rj->kij", low.out.weight, low.first.weight, low.second.weight)
        )
        full.bilinear.bias.copy_(low.out.bias)
        x1, x2 = blocks(2, 3, 8)
        torch.testing.assert_close(low(x1, x2), full(x1, x2), atol=1e-5, rtol=1e-4)


def test_low_rank_weights_grow_with_the_width_and_full_ones_with_its_cube():
    low, full = make("bilinear_fusion", 32), make("bilinear_fusion_full", 32)
    assert sum(p.numel() for p in low.parameters()) == 3 * 6 * 32 + 32
    assert sum(p.numel() for p in full.parameters()) == 32**3 + 32


def test_the_full_form_is_refused_before_it_fills_the_memory():
    with pytest.raises(ValueError, match=r"d_model 2048 has 8,589,934,592 weights.*rank 64 has"):
        build_interaction(InteractionConfig("bilinear_fusion_full"), 2048)


@pytest.mark.parametrize("kind", ["self_attention", "cross_attention"])
def test_a_width_that_does_not_fit_the_heads_is_refused(kind):
    with pytest.raises(ValueError, match=f"{kind}: d_model 20 is not a multiple of n_heads 8"):
        build_interaction(InteractionConfig(kind), 20)


def test_unknown_kinds_and_numbers_are_refused():
    with pytest.raises(ValueError, match="kind 'sum' is unknown; known are mean, bilinear"):
        InteractionConfig("sum")
    with pytest.raises(ValueError, match="rank 0"):
        InteractionConfig(rank=0)
