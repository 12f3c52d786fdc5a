"""Nothing is lost: what a chemist does with earlier conversations, in a headless browser."""

from typing import TYPE_CHECKING

import pytest

from tests.ui.browser import (
    BELOW,
    BOX,
    EVERY_LOOK,
    GRADIO_WARNINGS,
    QUESTION,
    READY_MS,
    ask,
    conversations,
    enter,
    wait_below,
    workbench,
)
from tests.ui.fakes import FakeAssistant

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

ENTRY = "#chats .entry"
FIND = "#chats [data-slot=query]"


def converse(page: "Page", molecule: str, question: str) -> None:
    """A new conversation of one turn."""
    if page.locator(".turn").count():
        with conversations(page):
            page.click("#chats .new")
        page.wait_for_selector(".welcome")
    with workbench(page):
        enter(page, molecule)
        wait_below(page, "g/mol")
    ask(page, question)
    page.wait_for_selector(".checked")


def said(page: "Page", words: str) -> None:
    """Until a screen reader was told."""
    page.wait_for_function(
        "words => document.querySelector('#voice')?.textContent.includes(words)", arg=words
    )


@EVERY_LOOK
def test_a_reload_restores_molecule_answer_and_checks(chat: "Page") -> None:
    converse(chat, "aspirin", "What is its formula?")
    with conversations(chat):
        chat.wait_for_selector(f"{ENTRY} .thumb svg:not(.glyph)")
    assert "#c=" in chat.url
    chat.reload()
    chat.wait_for_selector(".checked")
    assert "3 of 4 claims checked" in chat.inner_text(".checked")
    assert "What is its formula?" in chat.inner_text(".words")
    with workbench(chat):
        wait_below(chat, "aspirin")
    assert chat.input_value(BOX) == "CC(=O)Oc1ccccc1C(=O)O"
    assert chat.locator(".chip.on[data-number='1']").count() == 1
    chat.fill(QUESTION, "And its rings?")
    chat.reload()
    chat.wait_for_selector(".checked")
    assert chat.input_value(QUESTION) == "And its rings?"  # not sent yet, and not lost
    chat.press(QUESTION, "Enter")
    chat.wait_for_selector(".turn >> nth=1 >> .checked")
    assert chat.input_value(QUESTION) == ""
    assert chat.locator(ENTRY).count() == 1


def test_a_reload_while_an_answer_is_written_goes_on_with_it(
    chat: "Page", fake: FakeAssistant
) -> None:
    fake.delay = 0.25
    ask(chat, "Take your time")
    chat.wait_for_selector(".answer.live .tail:not(:empty)")
    chat.reload()
    chat.wait_for_selector(".answer.live")
    assert chat.is_visible("#composer .stop")
    chat.wait_for_selector(".checked")
    assert len(fake.asked) == 1
    assert chat.is_visible("#composer .send:not(.stop)")


def test_an_answer_that_was_running_when_the_tab_closed_is_there_on_return(
    chat: "Page", address: str, fake: FakeAssistant
) -> None:
    fake.delay = 0.1
    ask(chat, "Take your time")
    chat.wait_for_selector(".answer.live .tail:not(:empty)")
    context = chat.context
    chat.close()
    later = context.new_page()
    while fake.finished == 0:
        later.wait_for_timeout(200)
    later.wait_for_timeout(500)  # it is kept by now, and nobody has seen it
    later.goto(address)
    later.wait_for_selector(".checked", timeout=READY_MS)
    assert "Take your time" in later.inner_text(".words")
    assert len(fake.asked) == 1
    assert fake.stopped == 0
    later.wait_for_timeout(500)
    later.goto("about:blank")
    later.goto(address)
    later.wait_for_selector(".welcome", timeout=READY_MS)  # seen now: a new tab is a new chat


