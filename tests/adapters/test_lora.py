"""Tests of low-rank weights as an argument of a step, chosen per token."""

import threading

import pytest
import torch
from torch import Tensor, nn

from assistant.adapters.lora import AdaptedLinear, named_targets, step_adapters, unwrap, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank, combine, content_hash, stack
from assistant.errors import BundleError
from tests.llm.fakes import make_deltas, make_model

IDS = torch.tensor([[7, 8, 9, 10, 11, 12], [20, 21, 22, 23, 24, 25]])
SEGMENTS = torch.tensor([[0, 1, 1, 2, 0, 1], [3, 3, 0, 0, 2, 2]])


@pytest.fixture
def model() -> nn.Module:
    model = make_model()
    wrap(model, find_sites(model))
    return model


def linear_site(shared: bool = True) -> tuple[AdaptedLinear, list[LoraWeights]]:
    random = torch.Generator().manual_seed(0)
    site = AdaptedLinear(nn.Linear(6, 4), "site")
    B = torch.randn(4, 2, generator=random)
    return site, [
        {
            "site": LowRank(
                torch.randn(2, 6, generator=random),
                B if shared else torch.randn(4, 2, generator=random),
                0.5,
            )
        }
        for _ in range(3)
    ]


def by_hand(site: AdaptedLinear, deltas: list[LoraWeights], x: Tensor, index: Tensor) -> Tensor:
    """y = W x + scaling · B A x, token by token."""
    y = site.base(x).clone()
    for row in range(x.shape[0]):
        for t in range(x.shape[1]):
            if slot := int(index[row, t]):
                part = deltas[slot - 1]["site"]
                y[row, t] += part.scaling * part.lora_B @ (part.lora_A @ x[row, t])
    return y


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "index",
    [
        [[0, 0, 0], [0, 0, 0]],
        [[2, 2, 2], [2, 2, 2]],
        [[1, 1, 1], [3, 3, 3]],
        [[0, 1, 1], [0, 3, 3]],
        [[1, 2, 0], [3, 3, 0]],
        [[0, 0, 0], [3, 2, 1]],
    ],
)
def test_every_pattern_of_segments_equals_the_formula(shared, index):
    site, deltas = linear_site(shared)
    x, index = torch.randn(2, 3, 6), torch.tensor(index)
    with torch.no_grad(), step_adapters(deltas, index):
        torch.testing.assert_close(site(x), by_hand(site, deltas, x, index))


def test_tokens_of_slot_zero_get_exactly_the_base(model):
    deltas = make_deltas(model, 3)
    base = model(IDS).logits
    with step_adapters(deltas, SEGMENTS):
        adapted = model(IDS).logits
    assert torch.equal(adapted[0, 0], base[0, 0])
    assert not torch.allclose(adapted[0, 1:], base[0, 1:])


def test_zero_B_gives_exactly_the_base(model):
    base = model(IDS).logits
    with step_adapters(make_deltas(model, 3, zero_B=True), SEGMENTS):
        assert torch.equal(model(IDS).logits, base)


def test_nothing_is_left_after_the_step(model):
    base = model(IDS).logits
    with step_adapters(make_deltas(model, 3), SEGMENTS):
        model(IDS)
    assert torch.equal(model(IDS).logits, base)


def test_nothing_is_left_after_a_step_that_failed(model):
    base = model(IDS).logits
    deltas = make_deltas(model, 3)
    with pytest.raises(IndexError), step_adapters(deltas, SEGMENTS):
        model(IDS + 10_000)
    assert torch.equal(model(IDS).logits, base)


def test_an_infinite_input_in_one_segment_stays_out_of_the_others():
    site, deltas = linear_site()
    x = torch.randn(1, 2, 6)
    x[0, 0] = float("inf")
    with torch.no_grad(), step_adapters(deltas, torch.tensor([[1, 2]])):
        assert torch.isfinite(site(x)[0, 1]).all()


