"""Whether an answer goes round in circles: "CCCCCC…" or the same sentence for ever.

Small models do so, and nothing follows but more of it until the longest answer is reached.
"""

from collections.abc import Sequence

LONGEST_PERIOD = 48
_FEWEST_TOKENS = 96
_FEWEST_ROUNDS = 6


class Repetition:
    """Sees the tokens of one answer.

    A repetition is an end of an answer that is the same 1 to `LONGEST_PERIOD` tokens again and
    again, at least six times and 96 tokens long: the chains of lipids and the rules of tables are
    shorter.

    Args:
        begun: Token ids that the answer begins with.
    """

    def __init__(self, begun: Sequence[int] = ()) -> None:
        self._last: list[int] = []
        self._equal = [0] * (LONGEST_PERIOD + 1)  # by period, tokens that equal the one before it
        for token_id in begun:
            self.add(token_id)

    def add(self, token_id: int) -> bool:
        """One more token; whether the answer goes round in circles with it."""
        circles = False
        for period in range(1, len(self._last) + 1):
            if self._last[-period] != token_id:
                self._equal[period] = 0
                continue
            self._equal[period] += 1
            needed = max(_FEWEST_TOKENS, _FEWEST_ROUNDS * period) - period
            circles = circles or self._equal[period] >= needed
        self._last = [*self._last[1 - LONGEST_PERIOD :], token_id]
        return circles
