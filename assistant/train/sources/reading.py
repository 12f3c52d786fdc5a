"""All tables of a recipe or a command: their entries, their records, and a line each for a card."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assistant.train import licences
from assistant.train.recipe_file import check_keys
from assistant.train.sources.records import Record, Skipped
from assistant.train.sources.registry import Source, read_source

log = logging.getLogger(__name__)


def source_of(entry: Mapping[str, Any], where: str) -> Source:
    """A source from TOML's values.

    Raises:
        ValueError: Unknown keys, or no format or path; `where` says in which part of the recipe.
        UnreadableFileError: No such format.
    """
    check_keys(entry, Source, where)
    missing = [key for key in ("format", "path") if not entry.get(key)]
    if missing:
        raise ValueError(f"{where} has an entry without {' and '.join(missing)}")
    return Source(**{**entry, "path": Path(entry["path"]).expanduser()})


def at(source: Source, data: Path) -> Source:
    """A recipe's table where it lies."""
    return replace(source, path=data / source.path)


def read_records(sources: Sequence[Source]) -> tuple[list[Record], list[str]]:
    """All records, and one line per source: what was read, under which licence, what was left out.

    Raises:
        AssistantError: A file cannot be used.
    """
    records: list[Record] = []
    lines = []
    for source in sources:
        skipped = Skipped()
        found = list(read_source(source, skipped))
        skipped.check()
        records += found
        line = f"{source.format}: {source.path.name}, split {source.split}, {len(found):,} records"
        line += f" ({licences.licence_of('formats', source.format).licence})"
        if skipped.n_skipped:
            line += f", {skipped.n_skipped:,} rows left out"
            log.debug("%s: %s", source.path.name, " ".join(skipped.errors))  # they name structures
        lines.append(line)
    return records, lines
