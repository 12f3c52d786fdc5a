"""What an index of captioned molecules knows near a molecule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.chem.molecule import Molecule

MAX_QUOTED = 3
"""Most neighbours quoted for one molecule."""
MAX_TEXT_CHARS = 500


@dataclass(frozen=True)
class Retrieved:
    """A captioned molecule near another one.

    Attributes:
        smiles: Its canonical SMILES.
        text: Its caption.
        similarity: Tanimoto similarity of Morgan fingerprints (radius 2, 2048 bits), 0 … 1.
        same: Whether it is the very same structure, stereo included.
        file: Name of the file the caption came from.
        line: Line of that file.
    """

    smiles: str
    text: str
    similarity: float
    same: bool
    file: str
    line: int


NearestFor = Callable[[Molecule], Sequence[Retrieved]]
"""The captioned molecules nearest to a molecule, the nearest first."""


def shortened(text: str) -> str:
    """A caption on one line, cut at a word."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= MAX_TEXT_CHARS:
        return line
    head = line[:MAX_TEXT_CHARS]
    return f"{head.rpartition(' ')[0] or head} …"
