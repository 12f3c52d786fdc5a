"""What an analyst reads off a formula: ions of mass spectra, mass percentages, unsaturation."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rdkit import Chem

from assistant.chem.facts import Facts
from assistant.chem.molecule import Molecule

_PROTON, _SODIUM = 1.00727646688, 22.98922070
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


def analysis_of(molecule: Molecule, facts: Facts) -> Analysis:
    """From the structure and its facts; isotopes that are given count as drawn."""
    mol = Chem.AddHs(molecule.rdmol())
    counts = Counter(atom.GetSymbol() for atom in mol.GetAtoms())
    masses: Counter[str] = Counter()
    for atom in mol.GetAtoms():
        masses[atom.GetSymbol()] += atom.GetMass()
    total = sum(masses.values())
    order = sorted(counts, key=lambda s: (s != "C", s != "H", s))
    return Analysis(
        ions=_ions(facts) if facts.fragments == 1 else {},
        percentages={s: 100 * masses[s] / total for s in order} if total else {},
        unsaturation=_unsaturation(counts) if facts.charge == 0 and facts.fragments == 1 else None,
        n_atoms=mol.GetNumAtoms(),
    )


def _ions(facts: Facts) -> dict[str, float]:
    """Of a neutral molecule what adds or loses a proton, of an ion itself."""
    exact, size = facts.exact_mass, abs(facts.charge)  # of an ion without its missing electrons
    if size:
        sign = "+" if facts.charge > 0 else "−"
        return {f"[M]{size if size > 1 else ''}{sign}": exact / size}
    return {
        "[M+H]+": exact + _PROTON,
        "[M+Na]+": exact + _SODIUM,
        "[M−H]−": exact - _PROTON,
    }


def _unsaturation(counts: Mapping[str, int]) -> float | None:
    """Half of 2 + Σ n(v − 2) over the atoms by their usual valence v."""
    known = _MONOVALENT | _DIVALENT | _TRIVALENT | _TETRAVALENT
    if not set(counts) <= known:
        return None
    one, three, four = (
        sum(n for symbol, n in counts.items() if symbol in kind)
        for kind in (_MONOVALENT, _TRIVALENT, _TETRAVALENT)
    )
    return four - one / 2 + three / 2 + 1
