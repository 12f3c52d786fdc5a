import threading
import time
from dataclasses import replace

import pytest

from assistant.chat.conversation import Conversation
from assistant.chat.history import Node
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, QueueFullError
from tests.chat.test_other_species import held_out
from tests.ui.fakes import TEXT, FakeAssistant, InProcessChemistry
from ui.handle import AssistantHandle
from ui.live import Live
from ui.molecules import extract_from_question, load
from ui.runs import APOLOGY, MAX_RUNS, Run
from ui.session import Session
from ui.transcript import Drawings, TranscriptView
from ui.turns import Ask, begin


def run_turn(
    session: Session,
    chemistry: InProcessChemistry,
    fake: FakeAssistant,
    ask: Ask | str = "What is it?",
) -> list[Live]:
    run = start(session, chemistry, fake, ask)
    lives = list(run.follow())
    session.catch_up()
    return lives


def start(
    session: Session, chemistry: InProcessChemistry, fake: FakeAssistant, ask: Ask | str = "Go"
) -> Run:
    session._runs.handle = AssistantHandle.ready(fake)
    wanted = Ask("ask", ask) if isinstance(ask, str) else ask
    run = begin(session, wanted, chemistry)
    assert run is not None
    return run


def failure(session: Session) -> Node:
    """The answer that failed."""
    session.catch_up()
    node = session.stored.tree.unanswered()
    assert node is not None
    return node


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
    run = start(session, chemistry, fake)
    threading.Timer(0.3, run.stop.set).start()
    list(run.follow())
    session.catch_up()
    answer = session.conversation.messages[-1]
    assert answer.stopped
    assert 0 < len(answer.text) < len(TEXT)
    assert fake.stopped == 1


def test_a_closed_tab_ends_only_its_following_and_the_answer_is_there_on_return(
    session, chemistry, runs
) -> None:
    run = start(session, chemistry, FakeAssistant(delay=0.02))
    following = run.follow()
    next(following)
    following.close()
    later = Session(runs, session.visitor)
    assert runs.unwatched(session.visitor) == session.stored.id
    later.open(session.stored.id)
    assert later.run is run
    lives = list(run.follow())
    later.catch_up()
    assert lives[-1].text == TEXT[: len(lives[-1].text)]
    assert later.conversation.messages[-1].text == TEXT
    assert runs.get(run.place.answer) is None


def test_an_answer_is_news_until_somebody_has_seen_it(session, chemistry, history) -> None:
    run_turn(session, chemistry, FakeAssistant(delay=0.01))
    assert history.lists.unseen("visitor") == session.stored.id
    session.mark_seen()
    assert history.lists.unseen("visitor") == ""


def test_a_failed_turn_leaves_the_conversation_and_its_question(session, chemistry) -> None:
    run_turn(session, chemistry, FakeAssistant(delay=0))
    run_turn(session, chemistry, FakeAssistant(error=QueueFullError("Too many are waiting.")), "B?")
    assert session.conversation.n_turns == 1
    assert session.questions[-1].message.text == "B?"
    assert failure(session).reason == "Too many are waiting."
    run_turn(session, chemistry, FakeAssistant(delay=0), Ask("retry", turn=1))
    assert session.conversation.n_turns == 2
    assert session.stored.tree.unanswered() is None


def test_a_bug_becomes_an_apology_without_its_text(session, chemistry, caplog) -> None:
    run_turn(session, chemistry, FakeAssistant(error=KeyError("secret")))
    assert failure(session).reason == APOLOGY
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

    session._runs.handle = AssistantHandle(slow)
    session._runs.handle.start()
    following = begin(session, Ask("ask", "Early?"), chemistry).follow()
    while "still loading" not in next(following).status:
        pass
    arrived.set()
    list(following)
    session.catch_up()
    assert session.conversation.messages[-1].text == TEXT


def test_stop_works_while_the_model_loads(session, chemistry) -> None:
    session._runs.handle = AssistantHandle(lambda: FakeAssistant())  # never started
    run = begin(session, Ask("ask", "Early?"), chemistry)
    following = run.follow()
    next(following)
    run.stop.set()
    list(following)
    assert failure(session).message.stopped


