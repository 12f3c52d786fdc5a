"""The keyboard: every short-cut, everything by Tab, and each state said to who does not see it."""

from typing import TYPE_CHECKING

import pytest

from tests.ui.browser import GRADIO_WARNINGS, QUESTION, READY_MS, ask, enter, wait_below
from tests.ui.fakes import FakeAssistant

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

ALANINE = "C[C@H](N)C(=O)O"
VISIBLE = """() => {
  const shown = (node) => {
    const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(node)
    return (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || boxShadow !== 'none'
  }
  const node = document.activeElement
  return shown(node) || Boolean(node.parentElement && shown(node.parentElement))
}"""
NAME = """() => {
  const node = document.activeElement
  return [node.tagName, node.id, node.dataset.act || '', node.dataset.tab || '', node.className,
    node.getAttribute('aria-label') || node.textContent.trim().slice(0, 40)].join(' ')
}"""


def said(page: "Page", words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('#voice')?.textContent.includes(words)", arg=words
    )


def focus_is_on(page: "Page", selector: str) -> None:
    page.wait_for_function("s => document.activeElement.matches(s)", arg=selector)


def test_every_short_cut_in_one_journey(chat: "Page", fake: FakeAssistant) -> None:
    keys = chat.keyboard
    enter(chat, "caffeine\ntheophylline")
    chat.wait_for_selector(".chip >> nth=1")

    chat.focus(QUESTION)
    keys.type("First line")
    keys.press("Shift+Enter")
    keys.type("second line")
    assert chat.input_value(QUESTION) == "First line\nsecond line"
    fake.delay = 0.6
    keys.press("Enter")
    chat.wait_for_selector(".answer.live .tail:not(:empty)", timeout=READY_MS)
    keys.press("Escape")
    said(chat, "stopping")
    chat.wait_for_selector(".answer .stopped")
    fake.delay = 0.01

    keys.press("Alt+2")
    chat.wait_for_selector(".chip[data-number='2'].on")
    keys.press("Alt+2")
    chat.wait_for_selector(".chip[data-number='2']:not(.on)")

    keys.press("Control+Shift+E")
    focus_is_on(chat, ".question textarea")
    keys.press("Control+a")
    keys.type("Edited")
    keys.press("Enter")
    chat.wait_for_selector(".question .variants .count:text-is('2/2')")
    chat.wait_for_selector(".checked")
    said(chat, "Answer complete")
    chat.fill(QUESTION, "words that are not sent yet")
    chat.focus(QUESTION)
    keys.press("Alt+ArrowLeft")
    chat.wait_for_selector(".question .variants .count:text-is('1/2')")
    said(chat, "question 1 of 2")
    keys.press("Alt+ArrowRight")
    chat.wait_for_selector(".question .variants .count:text-is('2/2')")
    assert chat.input_value(QUESTION) == "words that are not sent yet"

    keys.press("Control+k")
    focus_is_on(chat, "#chats [data-slot=query]")
    keys.press("Control+b")
    chat.wait_for_selector("#history", state="hidden")
    said(chat, "conversations hidden")
    keys.press("Control+b")
    chat.wait_for_selector("#history", state="visible")
    keys.press("Control+j")
    chat.wait_for_selector("#workbench", state="hidden")
    said(chat, "workbench hidden")
    keys.press("Control+j")
    chat.wait_for_selector("#workbench", state="visible")

    chat.fill(QUESTION, "")
    chat.focus("#exporter .opener")
    keys.press("/")
    chat.wait_for_selector("#tasks li[aria-selected=true]")
    focus_is_on(chat, QUESTION)
    keys.press("Escape")
    chat.wait_for_selector("#tasks", state="hidden")
    keys.press("Control+Shift+O")
    chat.wait_for_selector(".welcome")
    focus_is_on(chat, QUESTION)
    said(chat, "new chat")


def test_the_isomeric_smiles_is_copied_by_keyboard(chat: "Page") -> None:
    chat.context.grant_permissions(["clipboard-read", "clipboard-write"])
    chat.keyboard.press("Control+Shift+C")
    said(chat, "no molecule to copy")
    enter(chat, "OC([C@H](C)N)=O")
    wait_below(chat, "1 of 1 stereocentre set")
    chat.focus(QUESTION)
    chat.keyboard.press("Control+Shift+C")
    said(chat, f"copied {ALANINE}")
    assert chat.evaluate("navigator.clipboard.readText()") == ALANINE


def test_a_question_mark_or_a_button_lists_the_short_cuts(chat: "Page") -> None:
    chat.focus("#exporter .opener")
    chat.keyboard.press("?")
    chat.wait_for_selector(".key-sheet[open]")
    text = chat.inner_text(".key-sheet")
    for words in ("send the question", "Ctrl\nShift\nC", "Alt\n1 … 9", "search earlier chats"):
        assert words in text
    chat.keyboard.press("Escape")
    chat.wait_for_selector(".key-sheet", state="hidden")
    focus_is_on(chat, "#exporter .opener")
    chat.fill(QUESTION, "")
    chat.focus(QUESTION)
    chat.keyboard.type("Really?")  # in a box it is a character
    assert chat.input_value(QUESTION) == "Really?"
    chat.click(".help-button")
    chat.wait_for_selector(".key-sheet[open]")
    chat.click(".key-sheet .close")
    chat.wait_for_selector(".key-sheet", state="hidden")


def tabbed(page: "Page", start: str) -> list[str]:
    """What the Tab key reaches from a control on, up to the sketcher's frame or the page's end."""
    page.focus(start)
    reached = [page.evaluate(NAME)]
    while len(reached) < 200:
        page.keyboard.press("Tab")
        name = page.evaluate(NAME)
        reached.append(name)
        if name.startswith(("BODY", "IFRAME")):
            break
        assert page.evaluate(VISIBLE), f"no visible focus: {name}"
    return reached


def test_everything_is_reached_by_tab_with_a_visible_focus(chat: "Page") -> None:
    enter(chat, "aspirin")
    wait_below(chat, "aspirin")
    ask(chat, "What is it?")
    chat.wait_for_selector(".checked")
    chat.wait_for_selector("#sketcher [data-state=ready]", timeout=READY_MS)
    chat.wait_for_timeout(1500)  # nothing arrives any more
    reached = tabbed(chat, ".chats-button")
    chat.click("#tab-facts")
    chat.wait_for_selector("#facts .group")
    chat.wait_for_timeout(1000)  # until the frame's own process knows that it is hidden
    reached += tabbed(chat, "#tab-facts")
    everything = "\n".join(reached)
    for part in (
        "chats-button", "help-button", "opener", "new", "group", "search conversations", "open",
        "load", "edit", "again", "mark", "retry", "vote", "passport", "detach", "remove",
        "question", "menu", "browse", "fresh", "send", "SMILES or name", "clear", "tab-draw",
        "copy-structure", "tab-facts", "copy InChIKey", "carboxylic acid",
    ):  # fmt: skip
        assert part in everything, f"{part} is not reached by Tab:\n{everything}"
