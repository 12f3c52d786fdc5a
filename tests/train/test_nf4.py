"""Training sees the values that bitsandbytes stores."""

import torch
from torch import nn

from assistant.train.nf4 import NF4Linear, quantise_nf4, start_nf4, straight_through


def test_values_are_those_of_bitsandbytes() -> None:
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    weight = torch.randn(128, 192, generator=torch.Generator().manual_seed(1))
    packed, state = quantize_4bit(weight, quant_type="nf4", blocksize=64)
    torch.testing.assert_close(
        quantise_nf4(weight), dequantize_4bit(packed, state), atol=1e-6, rtol=1e-5
    )


def test_quantising_twice_changes_nothing() -> None:
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(2))
    once = quantise_nf4(weight)
    torch.testing.assert_close(quantise_nf4(once), once)


def test_the_gradient_passes_straight_through() -> None:
    weight = nn.Parameter(torch.randn(64, 64))
    straight_through(weight).sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones(64, 64))


class _Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(64, 64), nn.Linear(64, 64)

    def get_output_embeddings(self) -> nn.Module:
        return self.head


def test_a_started_model_computes_with_what_is_stored_and_keeps_its_names() -> None:
    model, x = _Body(), torch.randn(3, 64)
    names = list(model.state_dict())
    expected = nn.functional.linear(x, quantise_nf4(model.body.weight), model.body.bias)
    head = model.head(x)
    start_nf4(model)
    start_nf4(model)
    torch.testing.assert_close(model.body(x), expected)
    torch.testing.assert_close(model.head(x), head)
    assert isinstance(model.body, NF4Linear)
    assert not isinstance(model.head, NF4Linear)
    assert list(model.state_dict()) == names
