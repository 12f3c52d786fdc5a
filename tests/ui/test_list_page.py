"""The List tab: tables from files and text, facts, one question of each, CSV and SDF."""

import base64
import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio.utils import diff
from gradio_client.utils import apply_diff
from rdkit import Chem

from assistant.chat.conversation import Conversation
from assistant.chat.events import Event
from assistant.chat.reply import ReplyOptions
from assistant.errors import AssistantError, ChemistryTimeoutError, QueueFullError
from tests.ui.fakes import TEXT, FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.events import key_of
from ui.handle import AssistantHandle
from ui.list_files import to_csv
from ui.list_page import ListHandlers, ListStore
from ui.list_table import Answer, ListTable

REQUEST = SimpleNamespace(session_hash="a", headers={})
TAB = key_of(REQUEST)
CSV = (
    "name,smiles\naspirin,CC(=O)Oc1ccccc1C(=O)O\nbroken,C1CCC\n=cmd,CCN\n"
    "nitrobenzene,O=[N+]([O-])c1ccccc1\n"
)


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


class Page:
    """What the tab's script does: follows the log, of which Gradio sends differences."""

    def __init__(self) -> None:
        self.key, self.seen, self.rows, self.state = "", 0, {}, {}
        self.held: dict | None = None

    def take(self, value: dict) -> None:
        if self.held is not None:
            value = apply_diff(self.held, diff(self.held, value))
        self.held = value
        if value["problem"]:
            raise AssertionError(value["problem"])
        if value["table"] != self.key:
            self.key, self.seen, self.rows = value["table"], 0, {}
        assert value["start"] <= self.seen
        for update in json.loads(value["updates"])[self.seen - value["start"] :]:
            self.rows.setdefault(update["i"], {}).update(update)
        self.seen = max(self.seen, value["end"])
        self.state = value["state"]

    def follow(self, values: Iterator[dict]) -> "Page":
        self.held = None
        for value in values:
            self.take(value)
        return self


def test_no_row_is_lost_in_the_differences_that_gradio_sends(handlers: ListHandlers) -> None:
    """A shorter list of rows with shorter lists of alerts: one row was never seen."""
    table = ListTable("list", [("CCO", ""), ("CCN", ""), ("CCC", "")])
    handlers.lists.get(TAB).open(table)
    page = Page()
    page.take(handlers._value(table, 0, 100))
    for row, n_alerts in enumerate((3, 2, 0)):
        table._log.append({"i": row, "facts": [], "alerts": ["alert"] * n_alerts})
    page.take(handlers._value(table, 3, 2))
    page.take(handlers._value(table, 5, 2))
    assert [len(row["alerts"]) for row in page.rows.values()] == [3, 2, 0]


@pytest.fixture
def fake() -> FakeAssistant:
    return FakeAssistant(delay=0)


@pytest.fixture
def handlers(chemistry: InProcessChemistry, fake: FakeAssistant) -> Iterator[ListHandlers]:
    made = ListHandlers(make_services(chemistry, fake))
    yield made
    made.lists.get(TAB).close()


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gr.utils, "get_upload_folder", lambda: str(tmp_path))
    path = tmp_path / "some.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def opened(handlers: ListHandlers, path: Path) -> Page:
    values = handlers.file(event(path=str(path), name="C:\\mine\\some.csv"), REQUEST)
    return Page().follow(values)


def saved(handlers: ListHandlers, **data: object) -> tuple[str, str]:
    file = handlers.save(event(**data), REQUEST)["file"]
    return file["name"], base64.b64decode(file["base64"]).decode()


def test_a_half_good_file_gives_the_good_rows_and_names_the_bad_one(
    handlers: ListHandlers, upload: Path
) -> None:
    page = opened(handlers, upload)
    assert [row["name"] for row in page.rows.values()] == ["aspirin", "=cmd", "nitrobenzene"]
    (problem,) = page.state["problems"]
    assert problem.startswith("Line 3 ('broken')")
    assert page.state["facts"] == page.state["total"] == 3
    aspirin = page.rows[0]
    assert aspirin["facts"][:2] == ["C9H8O4", pytest.approx(180.159, abs=1e-3)]
    assert aspirin["alerts"] == ["Brenk: phenol ester"]
    assert "<svg" in aspirin["svg"]
    assert not upload.exists()


