"""Morgan fingerprints (radius 2, 2048 bits) as words of 64 bits, and Tanimoto by counting bits."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from assistant.chem.molecule import Molecule
from assistant.chem.quiet import quiet_rdkit

RADIUS, N_BITS = 2, 2048
N_WORDS = N_BITS // 64
_ROWS_AT_ONCE = 2**16
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=N_BITS)


def fingerprint(molecule: Molecule) -> np.ndarray:
    """The bits of a molecule, (32,) uint64."""
    with quiet_rdkit():
        bits = _MORGAN.GetFingerprintAsNumPy(molecule.rdmol())
    return np.packbits(bits.astype(bool), bitorder="little").view(np.uint64)


def count_bits(words: np.ndarray) -> np.ndarray:
    """Bits set in each row of (n, 32), or in one row (32,); int64."""
    return np.bitwise_count(words).sum(axis=-1, dtype=np.int64)


def tanimoto(words: np.ndarray, counts: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Tanimoto similarity of each row to a query.

    Args:
        words: (n, 32) uint64, in memory or mapped; read in parts.
        counts: Bits set in each row, (n,).
        query: (32,) uint64.

    Returns:
        (n,) float64.
    """
    n_query = int(count_bits(query))
    found = np.zeros(len(words))
    for start in range(0, len(words), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        common = count_bits(words[part] & query)
        either = counts[part].astype(np.int64) + n_query - common
        found[part] = common / np.maximum(either, 1)
    return found


def fingerprints(smiles: Sequence[str]) -> np.ndarray:
    """The bits of molecules in canonical SMILES, (n, 32) uint64.

    The bits of `fingerprint` in three quarters of the time (2026-11-28, busy core: 77 instead of
    103 µs each for nine heavy atoms).
    """
    words = np.zeros((len(smiles), N_WORDS), dtype=np.uint64)
    with quiet_rdkit():
        for row, text in zip(words, smiles, strict=True):
            bits = _MORGAN.GetFingerprint(Chem.MolFromSmiles(text))
            row[:] = np.frombuffer(DataStructs.BitVectToBinaryText(bits), np.uint64)
    return words


class FingerprintTable:
    """Distinct molecules to compare others with.

    Args:
        words: Their `fingerprints`, (n, 32) uint64.
    """

    def __init__(self, words: np.ndarray) -> None:
        self._words = words
        self._counts = count_bits(words)
        self._last: tuple[str, np.ndarray] = ("", np.zeros(0))

    def similarities(self, molecule: Molecule) -> np.ndarray:
        """Tanimoto similarity to each, (n,); the last answer is kept, for it is asked again."""
        smiles, found = self._last
        if smiles != molecule.smiles:
            found = tanimoto(self._words, self._counts, fingerprint(molecule))
            self._last = (molecule.smiles, found)
        return found
