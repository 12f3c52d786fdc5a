"""The List tab in a headless browser, with a fake assistant behind it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.browser import EVERY_LOOK, GRADIO_WARNINGS, READY_MS, wait_below, workbench
from tests.ui.fakes import FakeAssistant

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

CSV = (
    "name,smiles\naspirin,CC(=O)Oc1ccccc1C(=O)O\nbroken,C1CCC\nethanol,CCO\n"
    "<img src=x onerror=document.title='owned'>,CCN\nnitrobenzene,O=[N+]([O-])c1ccccc1\n"
)
NAMES = ".list-line .name strong"
NOTICE = "#list .list-notice"


@pytest.fixture
def table(chat: "Page", tmp_path: Path) -> "Iterator[Page]":
    """A list of four molecules, facts and drawings there."""
    path = tmp_path / "some.csv"
    path.write_text(CSV, encoding="utf-8")
    with workbench(chat):
        chat.click("#tab-list")
        chat.set_input_files("#list input[type=file]", str(path))
        chat.wait_for_selector(".list-line svg >> nth=3")
        yield chat


def names_in_order(chat: "Page") -> list[str]:
    return chat.evaluate(
        """() => [...document.querySelectorAll('.list-line')]
          .sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'))
          .map((line) => line.querySelector('.name strong').textContent)"""
    )


@EVERY_LOOK
def test_a_half_good_file_becomes_a_table_that_sorts_and_filters(table: "Page") -> None:
    assert "1 record could not be read" in table.inner_text(".list-problems summary")
    table.click(".list-problems summary")
    assert "Line 3 ('broken')" in table.inner_text(".list-problems li")
    assert table.title() == "Molecule Chat"  # a name is text
    table.click(".list-head [data-by=mass] button")
    assert names_in_order(table)[0].startswith("<img")
    assert table.get_attribute(".list-head [data-by=mass]", "aria-sort") == "ascending"
    table.keyboard.press("Enter")  # the head is a button: again the other way round
    assert names_in_order(table)[0] == "aspirin"
    table.fill(".list-filter", "mass<130 alerts>0")
    table.wait_for_selector(".list-count:has-text('1 of 4')")
    assert names_in_order(table) == ["nitrobenzene"]
    table.fill(".list-filter", "ester")  # functional groups are searched too
    table.wait_for_selector(f"{NAMES}:text-is('aspirin')")
    assert names_in_order(table) == ["aspirin"]


@EVERY_LOOK
def test_one_question_is_asked_of_the_rows_shown_and_leaves_as_csv(
    table: "Page", fake: FakeAssistant
) -> None:
    table.fill(".list-filter", "mass<130")
    table.wait_for_selector("#list [data-slot=ask]:has-text('Ask of 3')")
    table.fill(".list-question", "Is it an ester?")
    table.press(".list-question", "Enter")
    table.wait_for_selector(f"{NOTICE}:has-text('All 3 answered')")
    assert len(fake.asked) == 3
    assert "3 of 4 checked, 1 wrong" in table.inner_text(".list-checked >> nth=0")
    table.click(".list-line .said button >> nth=0")
    assert table.locator("#list dialog .mark").all_inner_texts() == ["✓", "✗", "✓", "?"]
    table.keyboard.press("Escape")
    with table.expect_download() as download:
        table.click("#list [data-act=csv]")
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3
    assert all(row["Is it an ester?"].startswith("This is aspirin") for row in rows)


def test_asking_is_cancelled_and_goes_on(table: "Page", fake: FakeAssistant) -> None:
    fake.delay = 3.0
    table.fill(".list-question", "Why?")
    table.click("#list [data-slot=ask]")
    table.wait_for_selector("#list [data-slot=progress]:not([hidden])")
    table.click("#list [data-slot=cancel]")
    table.wait_for_selector(f"{NOTICE}:has-text('Stopped: 0 of 4')")
    fake.delay = 0.0
    table.click("#list [data-slot=ask]")
    table.wait_for_selector(f"{NOTICE}:has-text('All 4 answered')")


def test_a_molecule_of_the_list_is_attached_to_the_next_question(table: "Page") -> None:
    table.click(".list-line .list-drawing >> nth=0")
    table.wait_for_selector("#composer .chip.on")
    table.click("#tab-draw")
    wait_below(table, "180.16")


def test_pasted_names_become_a_table_and_the_list_before_comes_back(table: "Page") -> None:
    table.click("#list [data-act=new]")
    table.fill("#list-paste", "caffeine\nnonsense words\nCCO")
    table.press("#list-paste", "Control+Enter")
    table.wait_for_selector(".list-count:has-text('2 molecules')")
    table.click("#list [data-act=new]")
    table.click("#list [data-act=back]")
    table.wait_for_selector(".list-count:has-text('4 molecules')")


def test_a_dropped_file_goes_to_the_list_when_it_is_open(chat: "Page") -> None:
    chat.click("#tab-list")
    chat.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(['CCO a\\nCCN b\\n'], 'two.smi'));
          document.querySelector('#list').dispatchEvent(
            new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))
        }"""
    )
    chat.wait_for_selector(".list-count:has-text('2 molecules')")
    assert chat.inner_text(".list-title") == "two.smi"


def test_what_is_no_list_is_told_and_empty_states_say_what_to_do(chat: "Page") -> None:
    chat.click("#tab-list")
    chat.wait_for_selector(".list-label:has-text('one on each line')")
    chat.click("#list [data-act=make]")
    assert "Paste molecules first" in chat.inner_text(NOTICE)
    chat.fill("#list-paste", "what is this?")
    chat.click("#list [data-act=make]")
    chat.wait_for_selector(f"{NOTICE}.bad:has-text('No molecule')")


def test_many_rows_keep_the_page_small_and_scroll_to_the_end(chat: "Page") -> None:
    chat.click("#tab-list")
    chat.fill("#list-paste", "\n".join(f"{'C' * (n % 30 + 1)}O m{n}" for n in range(120)))
    chat.click("#list [data-act=make]")
    chat.wait_for_selector(".list-count:has-text('120 molecules')")
    assert chat.locator(".list-line").count() < 30
    chat.evaluate("document.querySelector('.list-table').scrollTop = 1e6")
    chat.wait_for_selector(f"{NAMES}:text-is('m119')")
    assert chat.locator(".list-line").count() < 30
    chat.wait_for_selector("#list [data-slot=progress][hidden]", state="attached", timeout=READY_MS)
    chat.wait_for_selector(".list-line[aria-rowindex='121'] svg")
