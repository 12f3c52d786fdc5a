from assistant.chat.conversation import Conversation, Message
from assistant.chem.molecule import Molecule
from ui.session import Current, Run, Session, SessionStore

ETHANOL, METHANE = Molecule("CCO"), Molecule("C")


def ask(session: Session, text: str) -> None:
    conversation, question = session.question(text)
    session.commit(conversation.with_message(question).with_message(Message("assistant", "yes")))


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


def test_sessions_do_not_see_each_other() -> None:
    store = SessionStore()
    ask(store.get("a"), "one")
    assert store.get("b").conversation.n_turns == 0
    assert store.get("a").conversation.n_turns == 1


def test_a_closed_tab_is_forgotten_and_its_answer_stopped() -> None:
    store = SessionStore()
    session = store.get("a")
    run = session.run = Run(turn=0)
    store.drop("a")
    assert run.stop.is_set()
    assert len(store) == 0


def test_the_longest_unused_session_gives_way() -> None:
    store = SessionStore(limit=2)
    first = store.get("a")
    store.get("b")
    store.get("a")
    store.get("c")
    assert store.get("a") is first
    assert len(store) == 2
