"""What is written is read again, by its own visitor only, also after a restart."""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.chat.history import History, Place
from assistant.chat.history.database import FILE_NAME, user_data_directory
from assistant.chat.history.store import INTERRUPTED, title_of
from assistant.errors import HistoryError
from tests.chat.history.test_tree import stored
from tests.chat.history.values import ASPIRIN, ETHANOL, answer, conversation, question

ME, OTHER = "visitor-a", "visitor-b"


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History.open(tmp_path)
    yield history
    history.close()


def ask(history: History, text: str, *, to: str = "", after: int | None = None) -> Place:
    place = history.begin_turn(ME, to, after, question(text, 1), conversation(ASPIRIN))
    history.finish(place, answer(f"Answer to {text}"))
    return place


def reopened(history: History, directory: Path) -> History:
    history.close()
    return History.open(directory)


def test_a_turn_is_read_again_with_checks_passport_and_molecules(history, tmp_path) -> None:
    place = ask(history, "What is it?")
    history = reopened(history, tmp_path)
    value = history.load(ME, place.conversation)
    assert value.shown.messages == (question("What is it?", 1), answer("Answer to What is it?"))
    assert value.molecules == conversation(ASPIRIN).molecules
    assert value.molecules[0].molecule.name == "aspirin"
    assert value.next_number == 2
    assert value.title == "What is it?"
    history.close()


def test_a_whole_tree_goes_in_and_comes_out(history) -> None:
    before = stored()
    after = history.load(ME, history.add(ME, before))
    assert [n.message for n in after.tree.nodes] == [n.message for n in before.tree.nodes]
    assert [n.vote for n in after.tree.nodes] == [n.vote for n in before.tree.nodes]
    assert [n.state for n in after.tree.nodes] == [n.state for n in before.tree.nodes]
    assert after.shown == before.shown
    first, again = before.tree.nodes[1].id, after.tree.nodes[1].id
    switched = (before.tree.switched(first), after.tree.switched(again))
    assert switched[0].messages() == switched[1].messages()
    assert (after.title, after.created, after.updated) == ("Title", 1.0, 5.0)


def test_another_answer_and_an_edit_keep_what_was_there(history) -> None:
    first = ask(history, "one")
    again = history.begin_answer(ME, first.conversation, first.question)
    history.finish(again, answer("again"))
    edited = ask(history, "uno", to=first.conversation)
    tree = history.load(ME, first.conversation).tree
    assert tree.variants(again.answer) == (first.answer, again.answer)
    assert tree.variants(edited.question) == (first.question, edited.question)
    assert tree.head == edited.answer
    history.show(ME, first.conversation, tree.switched(first.question).head)
    assert history.load(ME, first.conversation).shown.messages[-1].text == "again"


def test_a_failed_answer_gives_its_place_to_the_next(history) -> None:
    first = ask(history, "one")
    place = history.begin_turn(
        ME, first.conversation, first.answer, question("two", 1), conversation(ASPIRIN)
    )
    history.fail(place, "The queue is full.", stopped=False)
    assert history.load(ME, place.conversation).tree.unanswered().reason == "The queue is full."
    again = history.begin_answer(ME, place.conversation, place.question)
    assert again.answer == place.answer
    history.finish(again, answer("now"))
    assert history.load(ME, place.conversation).tree.variants(again.answer) == (again.answer,)


def test_an_answer_that_the_end_of_the_program_cut_short_is_kept_as_far_as_it_was_noted(
    history, tmp_path
) -> None:
    silent = history.begin_turn(ME, "", None, question("one", 1), conversation(ASPIRIN))
    noted = history.begin_turn(ME, "", None, question("two", 1), conversation(ASPIRIN))
    history.note_progress(noted, "The first words")
    history = reopened(history, tmp_path)
    assert history.load(ME, silent.conversation).tree.unanswered().reason == INTERRUPTED
    kept = history.load(ME, noted.conversation).shown.messages[-1]
    assert (kept.text, kept.stopped) == ("The first words", True)
    assert history.lists.unseen(ME) in (silent.conversation, noted.conversation)
    history.close()


def test_nothing_of_another_visitor_can_be_read_or_changed(history) -> None:
    place = ask(history, "secret")
    theirs = replace(place, visitor=OTHER)
    attempts = (
        lambda: history.load(OTHER, place.conversation),
        lambda: history.rename(OTHER, place.conversation, "mine now"),
        lambda: history.delete(OTHER, place.conversation),
        lambda: history.restore(OTHER, place.conversation),
        lambda: history.show(OTHER, place.conversation, None),
        lambda: history.vote(OTHER, place.conversation, place.answer, "up"),
        lambda: history.mark_seen(OTHER, place.conversation),
        lambda: history.keep_molecules(OTHER, place.conversation, conversation()),
        lambda: history.begin_answer(OTHER, place.conversation, place.question),
        lambda: history.begin_turn(
            OTHER, place.conversation, place.answer, question("x"), conversation()
        ),
        lambda: history.finish(theirs, answer("overwritten")),
        lambda: history.fail(theirs, "overwritten", stopped=False),
    )
    before = history.load(ME, place.conversation)
    for attempt in attempts:
        with pytest.raises(HistoryError, match="no longer there"):
            attempt()
    assert history.load(ME, place.conversation) == before
    lists = history.lists
    assert lists.newest(OTHER) == lists.by_molecule(OTHER) == lists.structures(OTHER) == []
    assert lists.with_words(OTHER, "secret") == []
    assert lists.with_structure(OTHER, [ASPIRIN.smiles]) == []
    assert (lists.count(OTHER), lists.one(OTHER, place.conversation)) == (0, None)


