"""The list of conversations with a stand-in for Gradio's request and event."""

import time
from types import SimpleNamespace

import pytest

from assistant.errors import ChemistryTimeoutError
from tests.ui.fakes import TEXT, FakeAssistant, InProcessChemistry
from tests.ui.test_handlers import Desk, event
from ui.chat_list import _day
from ui.visitor import COOKIE

MINE, THEIRS = "M" * 43, "T" * 43


class Shelf(Desk):
    """A desk whose tabs belong to one browser or another."""

    @staticmethod
    def tab(name: str) -> SimpleNamespace:
        visitor, _, tab = name.rpartition("/")
        token = THEIRS if visitor == "theirs" else MINE
        headers = {"cookie": f"other=1; {COOKIE}={token}"}
        return SimpleNamespace(session_hash=tab, headers=headers)

    def chat(self, molecule: str, question: str, *, tab: str = "a") -> str:
        """A new conversation of one turn; its id."""
        self.talk.new_chat(event(), self.tab(tab))
        self.type(molecule, tab=tab)
        self.ask(question, tab=tab)
        return self.session(tab).stored.id

    def search(self, text: str, *, tab: str = "a") -> str:
        return self.shelf.search(event(text=text), self.tab(tab))["html"]

    def list(self, tab: str = "a") -> str:
        return self.search("", tab=tab)


@pytest.fixture
def shelf(chemistry: InProcessChemistry) -> Shelf:
    return Shelf(chemistry, FakeAssistant(delay=0))


def test_a_reload_brings_the_conversation_back_with_its_molecule(shelf: Shelf) -> None:
    first = shelf.chat("aspirin", "What is it?")
    shelf.chat("CCO", "And this?")
    values = shelf.shelf.opened(first, shelf.tab("reloaded"))
    _, transcript, composer, chats, bench, sketch, facts = values
    assert "What is it?" in transcript["turns"][0]
    assert "claims checked" in transcript["turns"][0]
    assert composer["attached"] == [1]
    assert chats["current"] == first
    assert bench["text"] == "CC(=O)Oc1ccccc1C(=O)O"
    assert "M  END" in sketch["molfile"]
    assert "carboxylic acid" in facts["html"]
    again = list(shelf.ask("More?", tab="reloaded"))[-1][0]
    assert len(again["turns"]) == 2


def test_a_fresh_tab_begins_a_new_chat(shelf: Shelf) -> None:
    shelf.chat("aspirin", "What is it?")
    assert "new answer" not in shelf.list()  # it is the one in view
    shelf.talk.seen(shelf.tab("a"))
    values = shelf.shelf.opened("", shelf.tab("fresh"))
    assert values[1]["turns"] == []
    assert "What is it?" in values[3]["html"]
    assert "Not written to the disk" in values[3]["html"]


def test_an_answer_that_was_written_while_nobody_looked_is_there_on_return(
    chemistry: InProcessChemistry,
) -> None:
    shelf = Shelf(chemistry, FakeAssistant(delay=0.02))
    turn = shelf.talk.turn(event(kind="ask", text="Long?"), shelf.tab("a"))
    next(turn)
    run = shelf.session("a").run
    turn.close()  # the tab is closed
    values = shelf.shelf.opened("", shelf.tab("while it is written"))
    assert values[1]["follow"]
    assert list(shelf.talk.follow(shelf.tab("while it is written")))[-1][0]["live"] is None
    assert run.is_done
    shelf.talk.seen(shelf.tab("while it is written"))
    turn = shelf.talk.turn(event(kind="ask", text="Again?"), shelf.tab("while it is written"))
    next(turn)
    turn.close()
    while shelf.history.lists.unseen(run.place.visitor) == "":
        time.sleep(0.01)
    assert "● new answer" in shelf.list("somewhere else")
    values = shelf.shelf.opened("", shelf.tab("later"))
    assert "claims checked" in values[1]["turns"][1]
    assert "new answer" not in shelf.list()


def test_the_place_of_another_visitor_opens_nothing(shelf: Shelf) -> None:
    first = shelf.chat("aspirin", "A secret question")
    values = shelf.shelf.opened(first, shelf.tab("theirs/a"))
    assert values[1]["turns"] == []
    for part in (values[1]["welcome"], values[3]["html"]):
        assert "secret" not in part
    theirs = shelf.tab("theirs/a")
    refused = shelf.shelf.open(event(id=first), theirs)
    assert refused[0]["turns"] == []
    assert "no longer there" in refused[1]["notice"]["text"]
    for act in (shelf.shelf.rename, shelf.shelf.remove):
        assert "no longer there" in act(event(id=first, title="x"), theirs)[1]["notice"]["text"]
    for text in ("secret", "aspirin"):
        assert 'class="entry"' not in shelf.search(text, tab="theirs/a")
    wanted = event(smiles=["CC(=O)Oc1ccccc1C(=O)O"])
    assert shelf.shelf.thumbs(wanted, theirs)["thumbs"] == {}
    assert shelf.shelf.thumbs(wanted, shelf.tab("a"))["thumbs"] != {}
    assert "A secret question" in shelf.list()


def test_a_tab_without_cookies_is_a_visitor_of_its_own(shelf: Shelf) -> None:
    shelf.chat("aspirin", "Mine")
    bare = SimpleNamespace(session_hash="a", headers={})
    assert shelf.shelf.opened("", bare)[1]["turns"] == []


