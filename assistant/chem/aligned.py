"""SMILES written along another one, as root-aligned SMILES of reactions are (Zhong et al. 2022).

A language model that writes reactants along their product copies most of what it reads. The
published form needs atom maps; here each part begins at the atom from which most can be copied.
"""

from functools import lru_cache
from itertools import permutations

from rdkit import Chem

from assistant.chem.molecule import Molecule

_MAX_ROOTS = 60
_MAX_ORDERED = 4
"""Parts whose orders are all tried; more are written the longest first."""


def agreement(text: str, reference: str) -> float:
    """How far a SMILES can be copied from another one; more is better.

    Counts neighbouring letters that both have in the same order (longest common subsequence) less
    half of those that only `text` has. Ring numbers are passed over: they change with the place.
    """
    own, other = _neighbours(text), _neighbours(reference)
    common = _common(own, other)
    return common - 0.5 * (len(own) - common)


def _neighbours(text: str) -> list[str]:
    letters = [letter for letter in text if not letter.isdigit() and letter != "%"]
    return [first + second for first, second in zip(["", *letters], letters, strict=False)]


def _common(items: list[str], others: list[str]) -> int:
    """Length of the longest common subsequence, by the bits of one integer (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, item in enumerate(items):
        places[item] = places.get(item, 0) | 1 << place
    everything = row = (1 << len(items)) - 1
    for item in others:
        matched = row & places.get(item, 0)
        row = ((row + matched) | (row - matched)) & everything
    return len(items) - row.bit_count()


@lru_cache(maxsize=20_000)
def aligned_smiles(molecule: Molecule, reference: str) -> str:
    """A SMILES of a molecule along a reference.

    Args:
        molecule: Of one or several parts.
        reference: A SMILES; nothing is read from it but its letters.

    Returns:
        Its parts, each from the atom that agrees best, in the order that agrees best.
    """
    parts = [_along(part, reference) for part in molecule.smiles.split(".")]
    if len(parts) == 1:
        return parts[0]
    if len(parts) > _MAX_ORDERED:
        return ".".join(sorted(parts, key=len, reverse=True))
    orders = [molecule.smiles, *(".".join(order) for order in permutations(parts))]
    return max(orders, key=lambda text: agreement(text, reference))


def _along(smiles: str, reference: str) -> str:
    mol = Chem.MolFromSmiles(smiles)
    n = mol.GetNumAtoms()
    roots = range(0, n, -(-n // _MAX_ROOTS))
    texts = [smiles, *dict.fromkeys(Chem.MolToSmiles(mol, rootedAtAtom=i) for i in roots)]
    return max(texts, key=lambda text: agreement(text, reference))
