"""What is trained and how: one TOML file. `presets/` holds those that are shipped."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from assistant.adapters.settings import GeneratorSettings
from assistant.commands import near
from assistant.errors import AssistantError
from assistant.train.recipe_file import RecipeFile, check_keys, check_range, filled, made
from assistant.train.sources.reading import source_of
from assistant.train.sources.registry import Source

T = TypeVar("T")

PRESETS = Path(__file__).parent / "presets"
STAGES: tuple["StageName", ...] = ("align", "instruct", "generate")

StageName = Literal["align", "instruct", "generate"]


@dataclass(frozen=True)
class ShownRates:
    """How often parts of a molecule's block are left out (design §5); independent draws.

    Attributes:
        card: The whole card. line: Each line of a card that is shown.
        smiles: The SMILES. graph: The graph tokens; never both of them, but for `blind`.
        blind: Everything: only ΔW can tell.
    """

    card: float = 0.5
    line: float = 0.2
    smiles: float = 0.3
    graph: float = 0.2
    blind: float = 0.0

    def __post_init__(self) -> None:
        for name, rate in asdict(self).items():
            if not 0 <= rate <= 1:
                raise ValueError(f"rate {name} = {rate} is not in 0…1")


def asked_alike(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A part of a recipe with tables (`data`) and `rates`, from TOML's values.

    Args:
        kind: Dataclass of the part.
        values: Of TOML.
        where: In which part of the recipe, for errors.

    Raises:
        ValueError: Unknown keys, or values that make no sense.
        UnreadableFileError: No such data format.
    """
    check_keys(values, kind, where)
    given = dict(values)
    given["data"] = tuple(source_of(entry, f"data of {where}") for entry in given.get("data", ()))
    if "rates" in given:
        given["rates"] = filled(ShownRates, given["rates"], f"rates of {where}")
    return kind(**given)


@dataclass(frozen=True)
class StageRecipe:
    """Length and learning rate of a stage; rates as LLaMo's (methods, table of section 2.2).

    Attributes:
        epochs: Times every record is seen; 0 leaves the stage out.
        max_steps: Ends the stage earlier.
        lr: Highest learning rate, after `warmup` steps that begin at `first_lr`; then a cosine
            to `min_lr`.
    """

    epochs: float = 1.0
    max_steps: int | None = None
    lr: float = 1e-4
    first_lr: float = 1e-6
    min_lr: float = 1e-5
    warmup: int = 1000
    weight_decay: float = 0.05
    rates: ShownRates = ShownRates()

    def __post_init__(self) -> None:
        if isinstance(self.rates, dict):
            object.__setattr__(self, "rates", ShownRates(**self.rates))
        check_range(self, "first_lr", "min_lr", "weight_decay", low=0)
        if self.max_steps is not None:
            check_range(self, "max_steps", low=0)
        if self.epochs < 0 or self.lr <= 0 or self.warmup < 0:
            raise ValueError(f"epochs {self.epochs}, lr {self.lr} or warmup {self.warmup} is wrong")

    def n_steps(self, n_records: int, batch: int) -> int:
        """Optimiser steps of the stage."""
        steps = round(self.epochs * n_records / batch)
        steps = max(steps, 1) if self.epochs and n_records else 0
        return min(steps, self.max_steps) if self.max_steps is not None else steps


@dataclass(frozen=True)
class LoraRecipe:
    """The ordinary LoRA of stage two; `targets` from q, k, v, o."""

    rank: int = 8
    alpha: float = 32.0
    targets: str = "qv"

    def __post_init__(self) -> None:
        if self.rank < 1 or not self.targets or set(self.targets) - set("qkvo"):
            raise ValueError(f"rank {self.rank} or targets {self.targets!r} (from qkvo) is wrong")


