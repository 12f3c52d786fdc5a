"""Scores of written structures against the wanted ones. An invalid or missing one is wrong.

Similarities of an invalid answer count as 0, so that every row is in every number; the mean over
valid answers alone, which some papers print, is the similarity divided by the validity.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import MACCSkeys, rdFingerprintGenerator

from assistant.chem.limits import check_smiles_size, is_smiles_text
from assistant.chem.quiet import quiet_rdkit
from assistant.errors import InputTooLargeError
from assistant.evaluate.metrics.interval import Metric, bootstrap, mean
from assistant.evaluate.metrics.overlap import bleu_counts, corpus_bleu

_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2)


class Structure:
    """A structure as it is compared; its spellings are made when they are asked for.

    Args:
        mol: Sanitised, without atom maps.
    """

    def __init__(self, mol: Chem.Mol) -> None:
        self.mol = mol

    @cached_property
    def smiles(self) -> str:
        """Canonical, fragments sorted."""
        with quiet_rdkit():
            return Chem.MolToSmiles(self.mol)

    @cached_property
    def flat(self) -> str:
        """The same without stereo."""
        with quiet_rdkit():
            return Chem.MolToSmiles(self.mol, isomericSmiles=False)


@lru_cache(maxsize=200_000)
def read_structure(text: str) -> Structure | None:
    """The structure of a SMILES (fragments joined by dots); None when there is none."""
    try:
        check_smiles_size(text)
    except InputTooLargeError:
        return None
    with quiet_rdkit():
        mol = Chem.MolFromSmiles(text) if text.strip() and is_smiles_text(text) else None
    if mol is None or mol.GetNumAtoms() == 0:
        return None
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    return Structure(mol)


def canonical(text: str) -> str:
    """The canonical SMILES of a structure; what is none as it is."""
    found = read_structure(text)
    return text if found is None else found.smiles


def levenshtein(first: str, second: str) -> int:
    """Insertions, deletions and replacements between two texts, a bit per letter (Myers 1999)."""
    if not first:
        return len(second)
    places: dict[str, int] = {}
    for index, letter in enumerate(first):
        places[letter] = places.get(letter, 0) | 1 << index
    ones, last = (1 << len(first)) - 1, 1 << (len(first) - 1)
    plus, minus, distance = ones, 0, len(first)
    for letter in second:
        match = places.get(letter, 0)
        vertical = match | minus
        diagonal = (((match & plus) + plus) ^ plus) | match
        up = minus | ~(diagonal | plus) & ones
        down = plus & diagonal
        distance += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & ones, down << 1 & ones
        plus, minus = down | ~(vertical | up) & ones, up & vertical
    return distance


def similarities(first: Structure, second: Structure) -> tuple[float, float, float]:
    """Tanimoto similarity of RDKit path, MACCS and Morgan (radius 2, counts) fingerprints."""
    pairs = [
        tuple(make(structure.mol) for structure in (first, second))
        for make in (Chem.RDKFingerprint, MACCSkeys.GenMACCSKeys, _MORGAN.GetSparseCountFingerprint)
    ]
    rdk, maccs, morgan = (DataStructs.TanimotoSimilarity(*pair) for pair in pairs)
    return rdk, maccs, morgan


def structure_metrics(
    predictions: Sequence[str | None], references: Sequence[str], *, seed: int = 0
) -> list[Metric]:
    """Exact match with and without stereo, validity, similarities, Levenshtein, BLEU-4 of letters.

    Args:
        predictions: SMILES as written; None where the answer held none.
        references: SMILES, all valid.
        seed: Of the bootstrap.
    """
    rows = [_compare(p, r) for p, r in zip(predictions, references, strict=True)]
    table = np.array([row[:7] for row in rows], dtype=float).reshape(len(rows), 7)
    names = (
        "exact",
        "exact without stereo",
        "validity",
        "RDK similarity",
        "MACCS similarity",
        "Morgan similarity",
    )
    metrics = [mean(name, table[:, i], seed=seed) for i, name in enumerate(names)]
    metrics.append(mean("Levenshtein", table[:, 6], seed=seed, better="lower"))
    counts = np.array([row[7] for row in rows]).reshape(len(rows), -1)
    metrics.append(
        bootstrap(
            "BLEU-4 (letters)",
            lambda weights: corpus_bleu(weights @ counts, 4),
            len(rows),
            seed=seed,
        )
    )
    return metrics


def _compare(prediction: str | None, reference: str) -> tuple[float, ...]:
    wanted = read_structure(reference)
    if wanted is None:
        raise ValueError(f"the reference {reference!r} is no structure")
    found = read_structure(prediction) if prediction else None
    written = found.smiles if found else prediction or ""
    counts = bleu_counts(written, wanted.smiles)
    distance = levenshtein(written, wanted.smiles)
    if found is None:
        return (0, 0, 0, 0, 0, 0, distance, counts)
    exact, flat = found.smiles == wanted.smiles, found.flat == wanted.flat
    return (exact, flat, 1, *similarities(found, wanted), distance, counts)
