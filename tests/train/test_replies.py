"""Wrong values that people of the training dialogues claim are wrong."""

import random

import pytest

from assistant.train.replies import _wrong_number


@pytest.mark.parametrize("shown", ["0", "1", "7", "0.00", "2.12 g/mol", "-1.03", "180.16 g/mol"])
def test_a_wrong_number_is_not_the_right_one_rounded(shown: str) -> None:
    rng, number = random.Random(2), float(shown.split()[0])
    for _ in range(300):
        wrong = _wrong_number(rng, shown)
        decimals = len(wrong.partition(".")[2])
        assert abs(float(wrong) - number) >= 10.0**-decimals
        assert "." in shown or int(wrong) >= 0
