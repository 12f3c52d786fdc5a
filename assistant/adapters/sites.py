"""Where a ΔW can be added to a language model: its projections and its MLP blocks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from torch import nn

from assistant.errors import BundleError

SiteKind = Literal["q", "k", "v", "o", "m"]

# Module names of the decoder families that keep separate projections.
KIND_OF_NAME: dict[str, SiteKind] = {
    "q_proj": "q",
    "k_proj": "k",
    "v_proj": "v",
    "o_proj": "o",
    "out_proj": "o",
    "mlp": "m",
    "feed_forward": "m",
}
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


@dataclass(frozen=True)
class SiteSpec:
    """A place in the LLM that can take a ΔW."""

    name: str
    kind: SiteKind
    layer: int
    in_features: int
    out_features: int


def find_sites(
    model: nn.Module, kinds: Iterable[str] = "qkvom", *, every: int = 1
) -> tuple[SiteSpec, ...]:
    """Lists where ΔW can be added, in module order.

    Args:
        model: A causal LM with separate q, k, v, o projections.
        kinds: Subset of "q", "k", "v", "o" and "m" (the branch parallel to the MLP).
        every: Take every n-th layer, counted as MoRA does: layers n-1, 2n-1, ….

    Raises:
        BundleError: The model has no such place (fused projections, for instance).
    """
    wanted = set(kinds)
    if every < 1 or not wanted <= set("qkvom"):
        raise ValueError(f"every {every} must be at least 1 and kinds {sorted(wanted)} from qkvom")
    sites: list[SiteSpec] = []
    for name, module in model.named_modules():
        kind = KIND_OF_NAME.get(name.rpartition(".")[2])
        layer = _LAYER.search(name)
        if kind not in wanted or layer is None or (int(layer[1]) + 1) % every:
            continue
        d_in, d_out = _widths(module, model)
        sites.append(SiteSpec(name, kind, int(layer[1]), d_in, d_out))
    missing = wanted - {site.kind for site in sites}
    if missing:
        raise BundleError(
            f"{type(model).__name__} has no place for adapters of type {', '.join(sorted(missing))}"
            " (fused projections?). Choose an LLM with separate q, k, v, o projections,"
            " or leave these types out."
        )
    return tuple(sites)


def _widths(module: nn.Module, model: nn.Module) -> tuple[int, int]:
    if hasattr(module, "in_features"):
        return int(module.in_features), int(module.out_features)
    d_model = int(model.config.hidden_size)
    return d_model, d_model
