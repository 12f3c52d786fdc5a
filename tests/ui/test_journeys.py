"""What a chemist does on the page, in a headless browser, with a fake assistant behind it.

The `page` fixture fails a journey whose tab asked any other host for anything.
"""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.ui.browser import BELOW, BOX, GRADIO_WARNINGS, QUESTION, READY_MS, ask, enter, wait_below
from tests.ui.fakes import TEXT, FakeAssistant

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.browser,
    GRADIO_WARNINGS,
]

SDF = Path(__file__).parent / "data" / "one_bad_record.sdf"


def wait_for_value(page: "Page", selector: str, text: str) -> None:
    page.wait_for_function(
        "([s, t]) => document.querySelector(s).value === t", arg=[selector, text]
    )


def click_in_sketcher(page: "Page", x: float, y: float) -> None:
    corner = page.query_selector("#sketcher iframe").bounding_box()
    page.mouse.move(corner["x"] + x, corner["y"] + y, steps=3)
    page.mouse.click(corner["x"] + x, corner["y"] + y)


def settle(page: "Page") -> None:
    """Until the sketcher has started: it holds the tab's only thread while it does."""
    page.wait_for_selector("#sketcher [data-state=ready]", timeout=READY_MS)


def sketched(page: "Page") -> str:
    """The SMILES the sketcher's frame itself holds."""
    settle(page)
    frame = page.query_selector("#sketcher iframe").content_frame()
    return frame.evaluate("async () => (await window.ketcher.getSmiles())")


def test_drawing_with_the_mouse_fills_box_facts_and_chip(chat: "Page") -> None:
    settle(chat)
    frame = chat.query_selector("#sketcher iframe").content_frame()
    frame.click("[data-testid=template-0]")
    click_in_sketcher(chat, 280, 200)
    wait_for_value(chat, BOX, "c1ccccc1")
    wait_below(chat, "78.11 g/mol")
    chat.wait_for_selector(".chip.pending.on")
    chat.wait_for_selector("#facts .group:has-text('benzene ring')", state="attached")


def test_the_sketch_follows_what_is_typed_with_its_stereo(chat: "Page") -> None:
    settle(chat)
    enter(chat, "C[C@H](N)C(=O)O")
    wait_below(chat, "1 of 1 stereocentre set")
    for _ in range(100):
        if "@" in sketched(chat):
            break
        chat.wait_for_timeout(100)
    assert "@" in sketched(chat)
    assert chat.input_value(BOX) == "C[C@H](N)C(=O)O"


def test_a_question_is_streamed_checked_and_drawn(chat: "Page", fake: FakeAssistant) -> None:
    settle(chat)
    fake.delay = 0.2
    enter(chat, "aspirin")
    wait_below(chat, "aspirin")
    ask(chat, "What is its formula?")
    chat.wait_for_selector(".answer.live .tail:not(:empty)")
    assert chat.is_visible("#composer .stop")
    chat.wait_for_selector(".checked")
    assert "3 of 4 claims checked, 1 contradicted" in chat.inner_text(".checked")
    assert chat.locator(".mark").all_inner_texts() == ["✓", "✗", "✓", "?"]
    assert "1 ring" in chat.get_attribute(".claim.contradicted .mark", "data-tip")
    assert chat.locator(".figure .drawing svg").count() == 1
    assert chat.locator(".question .card svg").count() == 1
    assert chat.is_visible("#composer .send:not(.stop)")
    assert fake.asked[-1].focus(0) == (1,)
    chat.click(".figure button")
    wait_for_value(chat, BOX, "O=C(O)c1ccccc1O")
    assert chat.locator("#composer .chip").count() == 2


