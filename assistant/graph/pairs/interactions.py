"""Interactions: two blocks of tokens become one (ModuLM, arXiv 2506.00880), x1, x2 (b, k, d).

    mean                 (x1 + x2) / 2
    bilinear_attention   w x1 + (1 - w) x2,  w = sigmoid(x1^T W x2 + b), one weight per token
    self_attention       (MHA(x1) + MHA(x2)) / 2
    cross_attention      MHA(query x1, keys x2)
    highway              (HW(x1) + HW(x2)) / 2,  HW(x) = T relu(H x) + (1 - T) x,  T = sigmoid(G x)
    gated_fusion         g (P z) + (1 - g) x1,  g = sigmoid(G z),  z = [x1 ; x2]
    bilinear_fusion      P (U x1 ∘ V x2) + b          low rank: 3 r d + d weights
    bilinear_fusion_full y_k = x1^T W_k x2 + b_k      as published, d³ weights; for parity only

bilinear_fusion is the full form with W_k = sum_r P_kr U_r V_r^T (Kim et al. 2017, arXiv
1610.04325). Every module is called as module(x1, x2); parameter names are the published ones.
Whether the order of the two matters is not decided here: `model` averages both orders where it
does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

_MAX_FULL_WEIGHTS = 2**24
_WITH_HEADS = ("self_attention", "cross_attention")


@dataclass(frozen=True)
class InteractionConfig:
    """Which interaction.

    Attributes:
        kind: A name of `INTERACTIONS`.
        n_heads: Attention heads (self_attention, cross_attention).
        rank: Of bilinear_fusion.
    """

    kind: str = "cross_attention"
    n_heads: int = 8
    rank: int = 64

    def __post_init__(self) -> None:
        if self.kind not in INTERACTIONS:
            raise ValueError(
                f"interaction kind {self.kind!r} is unknown; known are {', '.join(INTERACTIONS)}"
            )
        if self.n_heads < 1 or self.rank < 1:
            raise ValueError(
                f"interaction n_heads {self.n_heads} and rank {self.rank} must be positive"
            )


def check_interaction(config: InteractionConfig, d_model: int) -> None:
    """Refuses a width that does not go with the interaction.

    Raises:
        ValueError: The width does not fit the heads, or the full form would not fit memory.
    """
    if config.kind in _WITH_HEADS and d_model % config.n_heads:
        raise ValueError(
            f"interaction {config.kind}: d_model {d_model} is not a multiple of n_heads"
            f" {config.n_heads}"
        )
    if config.kind == "bilinear_fusion_full" and d_model**3 > _MAX_FULL_WEIGHTS:
        raise ValueError(
            f"interaction bilinear_fusion_full at d_model {d_model} has {d_model**3:,} weights,"
            f" over the {_MAX_FULL_WEIGHTS:,} allowed; bilinear_fusion of rank {config.rank} has"
            f" {3 * config.rank * d_model + d_model:,}"
        )


def build_interaction(config: InteractionConfig, d_model: int) -> nn.Module:
    """The interaction at width `d_model`, which is checked first."""
    check_interaction(config, d_model)
    return INTERACTIONS[config.kind](config, d_model)


class Mean(nn.Module):
    """Average of both."""

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        return (x1 + x2) / 2


class BilinearAttention(nn.Module):
    """One weight per token decides between the two."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(d_model, d_model, 1)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        weight = torch.sigmoid(self.bilinear(x1, x2))  # (b, k, 1)
        return weight * x1 + (1 - weight) * x2


class SelfAttention(nn.Module):
    """Each block attends to itself; average."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        first, second = (self.attn(x, x, x, need_weights=False)[0] for x in (x1, x2))
        return (first + second) / 2


class CrossAttention(nn.Module):
    """The first asks the second."""

    def __init__(self, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        return self.attn(x1, x2, x2, need_weights=False)[0]


class Highway(nn.Module):
    """A gated transform of each; average."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.transform = nn.Linear(d_model, d_model)
        self.gate = nn.Linear(d_model, d_model)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        return (self._carry(x1) + self._carry(x2)) / 2

    def _carry(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x))
        return gate * torch.relu(self.transform(x)) + (1 - gate) * x


class GatedFusion(nn.Module):
    """The first, opened by a gate to what both say together."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(2 * d_model, d_model), nn.Sigmoid())
        self.proj = nn.Linear(2 * d_model, d_model)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        both = torch.cat([x1, x2], dim=-1)
        gate = self.gate(both)
        return gate * self.proj(both) + (1 - gate) * x1


class LowRankBilinearFusion(nn.Module):
    """Products of pairs of features, through `rank` channels."""

    def __init__(self, d_model: int, rank: int) -> None:
        super().__init__()
        self.first = nn.Linear(d_model, rank, bias=False)
        self.second = nn.Linear(d_model, rank, bias=False)
        self.out = nn.Linear(rank, d_model)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        return self.out(self.first(x1) * self.second(x2))


class FullBilinearFusion(nn.Module):
    """All products of pairs of features, as published."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.bilinear = nn.Bilinear(d_model, d_model, d_model)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """(b, k, d)."""
        return self.bilinear(x1, x2)


INTERACTIONS: Mapping[str, Callable[[InteractionConfig, int], nn.Module]] = MappingProxyType(
    {
        "mean": lambda config, d: Mean(),
        "bilinear_attention": lambda config, d: BilinearAttention(d),
        "self_attention": lambda config, d: SelfAttention(d, config.n_heads),
        "cross_attention": lambda config, d: CrossAttention(d, config.n_heads),
        "highway": lambda config, d: Highway(d),
        "gated_fusion": lambda config, d: GatedFusion(d),
        "bilinear_fusion": lambda config, d: LowRankBilinearFusion(d, config.rank),
        "bilinear_fusion_full": lambda config, d: FullBilinearFusion(d),
    }
)
"""Name -> builder; `bilinear_fusion_full` is the named parity mode."""
