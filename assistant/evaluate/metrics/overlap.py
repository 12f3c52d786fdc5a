"""BLEU (Papineni 2002) over a corpus and ROUGE (Lin 2004) per text.

BLEU is kept as counts per text: matched n-grams, n-grams, lengths. The corpus score of any choice
of texts is a function of their sums, which is what a bootstrap needs. Neither is smoothed, as in
NLTK's `corpus_bleu` and MolT5's script; a test compares both with the usual libraries.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

MAX_ORDER = 4
_NOT_WORD = re.compile(r"[^a-z0-9]+")


def bleu_counts(prediction: Sequence[str], reference: Sequence[str]) -> np.ndarray:
    """Counts of one text: 4 matches, 4 numbers of n-grams, two lengths (10,)."""
    counts = np.zeros(2 * MAX_ORDER + 2)
    for order in range(1, MAX_ORDER + 1):
        found, wanted = _ngrams(prediction, order), _ngrams(reference, order)
        counts[order - 1] = sum((found & wanted).values())
        # NLTK counts one n-gram where a text is too short to have any.
        counts[MAX_ORDER + order - 1] = max(1, sum(found.values()))
    counts[-2:] = len(prediction), len(reference)
    return counts


def corpus_bleu(sums: np.ndarray, order: int) -> np.ndarray:
    """BLEU up to n-grams of `order` from summed counts (…, 10); 0 where an order has no match."""
    matches, totals = sums[..., :order], sums[..., MAX_ORDER : MAX_ORDER + order]
    written, wanted = sums[..., -2], sums[..., -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.exp(np.log(matches / totals).mean(-1))
        brevity = np.where(written > wanted, 1.0, np.exp(1 - wanted / written))
    return np.where((matches > 0).all(-1) & (written > 0), precision * brevity, 0.0)


def rouge_words(text: str) -> list[str]:
    """Lower-cased letters and digits, as rouge-score cuts without stemming."""
    return _NOT_WORD.sub(" ", text.lower()).split()


def rouge_n(prediction: Sequence[str], reference: Sequence[str], order: int) -> float:
    """F1 of shared n-grams."""
    found, wanted = _ngrams(prediction, order), _ngrams(reference, order)
    return _f1(sum((found & wanted).values()), sum(found.values()), sum(wanted.values()))


def rouge_l(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the longest common subsequence."""
    return _f1(common_length(prediction, reference), len(prediction), len(reference))


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, one bit per token of `first` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for index, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << index
    ones = (1 << len(first)) - 1
    row = ones
    for token in second:
        matched = row & places.get(token, 0)
        row = ((row + matched) | (row - matched)) & ones
    return len(first) - row.bit_count()


def _ngrams(tokens: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _f1(shared: int, found: int, wanted: int) -> float:
    return 2 * shared / (found + wanted) if shared else 0.0