def test_two_threads_do_not_see_each_others_adapters(model):
    """With adapter state on the module 15 of 30 outputs were wrong."""
    deltas = make_deltas(model, 2)
    ones = torch.ones_like(IDS)
    expected = []
    for delta in deltas:
        with torch.no_grad(), step_adapters([delta], ones):
            expected.append(model(IDS).logits)
    wrong: list[int] = []
    barrier = threading.Barrier(2)

    def forward(which: int) -> None:
        for _ in range(30):
            barrier.wait()
            with torch.no_grad(), step_adapters([deltas[which]], ones):
                if not torch.equal(model(IDS).logits, expected[which]):
                    wrong.append(which)

    threads = [threading.Thread(target=forward, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("segments", [SEGMENTS, torch.ones_like(SEGMENTS)])
def test_gradients_reach_A_and_B(model, segments):
    deltas = make_deltas(model, 3)
    tensors = [t for part in deltas[0].values() for t in (part.lora_A, part.lora_B)]
    for tensor in tensors:
        tensor.requires_grad_(True)
    with step_adapters(deltas, segments):
        model(IDS).logits.square().mean().backward()
    assert all(tensor.grad is not None and tensor.grad.any() for tensor in tensors)


def test_gradient_checkpointing_recomputes_under_the_same_adapters(model):
    deltas = make_deltas(model, 3)
    B = next(iter(deltas[0].values())).lora_B.requires_grad_(True)

    def gradient() -> Tensor:
        B.grad = None
        with step_adapters(deltas, SEGMENTS):
            model(IDS).logits.square().mean().backward()
        return B.grad.clone()

    plain = gradient()
    model.activation_checkpointing_enable({"use_reentrant": False})
    model.train()
    torch.testing.assert_close(gradient(), plain)


@pytest.mark.parametrize("shared", [True, False])
def test_combinations_of_deltas_are_combinations_of_weights(shared):
    _, deltas = linear_site(shared)

    def dense(delta: LoraWeights) -> Tensor:
        part = delta["site"]
        return part.scaling * part.lora_B @ part.lora_A

    total = sum(dense(delta) for delta in deltas)
    torch.testing.assert_close(dense(combine(deltas, "mean")), total / 3)
    torch.testing.assert_close(dense(combine(deltas, "sum")), total)
    torch.testing.assert_close(dense(combine(deltas, "concat")), total)
    assert combine(deltas, "concat")["site"].rank == 6
    assert combine(deltas, "mean")["site"].rank == (2 if shared else 6)


def test_one_molecule_combines_to_itself_and_none_to_nothing():
    _, deltas = linear_site()
    assert combine(deltas[:1], "mean") is deltas[0]
    assert combine([]) == {}


def test_deltas_of_other_ranks_and_sites_can_be_stacked():
    site, deltas = linear_site()
    mixed = [deltas[0], {}, combine(deltas[1:], "concat")]
    x, index = torch.randn(1, 3, 6), torch.tensor([[1, 2, 3]])
    with torch.no_grad(), step_adapters(mixed, index):
        y = site(x)
    with torch.no_grad():
        torch.testing.assert_close(y[:, :1], by_hand(site, deltas, x[:, :1], index[:, :1]))
        assert torch.equal(y[:, 1], site(x)[:, 1])
        both = by_hand(site, mixed, x[:, 2:], index[:, 2:])
    torch.testing.assert_close(y[:, 2:], both)


def test_unbinding_a_stack_gives_its_deltas():
    _, deltas = linear_site()
    for delta, again in zip(deltas, stack(deltas).unbind(), strict=True):
        assert torch.equal(delta["site"].lora_A, again["site"].lora_A)
        assert delta["site"].lora_B is again["site"].lora_B


def test_a_slot_without_a_delta_is_refused():
    _, deltas = linear_site()
    with pytest.raises(ValueError, match="slot 4"), step_adapters(deltas, torch.tensor([[4]])):
        pass


def test_sites_are_every_nth_layer_with_their_true_widths():
    sites = find_sites(make_model(n_layers=4), "kom", every=2)
    assert [(s.kind, s.layer, s.in_features, s.out_features) for s in sites] == [
        ("k", 1, 64, 32),
        ("o", 1, 64, 64),
        ("m", 1, 64, 64),
        ("k", 3, 64, 32),
        ("o", 3, 64, 64),
        ("m", 3, 64, 64),
    ]


def test_a_model_without_separate_projections_is_refused():
    with pytest.raises(BundleError, match="q"):
        find_sites(nn.Sequential(nn.Linear(2, 2)), "q")


def test_wrapping_for_another_model_names_the_missing_module(model):
    with pytest.raises(BundleError, match=r"layers\.99"):
        wrap(model, ["model.layers.99.mlp"])


def test_unwrapping_gives_the_old_keys_back(model):
    keys = set(make_model().state_dict())
    wrap(model, find_sites(model))  # twice
    assert set(model.state_dict()) != keys
    assert model.model.layers[0].self_attn.q_proj.in_features == 64
    unwrap(model)
    assert set(model.state_dict()) == keys


@pytest.mark.parametrize("order", [1, -1])
def test_a_projection_inside_a_wrapped_block_is_wrapped_in_any_order(order):
    model = make_model()
    plain = [name for name, _ in model.named_modules()]
    for name in ["model.layers.0.mlp", "model.layers.0.mlp.down_proj"][::order]:
        assert wrap(model, [name, name]) == [name, name]
    mlp = model.model.layers[0].mlp
    assert isinstance(mlp, AdaptedLinear)
    assert isinstance(mlp.base.down_proj, AdaptedLinear)
    assert not isinstance(mlp.base.down_proj.base, AdaptedLinear)
    assert [name for name, _ in named_targets(model)] == plain
    unwrap(model)
    assert [name for name, _ in model.named_modules()] == plain


def test_the_hash_follows_the_values_and_nothing_else():
    _, deltas = linear_site()
    part = deltas[0]["site"]
    copy = {"site": LowRank(part.lora_A.clone(), part.lora_B.clone(), part.scaling)}
    assert content_hash(copy) == content_hash(deltas[0])
    copy["site"].lora_A[0, 0] += 1
    assert content_hash(copy) != content_hash(deltas[0])
