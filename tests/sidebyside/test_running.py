"""Columns run at the same time, and none disturbs another."""

import csv
import io
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.assistant import Assistant
from assistant.chat.events import Finished
from assistant.chat.reply import EXPERTS, GRAPH, LORA, ReplyOptions
from assistant.errors import PromptTooLongError, QueueFullError, VisitorLimitError
from assistant.llm.queue import VisitorLimits
from assistant.sidebyside.columns import adapter_columns, spelling_columns
from assistant.sidebyside.heatmap import heat_map
from assistant.sidebyside.report import to_csv, to_markdown
from assistant.sidebyside.results import Comparison
from assistant.sidebyside.running import APOLOGY, Failed, run_columns
from tests.bundles import write_tiny_bundle
from tests.sidebyside.fakes import ALL_ON, Columns, asked

OPTIONS = ReplyOptions(seed=7)
TEXTS = {
    "base": "It has 2 rings and its formula is C9H8O4.",
    "graph": "It has 1 ring and its formula is C9H8O4.",
    "all": "It has 1 ring.",
}


def comparison(*, kind: str = "adapters") -> Comparison:
    return Comparison(kind, "What is it?", adapter_columns(asked(), ALL_ON, OPTIONS))


def test_all_columns_are_asked_at_once_and_end() -> None:
    fake, found = Columns(TEXTS, meet=threading.Barrier(5)), comparison()
    order = list(found.run(fake))
    assert fake.most_at_once == 5
    assert len(set(order[:10])) == 5  # merged, not one column after the other
    assert found.is_done
    assert [r.answer.text for r in found.results][:2] == [TEXTS["base"], TEXTS["graph"]]
    assert [r.text == r.answer.text for r in found.results] == [True] * 5
    assert {r.seconds for r in found.results} == {1.5}
    assert found.results[0].peak_bytes == 1008
    assert {o.seed for _, o in fake.asked} == {7}
    assert found.compared().rows[0].quantity == "rings"
    assert found.compared().rows[0].differs


@pytest.mark.parametrize(
    ("problem", "told"),
    [(PromptTooLongError("too long"), "too long"), (RuntimeError("bug"), APOLOGY)],
)
def test_a_column_that_fails_leaves_the_others_alone(problem: Exception, told: str) -> None:
    found = comparison()
    list(found.run(Columns({**TEXTS, "lora": problem})))
    assert [r.failed for r in found.results] == ["", "", told, "", ""]
    assert found.results[2].text == "It is a "
    assert [r.answer is not None for r in found.results] == [True, True, False, True, True]
    assert found.is_done


def test_stop_ends_all_and_keeps_what_there_is() -> None:
    fake, found = Columns({"all": "word " * 500}, delay=0.02), comparison()
    for n_seen, _ in enumerate(found.run(fake)):
        if n_seen == 30:
            found.stop.set()
    assert found.is_done
    assert all(r.answer.stopped and r.text for r in found.results)


def test_closing_the_events_stops_the_columns() -> None:
    fake, stop = Columns({"all": "word " * 500}, delay=0.02), threading.Event()
    events = run_columns(fake, adapter_columns(asked(), ALL_ON, OPTIONS), stop)
    next(events)
    events.close()
    assert stop.is_set()
    assert fake._running == 0


