"""What is compared and how: one TOML file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from assistant.graph.pairs.encoders3d import Encoder3DConfig
from assistant.graph.pairs.model import PairConfig
from assistant.train.pair_recipe import PairRecipe, Sizes
from assistant.train.recipe_file import RecipeFile, check_keys, filled

Second = Literal["own", "none", "other"]
Join = Literal["interaction", "added", "beside"]
_SECONDS, _JOINS = ("own", "none", "other"), ("interaction", "added", "beside")
_SIZES = frozenset(entry.name for entry in fields(Sizes))


def slug(name: str) -> str:
    """A name as a directory."""
    return re.sub(r"\W+", "-", name)


@dataclass(frozen=True)
class Variant:
    """One way to build the pair model; everything it does not name is the task's recipe.

    Attributes:
        name: In tables and directories.
        says: What it is, for the page.
        group: Under which heading it stands.
        sizes: What differs from the recipe's `sizes`.
        encoder_3d: A 3D encoder by name; "" without.
        join: How two molecules become one number: by the recipe's interaction, by adding what the
            head says of each alone, or by a head that reads both side by side.
        second: The pair's own second molecule, the same one for all rows ("none": it says
            nothing), or another row's, in training and in the test.
        against: The variant it is compared with; "" for the study's baseline.
        tasks: Tasks it is trained for; none stands for all.
    """

    name: str
    says: str
    group: str
    sizes: dict[str, Any] = field(default_factory=dict)
    encoder_3d: str = ""
    join: Join = "interaction"
    second: Second = "own"
    against: str = ""
    tasks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        unknown = sorted(set(self.sizes) - _SIZES)
        if unknown:
            raise ValueError(f"variant {self.name}: sizes have no {', '.join(unknown)}")
        for name, known in (("second", _SECONDS), ("join", _JOINS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"variant {self.name}: {name} {getattr(self, name)!r} is none of"
                    f" {', '.join(known)}"
                )
        if self.join != "interaction" and "interaction" in self.sizes:
            raise ValueError(f"variant {self.name}: join {self.join!r} leaves no interaction")

    def sizes_of(self, recipe: PairRecipe) -> Sizes:
        """The recipe's sizes with what this variant changes."""
        changed = dict(self.sizes) | ({} if self.join == "interaction" else {"interaction": "mean"})
        return replace(recipe.sizes, **changed)

    def pair_config(self, recipe: PairRecipe, n_conformers: int) -> PairConfig:
        """The pair model; a 3D encoder is as wide and deep as the recipe's 2D encoder."""
        sizes = self.sizes_of(recipe)
        if not self.encoder_3d:
            return sizes.pair_config()
        plain = replace(sizes, encoder=sizes.encoder or "gin").pair_config()
        encoder = Encoder3DConfig(self.encoder_3d, sizes.d_model, sizes.n_layers)
        return replace(
            plain,
            encoder_2d=plain.encoder_2d if sizes.encoder else None,
            encoder_3d=encoder,
            n_conformers=n_conformers,
        )


@dataclass(frozen=True)
class StudyTask:
    """One table that all variants are trained on.

    Attributes:
        name: Of the evaluation's task, whose simple methods stand beside (`pairs:…`).
        recipe: Data, steps, order and sizes of every variant.
        baseline: The variant that others are compared with.
        simple_against: The variant that simple methods are compared with; "" for the baseline.
        n_molecules: First molecules of training rows, drawn at random; 0 takes all.
        n_test: Test rows, drawn at random; 0 takes all.
        max_atoms: Rows with a larger molecule are left out: conformers of those take minutes.
        n_conformers: Conformers per molecule.
    """

    name: str
    recipe: PairRecipe
    baseline: str
    simple_against: str = ""
    n_molecules: int = 0
    n_test: int = 0
    max_atoms: int = 40
    n_conformers: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.recipe, Mapping):
            values = dict(self.recipe) | {"name": slug(self.name)}
            object.__setattr__(self, "recipe", PairRecipe.from_dict(values))
        if len(self.recipe.tasks) != 1:
            raise ValueError(f"{self.name}: a study compares one value, not {self.recipe.tasks}")
        if min(self.max_atoms, self.n_conformers) < 1 or min(self.n_molecules, self.n_test) < 0:
            raise ValueError(
                f"{self.name}: max_atoms {self.max_atoms} and n_conformers {self.n_conformers} must"
                f" be positive, n_molecules {self.n_molecules} and n_test {self.n_test} not below 0"
            )


@dataclass(frozen=True)
class StudyRecipe(RecipeFile):
    """One TOML file.

    Attributes:
        seeds: Of weights and order; every variant has the same.
        tasks: Tables.
        variants: What is trained on each.
        remarks: What the page says last, a sentence each.
    """

    seeds: tuple[int, ...]
    tasks: tuple[StudyTask, ...]
    variants: tuple[Variant, ...]
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("tasks", StudyTask), ("variants", Variant)):
            given = getattr(self, name)
            values = tuple(
                filled(kind, one, f"[[{name}]]") if isinstance(one, Mapping) else one
                for one in given
            )
            object.__setattr__(self, name, values)
        for name in ("seeds", "remarks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not (self.seeds and self.tasks and self.variants):
            raise ValueError("seeds, tasks and variants must not be empty")
        for task in self.tasks:
            self._check(task)

    def _check(self, task: StudyTask) -> None:
        names = [variant.name for variant in self.variants_of(task)]
        if len({slug(name) for name in names}) < len(names):
            raise ValueError(f"{task.name} has two variants of one name: {', '.join(names)}")
        if task.simple_against not in ("", *names):
            raise ValueError(
                f"{task.name}: simple_against {task.simple_against!r} is none of {', '.join(names)}"
            )
        for variant in self.variants_of(task):
            variant.pair_config(task.recipe, task.n_conformers)
            if self.against(task, variant) not in names:
                raise ValueError(
                    f"variant {variant.name} is compared with {self.against(task, variant)!r},"
                    f" which is none of {', '.join(names)}"
                )

    def variants_of(self, task: StudyTask) -> tuple[Variant, ...]:
        """Those that are trained on a task, in order."""
        return tuple(v for v in self.variants if not v.tasks or task.name in v.tasks)

    def against(self, task: StudyTask, variant: Variant) -> str:
        """Name of the variant that another is compared with; the baseline with itself."""
        return variant.against or task.baseline

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "StudyRecipe":
        """From TOML's values; unknown keys raise ValueError."""
        check_keys(values, cls)
        return cls(**values)
