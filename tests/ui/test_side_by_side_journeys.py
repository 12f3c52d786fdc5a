"""The panel ⚖ in a headless browser: at a desk and on a phone, by mouse and by keys."""

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.chem.sandbox import ChemPool
from tests.ui.browser import (
    EVERY_LOOK,
    GRADIO_WARNINGS,
    QUESTION,
    READY_MS,
    ask,
    enter,
    wait_below,
    workbench,
)
from tests.ui.side_fakes import SideAssistant, make_side
from ui.app import build_app
from ui.handle import AssistantHandle
from ui.page_look import launch_kwargs
from ui.passcode import protection
from ui.reach import Reach

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

PANEL = "#sidebyside dialog"
COLUMN = f"{PANEL} .side-column"
DONE = f"{PANEL} [data-slot=csv]:not([disabled])"
SEND = f"{PANEL} [data-slot=send]"
WIDER = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def side() -> SideAssistant:
    return make_side()


@pytest.fixture(scope="module")
def address(side: SideAssistant, browser_path: str) -> Iterator[str]:
    with ChemPool(2, seconds=20) as chemistry:
        handle, reach = AssistantHandle.ready(side), Reach("this computer only")
        app = build_app(handle, chemistry=chemistry, reach=reach)
        _, url, _ = app.launch(
            server_name="127.0.0.1",
            prevent_thread_lock=True,
            quiet=True,
            app_kwargs={"middleware": protection(None, local_only=True)},
            **launch_kwargs(),
        )
        yield url
        app.close(verbose=False)


@pytest.fixture
def talk(page: "Page", address: str, side: SideAssistant) -> "Page":
    """One question about aspirin, answered."""
    side.held.clear()
    side.odd_spellings = False
    page.set_default_timeout(READY_MS)
    page.goto(address)
    page.wait_for_selector(".welcome", timeout=READY_MS)
    with workbench(page):
        enter(page, "aspirin")
        wait_below(page, "aspirin")
    ask(page, "What is it?")
    page.wait_for_selector(".answer:not(.live) .action.compare")
    return page


def states(page: "Page") -> list[str]:
    nodes = page.locator(COLUMN).all()
    return [str(node.get_attribute("data-state")) for node in nodes]


@EVERY_LOOK
def test_one_click_shows_every_adapter_beside_the_others(talk: "Page", side: SideAssistant) -> None:
    side.held.set()
    talk.click(".action.compare")
    talk.wait_for_selector(f"{COLUMN}[data-state=running] .side-tail:not(:empty) >> nth=4")
    assert talk.is_visible(f"{PANEL} [data-slot=halt]")
    side.held.clear()
    talk.wait_for_selector(DONE)
    assert states(talk) == ["done"] * 5
    assert talk.locator(f"{COLUMN} h3").all_inner_texts() == [
        "base", "+ graph tokens", "+ instance LoRA", "+ experts", "all",
    ]  # fmt: skip
    assert talk.inner_text(f"{COLUMN} >> nth=0 >> .checked").endswith("2 contradicted")
    assert talk.locator(f"{COLUMN} >> nth=0 >> .unequal").count() == 1
    assert "agree 4/5" in talk.inner_text(f"{PANEL} [data-slot=agree]")
    assert "30 tok/s" in talk.inner_text(f"{COLUMN} >> nth=1 >> .side-figures")
    assert talk.locator(f"{COLUMN} .heat").count() == 2
    cells = talk.locator(f"{COLUMN} >> nth=3 >> .heat-scroll >> nth=0 >> td").all_inner_texts()
    assert cells == ["0.30", "0.70", "0.90", "0.10"]
    assert talk.inner_text(f"{PANEL} .side-table tbody tr >> nth=0").startswith("≠ rings")
    assert talk.evaluate(WIDER) <= 0
    talk.hover(f"{COLUMN} .mark >> nth=0")
    talk.wait_for_selector(".tip:not([hidden])")  # over the panel, not behind it
    talk.keyboard.press("Escape")
    talk.wait_for_selector(PANEL, state="hidden")
    assert talk.locator(".turn").count() == 1  # nothing of it is in the conversation


