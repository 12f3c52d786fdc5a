"""The handlers with a stand-in for Gradio's request and event, as the page would call them."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from assistant.chat.history import History
from assistant.errors import ChemistryTimeoutError
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from ui.chat_list import ChatList
from ui.chats import ChatHandlers
from ui.dialogue import DialogueHandlers
from ui.events import Services, key_of
from ui.examples import EXAMPLES, load_menu, welcome_html
from ui.handle import AssistantHandle
from ui.handlers import Handlers
from ui.live import Live
from ui.pasting import PasteHandlers
from ui.reach import Reach
from ui.runs import Run, Runs
from ui.session import Session
from ui.session_store import SessionStore
from ui.transcript import Drawings, TranscriptView
from ui.views import Views
from ui.visitor import COOKIE

SKIPPED = gr.skip()


class Desk:
    """One page with its handlers; `tab` chooses whose session is meant."""

    def __init__(self, chemistry: InProcessChemistry, fake: FakeAssistant) -> None:
        self.chemistry = chemistry
        handle = AssistantHandle.ready(fake)
        self.history = History.in_memory()
        runs = Runs(self.history, handle)
        self.store = SessionStore(runs)
        drawings = Drawings(chemistry)
        self.reach = Reach("this computer only")
        views = Views(handle, drawings, self.reach)
        view = TranscriptView(drawings, lambda: "welcome")
        chats = ChatList(self.history)
        services = Services(handle, chemistry, self.store, runs, view, chats, views)
        self.work, self.talk = Handlers(services), DialogueHandlers(services)
        self.shelf, self.doors = ChatHandlers(services), PasteHandlers(services)
        self.request = self.tab("a")

    @staticmethod
    def tab(name: str, *, cookie: str = "") -> SimpleNamespace:
        headers = {"cookie": f"{COOKIE}={cookie}"} if cookie else {}
        return SimpleNamespace(session_hash=name, headers=headers)

    def session(self, tab: str = "a") -> Session:
        return self.store.get(*key_of(self.tab(tab)))

    def type(self, text: str, *, stage: str = "done", tab: str = "a") -> tuple:
        return self.work.typed(event(text=text, stage=stage), self.tab(tab))

    def ask(self, text: str, *, tab: str = "a", **more: object) -> list[tuple]:
        payload = {"kind": "ask", "text": text} | more
        return list(self.talk.turn(event(**payload), self.tab(tab)))


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture
def desk(chemistry: InProcessChemistry) -> Desk:
    return Desk(chemistry, FakeAssistant(delay=0))


def test_box_sketcher_facts_and_chips_follow_what_is_typed(desk: Desk) -> None:
    composer, bench, sketch, facts = desk.type("aspirin")
    assert "M  END" in sketch["molfile"]
    assert "aspirin" in bench["html"]
    assert "carboxylic acid" in facts["html"]
    assert composer["attached"] == [1]
    assert bench["text"] is None  # what the person types is not rewritten


def test_box_and_facts_follow_the_sketcher_and_the_sketcher_is_left_alone(desk: Desk) -> None:
    molfile = desk.type("C[C@H](N)C(=O)O")[2]["molfile"]
    desk.type("")
    composer, bench, facts = desk.work.drawn({"molfile": molfile, "rxn": ""}, desk.request)
    assert bench["text"] == "C[C@H](N)C(=O)O"
    assert "1 of 1 stereocentre set" in bench["html"]
    assert composer["attached"] == [1]
    assert "C<sub>3</sub>" in facts["html"]


def test_an_empty_sketcher_empties_the_box(desk: Desk) -> None:
    desk.type("CCO")
    composer, bench, _ = desk.work.drawn({"molfile": "", "rxn": ""}, desk.request)
    assert bench["text"] == ""
    assert composer["attached"] == []


def test_a_sketch_says_which_drawing_it_follows_and_an_overtaken_drawing_changes_nothing(
    desk: Desk,
) -> None:
    benzene = desk.type("c1ccccc1")[2]["molfile"]
    desk.work.drawn({"molfile": benzene, "rxn": "", "edit": 8}, desk.request)
    older = desk.work.drawn({"molfile": "", "rxn": "", "edit": 7}, desk.request)
    assert older == (SKIPPED,) * 3
    assert desk.session().current.molecule.smiles == "c1ccccc1"
    assert desk.type("CCO")[2]["edit"] == 8


@pytest.mark.parametrize("text", ["c1ccc", "CC(", "C[C@", "asp", "paracet"])
def test_half_typed_text_shows_no_error_and_changes_nothing(desk: Desk, text: str) -> None:
    desk.type("CCO")
    for stage in ("typing", "resting"):
        composer, bench, sketch, facts = desk.type(text, stage=stage)
        assert "✗" not in bench["html"]
        assert bench["tone"] == "quiet"
        assert composer == sketch == facts == SKIPPED


@pytest.mark.parametrize(
    "text",
    [
        "N,N-dimethylformamide",
        "1,4-dioxane",
        "InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3",
        "CC(=O)O.OCC>[H+]>CC(=O)OCC.O",
        "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
        "C(C)(C)(C)(C)C",
    ],
)
def test_no_text_shows_an_error_while_it_is_typed(desk: Desk, text: str) -> None:
    for end in range(1, len(text) + 1):
        bench = desk.type(text[:end], stage="typing")[1]
        assert "✗" not in bench["html"], text[:end]


def test_a_mistake_that_typing_on_cannot_mend_is_told_when_the_person_rests(desk: Desk) -> None:
    assert desk.type("C(C)(C)(C)(C)C", stage="typing")[1]["tone"] == "quiet"
    assert desk.type("C(C)(C)(C)(C)C", stage="resting")[1]["tone"] == "error"


def test_finished_but_wrong_text_shows_caret_and_a_fix_and_keeps_the_molecule(desk: Desk) -> None:
    desk.type("CCO")
    bench = desk.type("C1CCCC")[1]
    assert bench["tone"] == "error"
    assert "<b>^</b>" in bench["html"]
    assert "Did you mean" in bench["html"]
    assert desk.session().current.molecule.smiles == "CCO"


def test_what_was_typed_before_and_arrives_later_is_dropped(desk: Desk) -> None:
    done = desk.work.typed(event(text="C1CC", stage="done", count=7), desk.request)
    assert "hint" not in done[1]["html"]
    late = desk.work.typed(event(text="C1C", stage="typing", count=6), desk.request)
    assert all(value is done[2] for value in late)
    assert desk.work.typed(event(text="CCO", stage="done", count=8), desk.request)[1]["structure"]


def test_a_molecule_typed_as_a_question_is_shown_at_the_right(desk: Desk) -> None:
    _, composer, _, _, bench, sketch, facts = desk.ask("aspirin")[-1]
    assert "ask about it" in composer["notice"]["text"]
    assert bench["text"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert "aspirin" in bench["html"]
    assert "M  END" in sketch["molfile"]
    assert "C<sub>9</sub>" in facts["html"]


def test_what_was_drawn_stays_attached_when_a_question_brings_another(desk: Desk) -> None:
    desk.type("caffeine")
    values = desk.ask("CCO\nWhich one is heavier?")[0]
    assert values[4]["text"] == "CCO"
    assert desk.session().conversation.questions[-1].attached == (1, 2)
    assert desk.ask("And now?")[0][4]["text"] is None  # nothing new: the box is left alone


def test_a_question_in_the_molecule_box_is_told_where_questions_go(desk: Desk) -> None:
    bench = desk.type("What is aspirin?")[1]
    assert "question box" in bench["html"]
    assert "named" not in bench["html"]


def test_a_mistake_takes_the_notice_of_the_input_before_away(desk: Desk) -> None:
    assert desk.type("CCO\nC1CC")[0]["notice"] is not None
    assert desk.type("C1CC")[0]["notice"] is None


def test_a_bad_first_line_is_named_and_the_good_one_is_shown(desk: Desk) -> None:
    composer, bench, _, _ = desk.type("C1CC\nCCO")
    assert "ethanol" in bench["html"]
    assert "C1CC" in composer["notice"]["text"]


def test_a_slow_look_up_does_not_overwrite_a_later_one(desk: Desk) -> None:
    call = desk.chemistry.call

    def slow(task: str, **payload: object) -> dict[str, object]:
        if payload.get("text") == "CCO":
            desk.chemistry.call = call
            desk.type("CCCC")  # typed while the first look-up is still running
        return call(task, **payload)

    desk.chemistry.call = slow
    assert desk.type("CCO") == (SKIPPED,) * 4
    assert desk.session().current.molecule.smiles == "CCCC"


@pytest.mark.parametrize("way", ["asked", "pasted"])
def test_a_slow_look_up_does_not_overwrite_a_molecule_of_the_question(desk: Desk, way: str) -> None:
    call = desk.chemistry.call

    def slow(task: str, **payload: object) -> dict[str, object]:
        if payload.get("text") == "CCO":
            desk.chemistry.call = call
            if way == "asked":
                desk.ask("CCCC")
            else:
                desk.doors.pasted(event(text="CCCC", alone=True), desk.request)
        return call(task, **payload)

    desk.chemistry.call = slow
    assert desk.type("CCO") == (SKIPPED,) * 4
    assert desk.session().current.molecule.smiles == "CCCC"


def test_stop_does_not_wait_for_what_the_tab_is_busy_with(chemistry: InProcessChemistry) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.2))
    turn = desk.talk.turn(event(kind="ask", text="Long?"), desk.request)
    next(turn)
    run = desk.session().run
    with desk.session().lock:  # as while the chemistry reads what was pasted
        stopping = threading.Thread(target=desk.talk.stop, args=(desk.request,))
        stopping.start()
        stopping.join(timeout=2)
        assert run.stop.is_set()
    stopping.join()
    list(turn)


def test_several_lines_become_numbered_chips_and_bad_ones_are_named(desk: Desk) -> None:
    composer = desk.type("CCO\nC1CC\naspirin")[0]
    assert composer["numbers"] == [1, 2]
    assert "C1CC" in composer["notice"]["text"]


def test_a_reaction_becomes_molecules_with_roles(desk: Desk) -> None:
    composer = desk.type("CC(=O)O.OCC>[H+]>CC(=O)OCC")[0]
    entries = desk.session().conversation.molecules
    assert [e.role for e in entries] == ["reactant", "reactant", "agent", "product"]
    assert "reactant" in composer["chips"]


def test_a_file_with_a_bad_record_loads_the_good_ones(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = tmp_path / "x.smi"
    path.write_text("CCO ethanol\nC1CC broken\nC methane\n")
    values = desk.work.file(event(path=str(path), name="x.smi"), desk.request)
    assert values[0]["numbers"] == [1, 2]
    assert "broken" in values[0]["notice"]["text"]
    assert not path.exists()


def test_no_file_outside_the_upload_folder_is_read(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    secret = tmp_path / "secret.smi"
    secret.write_text("CCO")
    for path in (str(secret), str(tmp_path / "uploads" / ".." / "secret.smi"), ""):
        notice = desk.work.file(event(path=path, name="x"), desk.request)[0]["notice"]
        assert "did not arrive" in notice["text"]
    assert secret.exists()


def test_a_big_file_is_refused_with_its_size(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = tmp_path / "big.sdf"
    path.write_bytes(b"x" * (6 * 2**20))
    notice = desk.work.file(event(path=str(path), name="big.sdf"), desk.request)[0]["notice"]
    assert "6 MB" in notice["text"]


def test_chips_are_attached_taken_off_and_removed(desk: Desk) -> None:
    desk.type("CCO\nCCCC")
    desk.work.chip(event(action="detach", number=2), desk.request)
    assert desk.session().attached == {1}
    values = desk.work.chip(event(action="remove", number=2), desk.request)
    assert values[0]["numbers"] == [1]
    values = desk.work.chip(event(action="attach", number=7), desk.request)
    assert "no molecule 7" in values[0]["notice"]["text"]


def test_a_chip_of_the_conversation_cannot_be_removed(desk: Desk) -> None:
    desk.type("CCO")
    desk.ask("What is it?")
    values = desk.work.chip(event(action="remove", number=1), desk.request)
    assert "part of the conversation" in values[0]["notice"]["text"]


def test_a_structure_of_an_answer_opens_under_a_new_number(desk: Desk) -> None:
    desk.type("CCO")
    desk.ask("What is it?")
    composer, bench, sketch, _ = desk.work.loaded(event(smiles="c1ccccc1"), desk.request)
    assert composer["numbers"] == [1, 2]
    assert sketch["smiles"] == bench["text"] == "c1ccccc1"


def test_the_parent_can_be_used_and_taken_back(desk: Desk) -> None:
    desk.type("CC(=O)[O-].[Na+]")
    assert desk.work.parent(desk.request)[1]["text"] == "CC(=O)O"
    assert desk.work.restore(desk.request)[1]["text"] == "CC(=O)[O-].[Na+]"


def test_a_shape_that_takes_too_long_is_a_sentence(desk: Desk) -> None:
    desk.type("CCO")
    assert "M  END" in desk.work.shape(desk.request)["molblock"]
    desk.chemistry.broken["conformer"] = ChemistryTimeoutError("The 3D shape took too long.")
    told = desk.work.shape(desk.request)["message"]
    assert told.startswith("The 3D shape took too long. The facts")


def test_a_turn_empties_the_box_streams_and_ends_with_marks(
    chemistry: InProcessChemistry,
) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.03))
    desk.type("aspirin")
    values = desk.ask("What is it?")
    transcript, composer, chats, *_ = values[0]
    assert 'aria-current="true"' in chats["html"]
    assert "… writing" in chats["html"]
    assert composer["busy"]
    assert composer["question"] == ""
    assert transcript["live"] is not None
    assert values[1][0]["live"]["tail"]
    transcript, composer, chats, header, *_ = values[-1]
    assert "writing" not in chats["html"]
    assert transcript["live"] is None
    assert "3 of 4 claims checked" in transcript["turns"][0]
    assert "open in sketcher as molecule 2" in transcript["turns"][0]
    assert not composer["busy"]
    assert "31 tok/s" in header["figures"]


def test_undo_returns_the_question_and_redo_brings_the_answer_back(desk: Desk) -> None:
    desk.ask("What is it?")
    transcript, composer, _ = desk.talk.undo(desk.request)
    assert transcript["turns"] == []
    assert composer["question"] == "What is it?"
    transcript, *_ = desk.talk.redo(desk.request)
    assert len(transcript["turns"]) == 1


def test_undo_of_a_retry_does_not_touch_the_box(desk: Desk) -> None:
    desk.ask("What is it?")
    desk.ask("", kind="retry", turn=0)
    assert desk.talk.undo(desk.request)[1]["question"] is None


def test_thumbs_are_kept_and_taken_back(desk: Desk) -> None:
    desk.ask("What is it?")
    up, *_ = desk.talk.vote(event(turn=0, vote="up"), desk.request)
    assert up["turns"][0].count('aria-pressed="true"') == 1
    again, *_ = desk.talk.vote(event(turn=0, vote="up"), desk.request)
    assert 'aria-pressed="true"' not in again["turns"][0]


def test_tabs_do_not_share_anything(desk: Desk) -> None:
    desk.type("CCO", tab="a")
    desk.ask("Mine?", tab="a")
    values = desk.shelf.opened("", desk.tab("b"))
    assert values[1]["turns"] == []
    assert values[2]["numbers"] == []
    assert "Mine?" not in values[3]["html"]
    assert values[5]["molfile"] == ""


def test_nonsense_events_do_no_harm(desk: Desk) -> None:
    for data in (None, [], "x", {"number": "x"}, {"action": "open", "number": None}):
        desk.work.chip(SimpleNamespace(_data=data), desk.request)
        desk.work.loaded(SimpleNamespace(_data=data), desk.request)
        desk.talk.vote(SimpleNamespace(_data=data), desk.request)


def test_each_example_loads_its_molecules_in_order(desk: Desk) -> None:
    for example in EXAMPLES:
        tab = desk.tab(example.key)
        composer = desk.work.example(event(key=example.key), tab)[0]
        expected = list(range(1, len(example.molecules) + 1))
        assert composer["numbers"] == composer["attached"] == expected
        assert composer["question"] == example.question


def test_the_welcome_shows_every_example_with_pictures(chemistry: InProcessChemistry) -> None:
    html = welcome_html(chemistry)
    assert html.count('class="example"') == 3
    assert html.count("<svg") == 4


def test_the_task_menu_has_the_six_tasks() -> None:
    assert [t.key for t in load_menu()] == [
        "describe", "name", "properties", "product", "retrosynthesis", "compare",
    ]  # fmt: skip


def test_undo_while_an_answer_is_written_returns_the_question(
    chemistry: InProcessChemistry,
) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.05))
    values = desk.talk.turn(event(kind="ask", text="Long?"), desk.request)
    next(values)
    transcript, composer, _ = desk.talk.undo(desk.request)
    assert composer["question"] == "Long?"
    assert not composer["busy"]
    assert transcript["turns"] == []
    assert list(values) == []
    assert desk.session().conversation.messages == ()


def test_a_turn_that_gradio_gave_up_on_is_followed_if_it_is_written_all_the_same(
    chemistry: InProcessChemistry,
) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.05))
    values = desk.talk.turn(event(kind="ask", text="Lost?"), desk.request)
    next(values)
    values.close()
    transcript, composer, _ = desk.talk.recover(desk.request)
    assert transcript["follow"]
    assert composer["busy"]
    assert list(desk.talk.follow(desk.request))[-1][0]["turns"][0].count("claims checked") == 1


def test_a_turn_that_never_arrived_can_be_sent_again(desk: Desk) -> None:
    transcript, composer, _ = desk.talk.recover(desk.request)
    assert not transcript["follow"]
    assert "send it again" in composer["notice"]["text"]


def test_a_tab_that_follows_too_late_gets_the_whole_answer(chemistry: InProcessChemistry) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.02))
    before, later = desk.tab("a", cookie="A" * 43), desk.tab("b", cookie="A" * 43)
    values = desk.talk.turn(event(kind="ask", text="Slow?"), before)
    next(values)
    transcript = desk.shelf.opened("", later)[1]
    assert transcript["follow"]
    run = desk.store.get(*key_of(later)).run
    list(run.follow())
    assert run.is_done
    (told,) = desk.talk.follow(later)
    assert told[0]["live"] is None
    assert "claims checked" in told[0]["turns"][0]
    assert not told[1]["busy"]


def test_an_answer_whose_end_another_event_took_in_is_still_sent_as_a_whole(
    chemistry: InProcessChemistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.01))
    follow = Run.follow

    def late(run: Run) -> Iterator[Live]:
        live = run.live
        list(follow(run))
        assert desk.session().run is None  # as any event of the tab does
        yield live

    monkeypatch.setattr(Run, "follow", late)
    assert "claims checked" in desk.ask("What is it?")[-1][0]["turns"][0]


def test_an_answer_that_ended_while_gradio_gave_up_is_shown_without_a_complaint(
    chemistry: InProcessChemistry,
) -> None:
    desk = Desk(chemistry, FakeAssistant(delay=0.01))
    values = desk.talk.turn(event(kind="ask", text="Lost?"), desk.request)
    next(values)
    values.close()
    list(desk.session().run.follow())
    transcript, composer, _ = desk.talk.recover(desk.request)
    assert "claims checked" in transcript["turns"][0]
    assert composer["notice"] is None
    _, composer, _ = desk.talk.recover(desk.request)  # of the next question, which never arrived
    assert "send it again" in composer["notice"]["text"]


@pytest.mark.parametrize("how", ["turn", "follow"])
def test_an_answer_that_begins_while_the_end_of_another_is_sent_can_still_be_recovered(
    desk: Desk, how: str
) -> None:
    values = desk.talk.turn(event(kind="ask", text="First?"), desk.request)
    next(values)
    session = desk.session()
    first, run = session.untold, session.run
    if how == "follow":
        values.close()
        if run is not None:  # it is fast, and may have ended by now
            list(run.follow())
        values = desk.talk.follow(desk.request)
    while "turns" not in next(values)[0]:  # the whole of it comes last
        pass
    assert session.untold == first
    next(desk.talk.turn(event(kind="ask", text="Second?"), desk.request))
    second = session.untold
    assert second not in (first, None)
    assert list(values) == []
    assert session.untold == second


def test_a_reaction_is_shown_whole_in_box_and_sketcher(desk: Desk) -> None:
    _, bench, sketch, _ = desk.type("CC(=O)O.OCC>>CC(=O)OCC")
    assert sketch["smiles"].count(">") == 2
    assert sketch["molfile"] == ""
    assert "Reaction" in bench["html"]


def test_the_clock_ticks_while_the_link_may_change_and_rests_otherwise(desk: Desk) -> None:
    assert desk.work.tick()[1].active is False
    desk.reach.link = lambda: "asking"
    header, clock = desk.work.tick()
    assert "asking for a public link" in header["html"]
    assert clock.active is True
    desk.reach.link = lambda: "open"
    assert "public link · this computer only" in desk.work.tick()[0]["html"]
    desk.reach.link = lambda: "given up"
    assert desk.work.tick()[1].active is False


def test_an_answer_has_its_passport_folded_below_it(desk: Desk) -> None:
    transcript = desk.ask("What is it?")[-1][0]
    assert '<details class="passport">' in transcript["turns"][0]


def test_a_question_that_compares_stands_with_all_it_is_about(desk: Desk) -> None:
    desk.type("aspirin")
    desk.ask("First?")
    desk.type("nicotine")

    def cards(text: str) -> list[str]:
        shown = desk.ask(text)[-1][0]["turns"][-1]
        return re.findall(r'class="label">([^<]+)', shown)

    assert cards("What is its mass?") == ["nicotine"]
    assert cards("Which of the two is heavier?") == ["aspirin", "nicotine"]
    again = desk.ask("And which has more rings?")[-1][0]["turns"][-1]
    assert again.count('class="card"') == 2
    assert "<svg" not in again.split('class="words"')[0]  # both were drawn with the one before
    assert cards("Is molecule 1 an acid?") == ["aspirin", "nicotine"]
    assert cards("And its logP?") == ["nicotine"]


def test_a_molecule_that_a_question_names_is_attached_and_shown(desk: Desk) -> None:
    values = desk.ask("What is the logP of caffeine?")
    question = desk.session().questions[-1].message
    assert question.text == "What is the logP of caffeine?"
    assert question.asked == "What is the logP of molecule 1?"
    assert question.attached == (1,)
    assert 'class="label">caffeine' in values[-1][0]["turns"][-1]
    assert desk.session().current.molecule.name == "caffeine"
    desk.ask("And its mass?")
    assert desk.session().questions[-1].message.attached == (1,)


def test_a_question_about_another_molecule_leaves_the_drawn_one_out(desk: Desk) -> None:
    desk.type("aspirin")
    desk.ask("Is it heavier than caffeine?")
    both = desk.session().questions[-1].message
    assert (both.asked, both.attached) == ("Is it heavier than molecule 2?", (1, 2))
    assert desk.session().current.molecule.name == "aspirin"  # what "it" is stays where it was
    desk.ask("How many rings does it have?")
    assert desk.session().questions[-1].message.attached == (1,)
    desk.ask("What is the mass of nicotine?")
    one = desk.session().questions[-1].message
    assert (one.asked, one.attached) == ("What is the mass of molecule 3?", (3,))
    desk.ask("Is it soluble in ethanol?")
    assert desk.session().questions[-1].message.attached == (3,)
    assert len(desk.session().conversation.molecules) == 3


def test_an_edited_question_is_about_the_molecule_it_names_now(desk: Desk) -> None:
    desk.type("aspirin")
    desk.ask("How heavy is it?")
    desk.ask("How heavy is caffeine?", kind="edit", turn=0)
    question = desk.session().questions[-1].message
    assert (question.asked, question.attached) == ("How heavy is molecule 2?", (2,))
    desk.ask("Is it heavier than nicotine?", kind="edit", turn=0)
    assert desk.session().questions[-1].message.attached == (3,)


def test_names_keep_their_places_in_a_question_of_several_lines(desk: Desk) -> None:
    desk.ask("  Look:\nCCO\nCaffeine, and aspirin too: which is heavier?  ")
    question = desk.session().questions[-1].message
    assert question.text == "Look:\nmolecule 1\nCaffeine, and aspirin too: which is heavier?"
    assert question.asked == "Look:\nmolecule 1\nmolecule 2, and molecule 3 too: which is heavier?"
    assert [question.text[a:b] for a, b, _ in question.mentions] == ["Caffeine", "aspirin"]


def test_a_name_alone_is_attached_and_nothing_is_asked(desk: Desk) -> None:
    for text in ("caffeine", "acetic acid"):
        assert "Added and attached" in desk.ask(text)[-1][1]["notice"]["text"]
    assert not desk.session().questions
    assert len(desk.session().conversation.molecules) == 2


def test_more_names_than_a_question_can_be_about_are_told(desk: Desk) -> None:
    text = "Which is heaviest: caffeine, aspirin, nicotine, morphine or codeine?"
    values = desk.ask(text)[-1]
    assert "names 5 molecules" in values[1]["notice"]["text"]
    assert not desk.session().questions
    assert not desk.session().conversation.molecules


def test_a_refused_question_leaves_the_drawing(desk: Desk) -> None:
    desk.type("aspirin")
    values = desk.ask("Is caffeine heavier than molecule 9?")[-1]
    assert "no molecule 9" in values[1]["notice"]["text"]
    assert desk.session().current.molecule.name == "aspirin"
