import threading
import time

import pytest

from assistant.errors import AssistantError, QueueFullError
from tests.ui.fakes import TEXT, FakeAssistant, InProcessChemistry
from ui.handle import AssistantHandle
from ui.molecules import load
from ui.session import Session
from ui.transcript import Live
from ui.turns import APOLOGY, Ask, begin, stream


def run_turn(
    session: Session,
    chemistry: InProcessChemistry,
    fake: FakeAssistant,
    ask: Ask | str = "What is it?",
) -> list[Live]:
    wanted = Ask("ask", ask) if isinstance(ask, str) else ask
    run = begin(session, wanted, chemistry)
    assert run is not None
    return list(stream(session, run, AssistantHandle.ready(fake), "visitor"))


def test_an_answer_is_streamed_and_kept_with_its_checks(session, chemistry) -> None:
    fake = FakeAssistant(delay=0.03)
    lives = run_turn(session, chemistry, fake)
    texts = [live.text for live in lives]
    assert len(set(texts)) > 3
    assert all(TEXT.startswith(text) for text in texts)
    answer = session.conversation.messages[-1]
    assert answer.text == TEXT
    assert len(answer.checks) == 4
    assert session.run is None


def test_the_drawing_and_the_earlier_turns_reach_the_assistant(session, chemistry) -> None:
    fake = FakeAssistant(delay=0)
    load(session, "CCO", chemistry)
    run_turn(session, chemistry, fake)
    run_turn(session, chemistry, fake, "And then?")
    assert [m.role for m in fake.asked[1].messages] == ["user", "assistant", "user"]
    assert fake.asked[0].focus(0) == (1,)


def test_stop_keeps_what_was_written(session, chemistry) -> None:
    fake = FakeAssistant(delay=0.05)
    run = begin(session, Ask("ask", "Go"), chemistry)
    threading.Timer(0.3, run.stop.set).start()
    list(stream(session, run, AssistantHandle.ready(fake), "v"))
    answer = session.conversation.messages[-1]
    assert answer.stopped
    assert 0 < len(answer.text) < len(TEXT)
    assert fake.stopped == 1


def test_a_closed_tab_stops_the_model(session, chemistry) -> None:
    fake = FakeAssistant(delay=0.05)
    run = begin(session, Ask("ask", "Go"), chemistry)
    answer = stream(session, run, AssistantHandle.ready(fake), "v")
    next(answer)
    answer.close()
    time.sleep(0.2)
    assert fake.stopped == 1
    assert session.run is None


def test_a_failed_turn_leaves_the_conversation_and_its_question(session, chemistry) -> None:
    run_turn(session, chemistry, FakeAssistant(delay=0))
    run_turn(session, chemistry, FakeAssistant(error=QueueFullError("Too many are waiting.")), "B?")
    assert session.conversation.n_turns == 1
    assert session.failed.question.text == "B?"
    assert session.failed.reason == "Too many are waiting."
    run_turn(session, chemistry, FakeAssistant(delay=0), Ask("retry", turn=1))
    assert session.conversation.n_turns == 2
    assert session.failed is None


def test_a_bug_becomes_an_apology_without_its_text(session, chemistry, caplog) -> None:
    run_turn(session, chemistry, FakeAssistant(error=KeyError("secret")))
    assert session.failed.reason == APOLOGY
    assert "answering failed" in caplog.text


def test_words_before_a_failure_are_kept(session, chemistry) -> None:
    fake = FakeAssistant(delay=0.02, error=AssistantError("out of memory"), fail_after=5)
    run_turn(session, chemistry, fake)
    assert session.conversation.messages[-1].stopped
    assert session.last_problem == "out of memory"


def test_a_question_asked_while_loading_is_answered_when_the_model_is_there(
    session, chemistry
) -> None:
    arrived = threading.Event()

    def slow() -> FakeAssistant:
        arrived.wait(5)
        return FakeAssistant(delay=0)

    handle = AssistantHandle(slow)
    handle.start()
    run = begin(session, Ask("ask", "Early?"), chemistry)
    answer = stream(session, run, handle, "v")
    assert "still loading" in next(answer).status
    arrived.set()
    list(answer)
    assert session.conversation.messages[-1].text == TEXT


def test_stop_works_while_the_model_loads(session, chemistry) -> None:
    handle = AssistantHandle(lambda: FakeAssistant())  # never started
    run = begin(session, Ask("ask", "Early?"), chemistry)
    answer = stream(session, run, handle, "v")
    next(answer)
    run.stop.set()
    list(answer)
    assert session.failed.stopped


def test_a_model_that_failed_to_load_says_why(session, chemistry) -> None:
    def broken() -> FakeAssistant:
        raise AssistantError("The projector is for another model.")

    handle = AssistantHandle(broken)
    handle.start()
    while handle.state == "loading":
        time.sleep(0.01)
    run = begin(session, Ask("ask", "Why?"), chemistry)
    list(stream(session, run, handle, "v"))
    assert "The projector is for another model." in session.failed.reason


