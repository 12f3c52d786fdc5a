"""Structural alerts: patterns known to disturb assays (PAINS) or unwelcome in drugs (Brenk).

The patterns are RDKit's. An alert is a hint to look closer, not a verdict.
"""

import functools
import re
from dataclasses import dataclass

from rdkit import Chem
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

# Names of the catalogue that say something else than their pattern.
_BETTER_NAMES = {
    "Oxygen-nitrogen single bond": "single bond between N or O atoms",
    "heavy metal": "metal or unusual element",
    "phosphor": "phosphorus",
    "chinone 1": "quinone 1",
    "chinone 2": "quinone 2",
    "cumarine": "coumarin",
    "aldehyde": "aldehyde or formyl",
}


@dataclass(frozen=True)
class Alert:
    """One alert: catalogue ("PAINS" or "Brenk"), name of the pattern, 1-based atoms it matched."""

    catalogue: str
    name: str
    atoms: tuple[int, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON types only."""
        return {"catalogue": self.catalogue, "name": self.name, "atoms": list(self.atoms)}


@functools.cache
def _catalogues() -> tuple[tuple[str, FilterCatalog], ...]:
    """Built once, on first use: compiling the patterns takes about 0.1 s."""
    sets = FilterCatalogParams.FilterCatalogs
    return (
        ("PAINS", FilterCatalog(FilterCatalogParams(sets.PAINS))),
        ("Brenk", FilterCatalog(FilterCatalogParams(sets.BRENK))),
    )


def find_alerts(mol: Chem.Mol) -> tuple[Alert, ...]:
    """The alerts of a molecule, PAINS first, in catalogue order; one per pattern and place."""
    return tuple(
        Alert(catalogue, _readable(entry.GetDescription()), atoms)
        for catalogue, patterns in _catalogues()
        for entry in patterns.GetMatches(mol)
        for atoms in sorted(
            {
                tuple(sorted(atom + 1 for _, atom in match.atomPairs))
                for match in entry.GetFilterMatches(mol)
            }
        )
    )


def _readable(description: str) -> str:
    """'Michael_acceptor_1' -> 'Michael acceptor 1', 'quinone_A(370)' -> 'quinone A'."""
    name = re.sub(r"\(\d+\)$", "", description).replace("_", " ").strip()
    return _BETTER_NAMES.get(name, name)
