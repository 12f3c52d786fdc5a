"""What the page's tests share: chemistry in this process, an empty session, the whole page."""

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from assistant.chat.history import History
from assistant.chem.sandbox import ChemPool
from tests.ui.browser import READY_MS, SETTLE_MS
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from tests.ui.served import served
from ui.handle import AssistantHandle
from ui.runs import Runs
from ui.session import Session

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="session")
def shared_chemistry() -> InProcessChemistry:
    return InProcessChemistry()


@pytest.fixture
def chemistry(shared_chemistry: InProcessChemistry) -> InProcessChemistry:
    shared_chemistry.broken.clear()
    shared_chemistry.calls.clear()
    return shared_chemistry


@pytest.fixture
def history() -> Iterator[History]:
    history = History.in_memory()
    yield history
    history.close()


@pytest.fixture
def runs(history: History) -> Iterator[Runs]:
    runs = Runs(history, AssistantHandle.ready(FakeAssistant(delay=0)))
    yield runs
    runs.stop_all(seconds=5)


@pytest.fixture
def session(runs: Runs) -> Session:
    return Session(runs, "visitor")


@pytest.fixture(scope="module")
def collected() -> Iterator[None]:
    """What Gradio leaves open is collected in the module that ignores it, not in a later one."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def fake() -> FakeAssistant:
    return FakeAssistant()


@pytest.fixture(scope="module")
def address(fake: FakeAssistant, browser_path: str) -> Iterator[str]:
    with (
        ChemPool(2, seconds=20) as chemistry,
        served(AssistantHandle.ready(fake), chemistry) as url,
    ):
        yield url


@pytest.fixture
def without_sketcher(page: "Page") -> None:
    """A frame that only says it is ready: Ketcher takes a second of a tab that does not draw."""
    said = "for (const type of ['started', 'ready']) parent.postMessage("
    said += "{source: 'sketcher', type}, location.origin)"
    stub = f"<script>{said}</script>"
    page.route(
        "**/ketcher/index.html", lambda route: route.fulfill(content_type="text/html", body=stub)
    )


@pytest.fixture
def chat(page: "Page", address: str, fake: FakeAssistant) -> "Page":
    fake.delay, fake.error, fake.fail_after, fake.asked = 0.02, None, None, []
    fake.finished = fake.stopped = 0
    page.set_default_timeout(SETTLE_MS)
    page.goto(address)
    page.wait_for_selector(".welcome", timeout=READY_MS)
    return page
