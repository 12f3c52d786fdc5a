"""Which molecules are of the kind that a predictor has learned from, which is all it tells."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rdkit import Chem

from assistant.chem.molecule import Molecule


@dataclass(frozen=True)
class Domain:
    """What training molecules have; all are of one part, with every electron paired.

    Attributes:
        elements: Symbols without hydrogen, sorted.
        most_atoms: Atoms without hydrogen of the largest one.
        charges: The lowest and the highest net charge.
    """

    elements: tuple[str, ...]
    most_atoms: int
    charges: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        object.__setattr__(self, "charges", tuple(self.charges))

    @classmethod
    def of(cls, molecules: Iterable[Molecule]) -> "Domain":
        """That of some molecules."""
        elements: set[str] = set()
        most, charges = 0, {0}
        for molecule in molecules:
            heavy = _heavy(molecule)
            elements.update(heavy)
            most = max(most, len(heavy))
            charges.add(Chem.GetFormalCharge(molecule.rdmol()))
        return cls(tuple(sorted(elements)), most, (min(charges), max(charges)))

    def to_dict(self) -> dict[str, object]:
        """JSON form."""
        return asdict(self)

    def obstacle(self, molecule: Molecule) -> str:
        """Why a molecule is not of this kind; "" where it is."""
        heavy = _heavy(molecule)
        if "." in molecule.smiles:
            return "this one has several parts"
        if foreign := sorted(set(heavy) - set(self.elements)):
            return f"this one has {' and '.join(foreign)}"
        if not heavy:
            return "this one has none of them"
        if len(heavy) > self.most_atoms:
            return f"this one has {len(heavy)} heavy atoms"
        mol = molecule.rdmol()
        charge = Chem.GetFormalCharge(mol)
        if not self.charges[0] <= charge <= self.charges[1]:
            return f"this one has charge {charge:+d}"
        if any(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
            return "this one has an unpaired electron"
        return ""

    @property
    def in_words(self) -> str:
        """What kind of molecules it is."""
        *others, last = self.elements
        listed = f"{', '.join(others)} and {last}" if others else last
        kind = "neutral molecules" if self.charges == (0, 0) else "molecules"
        return f"{kind} of {listed} with at most {self.most_atoms} heavy atoms"


def _heavy(molecule: Molecule) -> list[str]:
    return [a.GetSymbol() for a in molecule.rdmol().GetAtoms() if a.GetAtomicNum() > 1]