def test_the_place_in_the_queue_is_shown(session, chemistry) -> None:
    lives = run_turn(session, chemistry, FakeAssistant(delay=0, position=3))
    assert any("number 3 in the queue, about 4 s" in live.status for live in lives)


def test_only_one_answer_at_a_time(session, chemistry) -> None:
    begin(session, Ask("ask", "one"), chemistry)
    with pytest.raises(AssistantError, match="being written"):
        begin(session, Ask("ask", "two"), chemistry)


def test_an_answer_that_was_abandoned_is_not_kept(session, chemistry) -> None:
    fake = FakeAssistant(delay=0.05)
    run = begin(session, Ask("ask", "Go"), chemistry)
    answer = stream(session, run, AssistantHandle.ready(fake), "v")
    next(answer)
    session.abandon()
    session.start_anew()
    list(answer)
    assert session.conversation.messages == ()


def test_editing_asks_again_from_there(session, chemistry) -> None:
    fake = FakeAssistant(delay=0)
    run_turn(session, chemistry, fake, "one")
    run_turn(session, chemistry, fake, "two")
    run_turn(session, chemistry, fake, Ask("edit", "uno", turn=0))
    assert [q.text for q in session.conversation.questions] == ["uno"]
    session.undo()
    assert [q.text for q in session.conversation.questions] == ["one", "two"]


def test_asking_again_lists_what_was_contradicted(session, chemistry) -> None:
    fake = FakeAssistant(delay=0)
    run_turn(session, chemistry, fake)
    run_turn(session, chemistry, fake, Ask("again", turn=0))
    text = session.conversation.questions[-1].text
    assert "2 rings" in text
    assert "1 ring" in text
    assert "C9H8O4" not in text


def test_a_line_that_is_a_molecule_becomes_a_numbered_molecule(session, chemistry) -> None:
    load(session, "CC(C)Cc1ccc(C(C)C(=O)O)cc1", chemistry)
    run_turn(session, chemistry, FakeAssistant(delay=0), "Which is more polar?\nCCO")
    question = session.conversation.questions[0]
    assert question.text == "Which is more polar?\nmolecule 2"
    assert question.attached == (1, 2)


def test_a_lone_molecule_is_added_and_nothing_is_asked(session, chemistry) -> None:
    assert begin(session, Ask("ask", "c1ccccc1O"), chemistry) is None
    assert len(session.conversation.molecules) == 1
    assert session.run is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("C1CC", "ring 1 is not closed"),
        ("CC(=O)Oc1ccccc1C(=O", "parenthesis"),
        ("C[N](C)(C)C", "nitrogen"),
        ("C" * 5000, "5,000 characters"),
        (".".join("C" * 2000), "3,999 characters"),
    ],
)
def test_a_structure_with_a_mistake_is_no_question(session, chemistry, text, reason) -> None:
    with pytest.raises(AssistantError, match=reason):
        begin(session, Ask("ask", text), chemistry)
    assert session.conversation.messages == ()


def test_a_number_that_no_molecule_has_is_refused_with_those_there_are(session, chemistry) -> None:
    with pytest.raises(AssistantError, match=r"no molecule 2 .* has none yet"):
        begin(session, Ask("ask", "What is @2?"), chemistry)
    load(session, "CCO", chemistry)
    with pytest.raises(AssistantError, match=r"no molecule 7 .* it has 1"):
        begin(session, Ask("ask", "Compare molecules 1 and 7"), chemistry)
    assert session.conversation.messages == ()
    begin(session, Ask("ask", "Compare molecules 1 and 2\nCCN"), chemistry)
    assert session.conversation.questions[0].attached == (1, 2)


@pytest.mark.parametrize(
    "words",
    ["No", "Why?", "I", "Explain this CCO please", "hello", "pKa", "Mass/charge please", "log(P)?"],
)
def test_words_are_not_taken_for_molecules(session, chemistry, words: str) -> None:
    begin(session, Ask("ask", words), chemistry)
    assert session.conversation.questions[0].text == words


@pytest.mark.parametrize("payload", [{}, {"kind": "ask", "text": "  "}])
def test_an_empty_question_is_refused_with_a_word(session, chemistry, payload) -> None:
    with pytest.raises(AssistantError, match="no question"):
        begin(session, Ask.from_payload(payload), chemistry)


def test_nonsense_from_a_client_is_refused() -> None:
    with pytest.raises(AssistantError, match="Unknown request"):
        Ask.from_payload({"kind": "<script>"})
    with pytest.raises(AssistantError, match="at most"):
        Ask.from_payload({"text": "x" * 30_000})
