"""The speed measurement counts what it says and compares one and the same result."""

import json

import pytest

from assistant.evaluate.xlora_speed import main

SMALL = ["--hidden", "64", "--layers", "2", "--experts", "2", "--context", "16", "--tokens", "3"]


def test_it_counts_the_tokens_of_every_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    per_token = {name: row["forward_tokens"] for name, row in result["per_token"].items()}
    assert per_token == {"base": 1, "exact": 2, "turn": 1, "two full passes": 2 * 18}
    assert all(row["ms"] > 0 for row in result["per_token"].values())
    assert result["max_abs_difference"] < 1e-4


def test_it_prints_a_line_per_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SMALL) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:16].strip() for line in lines[1:5]] == [
        "base",
        "exact",
        "turn",
        "two full passes",
    ]
