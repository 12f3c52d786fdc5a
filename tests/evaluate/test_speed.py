"""Tests of the speed table: the two ways of a row do the same work, and the verdict is right."""

import threading

import pytest
import torch

from assistant.adapters.xlora.passes import two_pass
from assistant.errors import AssistantError
from assistant.evaluate import speed, speed_experts, speed_peft, speed_report, speed_rows
from assistant.evaluate.speed import FIGURES, Figure, Measured
from assistant.evaluate.speed_bench import Bench, extended
from assistant.evaluate.speed_rows import Pair
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


def test_an_answer_that_does_not_come_is_no_speed(bench, monkeypatch):
    hear, prompts = bench.hear, [bench.prompt(20), bench.prompt(20)]
    rate, heard = bench.together(prompts, 5)
    assert [len(h.done.token_ids) for h in heard] == [5, 5]
    assert all(0 < h.first_token_s <= 10 / rate for h in heard)

    def hear_one(spliced, **options):
        return hear(spliced, **options) if spliced is prompts[0] else None.lost

    monkeypatch.setattr(bench, "hear", hear_one)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with pytest.raises(AssistantError, match="1 of 2 answers came"):
        bench.together(prompts, 5)
    monkeypatch.setattr(bench, "deltas", bench.deltas[:2])
    monkeypatch.setattr(bench, "hear", lambda *_, **__: None.lost)
    with pytest.raises(AssistantError, match="0 of 2 answers came"):
        speed_rows.eight_together(bench, 1)


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


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_ours_and_pefts_mixture_give_the_same_logits():
    ours, other = make_llm(), make_llm()
    mixture, peft = speed_experts.with_peft(ours, other)
    ids = torch.randint(5, 250, (9,))
    with torch.inference_mode():
        found = peft(ids)
        embeds = ours.model.get_input_embeddings()(ids[None])
        expected, _ = two_pass(ours.model, mixture, embeds)
        base = ours.model(inputs_embeds=embeds).logits[0, -1]
    torch.testing.assert_close(found, expected[0, -1], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found, base, atol=1e-3)


ROWS = [
    Measured(Figure("C1", "decode / stock", "tokens/s", bar=1.5), Pair(30.0, 20.0, 7)),
    Measured(Figure("C2", "missed", "tokens/s", bar=1.5), Pair(20.0, 20.0, 7)),
    Measured(Figure("C6b", "only shown", "s", less_is_better=True), Pair(1.0, 20.0, 7)),
    Measured(Figure("C9", "limits", "s", limits=(1.0, 2.0)), Pair(0.5, 1.5, 7)),
]


def test_the_report_replaces_what_is_between_the_marks_and_nothing_else(tmp_path):
    document = tmp_path / "performance.md"
    marks = f"{speed_report.BEGIN}\nold table\n{speed_report.END}"
    document.write_text(f"# Performance\n\n{marks}\n\n## Kept\n")
    for _ in range(2):  # again and again
        speed_report.write_report(document, ROWS, {"model": "tiny", "threads": 2})
    text = document.read_text()
    assert text.startswith("# Performance\n\n")
    assert text.endswith("\n\n## Kept\n")
    assert "old table" not in text
    assert text.count(ROWS[0].line()) == 1
    assert all(row.line() in text for row in ROWS)
    assert "model tiny, threads 2" in text
    assert "medians of 7" in text


def test_the_picture_is_drawn_and_named_in_the_report(tmp_path):
    pytest.importorskip("matplotlib", reason="draws pictures: pip install -e .[train]")
    document = tmp_path / "performance.md"
    document.write_text(f"{speed_report.BEGIN}\n{speed_report.END}\n")
    speed_report.write_report(document, ROWS, {})
    assert "(performance.png)" in document.read_text()
    picture = tmp_path / "performance.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 100_000


def test_without_matplotlib_the_table_is_written_alone(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(speed_report.importlib.util, "find_spec", lambda name: None)
    document = tmp_path / "performance.md"
    document.write_text(f"{speed_report.BEGIN}\n{speed_report.END}\n")
    speed_report.write_report(document, ROWS, {})
    assert ROWS[0].line() in document.read_text()
    assert "png" not in document.read_text()
    assert "matplotlib" in caplog.text


def test_a_document_without_marks_is_refused_by_name(tmp_path):
    document = tmp_path / "other.md"
    for text in ("", speed_report.BEGIN):
        document.write_text(text)
        with pytest.raises(AssistantError, match=r"other\.md needs the lines"):
            speed_report.write_report(document, ROWS, {})
        assert document.read_text() == text


def test_a_part_of_the_rows_is_not_written_into_a_document(capsys, tmp_path):
    with pytest.raises(SystemExit):
        speed.main(["--only", "C1", "--write", str(tmp_path / "x.md")])
    assert "--only" in capsys.readouterr().err
