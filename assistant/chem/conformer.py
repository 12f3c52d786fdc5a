"""One plausible 3D shape of a molecule: ETKDGv3, then a short force-field relaxation.

RDKit's own time-out is not a wall limit, so this runs in the `sandbox` for anything a person typed.
"""

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InvalidMoleculeError

SEED = 0xC0FFEE
MAX_TRIES = 5
RELAXATION_STEPS = 200


def conformer_molblock(molecule: Molecule) -> str:
    """A molfile with 3D coordinates and explicit hydrogens; the same molecule gives the same shape.

    Raises:
        InvalidMoleculeError: RDKit finds no shape, or the structure has attachment points.
    """
    if any(atom.GetAtomicNum() == 0 for atom in molecule.rdmol().GetAtoms()):
        raise InvalidMoleculeError(
            "No 3D shape: the molecule has an open attachment point '*'.", source=molecule.smiles
        )
    with quiet_rdkit():
        mol = Chem.AddHs(molecule.rdmol())
        if not _embed(mol):
            raise InvalidMoleculeError(
                "No 3D shape was found for this molecule; its rings or stereocentres may be too"
                " strained.",
                source=molecule.smiles,
            )
        _relax(mol)
        return Chem.MolToMolBlock(mol)


def _embed(mol: Chem.Mol) -> bool:
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = SEED
    parameters.maxIterations = MAX_TRIES
    for random_coordinates in (False, True):  # cages and metals embed from random coordinates only
        parameters.useRandomCoords = random_coordinates
        if rdDistGeom.EmbedMolecule(mol, parameters) == 0:
            return True
    return False


def _relax(mol: Chem.Mol) -> None:
    """MMFF94s where it has parameters, else UFF, else the shape stays as embedded."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.MMFFOptimizeMolecule(
            mol, mmffVariant="MMFF94s", maxIters=RELAXATION_STEPS
        )
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=RELAXATION_STEPS)
