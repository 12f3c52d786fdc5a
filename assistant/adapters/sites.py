"""Where a ΔW can be added to a language model: its projections and its MLP blocks.

A site is a module, or some rows of one: models of the Phi-3 family compute q, k and v by one fused
projection, and a ΔW of q alone is one whose B is zero outside the rows of q.
"""

import re
from collections.abc import Iterable, Iterator
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
    "dense": "o",  # Phi; looked for in the attention only
    "mlp": "m",
    "feed_forward": "m",
}
_FUSED = "qkv_proj"  # rows of q, then of k, then of v
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")
_DENSE_OUTSIDE = re.compile(r"(?<!attn\.)(?<!attention\.)dense$")


@dataclass(frozen=True)
class SiteSpec:
    """A place in the LLM that can take a ΔW.

    Attributes:
        name: Module name.
        out_features: Width of what the ΔW writes.
        first_row: Where that starts in the module's output; 0 unless the module is fused.
        of_rows: Output width of a fused module; None when the site is a whole module.
    """

    name: str
    kind: SiteKind
    layer: int
    in_features: int
    out_features: int
    first_row: int = 0
    of_rows: int | None = None


def find_sites(
    model: nn.Module, kinds: Iterable[str] = "qkvom", *, every: int = 1
) -> tuple[SiteSpec, ...]:
    """Lists where ΔW can be added, in module order.

    Args:
        model: A causal LM with q, k, v, o projections, separate or with q, k, v in one `qkv_proj`.
        kinds: Subset of "q", "k", "v", "o" and "m" (the branch parallel to the MLP).
        every: Take every n-th layer, counted as MoRA does: layers n-1, 2n-1, ….

    Raises:
        BundleError: The model has no such place (otherwise fused projections, for instance).
    """
    wanted = set(kinds)
    if every < 1 or not wanted <= set("qkvom"):
        raise ValueError(f"every {every} must be at least 1 and kinds {sorted(wanted)} from qkvom")
    sites = [
        site
        for name, module in model.named_modules()
        for site in _sites_of(name, module, model)
        if site.kind in wanted and (site.layer + 1) % every == 0
    ]
    missing = wanted - {site.kind for site in sites}
    if missing:
        raise BundleError(
            f"{type(model).__name__} has no place for adapters of type {', '.join(sorted(missing))}"
            " (projections fused in another way?). Choose an LLM with separate q, k, v, o"
            " projections, or leave these types out."
        )
    return tuple(sites)


def _sites_of(name: str, module: nn.Module, model: nn.Module) -> Iterator[SiteSpec]:
    layer, leaf = _LAYER.search(name), name.rpartition(".")[2]
    if layer is None or _DENSE_OUTSIDE.search(name):
        return
    number = int(layer[1])
    if leaf == _FUSED:
        yield from _fused_sites(name, number, module, model)
    elif leaf in KIND_OF_NAME:
        d_in, d_out = _widths(module, model)
        yield SiteSpec(name, KIND_OF_NAME[leaf], number, d_in, d_out)


def _fused_sites(name: str, layer: int, module: nn.Module, model: nn.Module) -> Iterator[SiteSpec]:
    config = model.config
    d_head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    d_q, d_kv = config.num_attention_heads * d_head, config.num_key_value_heads * d_head
    total = int(module.out_features)
    if total != d_q + 2 * d_kv:
        return  # rows in another order than is known; the kinds are then missing
    starts: tuple[tuple[SiteKind, int, int], ...] = (
        ("q", 0, d_q),
        ("k", d_q, d_kv),
        ("v", d_q + d_kv, d_kv),
    )
    for kind, start, width in starts:
        yield SiteSpec(name, kind, layer, int(module.in_features), width, start, total)


def _widths(module: nn.Module, model: nn.Module) -> tuple[int, int]:
    if hasattr(module, "in_features"):
        return int(module.in_features), int(module.out_features)
    d_model = int(model.config.hidden_size)
    return d_model, d_model