@pytest.mark.parametrize("error", [QueueFullError("full"), VisitorLimitError("enough")])
def test_a_full_queue_is_waited_for(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.sidebyside.running.FULL_SECONDS", 0.01)
    fake, found = Columns(TEXTS, refuse=[error] * 3), comparison()
    list(found.run(fake))
    assert not any(r.failed for r in found.results)
    assert len(fake.asked) == 8


def test_a_full_queue_is_not_waited_for_after_stop() -> None:
    found = comparison()
    found.stop.set()
    events = dict(
        run_columns(Columns(TEXTS, refuse=[QueueFullError("full")] * 9), found.columns, found.stop)
    )
    assert events == {place: Failed("full") for place in range(5)}


def test_a_column_that_is_off_is_never_asked() -> None:
    columns = adapter_columns(asked(), ALL_ON[:1], OPTIONS)
    fake, found = Columns(TEXTS), Comparison("adapters", "?", columns)
    list(found.run(fake))
    assert len(fake.asked) == 2
    assert found.is_done


# -- leaving the page ------------------------------------------------------------------------------


def test_a_comparison_leaves_as_markdown_and_csv() -> None:
    columns = adapter_columns(asked(), ALL_ON, OPTIONS)
    columns = (*columns[:4], replace(columns[4], off="no | adapter"))
    found = Comparison("adapters", "What *is* it?", columns)
    list(found.run(Columns({**TEXTS, "lora": PromptTooLongError("too long")})))
    text = to_markdown(found)
    assert "> What \\*is\\* it?" in text
    assert "**agree 2/3**" in text
    assert "| ≠ | rings, molecule 1 | 2 rings ✗ | 1 ring ✓ | – | 1 ring ✓ | 1 ring |" in text
    assert "2 of 2 claims checked, 1 contradicted · first token 0.20 s · 30.0 tokens/s" in text
    assert "*off: no \\| adapter*" in text
    assert "*failed: too long*" in text
    assert "| layer 0 | 0.300 | 0.700 |" in text
    rows = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [row["column"] for row in rows] == [
        "base", "'+ graph tokens", "'+ instance LoRA", "'+ experts", "all",
    ]  # fmt: skip
    assert [row["contradicted"] for row in rows] == ["1", "0", "", "0", ""]
    assert rows[0]["own_bytes"] == "4200000"
    assert rows[0]["answer"] == TEXTS["base"]
    assert rows[4]["state"] == "off: no | adapter"


# -- a real model ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", experts=True)


def test_real_columns_answer_as_they_do_alone_and_show_real_scalings(bundle: Path) -> None:
    assistant = Assistant.load(bundle, device="cpu", limits=VisitorLimits(1, 1, 0))
    options = ReplyOptions(temperature=0.8, seed=3, max_new_tokens=10, visitor="me")
    columns = adapter_columns(asked(), assistant.status().adapters, options)
    assert not any(column.off for column in columns)
    found = Comparison("adapters", "What is it?", columns)
    list(found.run(assistant))
    assert not any(result.failed for result in found.results)
    for column, result in zip(columns, found.results, strict=True):
        (*_, alone) = assistant.reply(column.conversation, options=column.options)
        assert isinstance(alone, Finished)
        assert result.answer.token_ids == alone.message.token_ids
        assert result.figures.own_bytes > 0
    with_experts = [r.answer.scalings is not None for r in found.results]
    assert with_experts == [False, False, False, True, True]
    scalings = found.results[3].answer.scalings
    shown = heat_map(scalings)
    assert shown.experts == ("mol", "rxn", "prop")
    assert shown.layers == ("layer 0", "layer 1")
    assert shown.of_sites == scalings.mean
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in shown.mean)
    assert {GRAPH, LORA, EXPERTS} <= {a.name for a in assistant.status().adapters if a.on}


def test_real_spellings_are_answered_in_one_batch(tmp_path: Path) -> None:
    assistant = Assistant.load(write_tiny_bundle(tmp_path / "tiny"), device="cpu")
    options = ReplyOptions(temperature=0.8, seed=3, max_new_tokens=40)
    columns = spelling_columns("What is it?", asked().molecules[0], options)
    found = Comparison("spellings", "What is it?", columns)
    most = 0
    for _ in found.run(assistant):
        most = max(most, assistant._engine.load.n_running)
    assert most > 1  # a short answer can be over before the last one joins
    assert len({r.answer.passport["prompt_sha256"] for r in found.results}) == 4
    (text,) = {str(c.conversation.messages[-1].text) for c in columns}
    assert text == "What is it?"
