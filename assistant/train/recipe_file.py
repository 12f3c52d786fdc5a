"""What all recipes share: one TOML file read with every mistake named, and a learning-rate ramp."""

import math
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from assistant.commands import near
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
            # Some editors put a byte order mark in front, which is no TOML.
            return cls.from_dict(tomllib.loads(path.read_text(encoding="utf-8-sig")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
            end = "" if str(error).endswith("?") else "."
            raise AssistantError(f"{path.name}: {error}{end}") from error

    @classmethod
    @abstractmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From TOML's values; unknown keys and impossible values raise ValueError or TypeError."""


def filled(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    """A part of a recipe; `where` says which.

    Raises:
        ValueError: Unknown keys, keys that are missing, values of another type.
    """
    check_keys(given, kind, where)
    missing = [
        entry.name
        for entry in fields(kind)
        if entry.default is MISSING and entry.default_factory is MISSING and entry.name not in given
    ]
    if missing:
        raise ValueError(f"{where} has no {' and no '.join(missing)}")
    return made(kind, given, where)


def made(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A dataclass of values; what it refuses is told with the part of the recipe."""
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def check_keys(given: Mapping[str, Any], kind: type, where: str = "the recipe") -> None:
    """Holds TOML's values against the fields of a dataclass.

    Raises:
        ValueError: Keys that are no field (all are named, with those that are), or a value of
            another type than the field's. Which texts and numbers make sense is for the dataclass.
    """
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} is {given!r}; write a table of settings")
    known = [entry.name for entry in fields(kind)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"{where} has unknown keys {', '.join(unknown)}; known are {', '.join(known)}"
            f"{'.' if (offer := near(unknown[0], known)) else ''}{offer}"
        )
    hints = _hints(kind)
    for name, value in given.items():
        if not _fits(value, hints[name]):
            raise ValueError(f"{where} has {name} = {value!r}; write {_expected(hints[name])}")


def check_range(part: object, *names: str, low: float = -math.inf, high: float = math.inf) -> None:
    """Raises ValueError for an attribute that is not from `low` to `high`."""
    for name in names:
        value = getattr(part, name)
        if not low <= value <= high:
            span = f"in {low:g}…{high:g}" if high < math.inf else f"{low:g} or more"
            raise ValueError(f"{name} = {value} is not {span}")


_hints = cache(get_type_hints)
_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    Path: "a text in quotes",
    bool: "true or false",
}


def _fits(value: object, hint: Any) -> bool:
    """Whether TOML can mean a value of this type by that."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, type(inner[0]))
    if origin is tuple:
        each = inner[:1] if inner[1:] == (...,) else inner
        return isinstance(value, list | tuple) and all(
            _fits(one, each[min(place, len(each) - 1)]) for place, one in enumerate(value)
        )
    if origin is not None:  # dict[str, …]
        return isinstance(value, Mapping) and all(_fits(one, inner[-1]) for one in value.values())
    if hint in (int, float):
        kinds = int if hint is int else int | float
        return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    if is_dataclass(hint):
        return isinstance(value, Mapping | hint)
    return isinstance(value, str | Path if hint is Path else hint)


def _expected(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_expected(one) for one in inner if one is not NoneType)
    if origin is tuple:
        of_what = _expected(inner[0]) if inner else "values"
        return f"a list, each {of_what}"
    if origin is Literal:
        return _expected(type(inner[0]))
    return _WORDS.get(hint, "a table of settings")


def linear(progress: float, warmup: float, floor: float) -> float:
    """Share of the learning rate at `progress` in [0, 1]: warm-up, then linear to `floor`.

    Args:
        progress: Share of the training that is done.
        warmup: Share of the training that it takes to rise; 0 begins at the top.
        floor: The lowest share, at both ends.
    """
    rising = progress / warmup if warmup else 1.0
    return max(floor, min(rising, 1.0 - progress, 1.0))
