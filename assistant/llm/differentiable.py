"""Keeps a 4-bit model differentiable on a processor, before and after it was evaluated.

bitsandbytes (0.50) repacks a `Linear4bit` for AVX512-BF16 at its first forward pass in `eval` whose
input needs no gradient. From then on its kernel is used, which autograd does not know: the input's
gradient is None, with a warning at most, also after `train()`. So a generator that was evaluated
once stops learning. Here each layer is told that there is no such kernel, and what is packed
already is unpacked:

    packed nibbles ─► the same nibbles in their first order      exact
    scales         ─► float32, as the packed form has them        bf16-rounded, not quantised twice

so values after unpacking are those the kernel computed with.
"""

import torch
from torch import nn

from assistant.llm.compute import four_bit_layers


def keep_differentiable(model: nn.Module) -> int:
    """Makes the 4-bit layers pass gradients to their inputs from now on, whatever was run before.

    Call it on a model that is to be trained through. Serving should not: the kernel is faster.

    Returns:
        How many layers had been repacked and were unpacked.
    """
    n_unpacked = 0
    for _, layer in four_bit_layers(model):
        layer.support_avx512bf16_for_cpu = False
        if is_packed(layer):
            _unpack(layer)
            n_unpacked += 1
    return n_unpacked


def is_packed(layer: nn.Module) -> bool:
    """Whether bitsandbytes has repacked a `Linear4bit` for its processor kernel."""
    return bool(getattr(layer.weight.quant_state, "packing_format_for_cpu", False))


@torch.no_grad()
def _unpack(layer: nn.Module) -> None:
    """Undoes the repacking.

    bitsandbytes' own inverse restores the nibbles, but leaves the scales in the packed order unless
    they were quantised twice, and quantises them again if they were.
    """
    from bitsandbytes.functional import _convert_weight_packed_for_cpu_inverse

    state = layer.weight.quant_state
    scales = state.absmax.T.reshape(-1).float().contiguous()  # packed: (in / blocksize, out)
    state.original_nested = False
    data, state = _convert_weight_packed_for_cpu_inverse(layer.weight.data, state)
    state.absmax, state.nested, state.state2, state.offset = scales, False, None, None
    layer.weight.data, layer.weight.quant_state = data, state
    layer.quant_state = state
