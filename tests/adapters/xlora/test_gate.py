"""Tests of the gate: its shape and keys, and what top-k does to its scalings."""

import pytest
import torch

from assistant.adapters.xlora.config import XLoraConfig
from assistant.adapters.xlora.gate import Gate, applied_scalings, original_keys
from tests.adapters.xlora.fakes import make_config, make_gate

HIDDEN = torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, ["last"]),
        ({"xlora_depth": 3, "enable_relu_and_dropout": True}, ["inner.0", "inner.3", "last"]),
        ({"xlora_depth": 3}, ["inner.0", "inner.1", "last"]),
    ],
)
@pytest.mark.parametrize("use_bias", [True, False])
def test_its_keys_are_the_originals(options, keys, use_bias):
    config = make_config(xlora_size=16, use_bias=use_bias, **options)
    state = make_gate(config, 4).state_dict()
    parts = ["weight", "bias"] if use_bias else ["weight"]
    assert set(state) == {f"{key}.{part}" for key in keys for part in parts}


def test_scalings_are_a_softmax_over_the_experts_at_the_temperature():
    gate = make_gate(make_config(softmax_temperature=0.5), 4)
    scalings = gate(HIDDEN)
    assert scalings.shape == (2, 5, 4, 3)
    logits = HIDDEN @ gate.last.weight.T + gate.last.bias
    torch.testing.assert_close(scalings[0, 1, 2], (logits[0, 1, 6:9] / 0.5).softmax(-1))


def test_without_layerwise_scalings_all_layers_share_one_row():
    assert make_gate(make_config(layerwise_scalings=False), 4)(HIDDEN).shape == (2, 5, 1, 3)


def test_without_a_softmax_the_logits_are_the_scalings():
    gate = make_gate(make_config(enable_softmax=False), 4)
    logits = HIDDEN @ gate.last.weight.T + gate.last.bias
    torch.testing.assert_close(gate(HIDDEN), logits.unflatten(-1, (4, 3)))


def test_it_computes_in_float32_also_for_a_half_precision_model():
    gate = make_gate(make_config(), 4)
    assert gate(HIDDEN.bfloat16()).dtype == torch.float32


def test_top_k_zeroes_the_rest_and_does_not_normalise():
    scalings = torch.tensor([[[[0.5, 0.2, 0.3]]]])
    applied = applied_scalings(scalings, make_config(top_k_lora=2))
    assert applied.tolist() == [[[[0.5, 0.0, pytest.approx(0.3)]]]]


def test_softmax_after_top_k_runs_over_a_tokens_own_entries():
    config = make_config(top_k_lora=2, enable_softmax=False, enable_softmax_topk=True)
    scalings = torch.randn(2, 5, 4, 3)
    applied = applied_scalings(scalings, config)
    torch.testing.assert_close(applied.sum(-1), torch.ones(2, 5, 4))
    assert ((applied == 0).sum(-1) == 1).all()
    torch.testing.assert_close(applied[:1], applied_scalings(scalings[:1], config))


def test_the_published_softmax_over_the_batch_makes_neighbours_matter():
    config = make_config(
        top_k_lora=2, enable_softmax=False, enable_softmax_topk=True, topk_softmax="batch"
    )
    scalings = torch.randn(2, 5, 4, 3)
    applied = applied_scalings(scalings, config)
    torch.testing.assert_close(applied.sum(dim=(0, 1, 3)), torch.ones(4))
    alone = applied_scalings(scalings[:1], config)
    assert not torch.allclose(alone, applied[:1])


def test_a_token_whose_entries_are_all_zero_gets_none_and_a_finite_gradient():
    config = make_config(top_k_lora=2, enable_softmax=False, enable_softmax_topk=True)
    scalings = torch.zeros(1, 1, 1, 3, requires_grad=True)
    applied = applied_scalings(scalings, config)
    assert not applied.any()
    applied.sum().backward()
    assert torch.isfinite(scalings.grad).all()


def test_more_kept_experts_than_there_are_is_refused():
    with pytest.raises(ValueError, match="top_k_lora is 4, but there are 3"):
        Gate(XLoraConfig(8, top_k_lora=4), n_layers=1, n_experts=3)


@pytest.mark.parametrize("distance", [3, 2])  # without dropout PEFT's list has one entry less
def test_pefts_keys_become_the_originals(distance):
    numbered = {f"layers.{i * distance}.weight": torch.tensor(float(i)) for i in range(3)}
    renamed = original_keys(numbered, stride=3)
    assert {key: int(value) for key, value in renamed.items()} == {
        "inner.0.weight": 0,
        "inner.3.weight": 1,
        "last.weight": 2,
    }
    assert original_keys(renamed, stride=3) == renamed
