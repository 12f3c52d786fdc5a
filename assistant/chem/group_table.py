"""The table of named groups in `data/groups.tsv`: functional groups, ring systems, features.

The file's header says what its columns mean. Order matters: within a layer the upper row wins.
"""

import csv
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

Layer = Literal["functional", "ring", "feature"]

TABLE = Path(__file__).parent / "data" / "groups.tsv"


@dataclass(frozen=True)
class FunctionalGroup:
    """A named group.

    Args:
        name: The chemist's word, singular.
        plural: Its plural.
        smarts: The pattern of the group's own atoms.
        synonyms: Other words for exactly this group.
        kind_of: Wider words that always cover it (a lactam is an amide); a word that stands twice
            counts twice (an imide is two carbonyls).
        sometimes: Wider words that some chemists would let cover it (is an imide an amide?).
        layer: Groups compete for atoms only within a layer.
    """

    name: str
    plural: str
    smarts: str
    synonyms: tuple[str, ...] = ()
    kind_of: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()
    layer: Layer = "functional"


@functools.cache
def load_groups() -> tuple[FunctionalGroup, ...]:
    """All groups in the order of the file, macros expanded."""
    text = TABLE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, restval=""))
    macros = {row["name"]: row["smarts"] for row in rows if row["layer"] == "macro"}
    return tuple(_group(row, macros) for row in rows if row["layer"] in get_args(Layer))


def _group(row: dict[str, str], macros: dict[str, str]) -> FunctionalGroup:
    smarts = row["smarts"]
    for name, pattern in macros.items():
        smarts = smarts.replace(f"<{name}>", pattern)
    return FunctionalGroup(
        name=row["name"],
        plural=f"{row['name']}s",
        smarts=smarts,
        synonyms=_words(row["synonyms"]),
        kind_of=_words(row["kind_of"]),
        sometimes=_words(row["sometimes"]),
        layer=cast(Layer, row["layer"]),
    )


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()
