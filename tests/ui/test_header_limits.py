"""The header says what the engine cannot do with a model, and why."""

from dataclasses import replace

import pytest

from tests.ui.fakes import STATUS, FakeAssistant, InProcessChemistry
from ui.handle import AssistantHandle
from ui.reach import Reach
from ui.transcript import Drawings
from ui.views import Views


def header_of(monkeypatch: pytest.MonkeyPatch, **limits: str) -> str:
    fake = FakeAssistant()
    monkeypatch.setattr(fake, "status", lambda: replace(STATUS, **limits), raising=False)
    drawings = Drawings(InProcessChemistry())
    views = Views(AssistantHandle.ready(fake), drawings, Reach("this computer only"))
    return str(views.header()["html"])


def test_a_model_with_a_sliding_window_has_no_cache_between_turns(monkeypatch):
    html = header_of(monkeypatch, cache_reason="a sliding window of 4096 tokens")
    assert "○ no cache between turns" in html
    assert "each turn is computed from its start: the model has a sliding window of 4096" in html
    assert "one answer at a time" not in html


def test_a_model_the_batch_does_not_run_answers_one_at_a_time(monkeypatch):
    html = header_of(monkeypatch, alone_reason="GemmaForCausalLM is not of Llama's type")
    assert "○ one answer at a time" in html
    assert "GemmaForCausalLM is not of Llama&#x27;s type" in html


def test_a_model_without_limits_has_no_such_pill(monkeypatch):
    html = header_of(monkeypatch)
    assert "between turns" not in html
    assert "at a time" not in html


def test_the_tasks_that_a_model_was_not_trained_for_are_known_once_it_is_there() -> None:
    drawings, reach = Drawings(InProcessChemistry()), Reach("this computer only")
    fake = FakeAssistant(said=replace(STATUS, cannot=("product",)))
    assert Views(AssistantHandle.ready(fake), drawings, reach).header()["cannot"] == ["product"]
    loading = AssistantHandle(lambda: fake)
    assert Views(loading, drawings, reach).header()["cannot"] == []
    fake.said = replace(fake.said, predicts=("HOMO energy",))
    assert Views(AssistantHandle.ready(fake), drawings, reach).header()["predicts"] == [
        {
            "key": "predict",
            "title": "Predict the HOMO energy",
            "text": "What is the HOMO energy of $molecule?",
        }
    ]
    assert Views(loading, drawings, reach).header()["predicts"] == []
