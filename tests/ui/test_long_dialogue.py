"""A long conversation, whose far turns are laid out when they come near, in a headless browser."""

import hashlib
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from assistant.chat.conversation import Conversation, Message
from assistant.chat.history import History
from assistant.chem.molecule import Molecule
from tests.ui.browser import GRADIO_WARNINGS, READY_MS, ask
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.served import served
from ui.handle import AssistantHandle
from ui.visitor import COOKIE

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher", "collected"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

N_TURNS = 40
TOKEN = secrets.token_urlsafe(32)
VISITOR = hashlib.sha256(f"visitor {TOKEN}".encode()).hexdigest()  # as `ui.visitor` does
LONG = "\n\n".join(f"It has {n} corners and this sentence about them." for n in range(1, 30))
LEFT = """() => {
  const {scrollHeight, scrollTop, clientHeight} = document.querySelector('#transcript .scroller')
  return scrollHeight - scrollTop - clientHeight
}"""
AT_END = f"() => ({LEFT})() < 3"
IN_VIEW = """() => {
  const {top, bottom} = getSelection().getRangeAt(0).getBoundingClientRect()
  return top >= 0 && bottom <= innerHeight && bottom > top
}"""


def write(history: History) -> str:
    """A conversation of `N_TURNS` turns, short and long ones in turn; its id."""
    now, number = Conversation().with_molecule(Molecule("CCO"))
    conversation, after = "", None
    for turn in range(N_TURNS):
        question = Message("user", f"Question number{turn + 1}?", attached=(number,))
        place = history.begin_turn(VISITOR, conversation, after, question, now)
        text = LONG if turn % 3 == 0 else f"Answer number{turn + 1}."
        history.finish(place, Message("assistant", text))
        conversation, after = place.conversation, place.answer
    return conversation


@pytest.fixture
def long(page: "Page", fake: FakeAssistant, browser_path: str) -> "Iterator[Page]":
    """The end of a long conversation."""
    history = History.in_memory()
    conversation = write(history)
    fake.delay = 0.0
    with served(AssistantHandle.ready(fake), InProcessChemistry(), history=history) as address:
        page.context.add_cookies([{"name": COOKIE, "value": TOKEN, "url": address}])
        page.set_default_timeout(READY_MS)
        page.goto(f"{address}#c={conversation}")
        page.wait_for_selector(f"#transcript .turn >> nth={N_TURNS - 1}")
        yield page
    fake.text = FakeAssistant().text


def test_scrolling_finding_and_following_work_beside_turns_that_are_not_laid_out(
    long: "Page", fake: FakeAssistant
) -> None:
    first = long.locator("#transcript .turn >> nth=0")
    assert first.evaluate("node => getComputedStyle(node).contentVisibility") == "auto"
    long.wait_for_function(AT_END)  # it opens at its end
    for turn in (5, 21, N_TURNS - 1):  # the browser's own search finds them and can go there
        assert long.evaluate("word => getSelection().empty() || find(word)", f"number{turn}?")
        assert f"number{turn}?" in long.evaluate("getSelection().toString()")
        long.evaluate("getSelection().anchorNode.parentElement.scrollIntoView()")
        long.wait_for_function(IN_VIEW)
    long.evaluate("getSelection().empty()")
    long.hover("#transcript .scroller")
    while long.evaluate("document.querySelector('#transcript .scroller').scrollTop") > 0:
        long.mouse.wheel(0, -4000)
        long.wait_for_timeout(50)
    assert first.locator(".words").is_visible()
    long.click("#transcript .to-end")
    long.wait_for_function(AT_END)
    long.wait_for_function("document.querySelector('#transcript .to-end').hidden")
    fake.text, fake.checks, fake.delay = LONG, (), 0.005
    ask(long, "And now?")
    long.wait_for_selector(".answer.live .tail:not(:empty)")
    far = []
    while long.locator(".answer.live").count():
        far.append(long.evaluate(LEFT))
        long.wait_for_timeout(100)
    assert far
    assert max(far) < 60
    long.wait_for_function(AT_END)
