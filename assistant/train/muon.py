"""Muon for a small model on a processor: momentum, orthogonalised block by block, in fp32.

Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) replaces the momentum M of a matrix by
the nearest semi-orthogonal matrix, found by five Newton-Schulz steps

    X ← a X + (b A + c A²) X,   A = X Xᵀ,   (a, b, c) = (3.4445, -4.7750, 2.0315)

Here every matrix is cut into blocks of `BLOCK` rows on the side that does not face the residual
stream (heads, hidden units), and all blocks of the model are one batched product: for 384 × 384
that is a third of the work. PyTorch's Muon computes in bf16, which is emulated on processors
without AVX512-BF16 (200 times slower there).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

BLOCK = 128
_STEPS = 5
_A, _B, _C = 3.4445, -4.7750, 2.0315


class BlockMuon(torch.optim.Optimizer):
    """Muon with Nesterov momentum for matrices that read from or write to a residual stream.

    Args:
        readers: Weights (out, d) whose input is the residual stream (q, k, v, gate, up).
        writers: Weights (d, in) whose output is the residual stream (o, down).
        lr: Step size; an update has root mean square lr / √d.
        momentum: Decay of the gradient's average.
    """

    def __init__(
        self,
        readers: Iterable[nn.Parameter],
        writers: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
    ) -> None:
        readers, writers = list(readers), list(writers)
        for weight in readers:
            _check_blocks(weight, rows=0)
        for weight in writers:
            _check_blocks(weight, rows=1)
        groups = [
            {"params": readers, "transposed": False},
            {"params": writers, "transposed": True},
        ]
        super().__init__(groups, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Updates every matrix that has a gradient."""
        loss = None if closure is None else closure()
        places: list[tuple[nn.Parameter, bool, float, int]] = []
        blocks: list[Tensor] = []
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            for weight, update in zip(weights, self._nesterov(weights, group), strict=True):
                rows = update.t() if group["transposed"] else update
                cut = rows.reshape(-1, BLOCK, rows.shape[1])
                places.append((weight, group["transposed"], group["lr"], len(cut)))
                blocks.append(cut)
        if not blocks:
            return loss
        parts = orthogonalised(torch.cat(blocks)).split([n for *_, n in places])
        for (weight, transposed, lr, _), part in zip(places, parts, strict=True):
            rows = part.flatten(0, 1)
            weight.add_(rows.t() if transposed else rows, alpha=-lr)
        return loss

    def _nesterov(self, weights: list[nn.Parameter], group: dict[str, Any]) -> Sequence[Tensor]:
        if not weights:
            return ()
        for weight in weights:
            if "average" not in self.state[weight]:
                self.state[weight]["average"] = torch.zeros_like(weight)
        averages = [self.state[weight]["average"] for weight in weights]
        gradients = [weight.grad for weight in weights]
        torch._foreach_lerp_(averages, gradients, 1 - group["momentum"])
        return torch._foreach_lerp(gradients, averages, group["momentum"])


def _check_blocks(weight: nn.Parameter, *, rows: int) -> None:
    if weight.ndim != 2 or weight.shape[rows] % BLOCK:
        raise ValueError(
            f"a weight of shape {tuple(weight.shape)} cannot be cut into blocks of {BLOCK}:"
            " choose head and hidden widths whose sums are multiples of it"
        )


def orthogonalised(blocks: Tensor) -> Tensor:
    """Semi-orthogonal matrices near the blocks (n, r, d), r <= d; singular values 0.7 to 1.2."""
    x = blocks / blocks.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    for _ in range(_STEPS):
        a = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(a, a, a, beta=_B, alpha=_C), x, beta=_A)
    return x
