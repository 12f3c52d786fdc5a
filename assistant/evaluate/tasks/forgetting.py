"""What adapters cost in general language: perplexity of unseen text with a molecule in focus.

The same passage is continued three times: without a molecule, with one in the prompt and every
adapter on, and with one whose adapters are off, so that what the longer prompt does is not taken
for what the adapters do. The passages are answers people wrote to general questions (Dolly): a
source that no recipe here reads at all, for its licence is share-alike. A bundle of another origin
may have read it; then name a text that it has not with `--file`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chat.prompts import fill
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.grounding import molecules_of
from assistant.evaluate.metrics.interval import Metric, bootstrap
from assistant.evaluate.table import read_table

NAME = "forgetting"
TABLE = "text/dolly_no_context_6k.jsonl.gz"
_COLUMN = "response"
_FLAGS = ("maybe_truncated", "likely_needs_missing_context")
MIN_REST_CHARS = 40
"""What is continued is longer than this."""
_MAX_CHARS = 500
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def is_unseen(text: str) -> bool:
    """Whether a document of a source that is read is kept out of pre-training; one in 64 is.

    The shipped bundle read its text before this rule, so it is not measured on these.
    """
    return hashlib.sha256(text.encode()).digest()[0] < 4


@dataclass(frozen=True)
class Passage:
    """A text cut in two: what is shown, what is continued."""

    start: str
    rest: str


def after_first_sentence(text: str) -> Passage | None:
    """A text cut after its first sentence; None where `MIN_REST_CHARS` or fewer come after it."""
    start, *rest = _SENTENCE.split(text.strip(), maxsplit=1)
    return Passage(start, rest[0]) if rest and len(rest[0]) > MIN_REST_CHARS else None


def _shared(data: Path) -> list[str]:
    """Whole answers that stand for themselves."""
    rows = read_table(data / TABLE, (_COLUMN, *_FLAGS))
    return [row[_COLUMN] for row in rows if all(row[flag] == "0" for flag in _FLAGS)]


@dataclass(frozen=True)
class Likelihood:
    """Log-probability of a continuation and its tokens."""

    total: float
    n_tokens: int


def load_passages(file: Path | None, data: Path | None) -> list[Passage]:
    """Passages of the shared text that is never trained on, or of a file's column `text`.

    Args:
        file: A table with that column; goes before `data`.
        data: Directory of the shared tables.

    Raises:
        AssistantError: Neither is given.
    """
    if file is None and data is None:
        raise AssistantError(
            "Task forgetting needs general text: name the data directory with --data, or a table"
            " with a column text with --file."
        )
    texts = [row["text"] for row in read_table(file, ("text",))] if file else _shared(data)
    found = (after_first_sentence(text) for text in texts)
    # Tokens are scored, not where the text ends: any cut will do.
    return [Passage(one.start, one.rest[:_MAX_CHARS]) for one in found if one is not None]


def likelihoods(
    assistant: Assistant, passages: Sequence[Passage], *, with_molecule: bool
) -> list[Likelihood | None]:
    """Of the continuations, in order; None where one does not fit the context."""
    molecules = [Molecule.parse(smiles) for smiles in molecules_of(None, seed=0)]
    found: list[Likelihood | None] = []
    for i, passage in enumerate(passages):
        conversation, attached = Conversation(), ()
        if with_molecule:
            conversation, number = conversation.with_molecule(molecules[i % len(molecules)])
            attached = (number,)
        asked = Message("user", fill("tasks/continue", start=passage.start), attached)
        try:
            total, n_tokens = assistant.log_likelihood(
                conversation.with_message(asked), passage.rest
            )
        except AssistantError:
            found.append(None)
            continue
        found.append(Likelihood(total, n_tokens) if n_tokens else None)
    return found


def perplexity_metrics(
    found: Sequence[Likelihood | None], plain: Sequence[Likelihood | None], *, seed: int
) -> list[Metric]:
    """Perplexity per token, and how much it rose over the plain one, in percent."""
    pairs = [(f, p) for f, p in zip(found, plain, strict=True) if f and p]
    totals = np.array([[f.total, p.total, f.n_tokens] for f, p in pairs]).reshape(-1, 3)

    def per_token(weights: np.ndarray) -> np.ndarray:
        sums = weights @ totals
        return np.exp(-sums[:, 0] / sums[:, 2])

    def rise(weights: np.ndarray) -> np.ndarray:
        sums = weights @ totals
        return 100 * np.expm1((sums[:, 1] - sums[:, 0]) / sums[:, 2])

    n = len(pairs)
    return [
        bootstrap("perplexity", per_token, n, seed=seed, better="lower"),
        bootstrap("rise over no molecule (%)", rise, n, seed=seed, better="lower"),
    ]
