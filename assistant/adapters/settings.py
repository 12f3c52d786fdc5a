"""A generator for a language model from one small file, in TOML or JSON.

    rank = 64            # of each ΔW
    alpha = 64.0         # LoRA's alpha: ΔW is scaled by alpha / rank
    every = 4            # layers 3, 7, 11, … of the LLM
    targets = "qkvom"    # projections, and m for the branch beside the MLP
    scope = "turn"       # or "whole", as published
    combination = "mean" # or "sum", "concat": several molecules in focus

The sites and widths come from the language model itself, so that one file serves several.
"""

import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from torch import nn

from assistant.adapters.generator import GeneratorConfig
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import Combination, Scope
from assistant.errors import BundleError


@dataclass(frozen=True)
class GeneratorSettings:
    """What of a generator does not follow from the language model; see `GeneratorConfig`."""

    rank: int = 8
    alpha: float = 16.0
    every: int = 1
    targets: str = "qkvom"
    d_model: int = 128
    n_blocks: int = 2
    n_site_blocks: int = 0
    n_heads: int = 4
    ffn_factor: int = 2
    n_roles: int = 0
    scope: Scope = "turn"
    combination: Combination = "mean"

    @classmethod
    def read(cls, path: Path) -> "GeneratorSettings":
        """Reads a `.toml` or `.json` file.

        Raises:
            BundleError: The file cannot be read, or has keys that are no setting; all are named.
        """
        try:
            text = path.read_text(encoding="utf-8")
            values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        except (OSError, ValueError) as error:
            raise BundleError(f"{path} cannot be read as settings ({error}).") from error
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise BundleError(
                f"{path} has unknown settings {', '.join(unknown)}; known are {', '.join(known)}."
            )
        return cls(**values)

    def config_for(
        self, model: nn.Module, *, d_graph: int = 300, n_levels: int = 6
    ) -> GeneratorConfig:
        """The config of a generator for this language model, which may be on the meta device.

        Raises:
            BundleError: The LLM has no place for one of the targets.
            ValueError: A setting is impossible; the text names it.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        sites = find_sites(model, values.pop("targets"), every=values.pop("every"))
        return GeneratorConfig(d_graph=d_graph, n_levels=n_levels, sites=sites, **values)
