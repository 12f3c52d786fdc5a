"""What browser tests of the page's parts share; the browser itself comes from `tests/conftest.py`.

`serve` starts a page to look at, `open_tab` a tab that fails its test when it asked another host
for anything, and the rest finds its way inside the sketcher's frame.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import gradio as gr
import pytest
from starlette.middleware import Middleware

from ui.security import SecurityHeaders

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

READY_MS = 60_000  # Ketcher on a busy machine
SETTLE_MS = 20_000
BOX = "#bench textarea"
QUESTION = "#composer textarea"
BELOW = "#bench .below"
GRADIO_WARNINGS = pytest.mark.filterwarnings(
    # it looks for a free port with sockets that it leaves to the garbage collector
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::ResourceWarning",
    # its own statistics use what pandas gives up
    "ignore:.*no_silent_downcasting",
    "ignore:The copy keyword is deprecated",
)
"""Leaves out the warnings that Gradio itself gives cause for."""
HERE = ("127.0.0.1", "localhost", None)  # data: and blob: addresses have no host


@contextlib.contextmanager
def serve(app: gr.Blocks) -> Iterator[str]:
    """The address of a running page with the product's headers, stopped at the end."""
    _, address, _ = app.launch(
        prevent_thread_lock=True,
        quiet=True,
        server_name="127.0.0.1",
        server_port=free_port(),
        run_history=False,
        app_kwargs={"middleware": [Middleware(SecurityHeaders)]},
    )
    try:
        yield address
    finally:
        app.close(verbose=False)


EVERY_LOOK = pytest.mark.parametrize(
    "look",
    ["desk", *(pytest.param(look, marks=pytest.mark.slow) for look in ("dark", "phone"))],
    indirect=True,
)
"""A journey on the desk by default; in dark mode and on a phone as well when all tests run."""


def free_port() -> int:
    """A port nobody listens on; Gradio's own search leaves sockets open."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def open_tab(browser: "Browser") -> "Iterator[Page]":
    """A fresh tab; what it, its frames and its workers request has to stay on this machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    requested: list[str] = []
    context.on("request", lambda request: requested.append(request.url))
    page = context.new_page()
    page.on("websocket", lambda websocket: requested.append(websocket.url))
    yield page
    context.close()
    assert [url for url in requested if urlsplit(url).hostname not in HERE] == []


def open_sketcher(page: "Page", address: str) -> "Frame":
    """Open a page and wait until its sketcher can draw; gives the sketcher's frame."""
    page.goto(address)
    page.wait_for_selector("#sketcher [data-state=ready]", timeout=READY_MS)
    frame = page.query_selector("#sketcher iframe").content_frame()
    assert frame is not None
    return frame


def click_in_sketcher(page: "Page", x: float, y: float) -> None:
    """Press and release the mouse in the frame, `x` and `y` pixels from its corner."""
    corner = page.query_selector("#sketcher iframe").bounding_box()
    page.mouse.move(corner["x"] + x, corner["y"] + y, steps=3)
    page.mouse.click(corner["x"] + x, corner["y"] + y)


def post_to_sketcher(page: "Page", **message: object) -> None:
    """Send the frame a message as the page does."""
    page.evaluate(
        "message => document.querySelector('#sketcher iframe').contentWindow"
        ".postMessage({target: 'sketcher', ...message}, location.origin)",
        message,
    )


def enter(page: "Page", text: str) -> None:
    page.fill(BOX, text)
    page.press(BOX, "Enter")


def ask(page: "Page", text: str) -> None:
    page.fill(QUESTION, text)
    page.press(QUESTION, "Enter")


@contextlib.contextmanager
def workbench(page: "Page") -> Iterator[None]:
    """The workbench is in view; where it is a sheet, it is put away at the end if it is not yet."""
    is_sheet = page.is_visible("#composer [data-act=sheet]")
    if is_sheet:
        page.click("#composer [data-act=sheet]")
        page.wait_for_selector("#workbench", state="visible")
    yield
    if is_sheet and page.locator("html.sheet-open").count():
        page.click("#bench [data-act=close-sheet]")
    if is_sheet:
        page.wait_for_selector("#workbench", state="hidden")


@contextlib.contextmanager
def conversations(page: "Page") -> Iterator[None]:
    """The list of conversations is in view; as `workbench`."""
    is_sheet = page.is_hidden("#history")
    if is_sheet:
        page.click(".chats-button")
        page.wait_for_selector("#history", state="visible")
    yield
    if is_sheet and page.locator("html.chats-open").count():
        page.click("#chats [data-act=fold]")
    if is_sheet:
        page.wait_for_selector("#history", state="hidden")


def wait_below(page: "Page", words: str) -> None:
    page.wait_for_function(
        "([s, w]) => document.querySelector(s).innerText.includes(w)", arg=[BELOW, words]
    )
