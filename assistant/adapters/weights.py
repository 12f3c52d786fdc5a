"""Low-rank weights as values: one ΔW, the ΔW of a molecule, several of them stacked or combined."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LowRank:
    """One ΔW, kept factored: `scaling * lora_B @ lora_A`."""

    lora_A: Tensor  # (r, in)
    lora_B: Tensor  # (out, r)
    scaling: float = 1.0

    @property
    def rank(self) -> int:
        """Rank of the product."""
        return self.lora_A.shape[0]


LoraWeights = Mapping[str, LowRank]
"""The ΔW of one molecule: site name -> low-rank weights."""

Combination = Literal["mean", "sum", "concat"]
"""How the ΔW of several molecules in focus become one."""

Scope = Literal["turn", "whole"]
"""Which tokens a ΔW is for: those of the turn that is about the molecule, or every token, as
published."""


def check_use(scope: str, combination: str) -> None:
    """Refuses a scope or combination of a generator's config that does not exist."""
    for value, known in ((scope, get_args(Scope)), (combination, get_args(Combination))):
        if value not in known:
            raise ValueError(f"{value!r} is none of {', '.join(known)}")


@dataclass(frozen=True)
class StackedLowRank:
    """The ΔW of several slots at one site; slot s of a step is row s - 1 here."""

    lora_A: Tensor  # (s, r, in)
    lora_B: Tensor  # (out, r) shared, or (s, out, r)
    scaling: float = 1.0

    @property
    def shares_B(self) -> bool:
        """Whether all slots use one B."""
        return self.lora_B.dim() == 2


class StackedLora(dict[str, StackedLowRank]):
    """Site name -> stacked low-rank weights; what `stack` and the generator give.

    Attributes:
        codes: What every A of a slot follows from, (s, …), where that is known and smaller.
    """

    codes: Tensor | None = None

    @property
    def n_slots(self) -> int:
        """Number of ΔW in the stack."""
        return next(iter(self.values())).lora_A.shape[0] if self else 0

    def unbind(self) -> list[LoraWeights]:
        """One `LoraWeights` per slot; a shared B stays one tensor."""
        return [
            {
                name: LowRank(
                    site.lora_A[slot],
                    site.lora_B if site.shares_B else site.lora_B[slot],
                    site.scaling,
                )
                for name, site in self.items()
            }
            for slot in range(self.n_slots)
        ]


def shares_one_B(deltas: Sequence[LowRank]) -> bool:
    """Whether the deltas use one and the same B tensor and scaling, as generated weights do."""
    first = deltas[0]
    return all(
        delta.scaling == first.scaling
        and (
            delta.lora_B is first.lora_B
            or (
                delta.lora_B.data_ptr() == first.lora_B.data_ptr()
                and delta.lora_B.shape == first.lora_B.shape
                and delta.lora_B.stride() == first.lora_B.stride()
                and not delta.lora_B.requires_grad
            )
        )
        for delta in deltas
    )


def combine(deltas: Sequence[LoraWeights], mode: Combination = "mean") -> LoraWeights:
    """The ΔW of several molecules in focus.

    `mean` and `sum` combine the A of a shared B and keep the rank. `concat` keeps the factors side
    by side (rank n·r); its ΔW equals the sum. Deltas without a shared B are always kept side by
    side, with 1/n for `mean`.
    """
    if not deltas:
        return {}
    if len(deltas) == 1:
        return deltas[0]
    names = dict.fromkeys(name for delta in deltas for name in delta)
    weight = 1 / len(deltas) if mode == "mean" else 1.0
    return {
        name: _combine_site([delta[name] for delta in deltas if name in delta], weight, mode)
        for name in names
    }


def _combine_site(parts: list[LowRank], weight: float, mode: str) -> LowRank:
    same_rank = len({part.rank for part in parts}) == 1
    if mode != "concat" and same_rank and shares_one_B(parts):
        total = torch.stack([part.lora_A for part in parts]).sum(dim=0) * weight
        return LowRank(total, parts[0].lora_B, parts[0].scaling)
    return LowRank(
        torch.cat([part.lora_A for part in parts]),
        torch.cat([part.lora_B * (part.scaling * weight) for part in parts], dim=1),
    )


def stack(deltas: Sequence[LoraWeights]) -> StackedLora:
    """Stacks one ΔW per slot; smaller ranks and missing sites are filled with zeros."""
    stacked = StackedLora()
    for name in dict.fromkeys(name for delta in deltas for name in delta):
        parts = [delta.get(name) for delta in deltas]
        present = [part for part in parts if part is not None]
        rank = max(part.rank for part in present)
        template = present[0]
        rows = [
            template.lora_A.new_zeros(rank, template.lora_A.shape[1])
            if part is None
            else nn.functional.pad(part.lora_A, (0, 0, 0, rank - part.rank))
            for part in parts
        ]
        if shares_one_B(present) and all(part.rank == rank for part in present):
            B, scaling = template.lora_B, template.scaling
        else:
            scaling = 1.0
            B = torch.stack(
                [
                    template.lora_B.new_zeros(template.lora_B.shape[0], rank)
                    if part is None
                    else nn.functional.pad(part.lora_B * part.scaling, (0, rank - part.rank))
                    for part in parts
                ]
            )
        stacked[name] = StackedLowRank(torch.stack(rows), B, scaling)
    return stacked


def tensor_hash(tensor: Tensor) -> str:
    """SHA-256 of shape, type and values."""
    values = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{tuple(tensor.shape)}{tensor.dtype}".encode())
    digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def content_hash(delta: LoraWeights) -> str:
    """SHA-256 of the values, so that caches never go by names."""
    digest = hashlib.sha256()
    for name in sorted(delta):
        part = delta[name]
        hashes = tensor_hash(part.lora_A) + tensor_hash(part.lora_B)
        digest.update(f"{name} {part.scaling!r} {hashes}".encode())
    return digest.hexdigest()
