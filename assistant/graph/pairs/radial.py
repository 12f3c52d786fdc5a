"""Distances as features: expansions and smooth cut-offs. Distances are in Å, (e,) or (e, 1).

A smooth cut-off makes the influence of an atom fade to zero at the cut-off, so that a rotation,
which moves distances by their last bits, cannot switch a neighbour on or off.
"""

import math

import torch
from torch import Tensor, nn


def cosine_cutoff(distances: Tensor, cutoff: float) -> Tensor:
    """½ (cos(π d / c) + 1) below the cut-off c, 0 above (Behler and Parrinello 2007)."""
    inside = distances < cutoff
    return torch.where(inside, 0.5 * (torch.cos(math.pi * distances / cutoff) + 1), 0.0)


class GaussianBasis(nn.Module):
    """exp(-gamma (d - mu_k)²), centres mu evenly from 0 to the cut-off (Schütt et al. 2017)."""

    def __init__(self, n_centres: int, cutoff: float, gamma: float | None = None) -> None:
        super().__init__()
        centres = torch.linspace(0.0, cutoff, n_centres)
        if gamma is None:
            spacing = cutoff / max(n_centres - 1, 1)
            gamma = 0.5 / spacing**2
        self.gamma = gamma
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """(e, k) from (e,)."""
        return torch.exp(-self.gamma * (distances[:, None] - self.centres).square())


class SineBasis(nn.Module):
    """sin(k π d / c) / d, k = 1 … n: spherical Bessel functions of order 0 (Gasteiger 2020)."""

    def __init__(self, n_waves: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.register_buffer("waves", torch.arange(1, n_waves + 1) * math.pi, persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """(e, k) from (e,); the norm is that of a unit sphere, sqrt(2 / c)."""
        d = distances[:, None].clamp_min(1e-6)
        return math.sqrt(2 / self.cutoff) * torch.sin(self.waves * d / self.cutoff) / d


class ShiftedSoftplus(nn.Module):
    """ln(½ eˣ + ½), SchNet's activation."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return nn.functional.softplus(x) - math.log(2.0)
