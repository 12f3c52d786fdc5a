"""Which recipe of the repository a run followed."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.train.recipe import Recipe

_CONFIGS = Path(__file__).parent / "configs"


def config_name(recipe: Mapping[str, Any], build: Callable[[Mapping[str, Any]], object]) -> str:
    """The shipped recipe that equals one that a run noted; RECIPE.toml where none does.

    Args:
        recipe: As noted; one of another kind raises ValueError.
        build: Makes a recipe of TOML's values; ValueError for those of another kind of recipe.
    """
    wanted = build(recipe)
    for path in sorted(_CONFIGS.glob("*.toml")):
        try:
            found = build(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            continue
        if found == wanted:
            return f"assistant/train/configs/{path.name}"
    return "RECIPE.toml"


def base_recipe(values: Mapping[str, Any]) -> Recipe:
    """A base run's recipe less what is not of the file.

    Where a run starts from and where its index lies are places on somebody's disk, and
    `licensed_only` can be an option.
    """
    recipe = Recipe.from_dict(values)
    return replace(
        recipe,
        start="RUN" if recipe.start else "",
        encoder="ENCODER" if recipe.encoder else "",
        retrieval="INDEX" if recipe.retrieval else "",
        licensed_only=False,
    )
