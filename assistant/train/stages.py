"""The base runs that a bundle's weights went through, and the commands that made it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from assistant.bundle import PAIR_HEADS, Bundle
from assistant.checkpoint import CONFIG
from assistant.errors import AssistantError
from assistant.pairing.figures import HeadFigures
from assistant.train.average import averaged_share
from assistant.train.generator_recipe import GeneratorRecipe
from assistant.train.shipped_recipe import base_recipe, config_name

_NO_RUN = "name a finished run of assistant.train.base"


def read_or_tell(path: Path, remedy: str) -> str:
    """The text of a file; AssistantError with the remedy where there is none."""
    if not path.is_file():
        raise AssistantError(f"There is no {path}: {remedy}.")
    return path.read_text("utf-8")


@dataclass(frozen=True)
class Stage:
    """A base run that the bundle's weights went through.

    Attributes:
        run: Its directory: `recipe.json` and `log.jsonl`; that of an average has those of its
            second run.
        hardware: What it ran on, in words.
    """

    run: Path
    hardware: str

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """As it was noted."""
        return json.loads(read_or_tell(self.run / "recipe.json", _NO_RUN))

    @property
    def told(self) -> str:
        """Steps, tokens, minutes and hardware, and whether its weights were averaged."""
        last = json.loads(read_or_tell(self.run / "log.jsonl", _NO_RUN).splitlines()[-1])
        told = (
            f"{last['step']:,} steps, {last['tokens'] / 1e6:.1f} M tokens in"
            f" {last['seconds'] / 60:.1f} minutes on {self.hardware}"
        )
        if self.share is None:
            return told
        return (
            f"{told}, of whose language model {self.share:.0%} were taken and the rest of the one"
            " before (WiSE-FT, Wortsman et al. 2022), which keeps what it forgot"
        )

    @property
    def share(self) -> float | None:
        """Of its weights in the average with the run before; None where there is none."""
        return averaged_share(self.run)


def commands_of(stages: Sequence[Stage], bundle: Path) -> str:
    """What was run, by recipes of the repository where those are what the runs noted.

    Args:
        stages: The base runs, the first one first; each goes on from the one before.
        bundle: What the last one became.

    Raises:
        BundleError: That is no bundle.
    """
    places = [f"RUN{i}" for i in range(1, len(stages) + 1)] if len(stages) > 1 else ["RUN"]
    parts: list[str] = []
    last = ""
    for stage, at in zip(stages, places, strict=True):
        parts.append(_base_command(stage.recipe, at))
        if stage.share is not None:
            of = f"--first {last} --second {at} --share {stage.share} --run {at}A"
            parts.append(f"`python -m assistant.train.average {of}`")
        last = at if stage.share is None else f"{at}A"
    if (bundle / "generator").is_dir():
        about = json.loads((stages[-1].run / "generator.json").read_text("utf-8"))
        recipe = config_name(about["recipe"], GeneratorRecipe.from_dict)
        parts.append(_command("generator", recipe, last))
    names = "" if Bundle.read(bundle).reads_names else " --no-names"
    parts.append(
        f"`python -m assistant.train.export --run {last} --bundle checkpoints/{bundle.name}{names}`"
    )
    parts += [f"`{HeadFigures.read(head).command}`" for head in pair_heads_of(bundle)]
    told = ["Each recipe's first lines say on which device and with how many processes."]
    if len(stages) > 1:
        told.append("The `start` of a recipe is the run before: set it to that directory.")
    return ",\n  ".join(parts) + f".\n  {' '.join(told)}"


def _base_command(recipe: Mapping[str, Any], run: str) -> str:
    option = " --licensed-only" if recipe.get("licensed_only") else ""
    return _command("base", config_name(recipe, base_recipe), f"{run}{option}")


def _command(module: str, config: str, run: str) -> str:
    return f"`python -m assistant.train.{module} --config {config} --data DIR --run {run}`"


def pair_heads_of(bundle: Path) -> list[Path]:
    """Directories of a bundle's pair heads."""
    if PAIR_HEADS not in Bundle.read(bundle).components:
        return []
    return sorted(path.parent for path in (bundle / PAIR_HEADS).glob(f"*/{CONFIG}"))
