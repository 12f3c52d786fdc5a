"""The licence of each source of training material, and leaving out what has no clear one.

The table is `licences.toml`: loaders ask it what `licensed_only` keeps, cards what to list. A
source that is not in the table has no clear licence.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from assistant.errors import AssistantError

Family = Literal["corpus", "text", "labels", "formats"]


@dataclass(frozen=True)
class Licence:
    """What a source is, and its licence as the source states it.

    Attributes:
        what: Name and reference.
        licence: As stated.
        clear: Whether the data and the file it is read from both state an open licence.
    """

    what: str
    licence: str
    clear: bool


def licence_of(family: Family, name: str) -> Licence:
    """The licence of a source; an unknown source has none that is clear."""
    return _table()[family].get(name, Licence(name, "not in the table of licences", clear=False))


def known(family: Family) -> Mapping[str, Licence]:
    """All sources of a family by name."""
    return _table()[family]


def clear_names(family: Family, names: Iterable[str]) -> list[str]:
    """Those of the names whose licence is clear, in their order."""
    return [name for name in names if licence_of(family, name).clear]


def row_is_clear(name: str, row: Mapping[str, object]) -> bool:
    """Whether a row of a text file with several sources comes from a clear one."""
    rule = _toml()["rows"].get(name)
    return rule is None or row.get(rule["column"]) in rule["clear"]


def refuse_unclear(family: Family, names: Iterable[str]) -> None:
    """Refuses sources whose licence is not clear.

    Raises:
        AssistantError: Names each of them with what its licence is.
    """
    wrong = [name for name in dict.fromkeys(names) if not licence_of(family, name).clear]
    if wrong:
        said = "; ".join(f"{name} ({licence_of(family, name).licence})" for name in wrong)
        raise AssistantError(
            f"With licensed_only these sources are refused: {said}. Leave them out, or train"
            " without licensed_only."
        )


def source_lines(family: Family, names: Iterable[str]) -> list[str]:
    """One line per source for a card: what it is and its licence."""
    found = (licence_of(family, name) for name in dict.fromkeys(names))
    return [f"{entry.what}: {entry.licence}" for entry in found]


@cache
def _toml() -> Mapping[str, dict]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@cache
def _table() -> Mapping[str, Mapping[str, Licence]]:
    families: tuple[Family, ...] = ("corpus", "text", "labels", "formats")
    return {
        family: {name: Licence(**entry) for name, entry in _toml()[family].items()}
        for family in families
    }
