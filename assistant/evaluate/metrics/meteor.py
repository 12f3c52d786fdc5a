"""METEOR (Lavie & Agarwal 2007) with NLTK's settings: α 0.9, β 3, γ 0.5.

Tokens are matched in three passes: as they stand, by stem, by synonym. A pass goes from the end of
the prediction and takes the last reference token that is free, as NLTK does.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from assistant.evaluate.metrics.porter import stem

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5

Synonyms = Callable[[str], Collection[str]]
"""A word's synonyms, itself among them."""

Places = list[tuple[int, str]]


def meteor(
    prediction: Sequence[str], reference: Sequence[str], synonyms: Synonyms | None = None
) -> float:
    """METEOR of one text, 0 … 1.

    Args:
        prediction: Tokens.
        reference: Tokens.
        synonyms: Leaves out the third pass when not given.
    """
    left = [(i, token.lower()) for i, token in enumerate(prediction)]
    right = [(i, token.lower()) for i, token in enumerate(reference)]
    pairs, left, right = _matched(left, right, None)
    # What is free goes on as stems, also to the synonyms: NLTK's scores are made that way.
    left, right = _stemmed(left), _stemmed(right)
    by_stem, left, right = _matched(left, right, None)
    pairs += by_stem
    if synonyms is not None:
        pairs += _matched(left, right, synonyms)[0]
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(prediction), len(pairs) / len(reference)
    f_mean = precision * recall / (ALPHA * precision + (1 - ALPHA) * recall)
    return f_mean * (1 - GAMMA * (_n_chunks(sorted(pairs)) / len(pairs)) ** BETA)


def _stemmed(places: Places) -> Places:
    return [(place, stem(token)) for place, token in places]


def _matched(
    left: Places, right: Places, synonyms: Synonyms | None
) -> tuple[list[tuple[int, int]], Places, Places]:
    """Pairs of one pass, and what stays free on either side."""
    free: dict[str, list[int]] = defaultdict(list)
    for place, token in right:
        free[token].append(place)
    pairs, unmatched = [], []
    for place, token in reversed(left):
        words = [token] if synonyms is None else synonyms(token)
        open_words = [word for word in words if free.get(word)]
        if open_words:
            best = max(open_words, key=lambda word: free[word][-1])
            pairs.append((place, free[best].pop()))
        else:
            unmatched.append((place, token))
    taken = {place for _, place in pairs}
    return pairs, unmatched[::-1], [entry for entry in right if entry[0] not in taken]


def _n_chunks(pairs: Sequence[tuple[int, int]]) -> int:
    """Runs of matches that are neighbours on both sides."""
    joined = sum(b == (a[0] + 1, a[1] + 1) for a, b in pairwise(pairs))
    return len(pairs) - joined
