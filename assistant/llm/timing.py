"""Which way of multiplying with NF4 values is the fastest on this processor.

A way is a format (the NF4 kernel, or the values in 16 or 32 bit), where the matrices' columns lie,
and from how many tokens on oneDNN's own order is used. All are timed on matrices of the model
itself, so many that they come from memory as they do while answering: one small matrix again and
again stays in the caches, where formats hardly differ.
"""

import copy
import itertools
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from assistant.llm.plan import FLOAT_WAYS, Way
from assistant.llm.products import can_prepack, packed_product, prepacked

# A typical time: so many steps of one token, of one token of each of eight people, of a prompt.
_STEPS = {1: 128, 8: 16, 64: 4}
_SAMPLE_VALUES = 2**22  # of the model's matrices; all ways together are more than caches hold
# One visit to all ways: short runs more often, for a neighbour must not decide.
_VISIT = (1, 8, 1, 64, 1, 8, 1)
_VISITS = 3
_PATIENCE_SECONDS = 0.3  # after which no further visit begins: the start must not wait for it

FORMATS = {"bf16": torch.bfloat16, "fp32": torch.float32}


_Runner = Callable[[int], None]


@torch.inference_mode()
def time_ways(
    layers: Sequence[nn.Module], weight_of: Callable[[nn.Module, torch.dtype], Tensor]
) -> dict[Way, float]:
    """Seconds of a typical time in all layers, for each way.

    Args:
        layers: 4-bit linear layers; they stay as they are.
        weight_of: The values of a layer as a matrix (out, in) of a float type.
    """
    sample = _sample(layers)
    runners = _runners(sample, weight_of)
    best = dict.fromkeys(((name, n) for name in runners for n in _STEPS), float("inf"))
    begin = time.perf_counter()
    for name, n in best:
        runners[name](n)  # warms up
    for _ in range(_VISITS):
        for n, (name, run) in itertools.product(_VISIT, runners.items()):
            best[name, n] = min(best[name, n], _seconds(run, n))
        if time.perf_counter() - begin > _PATIENCE_SECONDS:
            break
    share = sum(map(_n_values, sample)) / sum(map(_n_values, layers))
    return {way: seconds / share for way, seconds in _ways(best).items()}


def _seconds(run: _Runner, n: int) -> float:
    """Processor seconds of this thread, which has its share of each product.

    A clock would measure busy programs too, and the seconds of all threads together would favour
    products during which the other threads sleep.
    """
    begin = time.thread_time()
    run(n)
    return time.thread_time() - begin


def _n_values(layer: nn.Module) -> int:
    return layer.in_features * layer.out_features


def _sample(layers: Sequence[nn.Module]) -> list[nn.Module]:
    """The first layers, as many as `_SAMPLE_VALUES` allow, and at least one."""
    sample, n_values = [layers[0]], _n_values(layers[0])
    for layer in layers[1:]:
        n_values += _n_values(layer)
        if n_values > _SAMPLE_VALUES:
            break
        sample.append(layer)
    return sample


def _runners(
    layers: Sequence[nn.Module], weight_of: Callable[[nn.Module, torch.dtype], Tensor]
) -> dict[str, _Runner]:
    """What multiplies so many tokens with every matrix of the sample, by name."""
    # Copies: the first pass of a layer repacks its weight, after which it cannot be dequantised.
    kernels = [copy.deepcopy(layer).eval() for layer in layers]
    compute = layers[0].compute_dtype or torch.bfloat16
    widths = {layer.in_features for layer in layers}
    inputs = {(n, width): torch.randn(n, width) for n in _STEPS for width in widths}

    def runner(
        product: Callable[[Tensor, object], Tensor], things: Sequence[object], dtype: torch.dtype
    ) -> _Runner:
        sizes = [layer.in_features for layer in layers]
        x = {key: values.to(dtype) for key, values in inputs.items()}

        def run(n: int) -> None:
            for width, thing in zip(sizes, things, strict=True):
                product(x[n, width], thing)

        return run

    runners = {"nf4": runner(lambda x, layer: layer(x), kernels, compute)}
    for form, dtype in FORMATS.items():
        rows = [weight_of(layer, dtype) for layer in layers]
        columns = [weight.t().contiguous() for weight in rows]
        runners[f"{form} rows"] = runner(torch.mm, [weight.t() for weight in rows], dtype)
        runners[f"{form} columns"] = runner(torch.mm, columns, dtype)
        if can_prepack(dtype):
            order = [prepacked(weight) for weight in rows]
            runners[f"{form} packed"] = runner(packed_product, order, dtype)
    return runners


def _ways(best: dict[tuple[str, int], float]) -> dict[Way, float]:
    """Seconds of each way that can be put together from what was timed."""
    ways = {Way("nf4"): sum(n_steps * best["nf4", n] for n, n_steps in _STEPS.items())}
    for way in FLOAT_WAYS:
        chosen = {n: _runner_of(way, n) for n in _STEPS}
        if all((chosen[n], n) in best for n in _STEPS):
            ways[way] = sum(n_steps * best[chosen[n], n] for n, n_steps in _STEPS.items())
    return ways


def _runner_of(way: Way, n: int) -> str:
    """What multiplies with n tokens, as `_runners` names it."""
    if way.packed_from is not None and n >= way.packed_from:
        return f"{way.form} packed"
    return f"{way.form} {'columns' if way.by_columns else 'rows'}"
