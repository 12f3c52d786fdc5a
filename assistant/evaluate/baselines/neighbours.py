"""Nearest neighbours: by Morgan fingerprint (radius 2, 2048 bits, Tanimoto) or by shared words."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from rdkit import DataStructs
from rdkit.Chem import rdFingerprintGenerator

from assistant.evaluate.metrics.structures import read_structure

N_BITS = 2048
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=N_BITS)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Neighbour:
    """Place in the index and similarity, 0 … 1."""

    place: int
    similarity: float


@lru_cache(maxsize=300_000)
def fingerprint(smiles: str) -> DataStructs.ExplicitBitVect:
    """Morgan fingerprint of a structure.

    Raises:
        ValueError: The text is no structure.
    """
    structure = read_structure(smiles)
    if structure is None:
        raise ValueError(f"{smiles!r} is no structure")
    return _MORGAN.GetFingerprint(structure.mol)


def fingerprint_matrix(smiles: Sequence[str]) -> np.ndarray:
    """Bits as 0 and 1, (n, 2048) uint8."""
    matrix = np.zeros((len(smiles), N_BITS), dtype=np.uint8)
    for row, text in zip(matrix, smiles, strict=True):
        row[list(fingerprint(text).GetOnBits())] = 1
    return matrix


class FingerprintIndex:
    """Structures to find the nearest of."""

    def __init__(self, smiles: Sequence[str]) -> None:
        self._fingerprints = [fingerprint(text) for text in smiles]

    def similarities(self, smiles: str) -> np.ndarray:
        """Tanimoto similarity to every structure of the index."""
        found = DataStructs.BulkTanimotoSimilarity(fingerprint(smiles), self._fingerprints)
        return np.asarray(found)

    def nearest(self, smiles: str, n: int = 1) -> list[Neighbour]:
        """The `n` most similar, the first of equals first."""
        found = self.similarities(smiles)
        order = np.argsort(-found, kind="stable")[:n] if n > 1 else [int(found.argmax())]
        return [Neighbour(int(i), float(found[i])) for i in order]


class WordIndex:
    """Texts to find the nearest of: cosine of word counts, rare words weigh more."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(_WORD.findall(text.lower())) for text in texts]
        n_texts = Counter(word for count in counts for word in count)
        self._weights = {word: math.log(len(texts) / n) for word, n in n_texts.items()}
        self._lengths = np.array([self._length(count) for count in counts])
        places: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, count in enumerate(counts):
            for word, n in count.items():
                places[word].append((place, n))
        self._places = {word: np.array(found).T for word, found in places.items()}

    def nearest(self, text: str) -> Neighbour:
        """The most similar text."""
        count = Counter(_WORD.findall(text.lower()))
        products = np.zeros(len(self._lengths))
        for word, n in count.items():
            if word in self._places:
                places, n_there = self._places[word]  # each text once
                products[places] += n * self._weights[word] ** 2 * n_there
        length = self._length(count)
        cosine = products / np.maximum(self._lengths * length, 1e-12)
        best = int(cosine.argmax())
        return Neighbour(best, float(cosine[best]))

    def _length(self, count: Counter[str]) -> float:
        squares = ((n * self._weights.get(word, 0.0)) ** 2 for word, n in count.items())
        return math.sqrt(sum(squares))