@dataclass(frozen=True)
class AdaptRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        sequence: Longest conversation in tokens; the memory plan may lower it.
        batch: Conversations per optimiser step, over all processes.
        chunk: Positions whose logits are in memory at a time.
        optimizer: "auto" takes paged 8-bit AdamW on a GPU, AdamW on a processor.
        d_hidden: Width of the projector's MLP; None for the LLM's own.
        b_std: Standard deviation of the generator's B at the start. With 0, as published, the first
            steps train B alone, which all molecules share.
        quoted: Share of the conversations that quote captions of similar molecules, where an index
            is given.
        held_out: Records that are kept out and measured.
        data: Sources, beside those of the command line.
    """

    sequence: int = 768
    batch: int = 16
    chunk: int = 512
    seed: int = 1
    optimizer: Literal["auto", "adamw", "paged8bit"] = "auto"
    mlp_depth: int = 2
    d_hidden: int | None = None
    b_std: float = 0.0
    quoted: float = 0.5
    held_out: int = 64
    save_every_minutes: float = 10.0
    align: StageRecipe = StageRecipe()
    instruct: StageRecipe = StageRecipe(epochs=3.0, lr=5e-5, first_lr=5e-7, min_lr=5e-6)
    generate: StageRecipe = StageRecipe(
        rates=ShownRates(card=0.7, line=0.2, smiles=0.5, graph=0.4, blind=0.1)
    )
    lora: LoraRecipe = LoraRecipe()
    generator: GeneratorSettings = field(
        default_factory=lambda: GeneratorSettings(
            rank=16, alpha=16.0, every=4, d_model=512, n_blocks=4, n_site_blocks=3, n_heads=8
        )
    )
    data: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        if self.sequence < 64 or self.batch < 1 or self.chunk < 1 or self.held_out < 0:
            raise ValueError(
                f"sequence {self.sequence} (at least 64), batch {self.batch}, chunk {self.chunk} or"
                f" held_out {self.held_out} is wrong"
            )
        check_range(self, "seed", "b_std", "save_every_minutes", low=0)
        check_range(self, "mlp_depth", low=1)
        check_range(self, "quoted", low=0, high=1)
        if self.d_hidden is not None:
            check_range(self, "d_hidden", low=1)
        if self.optimizer not in ("auto", "adamw", "paged8bit"):
            raise ValueError(f"optimizer {self.optimizer!r} is none of auto, adamw, paged8bit")

    def stage(self, name: StageName) -> StageRecipe:
        """The recipe of a stage."""
        return getattr(self, name)

    @classmethod
    def load(cls, path: Path) -> "AdaptRecipe":
        """Reads a TOML file, or a preset by its name.

        Raises:
            AssistantError: No such file or preset, keys that are no setting (all are named), or
                values that are impossible.
        """
        chosen = path if path.is_file() else PRESETS / f"{path}.toml"
        if not chosen.is_file():
            names = preset_names()
            raise AssistantError(
                f"There is no recipe {path}; presets are {', '.join(names)}."
                f"{near(str(path), names)}"
            )
        return super().load(chosen)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "AdaptRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        given = dict(values)
        parts: dict[str, Any] = {}
        kinds: dict[str, type] = dict.fromkeys(STAGES, StageRecipe)
        kinds |= {"lora": LoraRecipe, "generator": GeneratorSettings}
        for name, kind in kinds.items():
            default = getattr(cls(), name)
            parts[name] = _filled(kind, default, given.pop(name, {}), name)
        sources = [source_of(entry, "[[data]]") for entry in given.pop("data", [])]
        return cls(**given, **parts, data=tuple(sources))


def preset_names() -> list[str]:
    """What `AdaptRecipe.load` finds by its name."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def _filled(kind: type, default: object, given: Mapping[str, Any], where: str) -> Any:
    check_keys(given, kind, f"[{where}]")
    values = {f.name: getattr(default, f.name) for f in fields(kind)} | dict(given)
    if isinstance(values.get("rates"), dict):
        values["rates"] = _filled(ShownRates, default.rates, values["rates"], f"{where}.rates")
    return made(kind, values, f"[{where}]")
