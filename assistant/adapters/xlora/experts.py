"""LoRA experts as arguments of a step: y += Σ_i g · alpha_i / r_i · B_i A_i (s_i x), per token.

    A_1 ┐                                   s (b, t, layer, expert)
    A_2 ├─ stacked (R, in) ─► u (b, t, R) ─► × s of the column's expert ─► stacked (out, R) ─► + y
    …   ┘

However many experts there are, a site costs two products, and R = Σ r_i. A factor per token
commutes with A, so it is multiplied in at the narrow place: B A (s x) = B (s ⊙ A x).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from assistant.adapters.weights import LoraWeights


@dataclass(frozen=True)
class ExpertSite:
    """The experts of one layer, stacked.

    Attributes:
        lora_A: (R, in).
        lora_B: (out, R), with alpha_i / r_i and the global weight multiplied in.
        layer: Its place among the adapted layers, as the gate counts them.
        columns: Which expert each of the R columns belongs to; an expert that does not adapt this
            layer has none.
    """

    lora_A: Tensor
    lora_B: Tensor
    layer: int
    columns: tuple[int, ...]


@dataclass(frozen=True)
class ExpertBank:
    """All experts of one LLM.

    Attributes:
        names: The experts in the order of the gate's columns.
        sites: By site name, in the order of the gate's layers.
    """

    names: tuple[str, ...]
    sites: Mapping[str, ExpertSite]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the adapted layers, in the order of the gate."""
        return tuple(self.sites)

    @property
    def dtype(self) -> torch.dtype:
        """In what type the experts compute."""
        return next(iter(self.sites.values())).lora_A.dtype

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "ExpertBank":
        """The same experts elsewhere or in another type."""
        moved = {
            name: replace(
                site, lora_A=site.lora_A.to(device, dtype), lora_B=site.lora_B.to(device, dtype)
            )
            for name, site in self.sites.items()
        }
        return ExpertBank(self.names, moved)

    @cached_property
    def spreads(self) -> dict[tuple[int, ...], Tensor]:
        """`ExpertSite.columns` as an index, once per different one; most layers have the same."""
        return {
            site.columns: torch.tensor(site.columns, device=site.lora_A.device)
            for site in self.sites.values()
        }


def stack_experts(
    experts: Mapping[str, LoraWeights], layers: Sequence[str], *, weight: float = 1.0
) -> ExpertBank:
    """Stacks experts, which may differ in rank and in the layers they adapt.

    Args:
        experts: Name -> ΔW, in the order of the gate's columns.
        layers: The adapted layers in the order of the gate (module order of the LLM).
        weight: The global scaling weight.
    """
    sites: dict[str, ExpertSite] = {}
    for place, name in enumerate(layers):
        parts = [(i, delta[name]) for i, delta in enumerate(experts.values()) if name in delta]
        scaled = [part.lora_B * (part.scaling * weight) for _, part in parts]
        columns = tuple(i for i, part in parts for _ in range(part.rank))
        lora_A = torch.cat([part.lora_A for _, part in parts])
        sites[name] = ExpertSite(lora_A, torch.cat(scaled, dim=1), place, columns)
    return ExpertBank(tuple(experts), sites)


@dataclass(frozen=True)
class ExpertStep:
    """The experts of one forward pass with the scalings of its tokens.

    Attributes:
        sites: Stacked experts by site name.
        spread: For each `ExpertSite.columns` the scaling of each column, (b, t, l, R); l is 1 when
            all layers share their scalings.
    """

    sites: Mapping[str, ExpertSite]
    spread: Mapping[tuple[int, ...], Tensor]

    @classmethod
    def plan(cls, bank: ExpertBank, scalings: Tensor) -> "ExpertStep":
        """Plans a step.

        Args:
            bank: The experts.
            scalings: After top-k, (b, t, l, expert); a row without experts has zeros.
        """
        n_layers, n_experts = scalings.shape[2:]
        if n_experts != len(bank.names) or n_layers not in (1, len(bank.sites)):
            raise ValueError(
                f"scalings are for {n_layers} layers and {n_experts} experts,"
                f" but there are {len(bank.sites)} and {len(bank.names)}"
            )
        spread = {key: scalings.index_select(-1, index) for key, index in bank.spreads.items()}
        return cls(bank.sites, {key: s.to(bank.dtype) for key, s in spread.items()})

    def add(self, y: Tensor, x: Tensor, name: str) -> Tensor:
        """`y` plus the experts' part at a site, if they adapt it; x is (b, t, in)."""
        site = self.sites.get(name)
        if site is None:
            return y
        spread = self.spread[site.columns]
        place = site.layer if spread.shape[2] > 1 else 0
        # An output head may be asked for the last tokens only.
        s = spread[:, -x.shape[1] :, place].to(x.dtype)  # (b, t, R)
        u = nn.functional.linear(x, site.lora_A.to(x.dtype)) * s
        B = site.lora_B.to(x.dtype)
        return torch.addmm(y.flatten(0, -2), u.flatten(0, -2), B.t()).view_as(y)
