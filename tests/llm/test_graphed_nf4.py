"""Tests of joined NF4 matrices: the same values, and the modules go on working."""

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn

from assistant.llm.graphed.nf4 import BLOCK, join_nf4, nf4_obstacle


def linear(n_in: int, n_out: int, *, nested: bool = True, **options: object) -> Linear4bit:
    made = Linear4bit(n_in, n_out, bias=False, compute_dtype=torch.float32)
    options = {"quant_type": "nf4", "compress_statistics": nested, **options}
    values = torch.randn(n_out, n_in) * 0.1
    made.weight = Params4bit(values, requires_grad=False, **options).to("cpu")
    made.support_avx512bf16_for_cpu = False  # which would repack the weight for the processor
    return made.eval()


@pytest.mark.parametrize("nested", [True, False])
def test_joined_values_are_those_of_the_modules(nested):
    torch.manual_seed(0)
    modules = [linear(256, n, nested=nested) for n in (96, 32, 64)]
    expected = [dequantize_4bit(m.weight.data, m.weight.quant_state).clone() for m in modules]
    x = torch.randn(3, 256)
    before = [module(x) for module in modules]
    assert nf4_obstacle(modules) == ""
    matrix = join_nf4(modules, torch.float32)
    assert matrix.ends == (96, 128, 192)
    assert (matrix.in_features, matrix.out_features) == (256, 192)
    high, low = matrix.packed >> 4, matrix.packed & 15
    code = torch.stack([matrix.code[high.long()], matrix.code[low.long()]], dim=2).flatten(1)
    values = code * matrix.scales.repeat_interleave(BLOCK, dim=1)
    torch.testing.assert_close(values, torch.cat(expected))
    for module, right in zip(modules, before, strict=True):
        torch.testing.assert_close(module(x), right)
        assert module.weight.data.untyped_storage().data_ptr() == (
            matrix.packed.untyped_storage().data_ptr()
        )


def test_what_the_kernel_cannot_run_is_named():
    assert "Linear" in nf4_obstacle([nn.Linear(64, 64)])
    assert "fp4" in nf4_obstacle([linear(64, 64, quant_type="fp4")])
    assert "blocks of 128" in nf4_obstacle([linear(128, 64, blocksize=128)])
    with_bias = linear(64, 64)
    with_bias.bias = nn.Parameter(torch.zeros(64), requires_grad=False)
    assert "bias" in nf4_obstacle([with_bias])
