"""A chemist sees an answer being taken back and written again, in a browser with a fake model."""

import re
from typing import TYPE_CHECKING

import pytest

from tests.ui.axe import findings
from tests.ui.browser import EVERY_LOOK, GRADIO_WARNINGS, ask
from tests.ui.thinking import AGAIN, FIRST, ThinkingAssistant

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, GRADIO_WARNINGS, pytest.mark.usefixtures("without_sketcher")]
SWITCH = "#composer .thoughts"


@pytest.fixture(scope="module")
def fake() -> ThinkingAssistant:
    return ThinkingAssistant()


@pytest.fixture(autouse=True)
def thinking(fake: ThinkingAssistant) -> None:
    fake.may_go_on.clear()


def words(page: "Page", selector: str) -> str:
    return " ".join(page.inner_text(selector).split())


@EVERY_LOOK
def test_the_first_attempt_is_struck_while_another_one_is_sought_and_stays_below_it(
    chat: "Page", fake: ThinkingAssistant
) -> None:
    ask(chat, "Which is less lipophilic?")
    chat.wait_for_selector(".answer.live.doubted")
    said = words(chat, ".answer.live .status")
    assert said == "The structure contradicts “so molecule 1 is less lipophilic”; writing again"
    assert words(chat, ".answer.live .prose-answer") == FIRST
    struck = "getComputedStyle(document.querySelector('.live .prose-answer')).textDecorationLine"
    assert chat.evaluate(struck) == "line-through"
    fake.may_go_on.set()
    chat.wait_for_selector(".answer:not(.live) .withdrawn")
    # the sign of a mark stands between the words
    plain = re.sub(r" ?[✓✗?]", "", words(chat, ".answer > .prose-answer"))
    assert plain.startswith(AGAIN[:40])
    assert "so molecule 2 is less" in plain
    assert chat.is_hidden(".withdrawn .sheet")
    chat.focus(".withdrawn summary")
    chat.keyboard.press("Enter")
    chat.wait_for_selector(".withdrawn .sheet", state="visible")
    assert "so molecule 1 is less" in words(chat, ".withdrawn .prose-answer")
    assert chat.locator(".withdrawn .claim.contradicted .mark").count() == 1
    assert "computed: molecule 1: cLogP 2.97" in words(chat, ".withdrawn .truths")
    assert findings(chat) == []


def test_stop_while_it_is_written_again_keeps_the_first_attempt_with_its_marks(
    chat: "Page", fake: ThinkingAssistant
) -> None:
    ask(chat, "Which is less lipophilic?")
    chat.wait_for_selector(".answer.live.doubted")
    chat.keyboard.press("Escape")
    chat.wait_for_selector(".answer:not(.live) .claim.contradicted")
    assert "so molecule 1 is less" in words(chat, ".answer .prose-answer")
    assert chat.locator(".withdrawn").count() == 0


def test_the_switch_is_reached_by_keys_and_remembered_and_leaves_answers_as_they_come(
    chat: "Page", fake: ThinkingAssistant
) -> None:
    assert chat.get_attribute(SWITCH, "aria-checked") == "true"
    chat.focus(SWITCH)
    chat.keyboard.press("Space")
    assert chat.get_attribute(SWITCH, "aria-checked") == "false"
    assert "○ off" in words(chat, SWITCH)
    chat.reload()
    chat.wait_for_selector(f"{SWITCH}[aria-checked=false]")
    chat.wait_for_selector(".welcome")
    ask(chat, "Which is less lipophilic?")
    chat.wait_for_selector(".answer:not(.live) .claim.contradicted")
    assert fake.options[-1].second_thoughts is False
    chat.click(".action.retry")
    chat.wait_for_selector(".variants .count:has-text('2/2')")
    assert fake.options[-1].second_thoughts is False
