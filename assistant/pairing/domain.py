"""Whether a molecule is of the kind that a pair head was trained on, in sentences."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem

from assistant.chem.molecule import Molecule
from assistant.pairing.figures import Domain

MIN_SIMILARITY = 0.3
MIN_SEEN = 10
CHROMOPHORE = "chromophore"
_TAIL = 0.5  # per cent at an end that do not count


def domain_of(molecules: Sequence[Molecule]) -> Domain:
    """What these molecules are like."""
    seen: dict[str, int] = {}
    sizes, charges = [], []
    for molecule in molecules:
        mol = molecule.rdmol()
        sizes.append(mol.GetNumHeavyAtoms())
        charges.append(Chem.GetFormalCharge(mol))
        for symbol in {atom.GetSymbol() for atom in mol.GetAtoms()}:
            seen[symbol] = seen.get(symbol, 0) + 1
    # A side that is always the same few solvents has every element of theirs.
    enough = min(MIN_SEEN, max(1, len(molecules) // 20))
    elements = tuple(sorted(symbol for symbol, n in seen.items() if n >= enough))
    largest = int(np.percentile(sizes, 100 - _TAIL))
    low, high = (int(np.percentile(charges, q)) for q in (_TAIL, 100 - _TAIL))
    return Domain(elements, largest, (low, high))


def has_pi_system(mol: Chem.Mol) -> bool:
    """Whether any bond is double, triple or aromatic."""
    return any(bond.GetBondTypeAsDouble() > 1 for bond in mol.GetBonds())


def outside(molecule: Molecule, domain: Domain, role: str, similarity: float | None) -> list[str]:
    """Why a molecule is outside of a domain; empty when it is not.

    Args:
        molecule: The molecule.
        domain: Of the training molecules in this role.
        role: As the person reads it.
        similarity: To the nearest of them, where it is known.
    """
    mol = molecule.rdmol()
    found = []
    if role == CHROMOPHORE and similarity != 1.0 and not has_pi_system(mol):
        found.append(
            f"the {role} has no π system (no double, triple or aromatic bond), unlike nearly all"
            " in training"
        )
    strange = sorted({a.GetSymbol() for a in mol.GetAtoms()} - set(domain.elements) - {"H"})
    if strange:
        found.append(f"the {role} has {', '.join(strange)}, hardly seen in training")
    charge, (low, high) = Chem.GetFormalCharge(mol), domain.charges
    if not low <= charge <= high:
        usual = f"{low:+d}" if low == high else f"{low:+d} to {high:+d}"
        found.append(f"the {role} has charge {charge:+d}; in training {usual.replace('+0', '0')}")
    size = mol.GetNumHeavyAtoms()
    if size > domain.max_heavy_atoms:
        found.append(
            f"the {role} has {size} heavy atoms; in training up to {domain.max_heavy_atoms}"
        )
    if similarity is not None and similarity < MIN_SIMILARITY:
        found.append(
            f"the {role} is like nothing in training: highest similarity {similarity:.2f},"
            f" under {MIN_SIMILARITY}"
        )
    return found
