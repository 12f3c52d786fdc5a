"""SMILES written along another one, as root-aligned SMILES of reactions are (Zhong et al. 2022).

A language model that writes reactants along their product copies most of what it reads. The
published form needs atom maps; here each part begins at the atom from which most can be copied.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import permutations

from rdkit import Chem

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit

_MAX_ROOTS = 60
_MAX_ORDERED = 4
"""Parts whose orders are all tried; more are written the longest first."""


def agreement(text: str, reference: str) -> float:
    """How far a SMILES can be copied from another one; more is better.

    Counts neighbouring letters that both have in the same order (longest common subsequence) less
    half of those that only `text` has. Ring numbers are passed over: they change with the place.
    """
    return _Reference(reference).agreement(_neighbours(text))


def _neighbours(text: str) -> list[str]:
    letters = [letter for letter in text if not letter.isdigit() and letter != "%"]
    return [first + second for first, second in zip(["", *letters], letters, strict=False)]


class _Reference:
    """A SMILES that others are compared with; its places are looked up once for all of them."""

    def __init__(self, text: str) -> None:
        neighbours = _neighbours(text)
        self._places: dict[str, int] = {}
        for place, pair in enumerate(neighbours):
            self._places[pair] = self._places.get(pair, 0) | 1 << place
        self._everything = (1 << len(neighbours)) - 1

    def agreement(self, own: Sequence[str]) -> float:
        """As the function of this name, for neighbouring letters."""
        common = self._common(own)
        return common - 0.5 * (len(own) - common)

    def _common(self, own: Sequence[str]) -> int:
        """Length of the longest common subsequence, by the bits of one integer (Hyyrö 2004)."""
        everything = row = self._everything
        places = self._places
        for pair in own:
            found = places.get(pair)
            if found is not None:
                matched = row & found
                row = ((row + matched) | (row - matched)) & everything
        return everything.bit_count() - row.bit_count()


class Alignable:
    """A molecule whose SMILES from every atom are written once and compared with many references.

    Args:
        smiles: Of one or several parts.
    """

    def __init__(self, smiles: str) -> None:
        self.smiles = smiles
        self._parts = [
            [(text, _neighbours(text)) for text in _texts(part)] for part in smiles.split(".")
        ]

    def along(self, reference: str) -> str:
        """A SMILES along a reference, of which nothing but the letters is read.

        Returns:
            Its parts, each from the atom that agrees best, in the order that agrees best.
        """
        compared = _Reference(reference)
        parts = [max(texts, key=lambda t: compared.agreement(t[1]))[0] for texts in self._parts]
        if len(parts) == 1:
            return parts[0]
        if len(parts) > _MAX_ORDERED:
            return ".".join(sorted(parts, key=len, reverse=True))
        orders = [self.smiles, *(".".join(order) for order in permutations(parts))]
        return max(orders, key=lambda text: compared.agreement(_neighbours(text)))


def _texts(smiles: str) -> list[str]:
    """A part as it is, then from one atom after the other."""
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(smiles)
    n = mol.GetNumAtoms()
    roots = range(0, n, -(-n // _MAX_ROOTS))
    return [smiles, *dict.fromkeys(Chem.MolToSmiles(mol, rootedAtAtom=i) for i in roots)]


@lru_cache(maxsize=20_000)
def aligned_smiles(molecule: Molecule, reference: str) -> str:
    """A SMILES of a molecule along a reference, see `Alignable`."""
    return Alignable(molecule.smiles).along(reference)
