"""Reading the page's stream and reporting times; the measuring itself starts real processes."""

import json

import pytest

from assistant.errors import AssistantError
from assistant.evaluate.startup import LoadTimes, Times, holds_text, report, turn_event

QUESTION_ONLY = {"turns": ['<div class="question">Describe it</div>'], "live": {"status": "wait"}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (QUESTION_ONLY, False),
        (QUESTION_ONLY | {"live": {"tail": "It is"}}, True),
        ({"turns": ['<div class="prose-answer">Yes.</div>'], "live": None}, True),
        ([["replace", ["live", "status"], "waiting"]], False),
        ([["append", ["live", "tail"], " is"]], True),
        ([["replace", ["turns", 0], '<div class="prose-answer">Yes.</div>']], True),
        ([["replace", ["turns", 0], '<div class="question">Yes?</div>']], False),
        (None, False),
    ],
)
def test_answer_text_is_told_from_questions_and_waiting(value: object, expected: bool) -> None:
    assert holds_text(value) is expected


def test_the_event_that_asks_is_found_by_its_name() -> None:
    config = {
        "dependencies": [
            {"id": 3, "targets": [[7, "load"]]},
            {"id": 5, "targets": [[9, "stop"], [8, "turn"]]},
        ]
    }
    assert turn_event(config) == (5, 8)
    with pytest.raises(AssistantError, match="turn"):
        turn_event({"dependencies": []})


def test_medians_stand_before_all_runs() -> None:
    runs = [Times(1.0, 5.0, 6.0, 4.0), Times(3.0, 7.0, 8.0, 4.5), Times(2.0, 6.0, 7.0, 4.2)]
    lines = report(runs, as_json=False).splitlines()
    assert lines[0].startswith("median of 3 fresh starts")
    assert lines[1].split() == ["page", "served", "2.00", "(1.00,", "3.00,", "2.00)"]
    assert [line.split("  ")[0] for line in lines[2:]] == ["first token", "answer", "processor"]


def test_every_run_can_be_had_as_json() -> None:
    text = report([LoadTimes(3.0, 0.5, 3.4)], as_json=True)
    assert json.loads(text) == [{"imports": 3.0, "bundle_load": 0.5, "processor": 3.4}]
