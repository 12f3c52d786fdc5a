"""How a text is cut before it is scored: scores of different cuts are not comparable.

The captioning literature uses the word pieces of SciBERT (uncased). Its vocabulary is not shipped;
without it words and punctuation are the tokens, and the scores are named so.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from assistant.errors import AssistantError

_WORD = re.compile(r"\w+|[^\w\s]")
_MAX_PIECES = 510  # 512 with the two control tokens, as MolT5's script cuts


@dataclass(frozen=True)
class Cut:
    """A way to cut texts, with the name that scores carry."""

    name: str
    tokens: Callable[[str], list[str]]


def simple_cut() -> Cut:
    """Lower-cased words and punctuation."""
    return Cut("words", lambda text: _WORD.findall(text.lower()))


def scibert_cut(vocabulary: Path) -> Cut:
    """Word pieces of SciBERT.

    Args:
        vocabulary: `vocab.txt`, one piece a line.

    Raises:
        AssistantError: There is no such file.
    """
    if not vocabulary.is_file():
        raise AssistantError(
            f"No vocabulary at {vocabulary}: name SciBERT's vocab.txt with --scibert, or leave it"
            " out to score on words and punctuation."
        )
    return Cut("SciBERT", _pieces_of(vocabulary))


@lru_cache(maxsize=4)
def _pieces_of(vocabulary: Path) -> Callable[[str], list[str]]:
    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
    return lambda text: tokenizer.encode(text, add_special_tokens=False).tokens[:_MAX_PIECES]
