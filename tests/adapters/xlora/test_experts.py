"""Tests of experts as arguments of a step, against the formula and against the base."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from assistant.adapters.lora import AdaptedLinear, AdapterStep, running, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.adapters.xlora.experts import ExpertBank, ExpertStep, stack_experts
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.fakes import make_deltas, make_model

IDS = torch.tensor([[7, 8, 9, 10, 11], [20, 21, 22, 23, 24]])


def linear_site(weight: float = 1.0) -> tuple[AdaptedLinear, dict[str, LoraWeights], ExpertBank]:
    """A linear layer with three experts, of which the second adapts another layer only."""
    random = torch.Generator().manual_seed(0)

    def part(rank: int, scaling: float) -> LowRank:
        A, B = (torch.randn(*size, generator=random) for size in ((rank, 6), (4, rank)))
        return LowRank(A, B, scaling)

    experts = {
        "a": {"site": part(2, 0.5)},
        "b": {"other": part(2, 1.0)},
        "c": {"site": part(3, 4.0), "other": part(1, 1.0)},
    }
    bank = stack_experts(experts, ["site", "other"], weight=weight)
    return AdaptedLinear(nn.Linear(6, 4), "site"), experts, bank


def by_hand(y: Tensor, x: Tensor, experts: Mapping[str, LoraWeights], s: Tensor) -> Tensor:
    """Y + Σ_i alpha_i / r_i · B_i A_i (s_i x) at the first layer, token by token."""
    y = y.clone()
    for row in range(x.shape[0]):
        for t in range(x.shape[1]):
            for i, delta in enumerate(experts.values()):
                if part := delta.get("site"):
                    scaled = s[row, t, 0, i] * x[row, t]
                    y[row, t] += part.scaling * part.lora_B @ (part.lora_A @ scaled)
    return y


@pytest.mark.parametrize("n_layers", [1, 2])
def test_every_token_gets_its_own_mixture(n_layers):
    site, experts, bank = linear_site()
    x, s = torch.randn(2, 3, 6), torch.randn(2, 3, n_layers, 3)
    with torch.no_grad():
        base = site(x)
        with running(None, ExpertStep.plan(bank, s)):
            torch.testing.assert_close(site(x), by_hand(base, x, experts, s))


def test_the_global_weight_multiplies_every_expert():
    site, experts, _ = linear_site()
    bank = linear_site(2.0)[2]
    x, s = torch.randn(2, 3, 6), torch.randn(2, 3, 1, 3)
    with torch.no_grad():
        base = site(x)
        with running(None, ExpertStep.plan(bank, s)):
            torch.testing.assert_close(site(x), by_hand(base, x, experts, 2 * s))


def test_a_layer_of_other_experts_only_is_the_base():
    _, _, bank = linear_site()
    site = AdaptedLinear(nn.Linear(6, 4), "elsewhere")
    x = torch.randn(2, 3, 6)
    with running(None, ExpertStep.plan(bank, torch.randn(2, 3, 1, 3))):
        assert torch.equal(site(x), site.base(x))


def test_a_head_that_is_asked_for_the_last_token_uses_that_tokens_scalings():
    site, _, bank = linear_site()
    x, s = torch.randn(1, 3, 6), torch.randn(1, 3, 1, 3)
    with torch.no_grad(), running(None, ExpertStep.plan(bank, s)):
        torch.testing.assert_close(site(x[:, -1:]), site(x)[:, -1:])


def test_zero_scalings_and_no_experts_are_exactly_the_base():
    model = make_model()
    base = model(IDS).logits
    mixture = make_mixture(model)
    zeros = torch.zeros(2, 5, len(mixture.bank.sites), 3)
    with running(None, ExpertStep.plan(mixture.bank, zeros)):
        assert torch.equal(model(IDS).logits, base)
    with running(None, None):
        assert torch.equal(model(IDS).logits, base)
    assert torch.equal(model(IDS).logits, base)


def test_rows_with_other_scalings_and_toggles_do_not_touch_each_other():
    """One row with experts and ΔW, one with experts, one with ΔW, one with nothing."""
    model = make_model()
    mixture = make_mixture(model)
    wrap(model, find_sites(model))
    deltas = make_deltas(model, 1)
    ids = torch.randint(5, 250, (4, 5))
    scalings = torch.rand(4, 5, len(mixture.bank.sites), 3)
    scalings[2:] = 0
    slots = torch.tensor([1, 0, 1, 0])[:, None].expand(4, 5)
    with torch.no_grad():
        with running(AdapterStep.plan(deltas, slots), ExpertStep.plan(mixture.bank, scalings)):
            together = model(ids).logits
        for row in range(4):
            one = slice(row, row + 1)
            experts = ExpertStep.plan(mixture.bank, scalings[one]) if row < 2 else None
            with running(AdapterStep.plan(deltas, slots[one]), experts):
                alone = model(ids[one]).logits
            torch.testing.assert_close(together[one], alone, atol=1e-5, rtol=1e-4)
        base = model(ids).logits
    assert torch.equal(together[3], base[3])
    for row in range(3):
        assert not torch.allclose(together[row], base[row], atol=0.05)


def test_experts_come_on_top_of_a_delta():
    site, experts, bank = linear_site()
    delta = {"site": LowRank(torch.randn(2, 6), torch.randn(4, 2), 0.5)}
    x, s = torch.randn(2, 3, 6), torch.randn(2, 3, 1, 3)
    step = AdapterStep.plan([delta], torch.ones(2, 3, dtype=torch.long))
    with torch.no_grad():
        with running(step):
            adapted = site(x)
        with running(step, ExpertStep.plan(bank, s)):
            torch.testing.assert_close(site(x), by_hand(adapted, x, experts, s))


def test_gradients_reach_the_scalings_also_where_they_are_zero():
    site, _, bank = linear_site()
    s = torch.zeros(1, 3, 1, 3, requires_grad=True)
    with running(None, ExpertStep.plan(bank, s)):
        site(torch.randn(1, 3, 6)).square().sum().backward()
    assert s.grad[..., 0].all()
    assert not s.grad[..., 1].any()  # the second expert does not adapt this layer


def test_scalings_of_another_mixture_are_refused():
    _, _, bank = linear_site()
    with pytest.raises(ValueError, match="3 layers and 2 experts, but there are 2 and 3"):
        ExpertStep.plan(bank, torch.zeros(1, 1, 3, 2))
