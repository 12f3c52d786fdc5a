"""Which of many known molecules are, or contain, a structure that a person typed."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rdkit import Chem

from assistant.chem.inputs import recognise
from assistant.chem.molecule import Molecule
from assistant.chem.names import NameTable
from assistant.chem.quiet import quiet_rdkit

MAX_PATTERN_CHARS = 200
SECONDS = 1.2  # the child's own wall is 2 s

_PATTERN_SIGNS = re.compile(r"[\[\]()=#~@!;,$]")


@dataclass(frozen=True)
class FoundStructures:
    """What a search found, by canonical SMILES.

    Attributes:
        query: Canonical SMILES of what was meant, or the SMARTS itself.
        is_pattern: Whether it was read as SMARTS.
        same: The molecule itself, where it is among those searched.
        containing: Those of which it is a part, stereo not minded.
        n_searched: How many were looked at before the time was up.
    """

    query: str
    is_pattern: bool
    same: tuple[str, ...]
    containing: tuple[str, ...]
    n_searched: int


def find_structures(
    text: str, among: Sequence[str], names: NameTable, *, seconds: float = SECONDS
) -> FoundStructures | None:
    """Searches for a structure in molecules that are known to be valid.

    Args:
        text: SMILES, InChI, name, or SMARTS.
        among: Canonical SMILES.
        names: For names.
        seconds: When to stop looking.

    Returns:
        None when the text is no structure.
    """
    ends = time.monotonic() + seconds
    molecule = _molecule(text, names)
    pattern = molecule.rdmol() if molecule else _pattern(text.strip())
    if pattern is None:
        return None
    query = molecule.smiles if molecule else text.strip()
    containing: list[str] = []
    n_searched = 0
    with quiet_rdkit():
        for smiles in among:
            if time.monotonic() > ends:
                break
            n_searched += 1
            mol = Chem.MolFromSmiles(smiles)
            if smiles != query and mol is not None and mol.HasSubstructMatch(pattern):
                containing.append(smiles)
    same = (query,) if molecule and query in among else ()
    return FoundStructures(query, molecule is None, same, tuple(containing), n_searched)


def _molecule(text: str, names: NameTable) -> Molecule | None:
    found = [one.molecule for one in recognise(text, names) if one.molecule is not None]
    return found[0] if len(found) == 1 else None


def _pattern(text: str) -> Chem.Mol | None:
    """A SMARTS; plain words are none, although RDKit would read many of them."""
    if len(text) > MAX_PATTERN_CHARS or " " in text or not _PATTERN_SIGNS.search(text):
        return None
    with quiet_rdkit():
        return Chem.MolFromSmarts(text)
