"""NF4 weights of maps with the same input as one matrix, for the fused kernel.

The packed values are joined in place: the modules' parameters become views, so memory stays, and
prefill goes on through bitsandbytes. The scales, which double quantisation stores in 8 bit, are
kept once more in the compute type, as bitsandbytes' own fused kernel rounds them (0.03 byte per
weight instead of 0.016; the kernel then needs no second table).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

BLOCK = 64
"""Weights that share a scale; bitsandbytes' default."""


@dataclass(frozen=True)
class Nf4Matrix:
    """NF4 weights and their scales.

    Attributes:
        packed: (out, in / 2), the first of two values in the high bits.
        scales: (out, in / 64).
        code: The 16 values.
        ends: Where the parts of the output end.
    """

    packed: Tensor
    scales: Tensor
    code: Tensor
    ends: tuple[int, ...]

    @property
    def in_features(self) -> int:
        """Width of the input."""
        return self.packed.shape[1] * 2

    @property
    def out_features(self) -> int:
        """Width of the output."""
        return self.packed.shape[0]


def nf4_obstacle(modules: Sequence[nn.Module]) -> str:
    """Why the fused kernel cannot run these modules; empty when it can."""
    from bitsandbytes.nn import Linear4bit

    for module in modules:
        if not isinstance(module, Linear4bit):
            return f"a weight is a {type(module).__name__}"
        state = module.weight.quant_state
        if state.quant_type != "nf4" or state.blocksize != BLOCK:
            return f"a weight is {state.quant_type} in blocks of {state.blocksize}"
        if module.bias is not None:
            return "a layer has a bias"
        if module.in_features % BLOCK:
            return f"an input is {module.in_features} wide"
    return ""


@torch.inference_mode()
def join_nf4(modules: Sequence[nn.Module], dtype: torch.dtype) -> Nf4Matrix:
    """Joins modules without an `nf4_obstacle`.

    Args:
        modules: 4-bit linear layers of one input.
        dtype: In what the step computes.
    """
    from bitsandbytes.functional import dequantize_blockwise

    n_in = modules[0].in_features
    rows = [module.out_features for module in modules]
    parts = [m.weight.data.view(n, n_in // 2) for m, n in zip(modules, rows, strict=True)]
    packed = parts[0] if len(parts) == 1 else torch.cat(parts)
    for module, part in zip(modules, packed.split(rows), strict=True):
        module.weight.data = part.reshape(-1, 1)
    scales = []
    for module, n_rows in zip(modules, rows, strict=True):
        state = module.weight.quant_state
        scale = state.absmax
        if state.nested:
            scale = dequantize_blockwise(state.absmax, state.state2) + state.offset
        scales.append(scale.to(dtype).view(n_rows, n_in // BLOCK))
    code = modules[0].weight.quant_state.code.to(dtype)
    ends = tuple(sum(rows[: index + 1]) for index in range(len(rows)))
    return Nf4Matrix(packed, torch.cat(scales), code, ends)