def test_escape_stops_and_keeps_what_was_written(chat: "Page", fake: FakeAssistant) -> None:
    settle(chat)
    fake.delay = 0.2
    ask(chat, "Tell me a lot")
    chat.wait_for_selector(".answer.live .tail:not(:empty)")
    chat.keyboard.press("Escape")
    chat.wait_for_selector(".answer .stopped")
    words = chat.inner_text(".prose-answer")
    assert words
    assert len(words) < len(TEXT)
    ask(chat, "And now?")  # the box is usable at once
    chat.wait_for_selector(".turn >> nth=1")


def test_a_wrong_smiles_shows_caret_and_a_fix_that_works(chat: "Page") -> None:
    chat.click(BOX)
    chat.keyboard.type("C1CCCC", delay=60)
    chat.wait_for_timeout(900)
    assert chat.locator(".problem").count() == 0  # half typed: no error flashes
    chat.keyboard.press("Enter")
    chat.wait_for_selector(".caret b")
    chat.click("[data-act=fix]")
    chat.wait_for_selector(".problem", state="detached")
    wait_below(chat, "g/mol")


def test_no_error_flashes_while_a_name_is_typed_and_a_mistake_is_told_at_rest(
    chat: "Page",
) -> None:
    chat.evaluate(
        """below => {
          window.flashes = 0
          const problems = () => document.querySelectorAll(below + ' .problem').length
          const observer = new MutationObserver(() => { window.flashes += problems() })
          observer.observe(document.querySelector(below), {childList: true})
        }""",
        BELOW,
    )
    chat.click(BOX)
    chat.keyboard.type("N,N-dimethylformamide", delay=150)
    wait_below(chat, "C3H7NO")
    assert chat.evaluate("window.flashes") == 0
    chat.fill(BOX, "")
    chat.keyboard.type("C(C)(C)(C)(C)C", delay=60)
    chat.wait_for_selector(".problem")  # without Enter, and the box still has the focus
    assert chat.evaluate("document.activeElement.matches('#bench textarea')")


def test_two_molecules_are_compared_and_chips_can_be_taken_off(
    chat: "Page", fake: FakeAssistant
) -> None:
    enter(chat, "caffeine\ntheophylline")
    chat.wait_for_selector(".chip >> nth=1")
    assert chat.locator(".chip.on").count() == 2
    ask(chat, "Compare molecule 1 and molecule 2")
    chat.wait_for_selector(".checked")
    assert fake.asked[-1].focus(0) == (1, 2)
    chat.keyboard.press("Alt+2")
    chat.wait_for_selector(".chip[data-number='2'].on")
    chat.keyboard.press("Alt+1")
    chat.wait_for_selector(".chip[data-number='1']:not(.on)")


def test_a_file_with_a_bad_record_loads_the_good_ones(chat: "Page") -> None:
    chat.set_input_files("#composer input[type=file]", str(SDF))
    chat.wait_for_selector(".chip >> nth=1")
    assert chat.locator(".chip").count() == 2
    assert "record 2" in chat.inner_text("#composer .notice").lower()


def test_a_failed_turn_can_be_repeated(chat: "Page", fake: FakeAssistant) -> None:
    fake.error = RuntimeError("secret detail")
    ask(chat, "What is it?")
    chat.wait_for_selector(".answer.failed")
    assert "secret" not in chat.inner_text("body")
    fake.error = None
    chat.click(".answer.failed .retry")
    chat.wait_for_selector(".checked")
    assert chat.locator(".turn").count() == 1


def test_an_example_loads_molecule_and_question(chat: "Page", fake: FakeAssistant) -> None:
    chat.click(".example[data-key=compare]")
    chat.wait_for_selector(".chip.on >> nth=1")
    assert "molecule 1" in chat.input_value(QUESTION)
    chat.press(QUESTION, "Enter")
    chat.wait_for_selector(".checked")
    assert fake.asked[-1].focus(0) == (1, 2)


