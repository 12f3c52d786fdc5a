"""What can fail, in a headless browser: each has its sentence and its way on."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.errors import BundleError, InvalidMoleculeError, PromptTooLongError
from assistant.llm.queue import FairQueue
from assistant.llm.requests import memory_is_full
from tests.ui.browser import (
    BELOW,
    BOX,
    GRADIO_WARNINGS,
    QUESTION,
    READY_MS,
    SETTLE_MS,
    ask,
    enter,
    free_port,
    wait_below,
)
from tests.ui.fakes import FakeAssistant, InProcessChemistry, QueuedAssistant
from tests.ui.served import served
from ui.handle import AssistantHandle

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

FAILED = ".answer.failed"
SDF = Path(__file__).parent / "data" / "one_bad_record.sdf"
CONTEXT_FULL = (
    "The question with its molecules takes 2,100 tokens; the model reads 2,048, and 64 are kept for"
    " the answer. Shorten the question or attach fewer molecules."
)


def open_page(page: "Page", address: str) -> None:
    page.set_default_timeout(SETTLE_MS)
    page.goto(address)
    page.wait_for_selector(".welcome", timeout=READY_MS)


def text_comes(page: "Page", selector: str, words: str) -> None:
    page.wait_for_function(
        "([s, w]) => document.querySelector(s)?.innerText.includes(w)", arg=[selector, words]
    )


def test_a_model_that_loads_leaves_drawing_and_facts_and_answers_when_it_is_there(
    page: "Page", chemistry: InProcessChemistry
) -> None:
    loaded = threading.Event()

    def load() -> FakeAssistant:
        assert loaded.wait(60)
        return FakeAssistant()

    handle = AssistantHandle(load, what="checkpoints/default")
    handle.start()
    with served(handle, chemistry) as address:
        open_page(page, address)
        assert "loading checkpoints/default" in page.inner_text("#header")
        assert "facts and drawing work already" in page.inner_text("#header")
        enter(page, "aspirin")
        wait_below(page, "180.16 g/mol")
        ask(page, "What is it?")
        text_comes(page, ".answer.live .status", "answered as soon as it is ready")
        loaded.set()
        page.wait_for_selector(".checked")
        text_comes(page, "#header", "fake-model")


def test_a_model_that_cannot_be_loaded_says_why_and_leaves_the_facts(
    page: "Page", chemistry: InProcessChemistry
) -> None:
    def load() -> FakeAssistant:
        raise BundleError("The bundle has no encoder. Run the training, or choose another bundle.")

    handle = AssistantHandle(load)
    handle.start()
    with served(handle, chemistry) as address:
        open_page(page, address)
        text_comes(page, "#header", "the model could not be loaded: The bundle has no encoder")
        enter(page, "aspirin")
        wait_below(page, "180.16 g/mol")
        ask(page, "What is it?")
        page.wait_for_selector(FAILED)
        assert "choose another bundle" in page.inner_text(FAILED)


def test_a_busy_model_gives_the_place_in_line_and_a_full_one_when_to_come_back(
    page: "Page", chemistry: InProcessChemistry
) -> None:
    queue = FairQueue(max_waiting=1)
    fake = QueuedAssistant(queue=queue)
    others = [queue.enter("another visitor")]
    assert queue.try_start(others[0], 1.0)
    with served(AssistantHandle.ready(fake), chemistry) as address:
        open_page(page, address)
        ask(page, "What is it?")
        text_comes(page, ".answer.live .status", "waiting: you are next in the queue")
        enter(page, "aspirin")  # what is computed does not wait
        wait_below(page, "180.16 g/mol")
        page.keyboard.press("Escape")
        page.wait_for_selector(".answer.stopped")
        others.append(queue.enter("a third visitor"))
        page.click(".answer.stopped .retry")
        page.wait_for_selector(FAILED)
        assert "questions are waiting for the model already" in page.inner_text(FAILED)
        assert "ask again in about" in page.inner_text(FAILED)
        for ticket in others:
            queue.leave(ticket)
        page.click(f"{FAILED} .retry")
        page.wait_for_selector(".checked")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PromptTooLongError(CONTEXT_FULL), "the model reads 2,048"),
        (
            memory_is_full(1900),
            "The memory is full at 1900 tokens",
        ),
    ],
    ids=["context full", "out of memory"],
)
def test_what_does_not_fit_can_be_asked_in_a_new_chat(
    chat: "Page", fake: FakeAssistant, error: PromptTooLongError, sentence: str
) -> None:
    enter(chat, "aspirin")
    wait_below(chat, "aspirin")
    ask(chat, "What is it made of?")
    chat.wait_for_selector(".checked")
    fake.error = error
    ask(chat, "And what of it dissolves?")
    chat.wait_for_selector(FAILED)
    assert sentence in chat.inner_text(FAILED)
    fake.error = None
    chat.click(f"{FAILED} .anew")
    chat.wait_for_selector(".welcome")
    assert chat.input_value(QUESTION) == "And what of it dissolves?"
    chat.wait_for_selector(".chip.on")
    chat.press(QUESTION, "Enter")
    chat.wait_for_selector(".checked")
    assert [m.molecule.smiles for m in fake.asked[-1].molecules] == ["CC(=O)Oc1ccccc1C(=O)O"]
    assert chat.locator("#chats .entry").count() == 2


def test_memory_that_runs_out_in_the_middle_keeps_the_words(
    chat: "Page", fake: FakeAssistant
) -> None:
    fake.error, fake.fail_after = (
        memory_is_full(1900),
        4,
    )
    ask(chat, "What is it?")
    chat.wait_for_selector(".answer .stopped")
    assert chat.inner_text(".prose-answer").startswith("This is aspirin.")
    assert "The memory is full at 1900 tokens" in chat.inner_text("#composer .notice")
    fake.error = fake.fail_after = None
    chat.click(".answer .retry")
    chat.wait_for_selector(".answer .variants .count:text-is('2/2')")


def test_a_molecule_without_a_3d_shape_says_why_and_the_next_one_is_drawn(
    page: "Page", chemistry: InProcessChemistry
) -> None:
    chemistry.broken["conformer"] = InvalidMoleculeError(
        "No 3D shape was found for this molecule; its rings or stereocentres may be too strained."
    )
    with served(AssistantHandle.ready(FakeAssistant()), chemistry) as address:
        open_page(page, address)
        page.click("#tab-shape")
        text_comes(page, ".viewer3d-note", "Draw or enter a molecule")
        enter(page, "C1CC1")
        text_comes(page, ".viewer3d-note", "its rings or stereocentres may be too strained")
        text_comes(page, ".viewer3d-note", "The facts and the 2D drawing are not affected")
        chemistry.broken.clear()
        enter(page, "CCO")
        page.wait_for_function(
            "!document.querySelector('.viewer3d-note').textContent.includes('strained')"
        )


def test_a_file_that_is_half_good_gives_its_good_half_and_names_the_rest(chat: "Page") -> None:
    chat.set_input_files("#composer input[type=file]", str(SDF))
    chat.wait_for_selector(".chip >> nth=1")
    notice = chat.inner_text("#composer .notice")
    assert notice.startswith("2 read.")
    assert "record 2" in notice.lower()
    chat.click("#tab-list")
    chat.set_input_files("#list input[type=file]", str(SDF))
    chat.wait_for_selector(".list-line >> nth=1")
    chat.click(".list-problems summary")
    assert "record 2" in chat.inner_text(".list-problems").lower()


@pytest.fixture
def child(root: Path, tmp_path: Path) -> "Iterator[Child]":
    child = Child(root, tmp_path)
    yield child
    child.kill()


class Child:
    """The page in a process of its own, that can be killed and started again."""

    def __init__(self, root: Path, directory: Path) -> None:
        self.port = free_port()
        self._root, self._directory = root, directory
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.ui.served", str(self._directory), str(self.port)]
        self.process = subprocess.Popen(command, cwd=self._root, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_a_killed_server_is_told_at_once_and_all_is_back_after_it(
    page: "Page", child: Child
) -> None:
    open_page(page, child.address)
    enter(page, "aspirin")
    wait_below(page, "aspirin")
    ask(page, "What is it?")
    page.wait_for_selector(".checked", timeout=READY_MS)
    page.fill(QUESTION, "And its rings?")
    child.kill()  # nothing is clicked: an idle page notices
    page.wait_for_selector(".connection:has-text('reconnecting')")
    assert page.get_attribute(".connection", "role") == "alert"
    page.press(QUESTION, "Enter")
    text_comes(page, "#composer .notice", "no connection to the assistant")
    page.wait_for_timeout(2500)
    assert page.locator(".toast-wrap:visible").count() == 0  # said once, not twice
    child.start()
    page.wait_for_selector(".connection", state="hidden", timeout=READY_MS)
    page.wait_for_selector(".checked", timeout=READY_MS)
    assert page.inner_text(".words") == "What is it?"
    assert page.input_value(QUESTION) == "And its rings?"
    wait_below(page, "aspirin")
    page.press(QUESTION, "Enter")
    page.wait_for_selector(".turn >> nth=1 >> .checked", timeout=READY_MS)


def test_a_lost_network_comes_back_with_the_molecule_the_list_and_the_running_answer(
    chat: "Page", fake: FakeAssistant
) -> None:
    chat.click("#tab-list")
    chat.fill("#list-paste", "CCO ethanol\nCCN ethylamine")
    chat.click("#list [data-act=make]")
    chat.wait_for_selector(".list-line >> nth=1")
    chat.click("#tab-draw")
    enter(chat, "c1ccccc1O")
    wait_below(chat, "phenol")
    fake.delay = 0.25
    ask(chat, "Take your time")
    chat.wait_for_selector(".answer.live .tail:not(:empty)")
    chat.context.set_offline(True)
    chat.wait_for_selector(".connection:has-text('reconnecting')")
    chat.context.set_offline(False)
    chat.wait_for_selector(".connection", state="hidden", timeout=READY_MS)
    chat.wait_for_selector(".checked", timeout=READY_MS)
    assert len(fake.asked) == 1
    wait_below(chat, "phenol")
    chat.click("#tab-list")
    chat.wait_for_selector(".list-line >> nth=1")
    assert "ethylamine" in chat.inner_text(".list-body")
    chat.reload()
    chat.wait_for_selector(".list-line >> nth=1")  # it is the tab that was open


def test_a_molecule_that_was_not_asked_about_survives_a_reload(chat: "Page") -> None:
    enter(chat, "C[C@H](N)C(=O)O")
    wait_below(chat, "1 of 1 stereocentre set")
    chat.reload()
    chat.wait_for_selector(".welcome")
    wait_below(chat, "1 of 1 stereocentre set")
    assert chat.input_value(BOX) == "C[C@H](N)C(=O)O"
    chat.wait_for_selector(".chip.pending.on")
    chat.fill(BOX, "")
    chat.press(BOX, "Enter")
    chat.wait_for_function("!document.querySelector('.chip')")
    chat.reload()
    chat.wait_for_selector(".welcome")
    chat.wait_for_timeout(500)
    assert chat.inner_text(BELOW) == ""


def test_too_many_requests_are_told_and_the_words_stay(chat: "Page") -> None:
    chat.route("**/queue/join*", lambda route: route.fulfill(status=429, body="Too many requests"))
    ask(chat, "What is it?")
    text_comes(chat, "#composer .notice", "Too many requests")
    assert chat.input_value(QUESTION) == "What is it?"
    chat.unroute("**/queue/join*")
    chat.press(QUESTION, "Enter")
    chat.wait_for_selector(".checked")
