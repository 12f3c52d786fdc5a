"""An answer that goes round in circles is ended; one that only has long chains is not."""

import random

import pytest

from assistant.llm.repetition import LONGEST_PERIOD, Repetition


def ends_at(ids: list[int], begun: list[int] | None = None) -> int | None:
    """How many tokens are drawn until it ends."""
    seen = Repetition(begun or [])
    return next((i + 1 for i, token_id in enumerate(ids) if seen.add(token_id)), None)


@pytest.mark.parametrize(
    ("period", "n_tokens"), [(1, 96), (7, 96), (16, 96), (17, 102), (LONGEST_PERIOD, 288)]
)
def test_the_same_tokens_again_and_again_end_an_answer(period: int, n_tokens: int) -> None:
    before = [900, 901, 902]
    circle = [100 + i for i in range(period)]
    assert ends_at(before + circle * 400) == len(before) + n_tokens
    assert ends_at(circle * 400, begun=circle) == n_tokens - period


def test_what_is_repeated_less_does_not() -> None:
    chance = random.Random(3)
    assert ends_at([1] * 95 + [2] + [1] * 95) is None
    assert ends_at([chance.randrange(50) for _ in range(5000)]) is None
    too_long = list(range(LONGEST_PERIOD + 1))
    assert ends_at(too_long * 50) is None
    lines = [t for row in range(60) for t in (7, 8, row, 9)]  # a list with another number each
    assert ends_at(lines) is None


def test_a_change_begins_the_count_anew() -> None:
    circle = [1, 2, 3]
    assert ends_at(circle * 20 + [4] + circle * 40) == 61 + 96
