"""axe-core finds nothing serious in any state of the page: light, dark, and on a phone."""

from typing import TYPE_CHECKING

import pytest

from tests.ui.axe import findings
from tests.ui.browser import BOX, GRADIO_WARNINGS, READY_MS, SETTLE_MS, ask, enter, wait_below
from tests.ui.fakes import FakeAssistant
from tests.ui.test_doors import paste

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

LIST = "CCO ethanol\nCC(=O)O acetic acid\nc1ccccc1 benzene\nfoo(\nOC(=O)c1ccccc1O"


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.slow)])
def tab(
    browser: "Browser", address: str, fake: FakeAssistant, request: pytest.FixtureRequest
) -> "Iterator[Page]":
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, color_scheme=request.param, reduced_motion="reduce"
    )
    fake.delay, fake.error, fake.fail_after = 0.02, None, None
    page = context.new_page()
    page.set_default_timeout(SETTLE_MS)
    page.goto(address)
    page.wait_for_selector(".welcome", timeout=READY_MS)
    page.wait_for_selector("#sketcher [data-state=ready]", timeout=READY_MS)
    is_dark = page.evaluate("document.body.classList.contains('dark')")
    assert is_dark == (request.param == "dark")
    yield page
    context.close()


def nothing_grave(page: "Page", state: str) -> None:
    page.wait_for_timeout(700)  # the sketcher's frame is looked over twice a second
    found = findings(page)
    assert not found, f"{state}:\n" + "\n".join(found)


def converse(page: "Page") -> None:
    enter(page, "aspirin")
    wait_below(page, "aspirin")
    ask(page, "What is its formula?")
    page.wait_for_selector(".checked")


def test_first_visit_molecule_and_help(tab: "Page") -> None:
    nothing_grave(tab, "first visit")
    enter(tab, "aspirin")
    wait_below(tab, "aspirin")
    tab.wait_for_selector(".chip.pending")
    nothing_grave(tab, "molecule")
    tab.click("#tab-facts")
    nothing_grave(tab, "facts")
    tab.click("#tab-shape")
    tab.wait_for_function("document.querySelector('.viewer3d').dataset.state")
    nothing_grave(tab, "3D")


@pytest.mark.parametrize(
    "tab", ["light", pytest.param("dark", marks=pytest.mark.slow)], indirect=True
)
def test_streaming_answered_and_menus(tab: "Page", fake: FakeAssistant) -> None:
    fake.delay = 0.5
    enter(tab, "aspirin")
    wait_below(tab, "aspirin")
    ask(tab, "What is its formula?")
    tab.wait_for_selector(".answer.live .tail:not(:empty)")
    nothing_grave(tab, "streaming")
    tab.keyboard.press("Escape")
    tab.wait_for_selector(".answer .stopped")
    nothing_grave(tab, "stopped")
    fake.delay = 0.01
    tab.click(".action.retry")
    tab.wait_for_selector(".checked")
    tab.click(".passport summary")
    nothing_grave(tab, "answered, with variants and passport")
    tab.click("#exporter .opener")
    nothing_grave(tab, "export")
    tab.keyboard.press("Escape")
    tab.click("#composer [data-act=menu]")
    nothing_grave(tab, "tasks")
    tab.keyboard.press("Escape")
    tab.click(".action.edit")
    nothing_grave(tab, "editing a question")


@pytest.mark.slow
def test_history(tab: "Page") -> None:
    for _ in range(2):
        converse(tab)
        tab.click("#chats .new")
        tab.wait_for_selector(".welcome")
    nothing_grave(tab, "several chats")
    tab.click("#chats .grouped")
    tab.wait_for_selector("#chats .molecule")
    nothing_grave(tab, "by molecule")
    tab.fill("#chats [data-slot=query]", "nowhere to be found")
    tab.wait_for_selector("#chats .empty")
    nothing_grave(tab, "nothing found")
    tab.fill("#chats [data-slot=query]", "formula")
    tab.wait_for_selector("#chats h2:text-is('These words')")
    tab.focus("#chats .entry .open")
    tab.keyboard.press("Delete")
    tab.wait_for_selector(".undo-bar button")
    nothing_grave(tab, "deleted")


def test_list(tab: "Page") -> None:
    tab.click("#tab-list")
    nothing_grave(tab, "empty list")
    tab.fill("#list-paste", LIST)
    tab.click("#list [data-act=make]")
    tab.wait_for_selector(".list-line >> nth=3 >> .list-drawing svg")
    tab.click(".list-problems summary")
    nothing_grave(tab, "rows")
    tab.fill(".list-question", "What is it?")
    tab.click("#list [data-slot=ask]")
    tab.wait_for_selector(".list-line >> nth=3 >> [data-act=answer]")
    nothing_grave(tab, "answered rows")
    tab.click("[data-act=answer] >> nth=0")
    nothing_grave(tab, "an answer of the list")


def test_many_molecules_with_columns_of_their_own(tab: "Page") -> None:
    rows = [f"m{n % 9},{'C' * (n % 9 + 1)}O,{n / 2},{'a long comment ' * 20}" for n in range(10)]
    tab.focus("#composer textarea")
    paste(tab, "name,SMILES,pIC50,comment\n" + "\n".join(rows))
    tab.wait_for_selector(".offer")
    nothing_grave(tab, "an offer")
    tab.click(".offer .send")
    tab.wait_for_selector(".list-line >> nth=3 >> .list-drawing svg")
    tab.fill(".list-filter", "foo < 3")
    tab.wait_for_selector(".list-hint:has-text('foo')")
    tab.click(".list-to-own")
    nothing_grave(tab, "own columns")


@pytest.mark.slow
def test_mistakes(tab: "Page", fake: FakeAssistant) -> None:
    enter(tab, "aspirin")
    wait_below(tab, "aspirin")
    enter(tab, "C1CCC(C")
    tab.wait_for_selector(".caret")
    nothing_grave(tab, "no molecule, the last one still shown")
    fake.error = RuntimeError("not for the page")
    ask(tab, "What is it?")
    tab.wait_for_selector(".answer.failed")
    nothing_grave(tab, "failed")
    fake.error = None
    ask(tab, "What of molecule 7?")
    tab.wait_for_selector("#composer .notice:has-text('no molecule 7')")
    nothing_grave(tab, "notice")
    tab.context.set_offline(True)
    tab.wait_for_selector(".connection:visible")
    nothing_grave(tab, "connection lost")


def test_phone(tab: "Page") -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    nothing_grave(tab, "first visit")
    tab.click("#composer [data-act=sheet]")
    tab.wait_for_selector(BOX, state="visible")
    enter(tab, "aspirin")
    wait_below(tab, "aspirin")
    nothing_grave(tab, "sheet")
    tab.click("#tab-facts")
    nothing_grave(tab, "facts")
    tab.click("[data-act=close-sheet]")
    ask(tab, "What is its formula?")
    tab.wait_for_selector(".checked")
    nothing_grave(tab, "answered")
    tab.click(".chats-button")
    tab.wait_for_selector("#history", state="visible")
    nothing_grave(tab, "conversations")