@EVERY_LOOK
def test_edited_and_repeated_turns_are_branches_that_can_be_switched(chat: "Page") -> None:
    ask(chat, "First")
    chat.wait_for_selector(".checked")
    ask(chat, "Second")
    chat.wait_for_selector(".turn >> nth=1 >> .checked")
    chat.click(".turn >> nth=0 >> .action.edit")
    chat.fill(".question textarea", "First, better")
    chat.press(".question textarea", "Enter")
    chat.wait_for_selector(".question .variants .count:text-is('2/2')")
    chat.wait_for_selector(".checked")
    assert chat.locator(".turn").count() == 1
    chat.click(".action.retry")
    chat.wait_for_selector(".answer .variants .count:text-is('2/2')")
    chat.click(".previous-question")
    chat.wait_for_selector(".words:text-is('Second')")
    said(chat, "question 1 of 2")
    assert chat.evaluate("document.activeElement.className").endswith("next-question")
    chat.keyboard.press("Enter")
    chat.wait_for_selector(".words:text-is('First, better')")
    chat.wait_for_selector(".answer .variants .count:text-is('2/2')")
    chat.keyboard.press("Alt+ArrowLeft")  # of the turn that has the focus, its answer
    chat.wait_for_selector(".answer .variants .count:text-is('1/2')")
    chat.reload()
    chat.wait_for_selector(".answer .variants .count:text-is('1/2')")
    assert chat.inner_text(".words") == "First, better"


@EVERY_LOOK
def test_conversations_are_searched_by_words_and_by_structure(chat: "Page") -> None:
    converse(chat, "aspirin", "Is it acidic?")
    converse(chat, "CCO", "Does it boil?")
    chat.keyboard.press("Control+k")
    assert chat.evaluate("document.activeElement.matches('#chats input')")
    chat.keyboard.type("c1ccccc1C(=O)O")
    chat.wait_for_selector("#chats h2:text-is('Contains this structure')")
    chat.wait_for_function(  # what was typed half finds other things before
        """([entry, word]) => {
          const found = [...document.querySelectorAll(entry)]
          return found.length === 1 && found[0].innerText.includes(word)
        }""",
        arg=[ENTRY, "acidic"],
    )
    said(chat, "1 found")
    chat.fill(FIND, "ethanol")
    chat.wait_for_selector("#chats h2:text-is('This molecule')")
    chat.fill(FIND, "nowhere to be found")
    chat.wait_for_selector("#chats .empty")
    chat.fill(FIND, "acidic")
    chat.wait_for_selector("#chats h2:text-is('These words')")
    chat.press(FIND, "ArrowDown")
    chat.keyboard.press("Enter")
    chat.wait_for_selector(".words:text-is('Is it acidic?')")
    with workbench(chat):
        wait_below(chat, "aspirin")
    with conversations(chat):
        chat.press(FIND, "Escape")
        chat.wait_for_selector(f"{ENTRY} >> nth=1")


def test_a_conversation_is_renamed_and_deleted_and_the_deletion_taken_back(chat: "Page") -> None:
    converse(chat, "aspirin", "Is it acidic?")
    converse(chat, "CCO", "Does it boil?")
    chat.focus(f"{ENTRY} .open >> nth=1")
    chat.keyboard.press("F2")
    chat.keyboard.type("Acid <b>test</b>")
    chat.keyboard.press("Enter")
    chat.wait_for_selector(f"{ENTRY} .title:text-is('Acid <b>test</b>')")
    chat.focus(f"{ENTRY} .open >> nth=0")
    chat.keyboard.press("Delete")
    chat.wait_for_selector(".undo-bar:has-text('Does it boil?')")
    chat.wait_for_selector(".welcome")  # it was the one shown
    assert chat.locator(ENTRY).count() == 1
    chat.wait_for_function("document.activeElement.matches('.undo-bar button')")
    chat.keyboard.press("Enter")
    chat.wait_for_selector(".words:text-is('Does it boil?')")
    assert chat.locator(ENTRY).count() == 2
    assert not chat.is_visible(".undo-bar")
    chat.reload()
    chat.wait_for_selector(f"{ENTRY} .title:text-is('Acid <b>test</b>')")


