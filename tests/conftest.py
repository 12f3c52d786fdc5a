"""What all tests share: settings made before anything heavy is imported, no network, a browser."""

import os

# Read while torch, transformers and gradio are imported, so they come first. One thread each:
# two OpenMP threads beside one busy process spin against each other.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["GRADIO_RUN_HISTORY"] = "False"

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.setup import NO_BROWSER, find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
BROWSER_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WHOLE = {
    "tests/evaluate/test_arms.py",
    "tests/evaluate/test_probe.py",
    "tests/evaluate/test_facts_load.py",
    "tests/evaluate/test_run.py",
    "tests/evaluate/test_speed.py",
    "tests/llm/test_expert_rows.py",
    "tests/llm/test_reliability.py",
    "tests/sidebyside/test_running.py",
    "tests/test_assistant.py",
    "tests/test_imports.py",
    "tests/test_influence.py",
    "tests/test_launch.py",
    "tests/test_pairs_in_chat.py",
    "tests/test_replay.py",
    "tests/test_second_thoughts.py",
    "tests/test_switches.py",
    "tests/train/ablation/test_ablation.py",
    "tests/train/adapt/test_run.py",
    "tests/train/encoder/test_encoder.py",
    "tests/train/experts/test_experts.py",
    "tests/train/pair_study/test_pair_study.py",
    "tests/train/test_base.py",
    "tests/train/test_dialogues.py",
    "tests/train/test_diversity.py",
    "tests/train/test_export.py",
    "tests/train/test_heldout.py",
    "tests/train/test_licences.py",
    "tests/train/test_pairs.py",
    "tests/train/test_start.py",
}
"""Modules that start the program, load whole bundles or train; beside them all of `tests/ui`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is more than a unit test, so that `make unit` can leave it out."""
    for item in items:
        path = item.path.relative_to(ROOT).as_posix()
        if path in WHOLE or path.startswith("tests/ui/"):
            item.add_marker("whole")


@pytest.fixture(scope="session")
def root() -> Path:
    """The directory of the repository."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _offline() -> Iterator[None]:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:
        is_internet = self.family in (socket.AF_INET, socket.AF_INET6)
        is_stream = self.type & socket.SOCK_STREAM
        if is_internet and is_stream and not str(address[0]).startswith(("127.", "::1", "localh")):
            raise OSError(f"a test tried to reach {address[0]}: tests stay on this machine")
        connect(self, address)

    socket.socket.connect = connect_here
    yield
    socket.socket.connect = connect


@pytest.fixture(scope="session")
def browser_path() -> str:
    """The program file of a browser; without one the test is skipped, or fails where CI=true."""
    path = find_browser()
    if path is None and os.environ.get("CI", "").lower() == "true":
        pytest.fail(NO_BROWSER)
    if path is None:
        pytest.skip(NO_BROWSER)
    return path


@pytest.fixture(scope="session")
def browser(browser_path: str) -> "Iterator[Browser]":
    """One headless browser for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, headless=True, args=list(BROWSER_FLAGS)
        )
        yield browser
        browser.close()


LOOKS = {
    "desk": {"viewport": {"width": 1400, "height": 900}},
    "dark": {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.fixture
def look(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Size and colours of the tab; `tests.ui.browser.EVERY_LOOK` makes a journey in each."""
    return LOOKS[getattr(request, "param", "desk")]


@pytest.fixture
def page(browser: "Browser", look: dict[str, Any]) -> "Iterator[Page]":
    """A fresh tab; the test fails at its end if the tab asked another host for anything."""
    context = browser.new_context(**look)
    page = context.new_page()
    foreign: list[str] = []

    def note(url: str) -> None:
        here = ("http://127.0.0.1", "http://localhost", "data:", "blob:", "about:")
        if not url.startswith(here):
            foreign.append(url)

    context.on("request", lambda request: note(request.url))
    yield page
    context.close()
    assert foreign == []


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by how many: gzip writes the time into them, and workers compare names."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None
