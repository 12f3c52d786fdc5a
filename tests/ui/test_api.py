import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from assistant.chat.card import CARD_KEYS
from tests.ui.fakes import TEXT, FakeAssistant, InProcessChemistry
from ui.api import make_ask, make_facts
from ui.handle import AssistantHandle

REQUEST = SimpleNamespace(client=SimpleNamespace(host="127.0.0.1"))


def last(states: Iterator[dict]) -> dict:
    *_, state = states
    return state


def test_facts_have_the_keys_of_the_card(chemistry: InProcessChemistry) -> None:
    answer = make_facts(chemistry)("aspirin")
    assert answer["formula"] == "C9H8O4"
    missing = [key for key in CARD_KEYS if key not in answer and key != "rule_of_five"]
    assert missing == []


def test_invalid_text_gives_message_and_position(chemistry: InProcessChemistry) -> None:
    answer = make_facts(chemistry)("CC(C)(C)(C)C")
    assert "carbon" in answer["error"]
    assert answer["position"] == 1
    assert set(make_facts(chemistry)("")) == {"error", "position"}
    assert "reaction" in make_facts(chemistry)("CCO>>CC=O")["error"]
    assert "C1CC" in make_facts(chemistry)("C1CC\nCCO")["error"]  # not the facts of the other one


def test_ask_answers_with_checks_and_passport(chemistry: InProcessChemistry) -> None:
    fake = FakeAssistant(delay=0)
    ask = make_ask(AssistantHandle.ready(fake), chemistry)
    *states, answer = ask("What is it?", ["aspirin", "CCO"], REQUEST)
    assert all(TEXT.startswith(state["answer"]) for state in states)
    assert answer["answer"] == TEXT
    assert {"verdict", "claim", "truth", "start", "end"} <= set(answer["checks"][0])
    assert answer["passport"]["model"] == "fake-model"
    assert fake.asked[0].focus(0) == (1, 2)


def test_bad_requests_get_an_error_not_an_exception(chemistry: InProcessChemistry) -> None:
    ask = make_ask(AssistantHandle.ready(FakeAssistant(delay=0)), chemistry)
    assert "empty" in last(ask("  ", [], REQUEST))["error"]
    assert "at most 4" in last(ask("x", ["C"] * 5, REQUEST))["error"]
    assert last(ask("x", ["C1CC"], REQUEST))["position"] is not None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_model_that_did_not_load_is_said(chemistry: InProcessChemistry) -> None:
    def broken() -> FakeAssistant:
        raise OSError("disk full")

    handle = AssistantHandle(broken)
    handle.start()
    for thread in threading.enumerate():
        if thread.name == "load-assistant":
            thread.join()
    assert "disk full" in last(make_ask(handle, chemistry)("x", [], REQUEST))["error"]
