"""What a structure is made of, beside its formula: shares of the mass, rings and π bonds."""

from collections import Counter
from collections.abc import Mapping

from rdkit import Chem

from assistant.chem.molecule import Molecule

_MOST_BONDS = dict.fromkeys(("S", "Se", "Te"), 2) | dict.fromkeys(("P", "As", "Sb"), 3)
_MOST_BONDS |= dict.fromkeys(("Cl", "Br", "I"), 1)
_PI_BONDS = {Chem.BondType.DOUBLE: 1, Chem.BondType.TRIPLE: 2, Chem.BondType.QUADRUPLE: 3}


def mass_percentages(molecule: Molecule) -> Mapping[str, float]:
    """Share of the average mass of each element in percent, in the order of Hill's formula.

    What an elemental analysis is compared with. Isotopes that are drawn count with their own mass.
    """
    hydrogen = Chem.GetPeriodicTable().GetAtomicWeight(1)
    masses: Counter[str] = Counter()
    for atom in molecule.rdmol().GetAtoms():
        masses[atom.GetSymbol()] += atom.GetMass()
        masses["H"] += atom.GetTotalNumHs() * hydrogen
    total = sum(masses.values())
    shares = {symbol: 100 * mass / total for symbol, mass in masses.items() if mass and total}
    first = ("C", "H") if "C" in shares else ()
    order = [s for s in first if s in shares] + sorted(s for s in shares if s not in first)
    return {symbol: shares[symbol] for symbol in order}


def degrees_of_unsaturation(molecule: Molecule) -> int:
    """Rings and π bonds of a structure with localised double bonds, as its formula has them.

    So S=O of a sulfone and P=O of a phosphate count nothing: in the formula's count sulfur has two
    bonds and phosphorus three.
    """
    mol = Chem.Mol(molecule.rdmol())
    Chem.Kekulize(mol, clearAromaticFlags=True)
    n_rings = mol.GetNumBonds() - mol.GetNumAtoms() + len(Chem.GetMolFrags(mol))
    bonds = [
        b
        for b in mol.GetBonds()
        if not (_is_hypervalent(b.GetBeginAtom()) or _is_hypervalent(b.GetEndAtom()))
    ]
    return n_rings + sum(_PI_BONDS.get(bond.GetBondType(), 0) for bond in bonds)


def _is_hypervalent(atom: Chem.Atom) -> bool:
    """Whether an atom has more bonds than its group has in a formula's count."""
    most = _MOST_BONDS.get(atom.GetSymbol())
    return most is not None and atom.GetTotalValence() > most
