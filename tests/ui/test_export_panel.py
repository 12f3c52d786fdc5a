"""Export and import on the page: handlers with a stand-in for Gradio, and journeys in a browser."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import gradio as gr
import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.errors import ChemistryTimeoutError
from assistant.export.exchange import read_json, to_json
from tests.export.sample import conversation, sample
from tests.ui.browser import (
    EVERY_LOOK,
    GRADIO_WARNINGS,
    QUESTION,
    ask,
    enter,
    wait_below,
    workbench,
)
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.services import make_services
from ui.events import SKIP, Services, key_of
from ui.export_panel import FORMATS, ExportHandlers, put_back
from ui.session import Session

if TYPE_CHECKING:
    from playwright.sync_api import Page

REQUEST = SimpleNamespace(session_hash="a", headers={})


def event(**data: object) -> SimpleNamespace:
    return SimpleNamespace(_data=data)


@pytest.fixture
def services(chemistry: InProcessChemistry) -> Services:
    return make_services(chemistry, FakeAssistant(delay=0))


@pytest.fixture
def panel(services: Services) -> ExportHandlers:
    return ExportHandlers(services)


@pytest.fixture
def session(services: Services) -> Session:
    return services.store.get(*key_of(REQUEST))


def show(session: Session, services: Services) -> None:
    """Puts the sample onto the page."""
    put_back(session, read_json(to_json(sample())), services.runs.history)


def without_model(talk: Conversation) -> Conversation:
    """As it is after an import: token ids of a file are not trusted."""
    return replace(talk, messages=tuple(replace(m, model="") for m in talk.messages))


def content(value: dict) -> bytes:
    return base64.b64decode(value["file"]["base64"])


@pytest.mark.parametrize("extension", [one.extension for one in FORMATS])
def test_every_format_is_written_and_named(
    panel: ExportHandlers, session: Session, services: Services, extension: str
) -> None:
    show(session, services)
    value, composer = panel.save(event(format=extension), REQUEST)
    assert value["file"]["name"].endswith(f"-aspirin.{extension}")
    assert len(content(value)) > 500
    assert composer is SKIP


def test_what_cannot_be_exported_is_told(
    panel: ExportHandlers, session: Session, services: Services, chemistry: InProcessChemistry
) -> None:
    value, composer = panel.save(event(format="pdf"), REQUEST)
    assert value["file"] is None
    assert "nothing to export yet" in composer["notice"]["text"]
    _, composer = panel.save(event(format="exe"), REQUEST)
    assert "no format 'exe'" in composer["notice"]["text"]
    show(session, services)
    chemistry.broken["inspect"] = ChemistryTimeoutError("took too long")
    value, composer = panel.save(event(format="md"), REQUEST)
    assert "Markdown could not be written. took too long" in composer["notice"]["text"]
    chemistry.broken.clear()
    chemistry.broken["draw"] = ChemistryTimeoutError("took too long")  # a structure of an answer
    assert panel.save(event(format="md"), REQUEST)[0]["file"] is not None


def test_a_conversation_that_is_too_big_to_come_back_is_told(
    panel: ExportHandlers,
    session: Session,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    show(session, services)
    monkeypatch.setattr("ui.export_panel.MAX_FILE_BYTES", 2**9)
    value, composer = panel.save(event(format="json"), REQUEST)
    assert value["file"] is not None
    assert "can be imported again" in composer["notice"]["text"]
    assert panel.save(event(format="pdf"), REQUEST)[1] is SKIP


def test_a_passport_is_saved_with_what_was_asked_before(
    panel: ExportHandlers, session: Session, services: Services
) -> None:
    show(session, services)
    value, _ = panel.passport(event(turn=1), REQUEST)
    found = read_json(content(value).decode())
    assert found.is_passport
    assert found.conversation.messages == without_model(conversation()).messages[:2]
    assert "passport-1.json" in value["file"]["name"]
    for turn in (0, 9, "1", None):
        value, composer = panel.passport(event(turn=turn), REQUEST)
        assert value["file"] is None
        assert "has no answer" in composer["notice"]["text"]


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gr.utils, "get_upload_folder", lambda: str(tmp_path))
    return tmp_path / "chat.json"


def test_an_import_comes_back_equal_and_is_in_the_list(
    panel: ExportHandlers, session: Session, services: Services, upload: Path
) -> None:
    upload.write_text(to_json(sample()), encoding="utf-8")
    _, transcript, composer, chats = panel.restore(
        event(path=str(upload), name="chat.json"), REQUEST
    )
    assert session.conversation == without_model(conversation())
    assert len(transcript["turns"]) == 2
    assert "2 questions, 2 molecules" in composer["notice"]["text"]
    assert "What is C[C@H](N)C(=O)O?" in chats["html"]
    assert not upload.exists()
    assert services.runs.history.load(session.visitor, session.stored.id).shown == (
        without_model(conversation())
    )


def test_branches_leave_and_come_back(
    panel: ExportHandlers, session: Session, services: Services, upload: Path
) -> None:
    show(session, services)
    first, answer = session.stored.tree.path[:2]
    place = services.runs.history.begin_answer(session.visitor, session.stored.id, first.id)
    services.runs.history.finish(place, Message("assistant", "Another answer"))
    session.open(session.stored.id)
    session.switch(answer.id)
    value, _ = panel.save(event(format="json"), REQUEST)
    found = read_json(content(value).decode())
    texts = {one.message.text: one for one in found.messages}
    assert texts["Another answer"].parent == texts[answer.message.text].parent == 1
    assert found.conversation == without_model(conversation())
    upload.write_bytes(content(value))
    panel.restore(event(path=str(upload), name="chat.json"), REQUEST)
    assert session.conversation == without_model(conversation())
    assert len(session.stored.tree.variants(session.stored.tree.path[1].id)) == 2


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (b"{}", "no exported conversation"),
        (b"\xff\xfe\x00", "is not text"),
        (b" " * (6 * 2**20), "at most 5 MB"),
        (to_json(sample()).replace("c1ccccc1", "c1ccccc", 1).encode(), "with a mistake"),
        (json.dumps(json.loads(to_json(sample())) | {"run": "x"}).encode(), "run: Extra inputs"),
    ],
)
def test_a_file_that_is_no_conversation_changes_nothing(
    panel: ExportHandlers,
    session: Session,
    services: Services,
    upload: Path,
    written: bytes,
    told: str,
) -> None:
    show(session, services)
    upload.write_bytes(written)
    before = session.conversation
    _, transcript, composer, chats = panel.restore(
        event(path=str(upload), name="chat.json"), REQUEST
    )
    assert transcript is chats is SKIP
    assert told in composer["notice"]["text"]
    assert session.conversation == before
    assert not upload.exists()


def test_a_path_outside_of_the_uploads_is_refused(panel: ExportHandlers, upload: Path) -> None:
    _, _, composer, _ = panel.restore(event(path="/etc/hostname", name="x"), REQUEST)
    assert "did not arrive" in composer["notice"]["text"]


# -- in a browser ---------------------------------------------------------------------------------

browser = [
    pytest.mark.browser,
    GRADIO_WARNINGS,
]


def in_browser(test: object) -> object:
    for mark in browser:
        test = mark(test)
    return test


def saved(chat: "Page", keys: str) -> tuple[str, Path]:
    """What the menu saves, chosen by keys alone."""
    with chat.expect_download() as download:
        chat.focus("#exporter .opener")
        for key in keys.split():
            chat.keyboard.press(key)
    return download.value.suggested_filename, Path(download.value.path())


@EVERY_LOOK
@in_browser
def test_a_chat_leaves_by_keyboard_and_comes_back(chat: "Page") -> None:
    with workbench(chat):
        enter(chat, "aspirin")
        wait_below(chat, "aspirin")
    ask(chat, "What is its formula?")
    chat.wait_for_selector(".checked")
    name, path = saved(chat, "Enter ArrowDown ArrowDown Enter")
    assert name.endswith("-aspirin.json")
    found = read_json(path.read_text(encoding="utf-8"))
    assert [m.role for m in found.conversation.messages] == ["user", "assistant"]
    name, path = saved(chat, "ArrowDown ArrowDown Enter")
    assert name.endswith("-aspirin.pdf")
    assert path.read_bytes().startswith(b"%PDF")
    chat.click("#composer [data-act=fresh]")
    chat.wait_for_selector(".welcome")
    kept = path.with_suffix(".json")
    kept.write_text(to_json(sample()), encoding="utf-8")
    chat.set_input_files("#exporter input[type=file]", str(kept))
    chat.wait_for_selector(".turn >> nth=1")
    assert "Imported: 2 questions" in chat.inner_text("#composer .notice")
    assert chat.locator(".turn .mark").all_inner_texts() == ["✓", "✗", "✓", "?"]
    ask(chat, "And now?")  # an imported chat goes on
    chat.wait_for_selector(".turn >> nth=2")
    chat.wait_for_selector(".turn >> nth=2 >> .checked")


@in_browser
def test_the_menu_is_a_menu(chat: "Page") -> None:
    chat.focus("#exporter .opener")
    assert chat.get_attribute("#exporter .opener", "aria-expanded") == "false"
    chat.keyboard.press("ArrowDown")
    focused = "document.activeElement.innerText"
    assert "Markdown" in chat.evaluate(focused)
    chat.keyboard.press("End")
    assert "Import" in chat.evaluate(focused)
    chat.keyboard.press("n")
    assert "Notebook" in chat.evaluate(focused)
    chat.keyboard.press("Escape")
    assert chat.evaluate("document.activeElement.classList.contains('opener')")
    assert not chat.is_visible("#exporter [role=menu]")
    chat.click("#exporter .opener")
    chat.click(QUESTION)
    assert not chat.is_visible("#exporter [role=menu]")
    chat.click("#exporter .opener")
    chat.click("#exporter [data-format=md]")  # nothing to export yet
    chat.wait_for_selector("#composer .notice:has-text('nothing to export yet')")


@in_browser
def test_a_passport_is_saved_from_its_answer(chat: "Page") -> None:
    ask(chat, "Hello")
    chat.wait_for_selector(".checked")
    chat.click(".passport summary")
    with chat.expect_download() as download:
        chat.click("[data-save-passport]")
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert read_json(text).is_passport