def test_figures_leave_as_csv_and_words_as_markdown(talk: "Page") -> None:
    talk.click(".action.compare")
    talk.wait_for_selector(DONE)
    with talk.expect_download() as download:
        talk.click(DONE)
    assert download.value.suggested_filename == "side-by-side-adapters.csv"
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["contradicted"] for row in rows] == ["2", "0", "0", "0", "0"]
    talk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    talk.click(f"{PANEL} [data-slot=markdown]")
    talk.wait_for_selector(f"{PANEL} [data-slot=markdown].done")
    copied = talk.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("## Adapters side by side")
    assert "| ≠ | rings, molecule 1 |" in copied


def test_stop_ends_all_columns_and_closing_too(talk: "Page", side: SideAssistant) -> None:
    side.held.set()
    talk.click(".action.compare")
    talk.wait_for_selector(f"{COLUMN}[data-state=running] .side-tail:not(:empty) >> nth=4")
    talk.click(f"{PANEL} [data-slot=halt]")
    talk.wait_for_selector(DONE)
    assert talk.locator(f"{COLUMN} .side-status:has-text('stopped here')").count() == 5
    talk.click(SEND)
    talk.wait_for_selector(f"{COLUMN}[data-state=running] .side-tail:not(:empty)")
    talk.click(f"{PANEL} [data-act=close]")
    deadline = time.monotonic() + READY_MS / 1000
    while side._running and time.monotonic() < deadline:
        talk.wait_for_timeout(50)
    assert side._running == 0


def test_an_answer_is_taken_over_as_a_branch(talk: "Page") -> None:
    talk.click(".action.compare")
    talk.wait_for_selector(DONE)
    talk.click(f"{COLUMN} >> nth=0 >> [data-act=use]")
    talk.wait_for_selector(PANEL, state="hidden")
    talk.wait_for_selector(".answer .variants:has-text('2/2')")
    assert "2 rings" in talk.inner_text(".answer .prose-answer")


def test_by_keys_alone_four_spellings(talk: "Page", side: SideAssistant) -> None:
    side.odd_spellings = True
    talk.focus(QUESTION)
    talk.keyboard.press("/")
    talk.wait_for_selector("#composer .menu [role=option]")
    talk.keyboard.press("ArrowUp")  # the last entry
    talk.keyboard.press("Enter")
    talk.wait_for_selector(f"{PANEL}[open]")
    talk.wait_for_function(
        "document.querySelector('#sidebyside [data-slot=question]').value === 'What is it?'"
    )
    assert states(talk) == []  # from the menu it waits for a choice
    talk.keyboard.press("Shift+Tab")
    talk.keyboard.press("ArrowRight")
    talk.keyboard.press("ArrowRight")
    assert talk.evaluate("document.activeElement.value") == "spellings"
    talk.keyboard.press("Enter")
    talk.wait_for_selector(f"{DONE}")
    assert len({*talk.locator(f"{COLUMN} header code").all_inner_texts()}) == 4
    assert talk.inner_text(f"{PANEL} [data-slot=agree]") == "≠ agree 3/4"
    assert talk.locator(f"{COLUMN} .side-agrees.same").count() == 3
    before = talk.locator(f"{COLUMN} header code").all_inner_texts()
    talk.click(f"{SEND}:has-text('other spellings')")
    talk.wait_for_function(
        "before => ![...document.querySelectorAll('.side-column header code')]"
        ".some((node) => before.includes(node.textContent))",
        arg=before[:1],
    )


def test_two_molecules_on_a_phone(talk: "Page") -> None:
    talk.set_viewport_size({"width": 390, "height": 844})
    talk.click(".action.compare")
    talk.wait_for_selector(DONE)
    boxes = [node.bounding_box() for node in talk.locator(COLUMN).all()]
    assert all(box["x"] < 20 and box["width"] > 340 for box in boxes)  # one below the other
    assert [b["y"] for b in boxes] == sorted(b["y"] for b in boxes)
    assert talk.evaluate(WIDER) <= 0
    talk.check(f"{PANEL} [value=molecules]")
    talk.fill(f"{PANEL} [data-slot=otherSecond]", "what?")
    talk.click(SEND)
    talk.wait_for_selector(f"{PANEL} .side-notice.bad")
    talk.fill(f"{PANEL} [data-slot=otherSecond]", "CCO")
    talk.click(SEND)
    talk.wait_for_selector(f"{DONE}")
    talk.wait_for_selector(f"{COLUMN} >> nth=1 >> svg")
    assert talk.locator(COLUMN).count() == 2
    assert talk.inner_text(f"{PANEL} [data-slot=agree]") == ""
