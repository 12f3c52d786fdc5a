"""Loaders by the name that people give on the command line, as in `chebi20=FILE`."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant.commands import near
from assistant.errors import UnreadableFileError
from assistant.train.sources.captions import read_chebi20, read_pubchem324k
from assistant.train.sources.conversations import read_conversations
from assistant.train.sources.mol_instructions import read_mol_instructions
from assistant.train.sources.pairs import read_deep4chem, read_zhangddi
from assistant.train.sources.properties import read_moleculenet
from assistant.train.sources.reactions import read_uspto
from assistant.train.sources.records import Record, Skipped

SOURCES: Mapping[str, Callable[..., Iterator[Record]]] = {
    "chebi20": read_chebi20,
    "pubchem324k": read_pubchem324k,
    "mol_instructions": read_mol_instructions,
    "moleculenet": read_moleculenet,
    "qm9": read_moleculenet,
    "uspto": read_uspto,
    "zhangddi": read_zhangddi,
    "deep4chem": read_deep4chem,
    "conversations": read_conversations,
}


@dataclass(frozen=True)
class Source:
    """One file and how it is read.

    Attributes:
        limit: Most records that are taken: so many drawn at random, always the same ones, for
            many files are sorted by size. The whole file is read. None takes all.
    """

    format: str
    path: Path
    split: str = "train"
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.format not in SOURCES:
            raise UnreadableFileError(
                f"There is no data format {self.format!r}; known are {', '.join(SOURCES)}."
                f"{near(self.format, SOURCES)}"
            )
        if self.limit is not None and self.limit < 1:
            raise UnreadableFileError(f"limit {self.limit} of {self.path.name} must be positive.")

    @classmethod
    def parse(cls, text: str) -> "Source":
        """From `FORMAT=FILE`, as on the command line.

        Raises:
            UnreadableFileError: No such format, or no file is named.
        """
        name, sign, place = text.partition("=")
        if not sign or not place:
            raise UnreadableFileError(
                f"--data {text!r} names no file; write FORMAT=FILE, for instance chebi20=train.txt."
                f" Formats: {', '.join(SOURCES)}."
            )
        return cls(name, Path(place).expanduser())


def read_source(source: Source, skipped: Skipped | None = None) -> Iterator[Record]:
    """The records of a source, one at a time.

    Args:
        source: What to read.
        skipped: Takes note of rows that cannot be used; without it the first one raises.
    """
    found = SOURCES[source.format](source.path, split=source.split, skipped=skipped)
    return found if source.limit is None else iter(_drawn(found, source.limit))


def _drawn(records: Iterator[Record], n: int) -> list[Record]:
    """`n` of the records in their order, each as likely as any other; no more are held."""
    rng = random.Random(0)
    kept: list[tuple[int, Record]] = []
    for place, record in enumerate(records):
        if len(kept) < n:
            kept.append((place, record))
        elif (slot := rng.randrange(place + 1)) < n:
            kept[slot] = (place, record)
    return [record for _, record in sorted(kept, key=lambda entry: entry[0])]
