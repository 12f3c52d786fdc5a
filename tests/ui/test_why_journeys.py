"""Why: from a sentence to its atoms and from atoms to a question, in a headless browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

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
from tests.ui.fakes import FakeAssistant, claim, default_checks

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.usefixtures("without_sketcher"),
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

WORDS = "It contains an ester and a benzene ring. The taste is bitter."
WHY = ".action.why"
STEPS = "#why .why-steps span"


@pytest.fixture
def answered(chat: "Page", fake: FakeAssistant) -> "Iterator[Page]":
    """Aspirin, and an answer of two sentences about it."""
    fake.text, fake.no_why, fake.delay = WORDS, "", 0.0
    fake.checks = (claim(WORDS, "an ester", "confirmed", kind="count", molecule=1),)
    fake.views = []
    with workbench(chat):
        enter(chat, "aspirin")
        wait_below(chat, "180.16")
    ask(chat, "What is in it?")
    chat.wait_for_selector(WHY)
    yield chat
    fake.text, fake.checks = FakeAssistant().text, default_checks()


def measured(page: "Page") -> None:
    page.wait_for_selector("#why .why-totals", timeout=READY_MS)
    page.wait_for_selector("#why .why-bar", state="detached", timeout=READY_MS)


@EVERY_LOOK
def test_an_answer_is_asked_why_and_its_parts_are_painted_beside_a_control(
    answered: "Page",
) -> None:
    answered.click(WHY)
    measured(answered)
    assert "influence, not proof" in answered.inner_text("#why .why-head")
    assert answered.locator("#why figure svg").count() == 2
    assert "Control" in answered.inner_text("#why figure >> nth=1")
    row = answered.locator("#why tbody tr >> nth=0")
    assert "ester" in row.inner_text()
    assert "+ supports the words" in row.inner_text()
    assert answered.locator("#why figure >> nth=0 >> .paint .why-p4").count() == 5
    answered.click("#why .why-steps .next")
    answered.wait_for_selector(f"{STEPS}:has-text('sentence 2 of 2')")
    answered.click("#why [data-value=atom]")
    answered.wait_for_selector("#why tbody tr >> nth=12")
    assert "O" in answered.inner_text("#why tbody tr >> nth=0")


def test_the_text_is_left_out_and_measured_anew(answered: "Page", fake: FakeAssistant) -> None:
    answered.click(WHY)
    measured(answered)
    n_views = len(fake.views)
    answered.check("#why [data-told]")
    answered.wait_for_selector("#why .why-hint")
    measured(answered)
    assert answered.is_checked("#why [data-told]")
    assert all(not view.told for view in fake.views[n_views + 4 :])


def test_words_show_their_atoms_and_nothing_is_measured_for_that(
    answered: "Page", fake: FakeAssistant
) -> None:
    answered.click(".sentence .claim", position={"x": 8, "y": 8})
    answered.wait_for_selector("#why .why-atom.lit >> nth=2")
    lit = answered.locator("#why .why-atom.lit")
    assert lit.evaluate_all("nodes => nodes.map(n => n.dataset.atom).sort()") == ["2", "3", "4"]
    assert answered.get_attribute("#why .why-phrase >> nth=0", "aria-pressed") == "true"
    assert fake.views == []
    answered.click("#why .why-phrase >> nth=1")
    answered.wait_for_selector("#why .why-atom.lit >> nth=5")
    answered.click("#why [data-act=measure]")
    measured(answered)


def test_atoms_become_the_beginning_of_a_question(answered: "Page") -> None:
    answered.fill(QUESTION, "what are they?")
    answered.click(WHY)
    answered.click("#why .why-atom[data-atom='4']")
    answered.click("#why .why-atom[data-atom='3']")
    assert answered.input_value(QUESTION) == "Atoms 3, 4 of molecule 1: what are they?"
    assert answered.get_attribute("#why .why-atom[data-atom='4']", "aria-pressed") == "true"
    answered.click("#why .why-atom[data-atom='4']")
    assert answered.input_value(QUESTION) == "Atom 3 of molecule 1: what are they?"
    answered.click("#why [data-act=none]")
    assert answered.input_value(QUESTION) == "what are they?"


def test_everything_is_reached_and_left_by_keyboard(answered: "Page") -> None:
    answered.focus(WHY)
    answered.keyboard.press("Enter")
    answered.wait_for_selector("#why .why-atom")
    assert answered.evaluate("document.activeElement.textContent") == "Why?"
    answered.focus("#why .why-atom[data-atom='1']")
    answered.keyboard.press("ArrowRight")
    answered.keyboard.press("ArrowRight")
    answered.keyboard.press("Space")
    assert answered.input_value(QUESTION).startswith("Atom 3 of molecule 1: ")
    measured(answered)  # values that come in leave the focus where it is
    assert answered.evaluate("document.activeElement.dataset.atom") == "3"
    answered.keyboard.press("Escape")
    answered.wait_for_selector("#why .why-panel", state="hidden")
    assert answered.evaluate("document.activeElement.className") == "action why"


def test_a_sentence_has_its_own_why_where_the_mouse_is(answered: "Page") -> None:
    second = answered.locator(".sentence >> nth=1")
    second.hover()
    second.locator(".why-here").click()
    answered.wait_for_selector(f"{STEPS}:has-text('sentence 2 of 2')")


def test_measuring_is_stopped_and_goes_on(answered: "Page", fake: FakeAssistant) -> None:
    fake.delay = 0.3
    answered.click(WHY)
    answered.wait_for_selector("#why progress")
    answered.click("#why [data-act=cancel]")
    answered.wait_for_selector("#why [data-act=measure]")
    fake.delay = 0.0
    answered.click("#why [data-act=measure]")
    measured(answered)


def test_what_cannot_be_measured_is_told(answered: "Page", fake: FakeAssistant) -> None:
    fake.no_why = "The model sees no graph of the molecule here, so there is none to mask."
    answered.click(WHY)
    answered.wait_for_selector("#why .why-off:has-text('sees no graph')")
    assert answered.locator("#why .why-atom").count() == 13
    assert answered.locator("#why [data-act=measure]").count() == 0


def test_the_panel_gives_way_to_what_lies_under_it_and_to_another_conversation(
    answered: "Page",
) -> None:
    answered.click(WHY)
    answered.wait_for_selector("#why .why-atom")
    answered.click("#composer .chip .open")
    answered.wait_for_selector("#why .why-panel", state="hidden")
    answered.click(WHY)
    answered.wait_for_selector("#why .why-atom")
    answered.keyboard.press("Control+Shift+O")
    answered.wait_for_selector("#why .why-panel", state="hidden")


def test_on_a_phone_the_panel_is_a_sheet_and_asking_closes_it(answered: "Page") -> None:
    answered.set_viewport_size({"width": 390, "height": 844})
    answered.click(WHY)
    measured(answered)
    box = answered.locator("#why .why-panel").bounding_box()
    assert (box["x"], box["width"]) == (0, 390)
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not answered.evaluate(wide)
    answered.click("#why .why-atom[data-atom='3']")
    answered.click("#why [data-act=ask]")
    answered.wait_for_selector("#why .why-panel", state="hidden")
    assert answered.evaluate("document.activeElement.value").startswith("Atom 3 of molecule 1: ")
    answered.set_viewport_size({"width": 1400, "height": 900})
