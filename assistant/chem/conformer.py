"""Plausible 3D shapes of a molecule: ETKDGv3, then a short force-field relaxation.

One for the eye (`conformer_molblock`), several for 3D encoders (`conformer_positions`).

RDKit's own time-out is not a wall limit, so this runs in the `sandbox` for anything a person typed.
"""

import numpy as np
import numpy.typing as npt
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InvalidMoleculeError

Positions = npt.NDArray[np.float64]

SEED = 0xC0FFEE
MAX_TRIES = 5
RELAXATION_STEPS = 200


def conformer_molblock(molecule: Molecule) -> str:
    """A molfile with 3D coordinates and explicit hydrogens; the same molecule gives the same shape.

    Raises:
        InvalidMoleculeError: RDKit finds no shape, or the structure has attachment points.
    """
    with quiet_rdkit():
        return Chem.MolToMolBlock(_embedded(molecule, 1))


def conformer_positions(molecule: Molecule, n_conformers: int) -> Positions:
    """Positions of the molecule's own atoms in up to `n_conformers` shapes; the same each time.

    Hydrogens that the molecule does not name take part in the embedding and are then left out, so
    atom i is atom i + 1 of the display. Not every embedding succeeds: there may be fewer shapes.

    Returns:
        (c, n, 3) in Å, c >= 1, each shape centred at the mean of its atoms.

    Raises:
        InvalidMoleculeError: RDKit finds no shape, or the structure has attachment points.
    """
    with quiet_rdkit():
        mol = _embedded(molecule, n_conformers)
    n_atoms = molecule.rdmol().GetNumAtoms()
    shapes = np.stack([shape.GetPositions()[:n_atoms] for shape in mol.GetConformers()])
    return shapes - shapes.mean(axis=1, keepdims=True)


def _embedded(molecule: Molecule, n_conformers: int) -> Chem.Mol:
    """The molecule with hydrogens and relaxed shapes."""
    if any(atom.GetAtomicNum() == 0 for atom in molecule.rdmol().GetAtoms()):
        raise InvalidMoleculeError(
            "No 3D shape: the molecule has an open attachment point '*'.", source=molecule.smiles
        )
    mol = Chem.AddHs(molecule.rdmol())
    if not _embed(mol, n_conformers):
        raise InvalidMoleculeError(
            "No 3D shape was found for this molecule; its rings or stereocentres may be too"
            " strained.",
            source=molecule.smiles,
        )
    _relax(mol)
    return mol


def _embed(mol: Chem.Mol, n_conformers: int) -> bool:
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = SEED
    parameters.maxIterations = MAX_TRIES
    for random_coordinates in (False, True):  # cages and metals embed from random coordinates only
        parameters.useRandomCoords = random_coordinates
        if len(rdDistGeom.EmbedMultipleConfs(mol, n_conformers, parameters)):
            return True
    return False


def _relax(mol: Chem.Mol) -> None:
    """MMFF94s where it has parameters, else UFF, else the shape stays as embedded."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(
            mol, mmffVariant="MMFF94s", maxIters=RELAXATION_STEPS
        )
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, maxIters=RELAXATION_STEPS)
