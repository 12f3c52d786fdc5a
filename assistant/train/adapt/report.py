"""The plan in words: memory of every stage beside the card's, and how long it will take."""

import time
from dataclasses import dataclass

import torch

from assistant.train.adapt.plan import GB, Memory, Plan
from assistant.train.adapt.recipe import StageName
from assistant.train.adapt.shape import LLMShape
from assistant.train.progress import duration

_SHARE_OF_PEAK = 0.35
"""Of a plain product's rate that a step is taken to reach, until the first steps have shown it."""
_ROWS = (
    ("nf4", "weights in NF4"),
    ("other_weights", "embeddings, head, norms in 16 bits"),
    ("trained", "trained parts, gradients, optimiser"),
    ("inputs", "kept input of every layer"),
    ("layer", "one layer, computed again"),
    ("generated", "graphs and generated ΔW"),
    ("logits", "one chunk of logits"),
    ("reserve", "CUDA context and slack"),
)


@dataclass(frozen=True)
class Work:
    """What a stage does.

    Attributes:
        steps: Optimiser steps.
        tokens: Tokens per step. answers: Of them, tokens that bear loss.
    """

    steps: int
    tokens: float
    answers: float

    def flops(self, shape: LLMShape) -> float:
        """Forward, recomputation and backward to the inputs: 2 operations a weight and pass.

        The head sees only the answers, and is not computed again.
        """
        head = shape.vocabulary * shape.d_model
        return self.steps * (6.0 * shape.n_linear * self.tokens + 4.0 * head * self.answers)


def plan_text(plan: Plan, work: dict[StageName, Work], rate: float, *, processes: int = 1) -> str:
    """Memory and time as a table.

    Args:
        plan: What fits.
        work: Of every stage that is run.
        rate: Operations a second of a plain product on one card.
        processes: Cards.
    """
    names = list(plan.stages)
    lines = [
        f"{plan.shape.name}: {(plan.shape.n_linear + plan.shape.n_other) / 1e9:.2f} billion"
        f" parameters, {plan.shape.n_layers} layers",
        "",
        _row("memory, GB", names),
        *(_row(title, [_gb(plan.stages[name], key) for name in names]) for key, title in _ROWS),
        _row("in all", [f"{plan.stages[name].total / GB:.2f}" for name in names]),
        "",
        f"fits {plan.vram / GB:.1f} GB with {plan.sequence} tokens a conversation and"
        f" {plan.conversations} conversation{'s' if plan.conversations > 1 else ''} at a time"
        f" (asked for: {plan.recipe.sequence} tokens, {plan.recipe.batch} conversations a step)",
        f"optimiser: {'paged 8-bit AdamW' if plan.eight_bit else 'AdamW'}, cards: {processes}",
        "",
        _row("time", names),
        _row("steps", [f"{work[name].steps:,}" for name in names]),
        _row("tokens", [_millions(work[name].steps * work[name].tokens) for name in names]),
        _row("estimate", [_time(work[name], plan.shape, rate, processes) for name in names]),
        f"  (a step at {_SHARE_OF_PEAK:.0%} of this device's {rate / 1e12:.3g} TFLOP/s; the bar"
        " shows what it really reaches)",
    ]
    return "".join(f"{line}\n" for line in lines)


def _row(title: str, cells: list[str]) -> str:
    return f"  {title:36}" + "".join(f"{cell:>12}" for cell in cells)


def _gb(memory: Memory, key: str) -> str:
    return f"{getattr(memory, key) / GB:.2f}"


def _millions(n: float) -> str:
    return f"{n / 1e6:,.1f} M"


def _time(work: Work, shape: LLMShape, rate: float, processes: int) -> str:
    return duration(work.flops(shape) / (rate * _SHARE_OF_PEAK * processes))


def product_rate(device: torch.device, *, width: int = 4096, seconds: float = 0.3) -> float:
    """Operations a second of a 16-bit product on a GPU, of a 32-bit one on a processor."""
    on_gpu = device.type == "cuda"
    dtype = torch.bfloat16 if on_gpu else torch.float32
    n = width if on_gpu else width // 8
    a, b = (torch.ones(n, n, dtype=dtype, device=device) for _ in range(2))
    best, spent = float("inf"), 0.0
    while spent < seconds:
        began = time.perf_counter()
        a @ b
        if on_gpu:
            torch.cuda.synchronize(device)
        took = time.perf_counter() - began
        best, spent = min(best, took), spent + took
    return 2.0 * n**3 / best
