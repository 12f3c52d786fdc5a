"""Finds the longest of many phrases at a token, in time of the phrase and not of their number."""

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from assistant.chat.claims.text import Token

T = TypeVar("T")
MAX_SKIPPED = 2
"""Most symbols in a row that are passed over inside a phrase."""


class PhraseTrie(Generic[T]):
    """Phrases as word sequences, each with a value; later ones replace earlier equal ones.

    Args:
        phrases: Word sequences and values.
        ignored: Symbols that may stand between two words of a phrase.
    """

    def __init__(self, phrases: Iterable[tuple[tuple[str, ...], T]], ignored: str = "-") -> None:
        self._root: dict[str, object] = {}
        self._ignored = frozenset(ignored)
        for words, value in phrases:
            node = self._root
            for word in words:
                node = node.setdefault(word, {})  # type: ignore[assignment]
            node[""] = value

    def longest(self, tokens: Sequence[Token], start: int) -> tuple[T, int] | None:
        """Value of the longest phrase at `start` and the index behind it."""
        node: dict[str, object] = self._root
        best: tuple[T, int] | None = None
        i = start
        while i < len(tokens):
            following = node.get(tokens[i].text)
            if following is None:
                skipped = 0
                while (
                    i > start
                    and skipped < MAX_SKIPPED
                    and i + 1 < len(tokens)
                    and tokens[i].text in self._ignored
                ):
                    i, skipped = i + 1, skipped + 1
                following = node.get(tokens[i].text) if skipped else None
                if following is None:
                    break
            node = following  # type: ignore[assignment]
            i += 1
            if "" in node:
                best = node[""], i  # type: ignore[assignment]
        return best