def test_edit_undo_and_new_chat(chat: "Page") -> None:
    ask(chat, "First")
    chat.wait_for_selector(".checked")
    chat.click(".action.edit")
    chat.fill(".question textarea", "First, better")
    chat.press(".question textarea", "Enter")
    chat.wait_for_selector(".words:has-text('First, better')")
    chat.wait_for_selector(".checked")
    chat.click("#composer [data-act=undo]")
    chat.wait_for_selector(".words:text-is('First')")
    chat.click("#composer [data-act=fresh]")
    chat.wait_for_selector(".welcome")
    chat.click("#composer [data-act=undo]")
    chat.wait_for_selector(".words:text-is('First')")


def test_the_task_menu_works_by_keyboard(chat: "Page") -> None:
    enter(chat, "CCO")
    wait_below(chat, "46.07")
    chat.click(QUESTION)
    chat.keyboard.type("/")
    chat.wait_for_selector(".menu li[aria-selected=true]")
    chat.keyboard.press("ArrowDown")
    chat.keyboard.press("Enter")
    assert "molecule 1" in chat.input_value(QUESTION)


def test_functional_groups_light_up_on_hover(chat: "Page") -> None:
    enter(chat, "aspirin")
    wait_below(chat, "aspirin")
    chat.click("#tab-facts")
    chat.hover("#facts .group >> nth=0")
    chat.wait_for_selector("#facts .depiction circle.lit", state="attached")
    assert chat.locator("#facts .depiction circle.lit").count() > 1


def test_hostile_text_stays_text(chat: "Page", fake: FakeAssistant) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    ask(chat, evil)
    chat.wait_for_selector(".checked")
    enter(chat, evil)
    chat.wait_for_selector(".problem")
    assert chat.title() == "Molecule Chat"
    assert evil in chat.inner_text(".words")


def test_two_tabs_do_not_see_each_other(chat: "Page", address: str) -> None:
    ask(chat, "Mine")
    chat.wait_for_selector(".checked")
    other = chat.context.new_page()
    other.goto(address)
    other.wait_for_selector(".welcome", timeout=READY_MS)
    assert other.locator(".turn").count() == 0
    other.close()


def test_the_header_shows_an_answers_figures_while_it_is_written(
    chat: "Page", fake: FakeAssistant
) -> None:
    settle(chat)
    fake.position, fake.steps = 3, threading.Semaphore(0)
    requests: list[str] = []
    chat.on("request", lambda request: requests.append(request.url))
    ask(chat, "What is it?")
    figures = "#header .live-figures"
    wait = "([s, t]) => document.querySelector(s).innerText.includes(t)"
    chat.wait_for_function(wait, arg=[figures, "place 3 · 5 s"])
    fake.steps.release()
    chat.wait_for_function(wait, arg=[figures, "first token 100 ms"])
    fake.steps.release()
    chat.focus(f"{figures} .stat")
    chat.wait_for_function(wait, arg=[figures, "29 tok/s"])
    n_requests = len(requests)
    assert chat.is_visible("#composer [data-act=stop]")
    fake.steps.release()
    chat.wait_for_function(wait, arg=[figures, "31 tok/s"])  # of the whole answer
    # They came with the words; what follows says that the answer was seen.
    expected = ("/run/predict", "/app_id")  # and now and then a look whether the server is there
    assert [url for url in requests[n_requests:] if not url.endswith(expected)] == []
    assert "90% cached" in chat.text_content(figures)
    assert "812 MB" in chat.text_content(figures)
    assert chat.get_attribute(figures, "aria-label") == "figures of the latest answer"
    assert chat.get_attribute(figures, "aria-live") == "off"
    chat.set_viewport_size({"width": 390, "height": 800})
    assert chat.inner_text(figures).strip() == "31 tok/s"
    bar = chat.query_selector("#header .bar").bounding_box()
    shown = chat.query_selector(f"{figures} .stat").bounding_box()
    assert bar["height"] == 44
    assert shown["x"] + shown["width"] <= 390
    assert chat.evaluate("document.documentElement.scrollWidth <= 390")
