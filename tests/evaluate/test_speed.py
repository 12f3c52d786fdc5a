"""Tests of the speed table: the two ways of a row do the same work, and the verdict is right."""

import pytest
import torch

from assistant.evaluate import speed, speed_peft, speed_rows
from assistant.evaluate.speed import FIGURES, Figure, Measured
from assistant.evaluate.speed_rows import Bench, Pair, extended
from tests.llm.fakes import make_llm


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(make_llm(), lambda form: make_llm(), history=300, n_tokens=4)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_every_row_can_be_measured(bench, figure):
    row = Measured(figure, FIGURES[figure](bench, 1))
    assert row.pair.ours > 0
    assert row.pair.other > 0
    assert row.line().count("|") == 9


def test_a_second_turn_finds_the_first_ones_cache(bench):
    first = bench.prompt(100, bench.deltas[0])
    second = extended(first, bench.prompt(60, bench.deltas[1]))
    visitor = bench.visitor()
    bench.ask(first, n_tokens=1, visitor=visitor)
    assert bench.ask(second, n_tokens=1, visitor=visitor).cached_tokens == 100
    assert bench.ask(second, n_tokens=1).cached_tokens == 0
    assert second.segment_index.tolist() == [[1] * 100 + [2] * 60]


def test_the_verdict_follows_the_bar():
    rate = Figure("X", "rates", "tokens/s", bar=1.5)
    assert Measured(rate, Pair(30.0, 20.0, 5)).reached
    assert not Measured(rate, Pair(29.0, 20.0, 5)).reached
    seconds = Figure("X", "times", "s", less_is_better=True, bar=10.0)
    assert Measured(seconds, Pair(0.1, 1.0, 5)).ratio == pytest.approx(10.0)
    limits = Figure("X", "limits", "s", less_is_better=True, limits=(0.001, 0.015))
    assert not Measured(limits, Pair(0.0005, 0.02, 5)).reached


def test_both_ways_decode_the_same_number_of_tokens(bench):
    prompt = bench.prompt(20)
    assert len(bench.ask(prompt, n_tokens=30).token_ids) == 30
    lengths = []
    generate = bench.llm.model.generate
    bench.llm.model.generate = lambda **options: lengths.append(generate(**options).shape[1])
    try:
        assert speed_rows.stock_speed(bench.llm, prompt, 30) > 0
    finally:
        del bench.llm.model.generate
    assert lengths == [30]


def test_few_repeats_are_refused(capsys):
    with pytest.raises(SystemExit):
        speed.main(["--repeats", "2"])
    assert "at least 5" in capsys.readouterr().err


def test_both_ways_of_a_mixed_batch_decode_the_same_tokens(bench):
    ours, other = speed_peft.both_ways(bench, "fp32")
    ids = torch.randint(50, (speed_peft.N_ROWS, 9), generator=torch.Generator().manual_seed(0))
    found, expected = ours(ids, 12)[0], other(ids, 12)[0]
    assert found == expected
    assert len({tuple(row) for row in found}) > 1
