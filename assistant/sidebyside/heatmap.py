"""X-LoRA scalings as a table of layers and experts, with a colour for each value.

The colours are cividis, which looks the same to people with and without a colour-vision deficiency
(Nuñez, Anderton and Renslow, PLOS ONE 13(7), e0199239, 2018), as five points to interpolate.
"""

import re
from dataclasses import dataclass

from assistant.chat.mixture import ExpertScalings

_CIVIDIS = ((0, 34, 78), (65, 77, 107), (124, 123, 120), (187, 175, 113), (254, 232, 56))
_LAYER = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)(?:\.|$)")
_DARK = 0.179
"""Relative luminance above which dark letters are read better than light ones."""


@dataclass(frozen=True)
class HeatMap:
    """Weights by row and expert.

    Attributes:
        experts: Column names.
        layers: Row names: the LLM's layers.
        mean: Per layer a weight per expert, the mean over the layer's adapted weights.
        sites: Names of the adapted weights, in the LLM's order.
        of_sites: Per adapted weight a weight per expert, as applied.
    """

    experts: tuple[str, ...]
    layers: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]
    sites: tuple[str, ...]
    of_sites: tuple[tuple[float, ...], ...]

    @property
    def highest(self) -> float:
        """The largest weight shown."""
        return max((weight for row in self.of_sites for weight in row), default=0.0)


def heat_map(scalings: ExpertScalings) -> HeatMap:
    """Groups the adapted weights by the layer they are in."""
    groups: dict[str, list[tuple[float, ...]]] = {}
    for name, row in zip(scalings.layers, scalings.mean, strict=True):
        found = _LAYER.search(name)
        groups.setdefault(f"layer {found[1]}" if found else name, []).append(row)
    means = tuple(
        tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))
        for rows in groups.values()
    )
    sites = tuple(
        _LAYER.sub(r" \1 ", name).replace("model", "").strip(". ") for name in scalings.layers
    )
    return HeatMap(scalings.experts, tuple(groups), means, sites, scalings.mean)


def colour_of(weight: float, highest: float) -> tuple[str, str]:
    """The colour of a cell and that of its letters, as #rrggbb.

    Args:
        weight: The value; below 0 it has the colour of 0.
        highest: The value of the brightest colour.
    """
    share = min(max(weight / highest, 0.0), 1.0) if highest > 0 else 0.0
    place = min(int(share * (len(_CIVIDIS) - 1)), len(_CIVIDIS) - 2)
    part = share * (len(_CIVIDIS) - 1) - place
    low, high = _CIVIDIS[place], _CIVIDIS[place + 1]
    rgb = tuple(round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    ink = "#000000" if _luminance(rgb) > _DARK else "#ffffff"
    return "#{:02x}{:02x}{:02x}".format(*rgb), ink


def _luminance(rgb: tuple[int, ...]) -> float:
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
