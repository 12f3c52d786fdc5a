"""Training sees the values that bitsandbytes stores."""

import torch
from torch import nn

from assistant.train.nf4 import StraightThroughNF4, quantise_nf4


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
    StraightThroughNF4()(weight).sum().backward()
    torch.testing.assert_close(weight.grad, torch.ones(64, 64))
