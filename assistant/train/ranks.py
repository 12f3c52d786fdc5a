"""Several processes train one model: each on its own batches, with the mean of their gradients.

    torchrun --nproc-per-node 2 -m -- assistant.train.base --config … --run …

On a processor one process per core beats one process with a thread per core: threads wait for each
other after every small operation, processes once per step. Alone, everything here does nothing.
"""

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn


def join() -> None:
    """Joins the processes that torchrun started; without torchrun there is nothing to join."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        dist.init_process_group("gloo")


def leave() -> None:
    """Ends what `join` began."""
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait() -> None:
    """Returns when all processes have come here."""
    if dist.is_initialized():
        dist.barrier()


def mean_gradients(
    parameters: Sequence[nn.Parameter], counts: tuple[float, ...]
) -> tuple[float, ...]:
    """Replaces each gradient by its mean over the processes, in one message.

    Args:
        parameters: The same ones in the same order in every process; one without a gradient counts
            as zero (a batch without molecules gives the encoder none).
        counts: Figures of this process (seconds, tokens) that travel along.

    Returns:
        The means of `counts`, so that all processes follow the same schedule.
    """
    if not dist.is_initialized():
        return counts
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters]
    flat = torch.cat([*(g.flatten() for g in gradients), torch.tensor(counts)])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    _spread(flat, gradients)
    return tuple(flat[-len(counts) :].tolist())


def _spread(flat: Tensor, gradients: Sequence[Tensor]) -> None:
    start = 0
    for gradient in gradients:
        end = start + gradient.numel()
        gradient.copy_(flat[start:end].view_as(gradient))
        start = end
