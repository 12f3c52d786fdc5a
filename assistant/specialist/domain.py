"""Which molecules are of the kind that a predictor has learned from, which is all it tells."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from rdkit import Chem

from assistant.chem.molecule import Molecule

_SEEN = 10
"""Molecules of a size that are enough to learn something of it."""


@dataclass(frozen=True)
class Domain:
    """What training molecules have; all are of one part, with every electron paired.

    Attributes:
        elements: Symbols without hydrogen, sorted.
        most_atoms: Atoms without hydrogen of the largest one.
        charges: The lowest and the highest net charge.
        fewest_atoms: Atoms without hydrogen of the smallest ones that are not alone: of molecules
            of one or two atoms a table has a handful, and from these nothing is learned.
    """

    elements: tuple[str, ...]
    most_atoms: int
    charges: tuple[int, int] = (0, 0)
    fewest_atoms: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        object.__setattr__(self, "charges", tuple(self.charges))

    @classmethod
    def of(cls, molecules: Iterable[Molecule]) -> "Domain":
        """That of some molecules."""
        elements: set[str] = set()
        charges, sizes = {0}, Counter[int]()
        for molecule in molecules:
            heavy = _heavy(molecule)
            elements.update(heavy)
            sizes[len(heavy)] += 1
            charges.add(Chem.GetFormalCharge(molecule.rdmol()))
        enough = min(_SEEN, max(1, sizes.total() // 20))
        fewest = min(size for size, n in sizes.items() if n >= enough)
        return cls(
            tuple(sorted(elements)), max(sizes), (min(charges), max(charges)), max(fewest, 1)
        )

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
        if not self.fewest_atoms <= len(heavy) <= self.most_atoms:
            atoms = "heavy atom" if len(heavy) == 1 else "heavy atoms"
            return f"this one has {len(heavy)} {atoms}"
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
        size = f"{self.fewest_atoms} to {self.most_atoms}"
        if self.fewest_atoms == 1:
            size = f"at most {self.most_atoms}"
        return f"{kind} of {listed} with {size} heavy atoms"


def _heavy(molecule: Molecule) -> list[str]:
    return [a.GetSymbol() for a in molecule.rdmol().GetAtoms() if a.GetAtomicNum() > 1]
