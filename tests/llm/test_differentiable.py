"""4-bit layers pass gradients, whatever was run before; the repacking is simulated where it is not.

Whether bitsandbytes repacks is asked of the processor when a layer is made, and the conversion is
plain PyTorch, so that a layer can be told it sits on AVX512-BF16. Only the packed kernel is missing
elsewhere, and none of these tests needs its result.
"""

import pytest
import torch
from torch import nn

from assistant.llm.differentiable import is_packed, keep_differentiable


def make_layer(*, double_quant: bool) -> nn.Module:
    from bitsandbytes.nn import Linear4bit

    torch.manual_seed(0)
    layer = Linear4bit(
        128,
        64,
        bias=False,
        quant_type="nf4",
        compress_statistics=double_quant,
        compute_dtype=torch.float32,
    )
    return layer.to("cpu").eval().requires_grad_(False)


def values_of(layer: nn.Module) -> torch.Tensor:
    from bitsandbytes.functional import dequantize_4bit

    return dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()


def gradient(layer: nn.Module) -> torch.Tensor:
    x = torch.linspace(-1, 1, 256).reshape(2, 128).requires_grad_(True)
    layer(x).square().sum().backward()
    return x.grad


@pytest.fixture(autouse=True)
def _avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    import bitsandbytes.nn.modules as modules

    monkeypatch.setattr(modules, "has_avx512bf16", lambda: True)


def evaluate(layer: nn.Module) -> None:
    with torch.no_grad():
        layer(torch.zeros(1, 128))


def test_an_evaluation_repacks_a_layer_that_was_left_alone():
    """Guards the simulation: without it the tests below could not fail."""
    layer = make_layer(double_quant=True)
    evaluate(layer)
    assert is_packed(layer)


@pytest.mark.parametrize("double_quant", [True, False])
def test_an_evaluation_leaves_the_gradient_as_it_was(double_quant):
    model = nn.Sequential(make_layer(double_quant=double_quant))
    assert keep_differentiable(model) == 0
    before = gradient(model[0])
    evaluate(model[0])
    assert not is_packed(model[0])
    assert torch.equal(gradient(model[0]), before)
    expected = make_layer(double_quant=double_quant)
    W = values_of(expected)
    x = torch.linspace(-1, 1, 256).reshape(2, 128)
    torch.testing.assert_close(before, 2 * (x @ W.T) @ W, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("double_quant", [True, False])
def test_a_layer_that_was_evaluated_before_is_unpacked(double_quant):
    layer = make_layer(double_quant=double_quant)
    nibbles, values = layer.weight.data.clone(), values_of(layer)
    right = gradient(layer)
    evaluate(layer)
    assert is_packed(layer)
    assert keep_differentiable(nn.Sequential(layer)) == 1
    assert not is_packed(layer)
    assert torch.equal(layer.weight.data, nibbles)
    # One rounding of the scales to bf16, 8 bits of mantissa.
    torch.testing.assert_close(values_of(layer), values, atol=0, rtol=2**-8)
    assert torch.cosine_similarity(gradient(layer).flatten(), right.flatten(), dim=0) > 0.999
    evaluate(layer)
    assert not is_packed(layer)


def test_an_unpacked_layer_can_be_saved_and_loaded(tmp_path):
    from bitsandbytes.nn import Params4bit

    layer = make_layer(double_quant=True)
    evaluate(layer)
    keep_differentiable(nn.Sequential(layer))
    state = layer.state_dict()
    again = Params4bit.from_prequantized(
        state["weight"],
        {k.removeprefix("weight."): v for k, v in state.items() if k != "weight"},
        device="cpu",
    )
    fresh = make_layer(double_quant=True)
    fresh.weight = again
    assert torch.equal(values_of(fresh), values_of(layer))
