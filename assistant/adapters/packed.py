"""ΔW of packed tokens: those of several conversations in one step, each with the ΔW of its own.

    x (n, in) ─► A of all ΔW, one above the other ─► u (n, R) ─► the token's own columns ─► B ─► + y

The equation is that of `adapters.lora`, y = W x + scaling · B A x. Here the ΔW of a step lie side
by side, and sites that read the same input (q, k, v) share the two products, B being block
diagonal. So a step costs two products per input, however many molecules are in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from assistant.adapters.weights import LoraWeights, LowRank
from assistant.errors import BundleError


@dataclass(frozen=True)
class SiteGroup:
    """Sites that read the same input and whose outputs lie side by side.

    Attributes:
        names: The sites.
        in_features: Width of the input.
        widths: Width of each site's output.
    """

    names: tuple[str, ...]
    in_features: int
    widths: tuple[int, ...]

    @property
    def spans(self) -> list[tuple[str, slice]]:
        """Each site with its columns of the output."""
        ends = [sum(self.widths[: i + 1]) for i in range(len(self.widths))]
        starts = [end - width for end, width in zip(ends, self.widths, strict=True)]
        return [(n, slice(a, b)) for n, a, b in zip(self.names, starts, ends, strict=True)]


@dataclass(frozen=True)
class _Packed:
    """All ΔW at one group: A (in, R), B (R, out) with the scaling in it, the ΔW of each column."""

    lora_A: Tensor
    lora_B: Tensor
    columns: tuple[int, ...]


@dataclass(frozen=True)
class PackedDeltas:
    """Several ΔW side by side, by the first name of the group."""

    groups: Mapping[str, _Packed]

    @classmethod
    def pack(
        cls, deltas: Sequence[LoraWeights], groups: Iterable[SiteGroup], like: Tensor
    ) -> "PackedDeltas":
        """Puts ΔW side by side.

        Args:
            deltas: One per place 0, 1, ….
            groups: Where the model takes ΔW.
            like: Gives device and type.
        """
        packed = {}
        for group in groups:
            parts = [
                (place, span, delta[name])
                for name, span in group.spans
                for place, delta in enumerate(deltas)
                if name in delta
            ]
            if parts:
                packed[group.names[0]] = _pack_group(group, parts, like)
        return cls(packed)


def _pack_group(group: SiteGroup, parts: list[tuple[int, slice, LowRank]], like: Tensor) -> _Packed:
    columns = tuple(place for place, _, part in parts for _ in range(part.rank))
    lora_A = torch.cat([part.lora_A for _, _, part in parts]).to(like).t().contiguous()
    lora_B = like.new_zeros(len(columns), sum(group.widths))
    row = 0
    for _, span, part in parts:
        lora_B[row : row + part.rank, span] = (part.lora_B.t() * part.scaling).to(like)
        row += part.rank
    return _Packed(lora_A, lora_B, columns)


@dataclass(frozen=True)
class TokenDeltas:
    """The ΔW of one step.

    Attributes:
        packed: The ΔW.
        places: The ΔW of each token, -1 = none; None when all tokens use the only one there is.
    """

    packed: PackedDeltas
    places: tuple[int, ...] | None
    _masks: dict[tuple[int, ...], Tensor] = field(default_factory=dict)

    def add_(self, y: Tensor, x: Tensor, group: SiteGroup) -> Tensor:
        """Adds scaling · B A x in place to `y` (n, out) where a token has a ΔW; x is (n, in)."""
        part = self.packed.groups.get(group.names[0])
        if part is None:
            return y
        u = torch.mm(x, part.lora_A)
        if self.places is not None:
            # `where`, not a product: 0 * inf of another molecule must not reach this token.
            u = torch.where(self._mask(part.columns, x.device), u, 0)
        return y.addmm_(u, part.lora_B)

    def _mask(self, columns: tuple[int, ...], device: torch.device) -> Tensor:
        if columns not in self._masks:
            own = torch.tensor(self.places)[:, None] == torch.tensor(columns)
            self._masks[columns] = own.to(device)  # most groups have the same columns
        return self._masks[columns]


def refuse_misfits(delta: LoraWeights, groups: Iterable[SiteGroup]) -> None:
    """Checks a ΔW before it shares a step with others.

    Raises:
        BundleError: It is for a site that is not there, of another shape, or not finite.
    """
    sites = {
        name: (group.in_features, width)
        for group in groups
        for name, width in zip(group.names, group.widths, strict=True)
    }
    for name, part in delta.items():
        if name not in sites:
            raise BundleError(
                f"The adapter writes weights for {name}, which this language model does not have."
                " Use the language model it was trained for."
            )
        shape = (part.lora_A.shape[1], part.lora_B.shape[0])
        if shape != sites[name] or part.lora_B.shape[1] != part.rank:
            raise BundleError(
                f"The adapter's weights for {name} are {shape[0]} -> {shape[1]} wide, the language"
                f" model needs {sites[name][0]} -> {sites[name][1]}."
                " Use the language model it was trained for."
            )
        if not (part.lora_A.isfinite().all() and part.lora_B.isfinite().all()):
            raise BundleError(
                f"The adapter's weights for {name} are not finite numbers, so they would spoil the"
                " answer. Train the adapter again, or switch it off."
            )
