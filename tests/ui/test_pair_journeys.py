"""The Pair tab in a headless browser, on the desktop and on a phone, with small made-up heads."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from assistant.chem.sandbox import ChemPool
from tests.pairing.heads import write_bundle
from tests.ui.browser import EVERY_LOOK, GRADIO_WARNINGS, QUESTION, READY_MS, workbench
from tests.ui.fakes import PAIRS_ON, FakeAssistant
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

DYE = "CN(C)c1ccc(C#N)cc1"
NOTICE = "#pair .pair-notice"
VALUE = "#pair .pair-value"
ROWS = "#pair .pair-table tbody tr"


@pytest.fixture(scope="module")
def address(browser_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("bundles") / "own"
    bundle = write_bundle(path, ("absorption", "emission"), ("drug_drug",))
    with ChemPool(2, seconds=20) as chemistry:
        handle = AssistantHandle.ready(FakeAssistant(said=PAIRS_ON))
        reach = Reach("this computer only")
        app = build_app(handle, chemistry=chemistry, reach=reach, bundle=bundle)
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
def pair(chat: "Page") -> "Iterator[Page]":
    chat.set_default_timeout(READY_MS)
    with workbench(chat):
        chat.click("#tab-pair")
        chat.wait_for_selector("#pair .pair-tasks button")
        yield chat


def fill(page: "Page", slot: int, text: str) -> None:
    page.fill(f"#pair .pair-slot[data-place='{slot}'] input", text)
    page.press(f"#pair .pair-slot[data-place='{slot}'] input", "Enter")
    page.wait_for_selector(f"#pair .pair-slot[data-place='{slot}'] .pair-molecule svg")


def names(page: "Page") -> list[str]:
    return page.locator(f"{ROWS} td:first-child").all_inner_texts()


@EVERY_LOOK
def test_from_two_molecules_to_a_table_and_on_to_the_chat(pair: "Page") -> None:
    fill(pair, 0, DYE)
    fill(pair, 1, "ethanol")
    pair.wait_for_selector(VALUE)
    assert "± 12 nm" in pair.inner_text(VALUE)
    assert "not the language model" in pair.inner_text("#pair .pair-answer dl")
    assert "this very pair" in pair.inner_text("#pair .pair-near tbody tr >> nth=0")
    pair.click("#pair [data-slot=run]")
    pair.wait_for_selector(f"{NOTICE}:has-text('All 34')")
    assert pair.locator(ROWS).count() == 34
    assert "± 12" in pair.inner_text(f"{ROWS}:has-text('toluene')")
    water = f"{ROWS}:has-text('water') .pair-warned"
    pair.click(f"{water} summary")
    assert "hardly a test pair" in pair.inner_text(f"{water} p")
    pair.click("#pair .pair-table [data-by=value]")
    assert pair.get_attribute("#pair .pair-table th:nth-child(2)", "aria-sort") == "ascending"
    values = [
        float(text.removeprefix("≈ "))
        for text in pair.locator(f"{ROWS} td:nth-child(2)").all_inner_texts()
    ]
    assert values == sorted(values)
    assert pair.locator("#pair .pair-plot .dot").count() == 34
    assert "absorption maximum (nm)" in pair.text_content("#pair .pair-plot .label")
    shown = names(pair)
    with pair.expect_download() as download:
        pair.click("#pair [data-act=csv]")
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert [row["solvent"] for row in csv.DictReader(io.StringIO(text))] == shown
    pair.click("#pair .pair-table .link >> nth=0")
    pair.wait_for_selector(f"#pair .pair-slot[data-place='1'] .pair-name:has-text('{shown[0]}')")
    pair.click("#pair [data-act=talk]")
    pair.wait_for_selector("#composer .chip.on >> nth=1")
    assert "molecule 1" in pair.input_value(QUESTION)


def test_an_off_task_says_why_and_what_trains_it(pair: "Page") -> None:
    pair.click("#pair .pair-tasks [data-task=solvation]")
    pair.wait_for_selector("#pair .pair-off:has-text('is off')")
    assert "assistant.train.pairs" in pair.inner_text("#pair .pair-off code")
    assert pair.locator("#pair .pair-sweep").is_hidden()


def test_two_drugs_have_one_score_both_ways(pair: "Page") -> None:
    pair.click("#pair .pair-tasks [data-task=drug_drug]")
    pair.wait_for_selector("#pair label:has-text('Drug 2')")
    fill(pair, 0, "aspirin")
    fill(pair, 1, "caffeine")
    pair.wait_for_selector("#pair .good:has-text('equal to the last bit')")
    before = pair.inner_text(f"{VALUE} strong")
    pair.click("#pair [data-act=swap]")
    pair.wait_for_selector("#pair .pair-slot[data-place='0'] .pair-name:has-text('caffeine')")
    assert pair.inner_text(f"{VALUE} strong") == before


def test_a_mistake_is_told_and_a_slot_is_filled_from_the_chat(pair: "Page") -> None:
    pair.fill("#pair-first", "C1CC")
    pair.press("#pair-first", "Enter")
    pair.wait_for_selector(f"{NOTICE}.bad")
    assert pair.get_attribute("#pair-first", "aria-invalid") == "true"
    pair.click("#tab-draw")
    pair.fill("#bench textarea", "aspirin")
    pair.press("#bench textarea", "Enter")
    pair.wait_for_selector("#composer .chip.pending")
    pair.click("#tab-pair")
    pair.click("#pair .pair-slot[data-place='0'] .pair-numbers button")
    pair.wait_for_selector("#pair .pair-slot[data-place='0'] .pair-name:has-text('aspirin')")


def test_a_number_is_marked_as_that_of_the_pair_before_while_a_slot_holds_other_words(
    pair: "Page",
) -> None:
    answer, stale = "#pair .pair-answer", "#pair .pair-stale"
    fill(pair, 0, DYE)
    fill(pair, 1, "water")
    pair.wait_for_selector(f"{answer}:not(.stale) .pair-value")
    assert pair.is_visible("#pair [data-act=talk]")
    pair.fill("#pair-second", "unobtainium")
    pair.wait_for_selector(f"{answer}.stale")
    assert pair.is_hidden(stale)  # not while it is typed
    pair.press("#pair-second", "Enter")
    pair.wait_for_selector(f"{stale}:has-text('“unobtainium” was not read as the solvent')")
    assert pair.is_hidden("#pair [data-act=talk]")
    pair.fill("#pair-second", "octanol")
    pair.press("#pair-second", "Enter")
    pair.wait_for_selector(f"{answer}:not(.stale) .pair-what:has-text('1-octanol')")
    assert pair.is_hidden(stale)
    assert pair.is_visible("#pair [data-act=talk]")


def test_on_a_phone_nothing_is_wider_than_the_screen(pair: "Page") -> None:
    pair.set_viewport_size({"width": 390, "height": 844})
    pair.click("#composer [data-act=sheet]")
    fill(pair, 0, DYE)
    fill(pair, 1, "N.N.Cl[Pt]Cl")
    pair.wait_for_selector("#pair .pair-warning:has-text('Pt')")
    pair.click("#pair [data-slot=run]")
    pair.wait_for_selector(f"{NOTICE}:has-text('All 34')")
    wide = pair.evaluate(
        """() => [...document.querySelectorAll('#pair *')].filter((n) => !n.closest('.pair-scroll')
          && n.getBoundingClientRect().right > innerWidth + 1)
          .map((n) => n.className || n.tagName)"""
    )
    assert wide == []