def test_a_model_that_failed_to_load_says_why(session, chemistry) -> None:
    def broken() -> FakeAssistant:
        raise AssistantError("The projector is for another model.")

    handle = session._runs.handle = AssistantHandle(broken)
    handle.start()
    while handle.state == "loading":
        time.sleep(0.01)
    list(begin(session, Ask("ask", "Why?"), chemistry).follow())
    assert "The projector is for another model." in failure(session).reason


def test_the_place_in_the_queue_is_shown(session, chemistry) -> None:
    lives = run_turn(session, chemistry, FakeAssistant(delay=0.01, position=3))
    assert any("number 3 in the queue, about 5 s" in live.status for live in lives)


def test_only_one_answer_at_a_time(session, chemistry) -> None:
    start(session, chemistry, FakeAssistant(delay=0.05), "one")
    with pytest.raises(AssistantError, match="being written"):
        begin(session, Ask("ask", "two"), chemistry)


def test_an_answer_goes_on_while_another_chat_is_begun(session, chemistry, history) -> None:
    run = start(session, chemistry, FakeAssistant(delay=0.01))
    first = session.stored.id
    session.start_anew()
    assert session.conversation.messages == ()
    run_turn(session, chemistry, FakeAssistant(delay=0), "In the new chat")
    list(run.follow())
    assert history.load("visitor", first).shown.messages[-1].text == TEXT
    assert [m.text for m in session.conversation.messages] == ["In the new chat", TEXT]


def test_one_visitor_has_so_many_answers_written_at_a_time_and_another_is_served(
    session, chemistry, runs
) -> None:
    for _ in range(MAX_RUNS):
        start(session, chemistry, FakeAssistant(delay=0.05))
        session.start_anew()
    with pytest.raises(AssistantError, match="4 answers are being written for you"):
        begin(session, Ask("ask", "One more"), chemistry)
    assert session.conversation.messages == ()
    assert begin(Session(runs, "somebody else"), Ask("ask", "Mine"), chemistry) is not None


def test_an_answer_that_was_taken_back_ends_and_what_there_is_of_it_is_kept(
    session, chemistry
) -> None:
    run = start(session, chemistry, FakeAssistant(delay=0.05))
    next(run.follow())
    session.undo()
    assert session.conversation.messages == ()
    while not run.is_done:
        time.sleep(0.01)
    session.redo()
    assert session.stored.tree.path[-1].message.stopped


def test_every_way_of_asking_again_makes_a_branch_and_overwrites_nothing(
    session, chemistry
) -> None:
    fake = FakeAssistant(delay=0)
    for ask in (
        "one",
        "two",
        Ask("retry", turn=1),
        Ask("edit", "two, better", turn=1),
        Ask("again", turn=0),
        Ask("edit", "uno", turn=0),
    ):
        run_turn(session, chemistry, fake, ask)
    tree = session.stored.tree
    assert [n.message.text for n in tree.path if n.message.role == "user"] == ["uno"]
    first, uno = tree.variants(tree.path[0].id)
    assert tree.path[0].id == uno
    tree = tree.switched(first)
    corrected = tree.path[2]
    assert corrected.message.text.startswith("Please answer again")
    two, better, _ = tree.variants(corrected.id)
    assert tree.node(better).message.text == "two, better"
    old = tree.switched(two)
    assert len(old.variants(old.path[-1].id)) == 2
    assert len([n for n in tree.nodes if n.message.role == "assistant"]) == 6


def test_a_retry_is_drawn_differently_and_one_after_a_failure_as_usual(session, chemistry) -> None:
    fake = FakeAssistant(delay=0)
    run_turn(session, chemistry, FakeAssistant(error=QueueFullError("Too many.")))
    run_turn(session, chemistry, fake, Ask("retry", turn=0))
    run_turn(session, chemistry, fake, Ask("retry", turn=0))
    run_turn(session, chemistry, fake, Ask("retry", turn=0))
    assert [(o.temperature > 0, o.seed) for o in fake.options] == [(False, 0), (True, 1), (True, 2)]


def test_a_question_that_failed_stays_beside_the_next_one(session, chemistry) -> None:
    run_turn(session, chemistry, FakeAssistant(delay=0), "one")
    run_turn(session, chemistry, FakeAssistant(error=QueueFullError("Too many.")), "lost?")
    run_turn(session, chemistry, FakeAssistant(delay=0), "two")
    tree = session.stored.tree
    assert [m.text for m in session.conversation.messages][::2] == ["one", "two"]
    before, _ = tree.variants(tree.path[2].id)
    assert tree.node(before).message.text == "lost?"


