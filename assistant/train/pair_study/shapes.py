"""Conformers of the molecules of a table, found once and kept in the run's directory."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rdkit import rdBase
from torch import Tensor

from assistant.chem.conformer import conformer_positions
from assistant.chem.molecule import Molecule
from assistant.errors import InvalidMoleculeError
from assistant.train.progress import Progress

_DECIMALS = 3  # of an Å


@dataclass(frozen=True)
class Shapes:
    """What was found.

    Attributes:
        positions: By SMILES, (c, n, 3) in Å; None where RDKit finds no shape.
        seconds: By SMILES, processor seconds to find them.
    """

    positions: dict[str, Tensor | None]
    seconds: dict[str, float]

    def failed(self, smiles: Iterable[str]) -> list[str]:
        """Those without a shape."""
        return [text for text in smiles if self.positions[text] is None]


def shapes_of(smiles: Sequence[str], n_conformers: int, directory: Path) -> Shapes:
    """Conformers of molecules; what was found before is read, the rest is found and kept.

    Args:
        smiles: Canonical.
        n_conformers: Of each molecule, at most.
        directory: Where the file of shapes lies, a line per molecule.
    """
    path = directory / f"shapes-{n_conformers}-{rdBase.rdkitVersion}.jsonl"
    kept = _read(path)
    missing = [text for text in dict.fromkeys(smiles) if text not in kept]
    progress = Progress("conformers", len(missing), unit="molecules")
    with path.open("a", encoding="utf-8") as file:
        for text in missing:
            began = time.process_time()
            found = _found(text, n_conformers)
            row = {"smiles": text, "positions": found, "seconds": time.process_time() - began}
            file.write(json.dumps(row) + "\n")
            file.flush()
            kept[text] = row
            progress.advance(1)
    return Shapes(
        {text: _tensor(kept[text]["positions"]) for text in smiles},
        {text: kept[text]["seconds"] for text in smiles},
    )


def _found(smiles: str, n_conformers: int) -> list | None:
    try:
        positions = conformer_positions(Molecule(smiles), n_conformers)
    except InvalidMoleculeError:
        return None
    return np.round(positions, _DECIMALS).tolist()


def _tensor(positions: list | None) -> Tensor | None:
    return None if positions is None else torch.tensor(positions, dtype=torch.float32)


def _read(path: Path) -> dict[str, dict]:
    """Molecules of a file; a last line that was cut short is as if it were not there."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return {row["smiles"]: row for row in map(json.loads, whole.splitlines())}
