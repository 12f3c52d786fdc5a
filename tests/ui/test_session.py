import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chat.history.store import INTERRUPTED
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from ui.session import Session
from ui.session_store import SessionStore
from ui.shown import Current

ETHANOL, METHANE = Molecule("CCO"), Molecule("C")


def ask(session: Session, text: str) -> None:
    conversation, question = session.question(text)
    run = session.ask(question, conversation, after=session.end)
    list(run.follow())
    session.catch_up()


def test_the_current_drawing_joins_the_next_question_under_a_new_number(session: Session) -> None:
    session.show(Current(ETHANOL))
    assert session.pending_number == 1
    conversation, question = session.question("What is it?")
    assert question.attached == (1,)
    assert conversation.molecule(1).molecule == ETHANOL


def test_a_drawing_taken_off_is_not_attached(session: Session) -> None:
    session.show(Current(ETHANOL))
    session.use_current = False
    conversation, question = session.question("What is it?")
    assert question.attached == ()
    assert conversation.molecules == ()


def test_another_drawing_is_attached_again(session: Session) -> None:
    session.show(Current(ETHANOL))
    session.use_current = False
    session.show(Current(METHANE))
    assert session.question("And this?")[1].attached == (1,)


def test_a_structure_keeps_its_number(session: Session) -> None:
    session.show(Current(ETHANOL))
    ask(session, "one")
    session.show(Current(METHANE))
    ask(session, "two")
    session.show(Current(ETHANOL))
    assert session.current_number == 1
    assert session.question("three")[1].attached == (1,)


def test_molecules_named_in_the_text_are_attached(session: Session) -> None:
    for molecule in (ETHANOL, METHANE):
        session.show(Current(molecule))
        ask(session, "x")
    assert session.question("Compare it with compound 1")[1].attached == (1, 2)
    assert session.question("and @1 or molecule 9")[1].attached == (1, 2)


def test_undo_and_redo_step_through_the_questions(session: Session) -> None:
    ask(session, "one")
    ask(session, "two")
    assert session.undo()
    assert session.conversation.n_turns == 1
    assert session.redo()
    assert session.conversation.n_turns == 2
    assert not session.redo()


def test_a_number_is_not_given_away_again_after_undo(session: Session) -> None:
    session.show(Current(ETHANOL))
    ask(session, "one")
    session.undo()
    session.show(Current(METHANE))
    conversation, question = session.question("two")
    assert question.attached == (2,)
    assert conversation.molecule(1).molecule == ETHANOL


def test_a_new_chat_can_be_taken_back_until_the_first_question(session: Session) -> None:
    ask(session, "one")
    session.start_anew()
    assert session.conversation == Conversation()
    assert session.undo()
    assert session.conversation.n_turns == 1
    session.start_anew()
    ask(session, "other")
    session.undo()
    assert not session.undo()


def test_an_opened_conversation_has_its_last_question_to_take_back(session, runs) -> None:
    ask(session, "one")
    ask(session, "two")
    later = Session(runs, "visitor")
    later.open(session.stored.id)
    assert later.undo()
    assert [q.text for q in later.conversation.questions] == ["one"]
    assert later.redo()
    assert later.conversation.n_turns == 2


def test_a_reload_shows_the_branch_that_was_shown(session, runs) -> None:
    ask(session, "one")
    first = session.stored.tree.path[0].id
    session.undo()
    ask(session, "uno")
    session.switch(first)
    later = Session(runs, "visitor")
    later.open(session.stored.id)
    assert [q.text for q in later.conversation.questions] == ["one"]
    later.switch(later.stored.tree.variants(first)[1])
    assert [q.text for q in later.conversation.questions] == ["uno"]


def test_a_molecule_of_another_branch_stays(session) -> None:
    session.show(Current(ETHANOL))
    ask(session, "one")
    session.undo()
    session.show(None)
    session.chosen.clear()
    with pytest.raises(AssistantError, match="another branch"):
        session.remove_molecule(1)


def test_an_answer_nobody_writes_any_more_is_said_to_be_cut_short(history, runs) -> None:
    place = history.begin_turn("visitor", "", None, Message("user", "one"), Conversation())
    session = Session(runs, "visitor")
    session.open(place.conversation)
    assert session.run is None
    assert session.stored.tree.unanswered().reason == INTERRUPTED


def test_sessions_do_not_see_each_other(runs) -> None:
    store = SessionStore(runs)
    ask(store.get("v", "a"), "one")
    assert store.get("v", "b").conversation.n_turns == 0
    assert store.get("w", "a").conversation.n_turns == 0  # another visitor's tab of this name
    assert store.get("v", "a").conversation.n_turns == 1


def test_the_longest_unused_session_gives_way(runs) -> None:
    store = SessionStore(runs, limit=2)
    first = store.get("v", "a")
    store.get("v", "b")
    store.get("v", "a")
    store.get("v", "c")
    assert store.get("v", "a") is first
    assert len(store) == 2
