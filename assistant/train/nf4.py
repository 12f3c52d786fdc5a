"""Training that knows it will be stored in NF4: the forward pass sees quantised weights.

Blocks of 64 weights share a scale (their largest magnitude); each weight is rounded to the nearest
of the 16 values of NormalFloat4 (Dettmers et al., QLoRA, arXiv 2305.14314, appendix E). The
gradient passes straight through the rounding.
"""

import torch
from torch import Tensor, nn

BLOCK = 64
NF4_VALUES = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


def quantise_nf4(weight: Tensor) -> Tensor:
    """The NF4 values of a weight, in its own shape and dtype; blocks run along the flat weight."""
    values = torch.tensor(NF4_VALUES, dtype=weight.dtype, device=weight.device)
    edges = (values[1:] + values[:-1]) / 2
    blocks = weight.reshape(-1, BLOCK)
    scale = blocks.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
    nearest = torch.bucketize(blocks / scale, edges)
    return (values[nearest] * scale).view_as(weight)


def straight_through(weight: Tensor) -> Tensor:
    """The quantised weight with the gradient of the unquantised one."""
    with torch.no_grad():
        rounding = quantise_nf4(weight) - weight
    return weight + rounding


class NF4Linear(nn.Linear):
    """A linear layer that computes with the NF4 values of its weight."""

    def forward(self, x: Tensor) -> Tensor:
        """As a linear layer."""
        return nn.functional.linear(x, straight_through(self.weight), self.bias)


def body_linears(model: nn.Module) -> list[nn.Linear]:
    """The linear layers that bitsandbytes stores in 4 bit: all but the output head."""
    head = model.get_output_embeddings()
    return [m for m in model.modules() if isinstance(m, nn.Linear) and m is not head]


def start_nf4(model: nn.Module) -> None:
    """Makes every body layer compute with its NF4 values; weights keep their names.

    All layers get one class, so that compiled ones remain one program. PyTorch's parametrisations
    make a class for each.
    """
    for linear in body_linears(model):
        linear.__class__ = NF4Linear


@torch.no_grad()
def round_to_nf4(model: nn.Module) -> None:
    """Replaces the weights of every body layer by their NF4 values; doing it twice is harmless."""
    for linear in body_linears(model):
        linear.weight.copy_(quantise_nf4(linear.weight))