def test_a_list_that_comes_in_between_does_not_take_the_way_back_from_the_keyboard(
    chat: "Page",
) -> None:
    converse(chat, "aspirin", "Is it acidic?")
    converse(chat, "CCO", "Does it boil?")
    chat.focus(f"{ENTRY} .open >> nth=1")
    chat.keyboard.press("F2")
    chat.keyboard.type("Acid")
    chat.keyboard.press("Enter")  # the list is on its way, and is there before the one without it
    chat.focus(f"{ENTRY} .open >> nth=0")
    chat.keyboard.press("Delete")
    chat.wait_for_selector(".undo-bar:has-text('Does it boil?')")
    chat.wait_for_function("document.activeElement.matches('.undo-bar button')", timeout=5000)


def test_the_list_folds_and_groups_by_molecule_in_the_dark(chat: "Page") -> None:
    chat.evaluate("document.body.classList.add('dark')")
    converse(chat, "aspirin", "One")
    converse(chat, "aspirin", "Two")
    chat.click("#chats .grouped")
    chat.wait_for_selector("#chats .molecule >> nth=0")
    assert chat.locator("#chats .molecule").count() == 1
    assert chat.locator(ENTRY).count() == 2
    assert chat.get_attribute("#chats .grouped", "aria-pressed") == "true"
    ink, ground = (
        chat.evaluate(
            "([s, p]) => getComputedStyle(document.querySelector(s))[p]", [selector, rule]
        )
        for selector, rule in (("#chats .title", "color"), ("#history", "backgroundColor"))
    )
    assert lightness(ink) - lightness(ground) > 120
    chat.keyboard.press("Control+b")
    chat.wait_for_selector("#history", state="hidden")
    assert chat.get_attribute(".chats-button", "aria-expanded") == "false"
    chat.keyboard.press("Enter")  # the button that brings it back has the focus
    chat.wait_for_selector("#history", state="visible")


def lightness(colour: str) -> float:
    red, green, blue = (float(n) for n in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_on_a_phone_the_list_is_a_sheet(chat: "Page") -> None:
    chat.set_viewport_size({"width": 390, "height": 844})
    chat.wait_for_selector("#history", state="hidden")
    ask(chat, "First")
    chat.wait_for_selector(".checked")
    chat.click(".chats-button")
    chat.wait_for_selector("#history", state="visible")
    assert chat.evaluate("document.activeElement.matches('#chats input')")
    chat.click("#chats .new")
    chat.wait_for_selector("#history", state="hidden")
    chat.wait_for_selector(".welcome")
    chat.click(".chats-button")
    chat.click(f"{ENTRY} .open")
    chat.wait_for_selector(".words:text-is('First')")
    chat.wait_for_selector("#history", state="hidden")
    chat.click(".chats-button")
    chat.wait_for_selector("#history", state="visible")
    chat.keyboard.press("Escape")
    chat.wait_for_selector("#history", state="hidden")
    assert chat.evaluate("document.activeElement.matches('.chats-button')")
    assert chat.evaluate("document.documentElement.scrollWidth") <= 390


def test_another_browser_sees_nothing_of_it(chat: "Page", address: str, browser: "Browser") -> None:
    converse(chat, "aspirin", "My secret")
    place = chat.url.partition("#")[2]
    context = browser.new_context()
    other = context.new_page()
    other.goto(f"{address}#{place}")
    other.wait_for_selector(".welcome", timeout=READY_MS)
    other.wait_for_selector("#chats .empty")
    assert "secret" not in other.content()
    assert other.locator(BELOW).inner_text() == ""
    assert chat.evaluate("document.cookie") == ""  # no script can read who one is
    context.close()
