"""What a passport says in words."""

import pytest

from assistant.chat.passport import passport_rows

FIRST = {"text": "It has 2 rings.", "answer_sha256": "", "checks": {"contradicted": 1}}


@pytest.mark.parametrize(
    ("thoughts", "n_contradicted", "said"),
    [
        ({"on": False, "tried": 0, "ended": True}, 1, "off"),
        ({"on": True, "tried": 0, "ended": True}, 0, "on, nothing was contradicted"),
        ({"on": True, "tried": 0, "ended": True}, 1, "contradicted, nothing else was tried"),
        (
            {"on": True, "tried": 0, "ended": False},
            1,
            "contradicted, nothing else was tried; the search was stopped or failed",
        ),
        ({"on": True, "tried": 3, "ended": True}, 1, "contradicted, 3 tried and none better"),
        (
            {"on": True, "tried": 3, "ended": False},
            1,
            "contradicted, 3 tried and none better; the search was stopped or failed",
        ),
        (
            {"on": True, "tried": 2, "ended": True, "first_attempt": FIRST},
            0,
            "first attempt contradicted and withdrawn, 2 tried",
        ),
        # Passports of before searches said whether they ended, and of before there were any.
        ({"on": True, "tried": 0}, 1, "contradicted, nothing else was tried"),
        ({"on": True, "tried": 2}, 1, "contradicted, 2 tried and none better"),
        ({}, 1, None),
    ],
)
def test_what_came_of_second_thoughts(
    thoughts: dict[str, object], n_contradicted: int, said: str | None
) -> None:
    rows = dict(
        passport_rows({"second_thoughts": thoughts, "checks": {"contradicted": n_contradicted}})
    )
    assert rows.get("second thoughts") == said


def test_an_answer_that_was_not_drawn_shows_who_gave_it_and_no_seed() -> None:
    drawn = {"temperature": 0.7, "seed": 3, "ended": "end"}
    rows = dict(passport_rows({"sampling": drawn}))
    assert rows["sampling"] == "temperature 0.7, seed 3, ended end"
    rows = dict(passport_rows({"sampling": {**drawn, "by": "specialist"}}))
    assert rows["sampling"] == "by specialist, ended end"