def test_an_answer_of_another_conversation_cannot_be_followed_or_answered(history) -> None:
    mine, other = ask(history, "mine"), ask(history, "other")
    with pytest.raises(HistoryError, match="no longer there"):
        history.begin_turn(ME, mine.conversation, other.answer, question("x"), conversation())
    with pytest.raises(HistoryError, match="no longer there"):
        history.begin_answer(ME, mine.conversation, other.question)
    assert len(history.load(ME, mine.conversation).tree.nodes) == 2


def test_rename_delete_and_undo(history, tmp_path) -> None:
    place = ask(history, "one")
    history.rename(ME, place.conversation, "  A better   title ")
    with pytest.raises(HistoryError, match="needs a title"):
        history.rename(ME, place.conversation, " \n")
    assert history.lists.newest(ME)[0].title == "A better title"
    history.delete(ME, place.conversation)
    assert history.lists.newest(ME) == []
    history = reopened(history, tmp_path)  # not purged at once
    history.restore(ME, place.conversation)
    assert history.lists.newest(ME)[0].id == place.conversation
    history.delete(ME, place.conversation)
    assert history.purge(older_than=-1) == 1
    with pytest.raises(HistoryError):
        history.restore(ME, place.conversation)
    history.close()


def test_what_was_deleted_for_good_is_not_in_the_file(tmp_path) -> None:
    history = History.open(tmp_path)
    place = ask(history, "a very secret question")
    history.delete(ME, place.conversation)
    history.purge(older_than=-1)
    history.close()
    assert b"very secret" not in (tmp_path / FILE_NAME).read_bytes()


def test_the_list_has_the_newest_first_and_goes_on_after_the_last(history) -> None:
    places = [ask(history, f"question {n}") for n in range(7)]
    first = history.lists.newest(ME, limit=4)
    last = first[-1]
    rest = history.lists.newest(ME, limit=4, before=(last.updated, last.id))
    shown = [summary.id for summary in (*first, *rest)]
    assert shown == [place.conversation for place in reversed(places)]
    assert first[0].smiles == ASPIRIN.smiles
    assert first[0].molecules == ("aspirin",)
    assert history.lists.count(ME) == 7


def test_words_are_found_in_titles_messages_and_names_whatever_their_case(history) -> None:
    place = ask(history, "Does the ÄTHER ring open?")
    ask(history, "Something else")
    for words in ("äther", "ANSWER äther", "Aspirin OPEN", "open ring"):
        found = [summary.id for summary in history.lists.with_words(ME, words)]
        assert found[:1] == [place.conversation], words
    assert history.lists.with_words(ME, "äther nowhere") == []
    assert history.lists.with_words(ME, "100%") == []
    assert history.lists.with_words(ME, "  ") == []


def test_conversations_are_found_and_grouped_by_molecule(history) -> None:
    both = history.begin_turn(ME, "", None, question("two", 1), conversation(ASPIRIN, ETHANOL))
    one = ask(history, "one")
    groups = history.lists.by_molecule(ME)
    assert [group.name for group in groups] == ["aspirin", "ethanol"]
    assert {s.id for s in groups[0].conversations} == {both.conversation, one.conversation}
    assert [s.id for s in groups[1].conversations] == [both.conversation]
    assert history.lists.structures(ME) == [ASPIRIN.smiles, ETHANOL.smiles]
    assert history.lists.with_structure(ME, [ETHANOL.smiles])[0].running
    assert history.lists.with_structure(ME, []) == []


def test_an_answer_nobody_saw_is_marked_until_somebody_looks(history) -> None:
    place = history.begin_turn(ME, "", None, question("one", 1), conversation(ASPIRIN))
    assert history.lists.unseen(ME) == ""
    history.finish(place, answer("done"), seen=False)
    assert history.lists.unseen(ME) == place.conversation
    assert history.lists.newest(ME)[0].unseen
    history.mark_seen(ME, place.conversation)
    assert not history.lists.newest(ME)[0].unseen
    assert history.lists.unseen(ME) == ""


def test_votes_and_molecules_are_kept(history, tmp_path) -> None:
    place = ask(history, "one")
    history.vote(ME, place.conversation, place.answer, "down")
    history.keep_molecules(ME, place.conversation, conversation(ASPIRIN, ETHANOL))
    history = reopened(history, tmp_path)
    value = history.load(ME, place.conversation)
    assert value.tree.node(place.answer).vote == "down"
    assert [m.number for m in value.molecules] == [1, 2]
    history.close()


