"""Other SMILES of the same molecule: its atoms in random orders, or begun from other atoms.

Random orders are RDKit's random SMILES. A SMILES that only begins elsewhere stays easy to read for
a language model of reactions, which copies from it.
"""

import random
from functools import lru_cache

from rdkit import Chem

from assistant.chem.limits import MAX_SMILES_CHARS
from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import AssistantError

TRIES = 16
"""Draws for each spelling that is wanted: small molecules have few."""


def respelled(molecule: Molecule, n: int, *, seed: int = 0) -> tuple[str, ...]:
    """Different SMILES of a molecule that are not its canonical one, fewer where there are none.

    Each is read again and kept only where it gives the same structure, stereo included.

    Args:
        molecule: What they are of.
        n: How many.
        seed: Another one gives others; the same one the same.
    """
    found: dict[str, None] = {}
    numbers = random.Random(seed)
    for _ in range(n * TRIES):
        if len(found) == n:
            break
        text = _draw(molecule, numbers.randrange(1, 2**31))
        if text != molecule.smiles and text not in found and _is_same(text, molecule):
            found[text] = None
    return tuple(found)


def _draw(molecule: Molecule, seed: int) -> str:
    with quiet_rdkit():
        return Chem.MolToRandomSmilesVect(molecule.rdmol(), 1, randomSeed=seed)[0]


def _is_same(text: str, molecule: Molecule) -> bool:
    if len(text) > MAX_SMILES_CHARS:
        return False
    try:
        return Molecule.parse(text) == molecule
    except AssistantError:  # RDKit cannot read back what it wrote
        return False


def rerooted(smiles: str, rng: random.Random) -> str:
    """The same molecule: its parts in another order, each from another atom on.

    Args:
        smiles: Canonical, of one or several parts.
        rng: Draws order and atoms.
    """
    parts = smiles.split(".")
    rng.shuffle(parts)
    mols = [_mol(part) for part in parts]
    return ".".join(
        Chem.MolToSmiles(mol, rootedAtAtom=rng.randrange(mol.GetNumAtoms())) for mol in mols
    )


@lru_cache(maxsize=64)
def _mol(smiles: str) -> Chem.Mol:
    with quiet_rdkit():
        return Chem.MolFromSmiles(smiles)
