"""Experts of packed tokens: each token mixed by scalings of its own, whosever token it is.

    x (n, in) ─► A of all experts, one above the other ─► u (n, R) ─► × the token's scaling of the
                 column's expert in this layer ─► B ─► + y

The equation is that of `xlora.experts`. As in `packed`, sites that read the same input (q, k, v)
share the two products, B being block diagonal; a token without experts has scalings of zero, which
add exactly nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.adapters.packed import SiteGroup
from assistant.adapters.xlora.experts import ExpertBank
from assistant.errors import BundleError


@dataclass(frozen=True)
class PackedExperts:
    """All experts of one LLM as the packed pass reads them.

    Attributes:
        names: The first site of each group that has experts.
        lora_A: Per group (in, R).
        lora_B: Per group (R, out), scaling in it.
        places: For the columns of all groups, one after the other: layer · experts + expert.
        n_experts: Experts, the columns of the gate.
    """

    names: tuple[str, ...]
    lora_A: tuple[Tensor, ...]
    lora_B: tuple[Tensor, ...]
    places: Tensor
    n_experts: int

    @classmethod
    def pack(cls, bank: ExpertBank, groups: Iterable[SiteGroup], like: Tensor) -> "PackedExperts":
        """Puts the experts side by side.

        Args:
            bank: The experts.
            groups: Where the model takes them.
            like: Gives device and type.

        Raises:
            BundleError: An expert's weights are not finite, or for a site that is not there.
        """
        names, all_A, all_B, places = [], [], [], []
        n_experts = len(bank.names)
        left = dict(bank.sites)
        for group in groups:
            sites = [(span, left.pop(name)) for name, span in group.spans if name in left]
            if not sites:
                continue
            lora_A = torch.cat([site.lora_A for _, site in sites]).to(like).t().contiguous()
            lora_B = like.new_zeros(lora_A.shape[1], sum(group.widths))
            row = 0
            for span, site in sites:
                rank = len(site.columns)
                lora_B[row : row + rank, span] = site.lora_B.t().to(like)
                places += [site.layer * n_experts + expert for expert in site.columns]
                row += rank
            if not (lora_A.isfinite().all() and lora_B.isfinite().all()):
                raise BundleError(
                    f"The experts' weights for {group.names[0]} are not finite numbers, so they"
                    " would spoil every answer. Train the experts again, or leave them out."
                )
            names.append(group.names[0])
            all_A.append(lora_A)
            all_B.append(lora_B)
        if left:
            raise BundleError(
                f"The experts write weights for {next(iter(left))}, which this language model does"
                " not have. Use the language model they were trained for."
            )
        index = torch.tensor(places, device=like.device)
        return cls(tuple(names), tuple(all_A), tuple(all_B), index, n_experts)

    def scaled(self, scalings: Tensor) -> "TokenExperts":
        """The experts of one step.

        Args:
            scalings: As the layers apply them (after top-k), (n, l, expert); l is 1 when all layers
                share them, n is 1 when all tokens do.
        """
        shared = scalings.shape[1] == 1
        places = self.places % self.n_experts if shared else self.places
        spread = scalings.flatten(1).index_select(1, places).to(self.lora_A[0].dtype)
        widths = [part.shape[1] for part in self.lora_A]
        parts = zip(self.lora_A, self.lora_B, spread.split_with_sizes(widths, 1), strict=True)
        return TokenExperts(dict(zip(self.names, parts, strict=True)))


@dataclass(frozen=True)
class TokenExperts:
    """The experts of one step: by the first name of the group A, B and the columns' scalings."""

    groups: Mapping[str, tuple[Tensor, Tensor, Tensor]]

    def add_(self, y: Tensor, x: Tensor, group: SiteGroup) -> Tensor:
        """Adds the experts' part in place to `y` (n, out); x is (n, in)."""
        found = self.groups.get(group.names[0])
        if found is None:
            return y
        lora_A, lora_B, scalings = found
        return y.addmm_(torch.mm(x, lora_A).mul_(scalings), lora_B)
