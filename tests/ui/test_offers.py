"""The page asks in place whether many molecules are a list: keyboard, focus, nothing lost."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.browser import GRADIO_WARNINGS, QUESTION, workbench
from tests.ui.fakes import FakeAssistant
from tests.ui.scripted import Scripts
from tests.ui.test_doors import drop, paste

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, GRADIO_WARNINGS]

TEXT = "\n".join(f"{'C' * n}O m{n}" for n in range(1, 13))
OFFER = {"name": "mine.csv", "total": 40, "unreadable": 2, "room": 40}
KEEP = "() => moleculeChat.offers.keep({ file: new File(['x'], 'mine.csv') })"


@pytest.fixture
def scripts(page: "Page") -> Scripts:
    scripts = Scripts(page, "bench", "composer", "list")
    page.evaluate(
        """() => {
          const { composer, list } = moleculeChat.parts;
          composer.upload = list.upload = async () => ({ path: '/up/x' });
        }"""
    )
    return scripts


def offered(scripts: Scripts, **more: object) -> str:
    sent = scripts.page.evaluate(KEEP)
    scripts.give("composer", offer=OFFER | {"id": sent} | more)
    return sent


def test_the_default_is_a_list_and_enter_opens_it(scripts: Scripts) -> None:
    page = scripts.page
    page.fill(QUESTION, "my words")
    offered(scripts)
    said = "40 molecules in mine.csv (2 rows could not be read)."
    assert page.inner_text(".offer p") == said
    assert page.evaluate("document.activeElement.textContent") == "Open them as a list"
    scripts.give("composer", chips="")  # other news of the box
    page.keyboard.press("Enter")
    page.wait_for_function("sent.some(([kind, name]) => kind === 'list' && name === 'file')")
    assert scripts.sent("list", "file") == [{"path": "/up/x", "name": "mine.csv"}]
    assert page.get_attribute("html", "data-tab") == "list"
    assert page.locator(".offer").count() == 0
    assert page.input_value(QUESTION) == "my words"
    assert page.evaluate("document.activeElement.id") == "tab-list"


def test_the_next_button_adds_all_to_the_chat(scripts: Scripts) -> None:
    page = scripts.page
    offered(scripts)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "add all to the chat"
    page.keyboard.press("Enter")
    page.wait_for_function("sent.some(([kind, name]) => kind === 'composer' && name === 'file')")
    assert scripts.sent("composer", "file") == [{"path": "/up/x", "name": "mine.csv", "all": True}]
    page.wait_for_function("document.activeElement.matches('#composer textarea')")
    offered(scripts, total=60)
    assert page.locator(".offer .tool >> nth=0").inner_text() == "add the first 40 to the chat"


def test_escape_leaves_them_out_and_says_so(scripts: Scripts) -> None:
    offered(scripts)
    scripts.page.keyboard.press("Escape")
    assert scripts.page.locator(".offer").count() == 0
    assert "“mine.csv” was left out" in scripts.page.inner_text("#composer .notice")


def test_of_two_files_both_are_asked_though_the_first_answer_came_late(scripts: Scripts) -> None:
    page = scripts.page
    first, second = page.evaluate(KEEP), page.evaluate(KEEP)
    scripts.give("composer", offer=OFFER | {"id": second, "name": "two.csv"}, rev=20)
    scripts.give("composer", offer=OFFER | {"id": first, "name": "<b>one</b>.csv"}, rev=19)
    scripts.give("composer", offer=OFFER | {"id": first, "name": "<b>one</b>.csv"}, rev=19)
    assert page.locator(".offer").count() == 2
    assert "<b>one</b>.csv" in page.inner_text(".offer >> nth=1")
    assert page.evaluate("document.activeElement.closest('.offer').textContent").count("two.csv")


def test_many_lines_pasted_outside_of_the_question_are_asked_and_else_go_to_the_molecule_box(
    scripts: Scripts,
) -> None:
    page = scripts.page
    page.evaluate("document.activeElement.blur()")
    paste(page, TEXT)
    (asked,) = scripts.sent("composer", "pasted")
    assert asked["box"]
    assert scripts.sent("bench", "typed") == []
    scripts.give("composer", declined=asked["id"])
    assert scripts.sent("bench", "typed")[0]["text"] == TEXT
    paste(page, "CCO\nCCN")
    assert scripts.sent("bench", "typed")[-1]["text"] == "CCO\nCCN"


@pytest.mark.usefixtures("without_sketcher")
def test_a_long_file_dropped_on_the_chat_opens_as_a_list_with_its_own_columns(
    chat: "Page", tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    lines = [f"m{n},{'C' * (n % 38 + 1)}O,{n / 10}" for n in range(40)]
    path.write_text("name,smiles,pIC50\n" + "\n".join(lines), encoding="utf-8")
    drop(chat, path, "#transcript")
    chat.wait_for_selector(".offer:has-text('40 molecules in mine.csv')")
    assert chat.locator(".chip").count() == 0
    chat.keyboard.press("Enter")
    chat.wait_for_selector(".list-count:has-text('40 molecules · 2 duplicates')")
    assert chat.inner_text(".list-head .own .title") == "pIC50"
    chat.fill(".list-filter", "pIC50 > 3.5")
    chat.wait_for_selector(".list-count:has-text('4 of 40')")


@pytest.mark.usefixtures("without_sketcher")
def test_a_long_text_pasted_into_the_question_is_taken_in_or_becomes_a_list(
    chat: "Page", fake: FakeAssistant
) -> None:
    chat.focus(QUESTION)
    paste(chat, TEXT)
    chat.click(".offer .tool >> nth=0")
    chat.wait_for_selector(".chip >> nth=11")
    chat.wait_for_function("q => document.querySelector(q).value === ''", arg=QUESTION)
    paste(chat, TEXT)
    chat.click(".offer .send")
    with workbench(chat):
        chat.wait_for_selector(".list-count:has-text('12 molecules')")
    assert chat.input_value(QUESTION) == ""
    assert not fake.asked