def test_pasted_lines_may_be_smiles_inchi_or_names(handlers: ListHandlers) -> None:
    text = "CCO ethanol\ncaffeine\n\nInChI=1S/CH4/h1H4\nno such thing\nc1ccccc1"
    page = Page().follow(handlers.paste(event(text=text), REQUEST))
    assert [row["smiles"] for row in page.rows.values()] == [
        "CCO", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "C", "c1ccccc1",
    ]  # fmt: skip
    assert page.state["problems"][0].startswith("Line 5 ('such thing')")


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "nothing to read"), ("what is this", "No molecule"), ("CCO>>CC=O", "only reactions")],
)
def test_text_without_a_molecule_is_told(handlers: ListHandlers, text: str, told: str) -> None:
    (value,) = handlers.paste(event(text=text), REQUEST)
    assert told in value["problem"]


def test_a_molecule_that_takes_too_long_costs_only_its_own_row(
    handlers: ListHandlers, chemistry: InProcessChemistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = chemistry.call

    def slow_for_nitrogen(task: str, **payload: object) -> dict[str, object]:
        if task == "rows" and any("N" in smiles for smiles in payload["smiles"]):
            raise ChemistryTimeoutError("took more than 4 s")
        return call(task, **payload)

    monkeypatch.setattr(chemistry, "call", slow_for_nitrogen)
    page = Page().follow(handlers.paste(event(text="CCO\nCCN\nCCC"), REQUEST))
    assert "problem" not in page.rows[0]
    assert page.rows[1]["problem"] == "took more than 4 s"
    assert page.rows[2]["facts"][0] == "C3H8"


def test_one_question_is_asked_of_each_molecule_alone(
    handlers: ListHandlers, upload: Path, fake: FakeAssistant
) -> None:
    page = opened(handlers, upload)
    asking = handlers.ask_rows(event(text=" Is it an ester? ", rows=[0, 2], **{"from": 1}), REQUEST)
    page.follow(asking)
    assert page.state["asked"] == {
        "number": 0, "text": "Is it an ester?", "done": 2, "total": 2, "running": False,
    }  # fmt: skip
    assert sorted(len(talk.molecules) for talk in fake.asked) == [1, 1]
    assert {talk.molecules[0].molecule.name for talk in fake.asked} == {"aspirin", "nitrobenzene"}
    assert page.rows[0]["text"] == TEXT
    assert page.rows[0]["checked"] == "3 of 4 checked, 1 wrong"
    assert 'class="mark"' in page.rows[0]["html"]
    assert "text" not in page.rows[1]


class Slow(FakeAssistant):
    """Counts how many answers are written at once, and waits for permission to end."""

    def __init__(self) -> None:
        super().__init__(delay=0)
        self.gate = threading.Semaphore(0)
        self.at_once = self.most = 0

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            while not self.gate.acquire(timeout=0.01):
                if options.stop.is_set():
                    break
            yield from super().reply(conversation, options=options)
        finally:
            with self.lock:
                self.at_once -= 1


def wait_until(holds: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_rows_that_an_sdf_cannot_hold_are_named_when_it_is_saved(handlers: ListHandlers) -> None:
    table = ListTable("mine.csv", [("CCO", "a"), ("CCN", "b"), ("CCC", "c")])
    handlers.lists.get(TAB).open(table)
    value = handlers.save(event(format="sdf", rows=[2, 1]), REQUEST)
    assert (value["file"], value["told"][:24]) == (None, "2 rows are not in the SD")
    found = handlers._chemistry.call("rows", smiles=["CCN"], width=99, height=66)["rows"][0]
    table.set_facts(1, found)
    value = handlers.save(event(format="sdf", rows=[2, 1]), REQUEST)
    assert value["file"]
    assert value["told"].startswith("1 row is not in the SDF, as nothing is computed of them: 3.")
    assert handlers.save(event(format="csv"), REQUEST)["told"] == ""


def test_a_row_without_an_answer_is_saved_as_one(handlers: ListHandlers) -> None:
    table = ListTable("mine.csv", [("CCO", "a")])
    table.set_answer(table.ask("Why?", [0]), 0, Answer(problem="The queue is full."))
    (row,) = csv.DictReader(io.StringIO(to_csv(table, [0])))
    assert (row["Why?"], row["checks"]) == ("The queue is full.", "no answer")


def test_asking_is_cancelled_and_goes_on_with_the_rest(
    handlers: ListHandlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow()
    monkeypatch.setattr(handlers, "_handle", AssistantHandle.ready(slow))
    page = Page().follow(
        handlers.paste(event(text="\n".join("C" * n for n in range(1, 11))), REQUEST)
    )
    table = handlers.lists.get(TAB).shown
    asking = handlers.ask_rows(event(text="Why?"), REQUEST)
    page.take(next(asking))
    slow.gate.release(3)
    wait_until(lambda: len(table.questions[0].answers) == 3)
    assert 1 < slow.most <= 4
    (refused,) = handlers.ask_rows(event(text="Another?"), REQUEST)
    assert "Cancel it first" in refused["problem"]
    handlers.cancel(REQUEST)
    page.follow(asking)
    assert (page.state["asked"]["done"], page.state["asked"]["running"]) == (3, False)
    n_asked = len(slow.asked)
    slow.gate.release(7)
    page.follow(handlers.ask_rows(event(text="Why?"), REQUEST))
    assert page.state["asked"]["done"] == 10
    assert len(slow.asked) == n_asked + 7


def test_a_full_queue_is_waited_for_and_failures_are_told_in_their_row(
    handlers: ListHandlers, fake: FakeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.list_jobs.WAIT_SECONDS", 0.01)
    page = Page().follow(handlers.paste(event(text="CCO\nCCN"), REQUEST))
    reply, refused = fake.reply, []

    def full_at_first(conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        if len(refused) < 3:
            refused.append(1)
            raise QueueFullError("too many")
        if "N" in conversation.molecules[0].molecule.smiles:
            raise RuntimeError("secret detail")
        return reply(conversation, options=options)

    monkeypatch.setattr(fake, "reply", full_at_first)
    page.follow(handlers.ask_rows(event(text="Why?"), REQUEST))
    assert len(refused) == 3
    assert page.rows[0]["text"] == TEXT
    assert page.rows[1]["failed"]
    assert "secret" not in page.rows[1]["html"]
    monkeypatch.setattr(fake, "reply", reply)
    page.follow(handlers.ask_rows(event(text="Why?"), REQUEST))  # what failed is tried again
    assert page.rows[1]["text"] == TEXT


def test_a_page_that_missed_something_catches_up(handlers: ListHandlers, upload: Path) -> None:
    opened(handlers, upload)
    page = Page()
    page.take(handlers.catch(event(), REQUEST))
    assert len(page.rows) == 3
    assert handlers.catch(event(**{"from": "x"}), REQUEST)["start"] == 0
    assert handlers.catch(event(**{"from": 4}), REQUEST)["start"] == 4


def test_the_end_is_told_with_or_after_the_last_facts(
    handlers: ListHandlers, upload: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(handlers, upload)
    table = handlers.lists.get(TAB).shown
    table.rows[-1].facts, news = None, table.news

    def news_before_the_last_facts(start: int, most: int) -> tuple[list, int]:
        found = news(start, most)
        table.rows[-1].facts = {}  # they come right after what is new was read
        return found

    monkeypatch.setattr(table, "news", news_before_the_last_facts)
    assert handlers.catch(event(), REQUEST)["state"]["facts"] == len(table.rows) - 1


def test_the_list_before_can_be_brought_back(handlers: ListHandlers) -> None:
    page = Page().follow(handlers.paste(event(text="CCO"), REQUEST))
    page.follow(handlers.paste(event(text="CCN\nCCC"), REQUEST))
    assert page.state["total"] == 2
    assert page.follow(handlers.back(REQUEST)).rows[0]["smiles"] == "CCO"
    assert page.follow(handlers.back(REQUEST)).rows[0]["smiles"] == "CCN"


def test_without_a_list_everything_says_so(handlers: ListHandlers) -> None:
    values = [
        handlers.catch(event(), REQUEST),
        handlers.cancel(REQUEST),
        handlers.save(event(format="csv"), REQUEST),
        *handlers.ask_rows(event(text="Why?"), REQUEST),
    ]
    assert all("no longer there" in value["problem"] for value in values)
    assert "no list before" in next(handlers.back(REQUEST))["problem"]


def test_csv_holds_facts_answers_and_corrections_in_the_order_of_the_page(
    handlers: ListHandlers, upload: Path
) -> None:
    page = opened(handlers, upload)
    page.follow(handlers.ask_rows(event(text="Is it an ester?", rows=[0]), REQUEST))
    name, text = saved(handlers, format="csv", rows=[2, 0, 0, 99, "x"])
    assert name.endswith("-some.csv")
    assert text.startswith("\ufeff")  # else a spreadsheet takes UTF-8 for something else
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["name"] for row in rows] == ["nitrobenzene", "aspirin"]
    assert [row["number"] for row in rows] == ["3", "1"]
    assert rows[1]["average_mass"] == "180.1590"
    assert rows[1]["Is it an ester?"] == TEXT
    assert rows[1]["computed instead"] == "2 rings: 1 ring"
    assert rows[0]["Is it an ester?"] == ""


def test_no_cell_of_a_csv_is_a_formula() -> None:
    table = ListTable("t", [("C", "=HYPERLINK(1)"), ("CC", "@x"), ("CCC", "-3.5")])
    question = table.ask("+why?", [0])
    with pytest.raises(AssistantError, match="Cancel it first"):
        table.ask("another", [0])
    table.set_answer(question, 0, Answer("-oh"))
    lines = list(csv.reader(io.StringIO(to_csv(table, [0, 1, 2]))))
    assert [line[1] for line in lines[1:]] == ["'=HYPERLINK(1)", "'@x", "-3.5"]
    assert "'+why?" in lines[0]
    assert "'-oh" in lines[1]


def test_sdf_reads_back_with_facts_and_answers(handlers: ListHandlers, upload: Path) -> None:
    page = opened(handlers, upload)
    page.follow(handlers.ask_rows(event(text="Is it an ester?", rows=[0]), REQUEST))
    name, text = saved(handlers, format="sdf", rows=[0, 1])
    assert name.endswith("-some.sdf")
    supplier = Chem.SDMolSupplier()
    supplier.SetData(text)
    first, second = list(supplier)
    assert first.GetProp("ANSWER_1").startswith("This is aspirin")
    assert first.GetProp("COMPUTED_INSTEAD_1") == "2 rings: 1 ring"
    assert float(second.GetProp("AVERAGE_MASS")) == pytest.approx(45.085, abs=1e-3)
    assert not second.HasProp("ANSWER_1")


def test_tabs_do_not_share_lists_and_old_ones_are_let_go() -> None:
    store = ListStore(limit=2)
    tables = [ListTable(str(n), [("C", "")]) for n in range(3)]
    for n, table in enumerate(tables):
        store.get(("v", str(n))).open(table)
    assert len(store) == 2
    assert [table.closed.is_set() for table in tables] == [True, False, False]
    assert store.get(("v", "0")).shown is None
    assert [table.closed.is_set() for table in tables] == [True, True, False]


def test_a_tab_that_is_loaded_again_has_its_list_and_nobody_elses() -> None:
    store = ListStore(limit=3)
    table = ListTable("mine", [("C", "")])
    store.get(("v", "1")).open(table)
    store.drop(("v", "1"))
    assert table.stop_asking.is_set()
    assert store.adopt(("other visitor", "2"), table.key).shown is None
    assert store.adopt(("v", "2"), "another table").shown is None
    assert store.adopt(("v", "2"), table.key).shown is table
    store.drop(("v", "1"))  # told twice, or late
    assert store.adopt(("v", "2"), "").shown is table
    store.get(("v", "3"))
    store.get(("v", "4"))
    store.get(("v", "5"))
    assert table.closed.is_set()


def test_a_list_that_two_tabs_share_stays_with_the_one_whose_network_was_gone() -> None:
    store = ListStore()
    table = ListTable("mine", [("C", "")])
    store.get(("v", "1")).open(table)
    store.adopt(("v", "copy"), table.key)
    store.drop(("v", "copy"))
    assert not table.stop_asking.is_set()  # the first tab still shows it
    assert store.get(("v", "copy")).shown is table
    store.drop(("v", "1"))
    assert not table.stop_asking.is_set()  # the copy came back
    store.drop(("v", "copy"))
    assert table.stop_asking.is_set()
    assert store.get(("v", "1")).shown is table


@pytest.mark.slow
def test_a_thousand_molecules_in_the_killable_workers(tmp_path: Path, fake: FakeAssistant) -> None:
    from assistant.chem.sandbox import ChemPool

    chain = "\n".join(
        f"{'C' * (n % 40 + 1)}(=O)N{'C' * (n // 40)}c1ccccc1 m{n}" for n in range(1000)
    )
    with ChemPool(2) as chemistry:
        handlers = ListHandlers(make_services(chemistry, fake))
        page = Page().follow(handlers.paste(event(text=chain), REQUEST))
        assert len(page.rows) == page.state["facts"] == 1000
        assert all(row.get("facts") for row in page.rows.values())
        page.follow(
            handlers.ask_rows(event(text="Is it an amide?", **{"from": page.seen}), REQUEST)
        )
        assert page.state["asked"]["done"] == 1000
        _, text = saved(handlers, format="sdf")
        assert text.count("$$$$") == 1000
