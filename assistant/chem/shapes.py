"""Conformers from the killable child, which is started when the first one is asked for."""

import numpy as np
import numpy.typing as npt

from assistant.chem.molecule import Molecule
from assistant.chem.on_demand import PoolOnDemand
from assistant.chem.sandbox import ChemPool


class SandboxedShapes:
    """Gives conformers of molecules; safe to call from several threads.

    Args:
        pool: Children to use; one of its own is started when none is given.
    """

    def __init__(self, pool: ChemPool | None = None) -> None:
        self._pool = PoolOnDemand(pool)

    def __call__(self, molecule: Molecule, n_conformers: int) -> npt.NDArray[np.float32]:
        """Positions (c, n, 3) in Å of the molecule's atoms, 1 <= c <= n_conformers.

        Raises:
            InvalidMoleculeError: The molecule has no 3D shape; the message says why.
            ChemistryTimeoutError: Finding one took too long.
            QueueFullError: The children are busy.
        """
        answer = self._pool.call("conformers", smiles=molecule.smiles, n=n_conformers)
        return np.asarray(answer["positions"], dtype=np.float32)
