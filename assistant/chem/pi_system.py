"""The π system of a molecule by Hückel's method: frontier orbitals and the lowest excitations.

    H_ii = h(element, π electrons)   H_ij = k(elements, bond) between bonded π atoms   in units of β

h and k after Van-Catledge, J. Org. Chem. 1980, 45, 4801 (rounded; elements he does not list are
set beside their neighbours in the periodic table); a bond's k is scaled by its order, so that
single and double bonds of a chain differ. Energies are rough, a model learns what they mean. All
numbers depend on the graph alone. Where levels are equal their orbitals are any of many: atoms are
put into canonical order first, so that the same ones come.
"""

from itertools import product

import numpy as np
from rdkit import Chem

N_PI = 24
_NEAR = 4
"""Orbitals below and above the gap that are given, and between which excitations are counted."""

_ONE: dict[str, float] = {"C": 0.0, "N": 0.51, "O": 0.97, "S": 0.46, "P": 0.19, "Si": 0.0}
_TWO: dict[str, float] = {
    "N": 1.37,
    "O": 2.09,
    "S": 1.11,
    "P": 0.75,
    "Se": 1.0,
    "F": 2.71,
    "Cl": 1.48,
    "Br": 1.5,
    "I": 1.3,
}
_BORON, _CATION_N, _OXIDE, _PYRYLIUM = -0.45, 2.0, 1.5, 2.5
_RESONANCE: dict[frozenset[str], float] = {
    frozenset("C"): 1.0,
    frozenset("N"): 1.0,
    frozenset("CN"): 0.95,
    frozenset("CO"): 0.9,
    frozenset("CS"): 0.75,
    frozenset("CB"): 0.73,
}
_OTHER_RESONANCE = 0.8
_BY_ORDER = {1.0: 0.85, 1.5: 1.0, 2.0: 1.1, 3.0: 1.2}
_BRIGHT = 0.2
"""An excitation counts as bright from this share of the strongest one on."""
_SMALLEST_GAP = 0.12


def pi_values(mol: Chem.Mol) -> np.ndarray:
    """What Hückel's method says of all π atoms, (24,); zeros where there are fewer than two.

    Four occupied and four empty levels from the gap on; gap, 1/gap, strength, overlap and charge
    transfer of the lowest excitation and of the lowest bright one; gap and 1/gap of the strongest;
    atoms over which HOMO and LUMO spread; atoms; an odd number of electrons.
    """
    ranks = list(Chem.CanonicalRankAtoms(mol))
    mol = Chem.RenumberAtoms(mol, np.argsort(ranks).tolist())
    atoms, matrix, n_electrons = _hamiltonian(mol)
    n = len(atoms)
    if n < 2:
        return np.zeros(N_PI)
    levels, orbitals = np.linalg.eigh(matrix)
    levels, orbitals = levels[::-1], orbitals[:, ::-1]  # most bonding first, β < 0
    n_filled = min(max(n_electrons // 2, 1), n - 1)
    distances = Chem.GetDistanceMatrix(mol)[np.ix_(atoms, atoms)]
    excitations = _excitations(levels, orbitals, n_filled, distances)
    strongest = max(excitations, key=lambda one: one[1])
    bright = next(one for one in excitations if one[1] >= _BRIGHT * strongest[1])
    lowest = excitations[0]
    spread = [1 / np.sum(orbitals[:, i] ** 4) for i in (n_filled - 1, n_filled)]
    return np.array(
        [
            *_padded(levels[max(0, n_filled - _NEAR) : n_filled][::-1]),
            *_padded(levels[n_filled : n_filled + _NEAR]),
            *(lowest[0], _inverse(lowest[0]), *lowest[1:]),
            *(bright[0], _inverse(bright[0]), *bright[1:]),
            *(strongest[0], _inverse(strongest[0])),
            *spread,
            n,
            n_electrons % 2,
        ]
    )


def _hamiltonian(mol: Chem.Mol) -> tuple[list[int], np.ndarray, int]:
    """π atoms, Hückel's matrix in units of β, π electrons."""
    diagonal, n_electrons, place = [], 0, {}
    for atom in mol.GetAtoms():
        has_multiple = any(bond.GetBondTypeAsDouble() > 1 for bond in atom.GetBonds())
        if has_multiple or any(bond.GetIsConjugated() for bond in atom.GetBonds()):
            coulomb, electrons = _of_atom(atom, has_multiple)
            place[atom.GetIdx()] = len(diagonal)
            diagonal.append(coulomb)
            n_electrons += electrons
    matrix = np.diag(np.array(diagonal, dtype=float))
    for bond in mol.GetBonds():
        i, j = (place.get(a) for a in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        order = bond.GetBondTypeAsDouble()
        if i is None or j is None or not (bond.GetIsConjugated() or order > 1):
            continue
        ends = frozenset((bond.GetBeginAtom().GetSymbol(), bond.GetEndAtom().GetSymbol()))
        k = _RESONANCE.get(ends, _OTHER_RESONANCE) * _BY_ORDER.get(order, 1.0)
        matrix[i, j] = matrix[j, i] = k
    return list(place), matrix, n_electrons


def _of_atom(atom: Chem.Atom, has_multiple: bool) -> tuple[float, int]:
    """Coulomb term and π electrons of an atom."""
    element, charge = atom.GetSymbol(), atom.GetFormalCharge()
    if element == "B":
        return _BORON, 0
    if element == "C":
        return 0.0, 1 if has_multiple and not charge else 1 - charge
    if element == "O" and charge:
        return (_PYRYLIUM, 1) if charge > 0 and atom.GetIsAromatic() else (_OXIDE, 2)
    gives_pair = not has_multiple or (
        atom.GetIsAromatic() and (element in {"O", "S", "Se"} or atom.GetTotalDegree() == 3)
    )
    if element == "N" and charge > 0:
        return _CATION_N, 1
    if gives_pair and element in _TWO:
        return _TWO[element], 2
    return _ONE.get(element, 0.0), 1


def _excitations(
    levels: np.ndarray, orbitals: np.ndarray, n_filled: int, distances: np.ndarray
) -> list[tuple[float, float, float, float]]:
    """Gap, strength, overlap and charge transfer of single excitations, the lowest first.

    The strength is gap · (transition dipole)², with bonds for a distance: −½ Σ t_i t_j d_ij².
    """
    found = []
    filled = range(max(0, n_filled - _NEAR), n_filled)
    empty = range(n_filled, min(len(levels), n_filled + _NEAR))
    squared = distances**2
    for a, r in product(filled, empty):
        gap = max(float(levels[a] - levels[r]), 0.0)
        moved = orbitals[:, a] * orbitals[:, r]
        strength = max(float(-0.5 * moved @ squared @ moved), 0.0) * gap
        density_a, density_r = orbitals[:, a] ** 2, orbitals[:, r] ** 2
        moved_charge = float(0.5 * np.abs(density_a - density_r).sum())
        found.append((gap, strength, float(density_a @ density_r), moved_charge))
    return sorted(found)


def _padded(levels: np.ndarray) -> np.ndarray:
    return np.pad(levels, (0, _NEAR - len(levels)), mode="edge")


def _inverse(gap: float) -> float:
    return 1 / max(gap, _SMALLEST_GAP)
