"""Scores of written texts (captions, names) against one reference each.

An empty answer is an answer of no words: it scores 0 and counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assistant.evaluate.metrics.interval import Metric, bootstrap, mean
from assistant.evaluate.metrics.meteor import Synonyms, meteor
from assistant.evaluate.metrics.overlap import (
    bleu_counts,
    corpus_bleu,
    rouge_l,
    rouge_n,
    rouge_words,
)
from assistant.evaluate.metrics.tokens import Cut, simple_cut


@dataclass(frozen=True)
class TextScoring:
    """How texts are compared.

    Attributes:
        cut: Tokens of BLEU and METEOR; the scores carry its name.
        synonyms: For METEOR; without them it is named so.
    """

    cut: Cut
    synonyms: Synonyms | None = None

    @classmethod
    def plain(cls) -> "TextScoring":
        """Needs no file: words as tokens, no synonyms."""
        return cls(simple_cut())


def text_metrics(
    predictions: Sequence[str], references: Sequence[str], scoring: TextScoring, *, seed: int = 0
) -> list[Metric]:
    """BLEU-2/4, METEOR and ROUGE-1/2/L (F1 on words without stemming, as the field does)."""
    pairs = list(zip(predictions, references, strict=True))
    cut = scoring.cut
    tokens = [(cut.tokens(predicted), cut.tokens(wanted)) for predicted, wanted in pairs]
    counts = np.array([bleu_counts(*pair) for pair in tokens]).reshape(len(pairs), -1)
    metrics = [
        bootstrap(
            f"BLEU-{order} ({cut.name})",
            lambda weights, order=order: corpus_bleu(weights @ counts, order),
            len(pairs),
            seed=seed,
        )
        for order in (2, 4)
    ]
    without = "" if scoring.synonyms else ", no synonyms"
    meteors = np.array([meteor(*pair, scoring.synonyms) for pair in tokens])
    metrics.append(mean(f"METEOR ({cut.name}{without})", meteors, seed=seed))
    words = [(rouge_words(predicted), rouge_words(wanted)) for predicted, wanted in pairs]
    for order in (1, 2):
        values = np.array([rouge_n(*pair, order) for pair in words])
        metrics.append(mean(f"ROUGE-{order}", values, seed=seed))
    metrics.append(mean("ROUGE-L", np.array([rouge_l(*pair) for pair in words]), seed=seed))
    return metrics
