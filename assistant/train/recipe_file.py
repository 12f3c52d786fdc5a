"""What all recipes share: one TOML file read with every mistake named, and a learning-rate ramp."""

import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Self, TypeVar

from assistant.errors import AssistantError

T = TypeVar("T")


class RecipeFile(ABC):
    """A recipe that is read from a TOML file."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a TOML file.

        Raises:
            AssistantError: No such file, no TOML, unknown keys (all are named), or values that are
                impossible.
        """
        if not path.is_file():
            raise AssistantError(f"There is no recipe {path}; name one with --config.")
        try:
            return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
            raise AssistantError(f"{path.name}: {error}.") from error

    @classmethod
    @abstractmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From TOML's values; unknown keys and impossible values raise ValueError or TypeError."""


def filled(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    """A part of a recipe; unknown keys raise ValueError, `where` says in which part."""
    check_keys(given, kind, where)
    return kind(**given)


def check_keys(given: Mapping[str, Any], kind: type, where: str = "the recipe") -> None:
    """Raises ValueError with all keys that are no field of a dataclass, and with those that are."""
    known = [entry.name for entry in fields(kind)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"{where} has unknown keys {', '.join(unknown)}; known are {', '.join(known)}"
        )


def linear(progress: float, warmup: float, floor: float) -> float:
    """Share of the learning rate at `progress` in [0, 1]: warm-up, then linear to `floor`.

    Args:
        progress: Share of the training that is done.
        warmup: Share of the training that it takes to rise; 0 begins at the top.
        floor: The lowest share, at both ends.
    """
    rising = progress / warmup if warmup else 1.0
    return max(floor, min(rising, 1.0 - progress, 1.0))
