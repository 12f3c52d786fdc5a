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


@pytest.mark.parametrize("text", [None, 5, ["CCO"], {"text": "CCO"}, True])
def test_a_text_that_is_no_string_is_refused_before_a_worker_sees_it(text: object) -> None:
    class Untouched:
        def call(self, task: str, **payload: object) -> dict[str, object]:
            raise AssertionError(task)

    assert "text has to be a string, not" in make_facts(Untouched())(text)["error"]
    ask = make_ask(AssistantHandle.ready(FakeAssistant(delay=0)), Untouched())
    assert "question has to be a string, not" in last(ask(text, [], REQUEST))["error"]
    assert "a molecule has to be a string, not" in last(ask("x", [text], REQUEST))["error"]


@pytest.mark.parametrize("molecules", ["CCO", '["CCO"]', 5, {"a": "CCO"}])
def test_molecules_are_a_list_and_not_the_letters_of_a_string(
    chemistry: InProcessChemistry, molecules: object
) -> None:
    fake = FakeAssistant(delay=0)
    answer = last(make_ask(AssistantHandle.ready(fake), chemistry)("x", molecules, REQUEST))
    assert "molecules has to be a list of strings, not" in answer["error"]
    assert fake.asked == []


@pytest.mark.parametrize("text", ["CCO\nCCN", "CCO, CCN", "aspirin; caffeine"])
def test_of_two_molecules_a_program_never_gets_the_first_alone(
    chemistry: InProcessChemistry, text: str
) -> None:
    assert "holds 2 molecules; the facts of one" in make_facts(chemistry)(text)["error"]
    ask = make_ask(AssistantHandle.ready(FakeAssistant(delay=0)), chemistry)
    assert "each takes a place of its own" in last(ask("Is it an ester?", [text], REQUEST))["error"]


def test_a_question_has_the_limits_and_the_molecules_it_has_on_the_page(
    chemistry: InProcessChemistry,
) -> None:
    fake = FakeAssistant(delay=0)
    ask = make_ask(AssistantHandle.ready(fake), chemistry)
    assert "at most 20,000" in last(ask("x" * 20_001, [], REQUEST))["error"]
    assert (
        "There is no molecule 3" in last(ask("Is molecule 3 an acid?", ["CCO"], REQUEST))["error"]
    )
    assert "asks nothing" in last(ask("caffeine", [], REQUEST))["error"]
    four = ["C", "CC", "CCC", "CCCC"]
    assert (
        "5 molecules" in last(ask("Is molecule 1 heavier than caffeine?", four, REQUEST))["error"]
    )
    assert fake.asked == []
    last(ask("Is it heavier than caffeine?", ["CCO"], REQUEST))
    assert [m.molecule.name for m in fake.asked[0].molecules] == ["ethanol", "caffeine"]
    assert fake.asked[0].focus(0) == (1, 2)
    last(ask("What is its formula?", None, REQUEST))
    assert fake.asked[1].molecules == ()


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
