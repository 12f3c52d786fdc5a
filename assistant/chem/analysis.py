"""What an analyst reads off a formula: ions of mass spectra, mass percentages, unsaturation."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rdkit import Chem

from assistant.chem.molecule import Molecule

_PROTON, _SODIUM, _ELECTRON = 1.00727646688, 22.98922070, 0.00054857990907
"""Masses in Da (CODATA 2018, AME 2020): H+ and Na+ without their electron."""
_MONOVALENT = frozenset({"H", "F", "Cl", "Br", "I"})
_TRIVALENT = frozenset({"N", "P", "B"})
_TETRAVALENT = frozenset({"C", "Si"})
_DIVALENT = frozenset({"O", "S", "Se"})


@dataclass(frozen=True)
class Analysis:
    """Of one molecule.

    Attributes:
        ions: m/z of the usual ions by name, monoisotopic; of a salt or mixture there are none.
        percentages: Mass percentage of each element, carbon and hydrogen first.
        unsaturation: Rings and double bonds by the formula, the degree of unsaturation; None for
            ions, mixtures, and elements of other valence.
        n_atoms: All atoms, hydrogens included.
    """

    ions: Mapping[str, float]
    percentages: Mapping[str, float]
    unsaturation: float | None
    n_atoms: int


def analysis_of(molecule: Molecule) -> Analysis:
    """From the structure; isotopes that are given count as drawn."""
    mol = Chem.AddHs(molecule.rdmol())
    table = Chem.GetPeriodicTable()
    counts = Counter(atom.GetSymbol() for atom in mol.GetAtoms())
    masses: Counter[str] = Counter()
    for atom in mol.GetAtoms():
        masses[atom.GetSymbol()] += atom.GetMass()
    total = sum(masses.values())
    order = sorted(counts, key=lambda s: (s != "C", s != "H", s))
    charge, n_parts = Chem.GetFormalCharge(mol), len(Chem.GetMolFrags(mol))
    exact = sum(
        table.GetMassForIsotope(a.GetSymbol(), a.GetIsotope())
        if a.GetIsotope()
        else table.GetMostCommonIsotopeMass(a.GetSymbol())
        for a in mol.GetAtoms()
    )
    return Analysis(
        ions={} if n_parts > 1 else _ions(exact, charge),
        percentages={s: 100 * masses[s] / total for s in order} if total else {},
        unsaturation=_unsaturation(counts) if charge == 0 and n_parts == 1 else None,
        n_atoms=mol.GetNumAtoms(),
    )


def _ions(exact: float, charge: int) -> dict[str, float]:
    """Of a neutral molecule what adds or loses a proton, of an ion itself."""
    if charge:
        sign = "+" if charge > 0 else "−"
        size = abs(charge) if abs(charge) > 1 else ""
        return {f"[M]{size}{sign}": (exact - charge * _ELECTRON) / abs(charge)}
    return {
        "[M+H]+": exact + _PROTON,
        "[M+Na]+": exact + _SODIUM,
        "[M−H]−": exact - _PROTON,
    }


def _unsaturation(counts: Mapping[str, int]) -> float | None:
    known = _MONOVALENT | _DIVALENT | _TRIVALENT | _TETRAVALENT
    if not set(counts) <= known:
        return None
    one, three, four = (
        sum(n for symbol, n in counts.items() if symbol in kind)
        for kind in (_MONOVALENT, _TRIVALENT, _TETRAVALENT)
    )
    return four - one / 2 + three / 2 + 1
