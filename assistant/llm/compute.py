"""How 4-bit weights compute on this machine: by the NF4 kernel, or dequantised once.

A GPU always uses the kernel. On a processor it depends on its instructions and the widths: the
ways are timed on the model's own matrices (`timing`), weighted as in a typical time, and one of the
fastest is taken. The values are the same NF4 values in each case; only the rounding differs.
"""

import logging
from typing import Literal

import psutil
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from assistant.errors import BundleError
from assistant.llm.llama import obstacle
from assistant.llm.plan import FLOAT_WAYS, PLAIN, ProductPlan, Way
from assistant.llm.products import can_prepack
from assistant.llm.timing import FORMATS, time_ways

logger = logging.getLogger(__name__)

_MEMORY_SHARE = 0.5  # of the free memory may go to dequantised weights
_AS_FAST = 1.3
"""Up to so many times the shortest time ways are equally fast: the sample knows no casts, norms and
attention of a step, and the same program must not answer otherwise after its next start."""


def type_name(dtype: torch.dtype) -> str:
    """`bf16`, `fp16` or `fp32`."""
    return {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}.get(
        dtype, str(dtype).removeprefix("torch.")
    )


def settle(
    model: PreTrainedModel,
    quantize: Literal["4bit", "8bit", "none"],
    *,
    pick_fastest: bool = True,
    wanted: Literal["auto", "nf4", "bf16", "fp32"] | Way = "auto",
) -> tuple[str, ProductPlan]:
    """Chooses how an NF4 model computes and changes it accordingly, in place.

    Args:
        model: The model.
        quantize: How its weights are kept.
        pick_fastest: On a processor, take the fastest way; else the kernel.
        wanted: On a processor, a way to take instead of the fastest, or its type alone.

    Returns:
        The choice in words, and how float matrices are then multiplied with.
    """
    layers = four_bit_layers(model)
    kernel = f"NF4 kernel, {type_name(_compute_dtype(layers, model))}"
    if wanted == "nf4" and quantize == "none":
        raise BundleError("--compute nf4 needs weights in 4 bit; leave out --quantize.")
    if not layers or (quantize == "4bit" and (model.device.type != "cpu" or not pick_fastest)):
        return kernel, PLAIN
    if model.device.type != "cpu":  # and without quantisation: there is nothing to choose
        dequantise(model, model.dtype)
        return f"NF4 values, computed in {type_name(model.dtype)}", PLAIN
    if wanted == "nf4":
        _pack(layers)
        return kernel, PLAIN
    follows_plans = not obstacle(model)
    if isinstance(wanted, Way):
        if wanted.packed_from is None or (follows_plans and can_prepack(FORMATS[wanted.form])):
            return _computing(model, wanted, follows_plans=follows_plans)
        wanted = wanted.form
    seconds = time_ways([layer for _, layer in layers], weight_of)
    logger.info("s of a typical time: %s", {way: round(s, 2) for way, s in seconds.items()})
    if not follows_plans:
        seconds = {way: time for way, time in seconds.items() if way.packed_from is None}
    if quantize == "none":
        seconds = {way: time for way, time in seconds.items() if way.form != "nf4"}
    elif wanted == "auto":
        seconds = _within_memory(seconds, layers, model)
    if wanted != "auto":
        seconds = {way: time for way, time in seconds.items() if way.form == wanted}
    best = _first_of_the_fastest(seconds)
    if best.form == "nf4":
        _pack(layers)
        return kernel, PLAIN
    return _computing(model, best, follows_plans=follows_plans)


def _first_of_the_fastest(seconds: dict[Way, float]) -> Way:
    near = {way for way, time in seconds.items() if time <= _AS_FAST * min(seconds.values())}
    return next((way for way in FLOAT_WAYS if way in near), Way("nf4"))


def _computing(model: PreTrainedModel, way: Way, *, follows_plans: bool) -> tuple[str, ProductPlan]:
    """Changes the weights to what a way with float matrices multiplies with."""
    dequantise(model, FORMATS[way.form])
    if way.by_columns:
        lay_by_columns(model)
    return way.words, way.plan if follows_plans else PLAIN


@torch.inference_mode()
def _pack(layers: list[tuple[str, nn.Module]]) -> None:
    """Lets the kernel repack the weights now, not under the first question."""
    for _, layer in layers:
        layer(torch.zeros(1, 1, layer.in_features, dtype=layer.compute_dtype or torch.bfloat16))


def _within_memory(
    seconds: dict[Way, float], layers: list[tuple[str, nn.Module]], model: PreTrainedModel
) -> dict[Way, float]:
    """The ways whose matrices leave room in the memory; the kernel always does."""
    n_values = sum(layer.in_features * layer.out_features for _, layer in layers)
    n_head = model.get_input_embeddings().weight.numel()  # as many as the head has
    room = psutil.virtual_memory().available * _MEMORY_SHARE
    return {
        way: time
        for way, time in seconds.items()
        if n_values * way.bytes_per_value + n_head * way.head_bytes_per_value <= room
    }


def four_bit_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Names and modules of the 4-bit linear layers."""
    from bitsandbytes.nn import Linear4bit

    return [(name, m) for name, m in model.named_modules() if isinstance(m, Linear4bit)]


def _compute_dtype(layers: list[tuple[str, nn.Module]], model: PreTrainedModel) -> torch.dtype:
    chosen = layers[0][1].compute_dtype if layers else None
    return chosen or model.dtype


def weight_of(layer: nn.Module, dtype: torch.dtype) -> Tensor:
    """The NF4 values of a layer as a float matrix (out, in)."""
    from bitsandbytes.functional import dequantize_4bit

    values = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    return values.to(dtype)


def dequantise(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Replaces every 4-bit layer by a linear layer that holds the same values."""
    for name, layer in four_bit_layers(model):
        plain = nn.Linear(
            layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta"
        )
        plain.weight = nn.Parameter(weight_of(layer, dtype), requires_grad=False)
        if layer.bias is not None:
            plain.bias = nn.Parameter(layer.bias.detach().to(dtype), requires_grad=False)
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, plain.eval())
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    for buffer in model.buffers():
        if buffer.is_floating_point() and buffer.dtype != torch.float32:
            buffer.data = buffer.data.to(dtype)  # rotary frequencies stay in float32


@torch.no_grad()
def lay_by_columns(model: PreTrainedModel) -> None:
    """Moves the linear layers' matrices so that columns lie together; values and shapes stay."""
    embedding = model.get_input_embeddings().weight
    for module in model.modules():
        # A row of a tied embedding is looked up per token and stays in one piece.
        if type(module) is nn.Linear and module.weight is not embedding:
            module.weight.data = module.weight.data.t().contiguous().t()
