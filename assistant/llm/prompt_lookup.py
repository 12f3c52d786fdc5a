"""Guesses of the next tokens from what was said before, which one pass then checks together.

An answer quotes the fact card and repeats itself: after `molar mass` the text very likely goes on
as it did the last time. A pass over the last token and some guesses gives the model's own choice at
each place; guesses are kept up to the first that is not its choice. So the answer is the one that
is found without guesses, and a pass may give several tokens (prompt lookup decoding, Saxena 2023).

A pass over several tokens costs more, so whether guessing pays is measured, not assumed: `Payoff`
holds the seconds per token with and without it.
"""

from collections.abc import Sequence

N_GUESSES = 4
_LENGTHS = (3, 2)  # of the ends that are looked up, the longest first
_WEIGHT = 0.1  # of a new value in a running mean
_PLAIN_FIRST = 8
_TRY_AGAIN = 64  # steps after which what did not pay is tried once more


class PromptLookup:
    """The tokens of one conversation, with the places where each short run of them ended."""

    def __init__(self) -> None:
        self._tokens: list[int | str] = []
        self._after: dict[tuple[int | str, ...], int] = {}  # run -> place behind its last one

    def extend(self, tokens: Sequence[int | str]) -> None:
        """Takes note of more tokens; what is no token id (a graph token) is never guessed."""
        for token in tokens:
            # Runs that end before this token: a run must not find itself.
            for length in _LENGTHS:
                if len(self._tokens) >= length:
                    self._after[tuple(self._tokens[-length:])] = len(self._tokens)
            self._tokens.append(token)

    def __len__(self) -> int:
        return len(self._tokens)

    def guess(self, most: int) -> list[int]:
        """What followed the last time on the longest known end, maybe nothing."""
        for length in _LENGTHS:
            place = self._after.get(tuple(self._tokens[-length:]))
            if place is not None and len(self._tokens) >= length:
                guesses: list[int] = []
                for token in self._tokens[place : place + most]:
                    if not isinstance(token, int):
                        break
                    guesses.append(token)
                return guesses
        return []


class Payoff:
    """Seconds per token of steps with and without guesses, as running means."""

    def __init__(self) -> None:
        self._plain: float | None = None
        self._guessed: float | None = None
        self._n_steps = 0

    @property
    def is_due(self) -> bool:
        """Whether the next step should guess."""
        if self._n_steps < _PLAIN_FIRST or self._plain is None:
            return False
        if self._guessed is None or self._guessed < self._plain:
            return True
        return self._n_steps % _TRY_AGAIN == 0

    def note(self, n_tokens: int, seconds: float, *, guessed: bool) -> None:
        """A step gave so many tokens in so many seconds."""
        value = seconds / n_tokens
        if guessed:
            self._guessed = _mixed(self._guessed, value)
        else:
            self._plain = _mixed(self._plain, value)
        self._n_steps += 1


def _mixed(mean: float | None, value: float) -> float:
    return value if mean is None else mean + _WEIGHT * (value - mean)