def test_the_title_is_the_first_line_of_the_question_cut_at_a_word() -> None:
    assert title_of("\n What  is it? \nmore") == "What is it?"
    assert title_of("word " * 30).endswith("word…")
    assert len(title_of("word " * 30)) <= 80
    assert title_of(" ") == "untitled"


def test_many_threads_write_one_after_the_other(history) -> None:
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            place = ask(history, f"{name} 0")
            for n in range(1, 10):
                place = ask(history, f"{name} {n}", to=place.conversation, after=place.answer)
        except HistoryError as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    for summary in history.lists.newest(ME):
        messages = history.load(ME, summary.id).shown.messages
        assert len(messages) == 20
        assert len({m.text.split(" ")[-2] for m in messages}) == 1  # nobody else's turn


# -- the file -----------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")
def test_only_the_owner_can_read_the_file(tmp_path) -> None:
    folder = tmp_path / "new"
    History.open(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600


def test_a_file_that_is_no_database_is_set_aside_and_never_lost(tmp_path) -> None:
    (tmp_path / FILE_NAME).write_text("my notes")
    history = History.open(tmp_path)
    assert "is no history of this program" in history.notice
    aside = next(tmp_path.glob("*set-aside*"))
    assert aside.name in history.notice
    assert aside.read_text() == "my notes"
    ask(history, "works")
    history.close()


def test_a_database_of_another_program_is_set_aside(tmp_path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as foreign:
        foreign.execute("CREATE TABLE things (x)")
    foreign.close()
    history = History.open(tmp_path)
    assert "another program" in history.notice
    aside = sqlite3.connect(next(tmp_path.glob("*set-aside*")))
    assert aside.execute("SELECT name FROM sqlite_master").fetchone() == ("things",)
    aside.close()
    history.close()


def test_a_damaged_history_is_set_aside_with_all_its_bytes(tmp_path) -> None:
    history = History.open(tmp_path)
    for n in range(20):
        ask(history, f"question {n} " + "x" * 2000)
    history.close()
    path = tmp_path / FILE_NAME
    damaged = bytearray(path.read_bytes())
    damaged[5 * 4096 : 9 * 4096] = os.urandom(4 * 4096)
    path.write_bytes(damaged)
    history = History.open(tmp_path)
    assert "is damaged" in history.notice
    assert next(tmp_path.glob("*set-aside*")).read_bytes() == bytes(damaged)
    assert history.lists.newest(ME) == []
    history.close()


def test_a_history_of_a_newer_version_is_left_alone(tmp_path) -> None:
    History.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(HistoryError, match="newer version"):
        History.open(tmp_path)
    assert list(tmp_path.glob("*set-aside*")) == []


def test_a_second_assistant_on_the_same_file_is_refused(history, tmp_path) -> None:
    place = history.begin_turn(ME, "", None, question("one", 1), conversation(ASPIRIN))
    with pytest.raises(HistoryError, match="in use by another assistant"):
        History.open(tmp_path)
    history.finish(place, answer("still mine"))
    assert list(tmp_path.glob("*set-aside*")) == []


def test_a_folder_that_cannot_be_used_is_named_with_the_way_out(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match=r"--history DIR, or keep nothing with --no-history"):
        History.open(tmp_path / "file" / "below")


def test_a_closed_history_says_so_instead_of_failing_strangely(tmp_path) -> None:
    history = History.open(tmp_path)
    history.close()
    with pytest.raises(HistoryError, match="could not be"):
        history.lists.newest(ME)
    with pytest.raises(HistoryError, match="could not be saved"):
        ask(history, "one")


def test_a_full_disk_loses_nothing_that_was_written(tmp_path) -> None:
    history = History.open(tmp_path)
    place = ask(history, "before")
    history._rows.run("PRAGMA max_page_count = 12")
    with pytest.raises(HistoryError, match=r"full.*Free some space"):
        ask(history, "x" * 100_000)
    history._rows.run("PRAGMA max_page_count = 1000000")
    assert history.load(ME, place.conversation).shown.messages[0].text == "before"
    ask(history, "after")
    history.close()


def test_in_memory_nothing_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    history = History.in_memory()
    ask(history, "one")
    assert not history.is_kept
    assert history.lists.count(ME) == 1
    assert list(tmp_path.iterdir()) == []
    history.close()


def test_the_folder_is_where_the_system_keeps_such_things(monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setenv("LOCALAPPDATA", "/data")
    assert user_data_directory().name == "molecule-chat"


def test_a_thousand_turns_are_listed_and_searched_quickly(history) -> None:
    with history._rows.writing():  # one commit, for the test's sake
        for n in range(1000):
            history.add(ME, replace(stored(), title=f"title {n}", updated=float(n)))
    seconds = {}
    for name, look in {
        "list": lambda: history.lists.newest(ME),
        "words": lambda: history.lists.with_words(ME, "rings 9"),
        "molecules": lambda: history.lists.by_molecule(ME),
    }.items():
        start = time.perf_counter()
        assert look()
        seconds[name] = time.perf_counter() - start
    assert max(seconds.values()) < 1.0, seconds  # 0.02 s on a quiet machine
