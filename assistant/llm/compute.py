"""How 4-bit weights compute on this machine: by the NF4 kernel, or dequantised once.

A GPU always uses the kernel. On a processor it depends on its instructions and the widths: the
ways are timed on the model's own shapes, weighted as in a typical answer, and the fastest is taken.
The values are the same NF4 values in each case; only the rounding of the products differs. Where a
matrix lies in memory matters as much as its type: one token times a matrix whose columns lie
together took 0.6 of the time on one processor.
"""

import copy
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

import psutil
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from assistant.errors import BundleError

logger = logging.getLogger(__name__)

# A typical turn: this many tokens are decoded one by one, and this many blocks are prefilled.
_DECODED, _BLOCKS, _BLOCK = 128, 4, 64
_BUDGET_SECONDS = 0.3
_VISITS = 3  # to each way: a neighbour that has the processor for some ms must not decide
_LAYOUT_VISITS = 7
_PATIENCE_SECONDS = 0.5  # after which no further visit begins: the start must not wait for it
_LAYOUT_BYTES = 2**26  # of matrices, more than the caches hold: a model is read from memory
_MEMORY_SHARE = 0.5  # of the free memory may go to dequantised weights


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
    wanted: Literal["auto", "nf4", "bf16", "fp32"] = "auto",
) -> str:
    """Chooses how an NF4 model computes and changes it accordingly, in place.

    Args:
        model: The model.
        quantize: How its weights are kept.
        pick_fastest: On a processor, take the fastest way; else the kernel.
        wanted: On a processor, a way to take instead of the fastest.

    Returns:
        The choice in words.
    """
    layers = four_bit_layers(model)
    kernel = f"NF4 kernel, {type_name(_compute_dtype(layers, model))}"
    if not layers or (quantize == "4bit" and (model.device.type != "cpu" or not pick_fastest)):
        return kernel
    seconds = time_formats([layer for _, layer in layers])
    if quantize == "none":
        del seconds["nf4"]
    elif wanted == "auto":
        _drop_too_large(seconds, layers)
    if wanted != "auto":
        seconds = {name: time for name, time in seconds.items() if name.split()[0] == wanted}
        if not seconds:
            raise BundleError(f"--compute {wanted} needs weights in 4 bit; leave out --quantize.")
    best = min(seconds, key=lambda name: seconds[name])
    logger.info("ms per token-equivalent: %s", {k: round(v * 1e3, 2) for k, v in seconds.items()})
    if best == "nf4":
        _pack(layers)
        return kernel
    dequantise(model, torch.float32 if best == "fp32" else torch.bfloat16)
    if columns_are_faster(model):
        lay_by_columns(model)
    return f"NF4 values, computed in {best}"


@torch.inference_mode()
def _pack(layers: list[tuple[str, nn.Module]]) -> None:
    """Lets the kernel repack the weights now, not under the first question."""
    for _, layer in layers:
        layer(torch.zeros(1, 1, layer.in_features, dtype=layer.compute_dtype or torch.bfloat16))


def _drop_too_large(seconds: dict[str, float], layers: list[tuple[str, nn.Module]]) -> None:
    """Keeps dequantised weights out of the choice when they would fill the memory."""
    n_values = sum(layer.in_features * layer.out_features for _, layer in layers)
    room = psutil.virtual_memory().available * _MEMORY_SHARE
    for name, n_bytes in (("bf16", 2), ("fp32", 4)):
        if n_values * n_bytes > room:
            del seconds[name]


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


@torch.inference_mode()
def columns_are_faster(model: PreTrainedModel) -> bool:
    """Whether one token times the model's matrices takes less when their columns lie together."""
    by_rows: list[Tensor] = []
    n_bytes = 0
    for module in model.modules():
        if type(module) is nn.Linear and n_bytes < _LAYOUT_BYTES:
            by_rows.append(module.weight.data)
            n_bytes += module.weight.nbytes
    by_columns = [weight.t().contiguous().t() for weight in by_rows]
    inputs = {w.shape[1]: torch.randn(1, w.shape[1], dtype=w.dtype) for w in by_rows}

    def read(weights: list[Tensor]) -> float:
        begin = time.perf_counter()
        for weight in weights:
            nn.functional.linear(inputs[weight.shape[1]], weight)
        return time.perf_counter() - begin

    read(by_rows), read(by_columns)
    times = [(read(by_rows), read(by_columns)) for _ in range(_LAYOUT_VISITS)]
    return min(columns for _, columns in times) < min(rows for rows, _ in times)


@torch.inference_mode()
def time_formats(layers: list[nn.Module]) -> dict[str, float]:
    """Seconds a typical turn spends in these layers, per format, at the model's shapes."""
    shapes = Counter((layer.in_features, layer.out_features) for layer in layers)
    examples = {(layer.in_features, layer.out_features): layer for layer in layers}
    ways = [(shape, *runner) for shape in shapes for runner in _runners(examples[shape])]
    budget = _BUDGET_SECONDS / (len(ways) * _VISITS * 2)
    best: dict[tuple[tuple[int, int], str, int], float] = {}
    begin = time.perf_counter()
    for _ in range(_VISITS):
        for shape, name, run, dtype in ways:
            for n_tokens in (1, _BLOCK):
                x = torch.randn(1, n_tokens, shape[0]).to(dtype)
                key = (shape, name, n_tokens)
                if key not in best:
                    run(x)  # warms up
                best[key] = min(_best_time(run, x, budget), best.get(key, float("inf")))
        if time.perf_counter() - begin > _PATIENCE_SECONDS:
            break
    total: Counter[str] = Counter()
    for shape, name, _, _ in ways:
        one, block = (best[shape, name, n_tokens] for n_tokens in (1, _BLOCK))
        total[name] += shapes[shape] * (_DECODED * one + _BLOCKS * block)
    return dict(total)


def _runners(layer: nn.Module) -> list[tuple[str, Callable[[Tensor], Tensor], torch.dtype]]:
    # A copy: its first pass repacks the weight in place, after which it cannot be dequantised.
    kernel = copy.deepcopy(layer).eval()
    compute = layer.compute_dtype or torch.bfloat16
    runners: list[tuple[str, Callable[[Tensor], Tensor], torch.dtype]] = [("nf4", kernel, compute)]
    for dtype in (torch.bfloat16, torch.float32):
        weight = weight_of(layer, dtype)
        runners.append((type_name(dtype), lambda x, w=weight: nn.functional.linear(x, w), dtype))
    return runners


def _best_time(run: Callable[[Tensor], Tensor], x: Tensor, budget: float) -> float:
    """Fastest of several runs within a budget."""
    best, spent = float("inf"), 0.0
    while spent < budget:
        begin = time.perf_counter()
        run(x)
        seconds = time.perf_counter() - begin
        best, spent = min(best, seconds), spent + seconds
    return best
