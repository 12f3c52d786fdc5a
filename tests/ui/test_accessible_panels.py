"""axe-core finds nothing serious in the panels: ⚖, why, Pair, the key sheet, the copy menu."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from assistant.chem.sandbox import ChemPool
from tests.pairing.heads import write_bundle
from tests.ui.axe import findings
from tests.ui.browser import (
    EVERY_LOOK,
    GRADIO_WARNINGS,
    READY_MS,
    ask,
    enter,
    wait_below,
    workbench,
)
from tests.ui.fakes import Rescoring
from tests.ui.served import served
from tests.ui.side_fakes import TEXTS, SideAssistant
from ui.handle import AssistantHandle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

SIDE = "#sidebyside dialog"
DYE = "CN(C)c1ccc(C#N)cc1"


@dataclass
class PanelAssistant(Rescoring, SideAssistant):
    """Columns that say different things, and scores of given answers."""


@pytest.fixture(scope="module")
def address(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("bundles") / "own"
    bundle = write_bundle(path, ("absorption", "emission"), ("drug_drug",))
    handle = AssistantHandle.ready(PanelAssistant(dict(TEXTS)))
    with ChemPool(2, seconds=20) as chemistry, served(handle, chemistry, bundle=bundle) as url:
        yield url


@pytest.fixture
def page(browser: "Browser", look: dict[str, Any]) -> "Iterator[Page]":
    """A tab in which nothing moves: a contrast is not measured on the way."""
    context = browser.new_context(**look, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def talk(page: "Page", address: str) -> "Page":
    """One question about aspirin, answered."""
    page.set_default_timeout(READY_MS)
    page.goto(address)
    page.wait_for_selector(".welcome")
    with workbench(page):
        enter(page, "aspirin")
        wait_below(page, "aspirin")
    ask(page, "What is it?")
    page.wait_for_selector(".answer:not(.live) .action.compare")
    return page


def nothing_grave(page: "Page", state: str) -> None:
    found = findings(page)
    assert not found, f"{state}:\n" + "\n".join(found)


def fill(page: "Page", slot: int, text: str) -> None:
    page.fill(f"#pair .pair-slot[data-place='{slot}'] input", text)
    page.press(f"#pair .pair-slot[data-place='{slot}'] input", "Enter")
    page.wait_for_selector(f"#pair .pair-slot[data-place='{slot}'] .pair-molecule svg")


@EVERY_LOOK
def test_side_by_side_and_why(talk: "Page") -> None:
    talk.click(".action.compare")
    talk.wait_for_selector(f"{SIDE} [data-slot=csv]:not([disabled])")
    assert talk.locator(f"{SIDE} .heat").count() == 2
    assert talk.locator(f"{SIDE} .side-table tbody tr").count() > 1
    nothing_grave(talk, "columns and claims")
    talk.check(f"{SIDE} [value=molecules]")
    talk.click(f"{SIDE} [data-slot=send]")
    talk.wait_for_selector(f"{SIDE} .side-notice.bad")
    nothing_grave(talk, "a comparison without a second molecule")
    talk.click(f"{SIDE} [data-act=close]")
    talk.click(".action.why")
    talk.wait_for_selector("#why .why-totals")
    talk.wait_for_selector("#why .why-bar", state="detached")
    talk.click("#why .why-atom[data-atom='4']")
    nothing_grave(talk, "why, measured, with an atom chosen")


@EVERY_LOOK
def test_pair_keys_and_copies(talk: "Page") -> None:
    talk.click(".card", button="right")
    talk.wait_for_selector("#copier [role=menu]")
    nothing_grave(talk, "copy menu")
    talk.keyboard.press("Escape")
    if talk.is_visible(".help-button"):  # a phone has no keys
        talk.click(".help-button")
        talk.wait_for_selector(".key-sheet[open]")
        nothing_grave(talk, "key sheet")
        talk.keyboard.press("Escape")
    with workbench(talk):
        pair_states(talk)


def pair_states(talk: "Page") -> None:
    talk.click("#tab-pair")
    talk.wait_for_selector("#pair .pair-tasks button")
    nothing_grave(talk, "pair, empty")
    fill(talk, 0, DYE)
    fill(talk, 1, "ethanol")
    talk.wait_for_selector("#pair .pair-value")
    nothing_grave(talk, "pair, answered")
    talk.click("#pair [data-slot=run]")
    talk.wait_for_selector("#pair .pair-notice:has-text('All 34')")
    nothing_grave(talk, "pair, swept")
    talk.click("#pair .pair-tasks [data-task=solvation]")
    talk.wait_for_selector("#pair .pair-off:has-text('is off')")
    nothing_grave(talk, "pair, a task that is off")