def test_search_finds_the_molecule_what_contains_it_and_words(shelf: Shelf) -> None:
    shelf.chat("aspirin", "Is it acidic?")
    shelf.chat("phenol", "Is it poisonous?")
    html = shelf.search("Oc1ccccc1")
    assert html.index("This molecule") < html.index("poisonous")
    assert html.index("poisonous") < html.index("Contains this structure") < html.index("acidic")
    assert "These words" in shelf.search("acidic")
    assert "poisonous" not in shelf.search("ACIDIC aspirin")
    assert "Nothing found for “nowhere”" in shelf.search("nowhere")
    assert "&lt;b&gt;" in shelf.search("<b>")


def test_a_structure_search_that_takes_too_long_still_finds_words(shelf: Shelf) -> None:
    shelf.chat("aspirin", "About CCO and more")
    shelf.chemistry.broken["find"] = ChemistryTimeoutError("The search took too long.")
    html = shelf.search("CCO")
    assert "The search took too long." in html
    assert "About CCO" in html


def test_rename_delete_and_take_it_back(shelf: Shelf) -> None:
    first = shelf.chat("aspirin", "One")
    chats = shelf.shelf.rename(event(id=first, title="<i>Better</i>"), shelf.tab("a"))[2]
    assert "&lt;i&gt;Better&lt;/i&gt;" in chats["html"]
    transcript, _, chats = shelf.shelf.remove(event(id=first), shelf.tab("a"))
    assert transcript["turns"] == []
    assert chats["current"] == ""
    assert "Undo" in chats["undo"]
    assert "No conversations yet" in chats["html"]
    transcript, _, chats = shelf.shelf.restore(shelf.tab("a"))
    assert len(transcript["turns"]) == 1
    assert chats["current"] == first
    assert chats["undo"] == ""


def test_deleting_a_conversation_ends_its_answer(chemistry: InProcessChemistry) -> None:
    fake = FakeAssistant(delay=0.05)
    shelf = Shelf(chemistry, fake)
    turn = shelf.talk.turn(event(kind="ask", text="Long?"), shelf.tab("a"))
    next(turn)
    run = shelf.session("a").run
    shelf.shelf.remove(event(id=run.place.conversation), shelf.tab("a"))
    list(run.follow())
    assert fake.stopped == 1
    assert list(turn) == []  # this tab shows something else now


def test_conversations_are_grouped_by_molecule(shelf: Shelf) -> None:
    shelf.chat("aspirin", "One")
    shelf.chat("aspirin", "Two")
    chats = shelf.shelf.group(shelf.tab("a"))
    assert chats["grouped"]
    assert chats["html"].count('class="molecule"') == 1
    assert chats["html"].count('class="entry"') == 2
    assert not shelf.shelf.group(shelf.tab("a"))["grouped"]


def test_a_long_list_is_shown_in_parts(shelf: Shelf) -> None:
    first = shelf.chat("aspirin", "One")
    visitor = shelf.session("a").visitor
    value = shelf.history.load(visitor, first)
    for _ in range(60):
        shelf.history.add(visitor, value)
    assert shelf.list().count('class="entry"') == 50
    assert "11 older" in shelf.list()
    assert shelf.shelf.more(shelf.tab("a"))["html"].count('class="entry"') == 61


def test_branches_are_switched_with_what_followed_them(shelf: Shelf) -> None:
    shelf.chat("aspirin", "One")
    shelf.ask("Two")
    shelf.ask("Uno", kind="edit", turn=0)
    transcript = shelf.shelf.opened(shelf.session("a").stored.id, shelf.tab("b"))[1]
    assert "2/2" in transcript["turns"][0]
    tree = shelf.session("a").stored.tree
    first = tree.variants(tree.path[0].id)[0]
    transcript = shelf.talk.branch(event(node=first), shelf.tab("a"))[0]
    assert "1/2" in transcript["turns"][0]
    assert "Two" in transcript["turns"][1]
    for nonsense in (None, "x", 10**9, -1, True):
        shelf.talk.branch(event(node=nonsense), shelf.tab("a"))
    assert len(shelf.session("a").questions) == 2


def test_a_conversation_whose_molecule_cannot_be_drawn_opens_all_the_same(shelf: Shelf) -> None:
    first = shelf.chat("aspirin", "One")
    shelf.chemistry.broken["inspect"] = ChemistryTimeoutError("Too slow.")
    values = shelf.shelf.open(event(id=first), shelf.tab("b"))
    assert TEXT[:15] in values[0]["turns"][0]
    assert values[3]["text"] == ""


def test_a_page_whose_history_cannot_be_read_opens_and_says_so(shelf: Shelf) -> None:
    shelf.history.close()
    values = shelf.shelf.opened("place", shelf.tab("a"))
    assert "could not be read" in values[2]["notice"]["text"]
    assert "could not be read" in values[3]["html"]
    assert shelf.type("aspirin")[3]["html"]


@pytest.mark.parametrize(
    ("days", "name"), [(0, "Today"), (1, "Yesterday"), (3, "Last 7 days"), (400, "20")]
)
def test_days_have_names(days: int, name: str) -> None:
    noon = time.mktime((2026, 11, 26, 12, 0, 0, 0, 0, -1))
    assert name in _day(noon - days * 86400, noon)
