"""The optimiser and its learning rate: AdamW, on a GPU with paged 8-bit moments."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from assistant.errors import AssistantError
from assistant.train.adapt.recipe import AdaptRecipe, StageRecipe


def is_eight_bit(recipe: AdaptRecipe, device: torch.device) -> bool:
    """Whether the moments are kept in 8 bits.

    Raises:
        AssistantError: The recipe asks for it where there is no GPU.
    """
    if recipe.optimizer == "paged8bit" and device.type != "cuda":
        raise AssistantError(
            'optimizer = "paged8bit" needs a CUDA GPU; take "auto", which falls back to AdamW.'
        )
    return recipe.optimizer != "adamw" and device.type == "cuda"


def make_optimizer(
    parameters: Sequence[nn.Parameter], stage: StageRecipe, *, eight_bit: bool
) -> torch.optim.Optimizer:
    """AdamW over a stage's parameters; only matrices decay."""
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": stage.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    if eight_bit:
        from bitsandbytes.optim import PagedAdamW8bit

        return PagedAdamW8bit(groups, lr=stage.lr)
    return torch.optim.AdamW(groups, lr=stage.lr)


def learning_rate(stage: StageRecipe, step: int, total: int) -> float:
    """Linear from `first_lr` to `lr` over the warm-up, then a cosine to `min_lr` at the last step.

    A warm-up longer than a tenth of the stage is cut to that.
    """
    warmup = min(stage.warmup, max(1, total // 10)) if stage.warmup else 0
    if step < warmup:
        return stage.first_lr + (stage.lr - stage.first_lr) * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - 1 - warmup)
    return stage.min_lr + (stage.lr - stage.min_lr) * 0.5 * (1 + math.cos(math.pi * progress))