def test_a_history_that_cannot_be_written_refuses_a_question_and_keeps_an_answer_on_the_page(
    session, chemistry, history, caplog
) -> None:
    run = start(session, chemistry, FakeAssistant(delay=0.02))
    history.close()
    list(run.follow())
    session.catch_up()
    assert session.conversation.messages[-1].text == TEXT
    assert "could not be saved" in session.last_problem
    with pytest.raises(AssistantError, match="could not be saved"):
        begin(session, Ask("ask", "Go"), chemistry)


def test_stopping_everything_keeps_the_words_there_are(session, chemistry, runs, history) -> None:
    run = start(session, chemistry, FakeAssistant(delay=0.05))
    following = run.follow()
    while not next(following).text:
        pass
    runs.stop_all(seconds=5)
    kept = history.load("visitor", session.stored.id).shown.messages[-1]
    assert kept.stopped
    assert 0 < len(kept.text) < len(TEXT)


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


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("logP of asprin", "Did you mean aspirin"),
        ("mass of c1ccccc1(", "not closed"),
        ("how many carbons does semaglutide have?", "semaglutide"),
    ],
)
def test_a_question_on_an_unknown_molecule_is_not_answered_of_another(
    session, chemistry, question: str, said: str
) -> None:
    load(session, "CCO", chemistry)
    with pytest.raises(AssistantError, match="nothing was asked") as error:
        begin(session, Ask("ask", question), chemistry)
    assert said in str(error.value)
    assert not session.questions
    run_turn(session, chemistry, FakeAssistant(delay=0), "logP of it")
    assert session.conversation.focus(0) == (1,)


@pytest.mark.parametrize(
    "question",
    ["exact mass of [M+Na]+?", "[M+Na]+", "[M+NH4]+", "mass after losing water", "quinoline?",
     "any pyridine?", "is it soluble in ethanol?", ":-)", "#HBD"],
)  # fmt: skip
def test_a_question_without_a_name_is_of_what_is_attached(session, chemistry, question) -> None:
    load(session, "CCO", chemistry)
    load(session, "CCN", chemistry)
    run_turn(session, chemistry, FakeAssistant(delay=0), question)
    assert session.conversation.questions[0].text == question
    assert session.conversation.focus(0) == (2,)
    assert [entry.number for entry in session.conversation.molecules] == [1, 2]


def test_either_is_one_of_the_molecules_there_are(session, chemistry) -> None:
    load(session, "CCO", chemistry)
    run_turn(session, chemistry, FakeAssistant(delay=0), "logP?")
    load(session, "CCN", chemistry)
    run_turn(session, chemistry, FakeAssistant(delay=0), "is either toxic?")
    assert session.conversation.focus(1) == (1, 2)


def test_after_a_question_for_a_ring_another_one_is_asked_for(session, chemistry) -> None:
    load(session, "CCO", chemistry)
    run_turn(session, chemistry, FakeAssistant(delay=0), "Does it contain a quinoline?")
    run_turn(session, chemistry, FakeAssistant(delay=0), "and pyridine?")
    assert session.conversation.focus(1) == (1,)
    run_turn(session, chemistry, FakeAssistant(delay=0), "What is its logP?")
    run_turn(session, chemistry, FakeAssistant(delay=0), "and pyridine?")
    assert session.conversation.focus(3) == (2,)


@pytest.mark.parametrize("has_subject", [True, False])
def test_no_held_out_question_is_refused(chemistry, has_subject: bool) -> None:
    now, _ = Conversation().with_molecule(Molecule.parse("CCO"))
    for question in held_out():
        found = extract_from_question(question, now, chemistry, has_subject=has_subject)
        assert found.words, question


def test_an_answer_that_was_cut_off_says_so(session, chemistry) -> None:
    fake = FakeAssistant(delay=0)
    run_turn(session, chemistry, fake, "Tell me everything")
    page = TranscriptView(Drawings(chemistry))
    node = session.stored.tree.path[1]
    assert "cut off here" not in page._answer(node, 0, session)
    for ended, said in (
        ("length", "the longest an answer can be"),
        ("circles", "to repeat itself"),
    ):
        message = replace(node.message, passport={"sampling": {"ended": ended}})
        assert f"cut off here: {'it began ' if ended == 'circles' else ''}{said}" in page._answer(
            replace(node, message=message), 0, session
        )
