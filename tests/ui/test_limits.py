"""Who is served when many ask, and what gives the model back: over HTTP, as clients see it."""

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client

from assistant.evaluate.startup import turn_event
from assistant.llm.queue import FairQueue, VisitorLimits
from tests.ui.browser import GRADIO_WARNINGS
from tests.ui.fakes import TEXT, InProcessChemistry, QueuedAssistant
from ui.app import build_app
from ui.handle import AssistantHandle
from ui.page_look import launch_kwargs
from ui.reach import Reach

pytestmark = [
    pytest.mark.usefixtures("collected"),
    GRADIO_WARNINGS,
]

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def served(shared_chemistry: InProcessChemistry) -> Iterator[tuple[QueuedAssistant, str]]:
    fake = QueuedAssistant()
    handle, reach = AssistantHandle.ready(fake), Reach("this computer only")
    app = build_app(handle, chemistry=shared_chemistry, reach=reach)
    _, url, _ = app.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_kwargs()
    )
    yield fake, url
    app.close(verbose=False)


@pytest.fixture
def fake(served: tuple[QueuedAssistant, str]) -> QueuedAssistant:
    assistant = served[0]
    assistant.delay, assistant.queue, assistant.n_words = 0.2, FairQueue(), 0
    return assistant


@pytest.fixture
def url(served: tuple[QueuedAssistant, str]) -> str:
    return served[1]


@pytest.fixture(scope="module")
def client(served: tuple[QueuedAssistant, str]) -> Client:
    return Client(served[1], verbose=False, analytics_enabled=False)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Tab:
    """A tab that asks as the page does, without a browser."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=PATIENCE_S)
        self.session = secrets.token_hex(8)
        config = self.client.get("/config").raise_for_status().json()
        self.turn, self.component = turn_event(config)
        self.stop = next(
            d["id"] for d in config["dependencies"] if any(n == "stop" for _, n in d["targets"])
        )

    def send(self, event: int, route: str, **data: object) -> None:
        body = {
            "data": [],
            "event_data": data,
            "fn_index": event,
            "trigger_id": self.component,
            "session_hash": self.session,
        }
        self.client.post(f"/gradio_api/{route}", json=body).raise_for_status()

    @contextlib.contextmanager
    def asking(self) -> Iterator[Iterator[dict]]:
        """Messages of the server about a question; leaving drops the connection."""
        self.send(self.turn, "queue/join", kind="ask", text="What is it?")
        params = {"session_hash": self.session}
        with self.client.stream("GET", "/gradio_api/queue/data", params=params) as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("data:"))
            yield (json.loads(line.removeprefix("data:")) for line in lines)


OpenTab = Callable[[], Tab]


@pytest.fixture
def open_tab(url: str) -> Iterator[OpenTab]:
    tabs: list[Tab] = []

    def opened() -> Tab:
        tabs.append(Tab(url))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.client.close()


def test_twenty_questions_at_once_the_excess_is_refused_at_once(fake, client) -> None:
    fake.queue = FairQueue(max_waiting=6, n_slots=2)
    fake.delay = 0.02
    jobs = [client.submit("What is it?", [], api_name="/ask") for _ in range(20)]
    answers = [job.result(timeout=120) for job in jobs]
    assert sum(answer.get("answer") == TEXT for answer in answers) >= 8
    refused = [answer["error"] for answer in answers if "error" in answer]
    assert len(refused) + sum(answer.get("answer") == TEXT for answer in answers) == 20
    assert refused
    assert all("are waiting for the model already" in error for error in refused)
    assert fake.queue.n_running == fake.queue.n_waiting == 0


def test_a_refusal_takes_less_than_half_a_second_and_others_are_served(
    fake, client, open_tab
) -> None:
    fake.queue = FairQueue(8, 2, limits=VisitorLimits(running=1, waiting=1))
    running = [client.submit("What is it?", [], api_name="/ask") for _ in range(2)]
    wait_until(lambda: fake.queue.n_running + fake.queue.n_waiting == 2)
    took = []
    for _ in range(5):
        began = time.monotonic()
        refused = client.predict("And this?", [], api_name="/ask")
        took.append(time.monotonic() - began)
        assert "2 of your questions are being answered or wait already" in refused["error"]
    assert sorted(took)[2] < 0.5
    with open_tab().asking() as messages:  # another visitor: there is a free place
        next(m for m in messages if m["msg"] == "process_generating")
        wait_until(lambda: fake.queue.n_running == 2)
        assert fake.queue.n_waiting == 1
    fake.delay = 0
    assert [job.result(timeout=60)["answer"] for job in running] == [TEXT, TEXT]


def test_stop_gives_the_model_back_within_one_word(fake, open_tab) -> None:
    tab = open_tab()
    with tab.asking() as messages:
        wait_until(lambda: fake.n_words > 0)
        next(m for m in messages if m["msg"] == "process_generating")
        tab.send(tab.stop, "run/predict")
        n_words = fake.n_words
        wait_until(lambda: fake.queue.n_running == 0)
    assert fake.n_words <= n_words + 1


def test_stop_gives_a_place_in_the_queue_back(fake, open_tab) -> None:
    first, second = open_tab(), open_tab()
    with first.asking(), second.asking():
        wait_until(lambda: fake.queue.n_running + fake.queue.n_waiting == 2)
        second.send(second.stop, "run/predict")
        first.send(first.stop, "run/predict")
        wait_until(lambda: fake.queue.n_running + fake.queue.n_waiting == 0)
    assert fake.n_words < len(TEXT.split(" "))


def test_a_program_that_goes_away_gives_the_model_back(fake, url) -> None:
    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=url, timeout=PATIENCE_S) as client:
        body = {"data": ["What is it?", []]}
        sent = client.post("/gradio_api/call/ask", json=body).raise_for_status().json()
        with client.stream("GET", f"/gradio_api/call/ask/{sent['event_id']}") as stream:
            heard = pool.submit(next, stream.iter_lines())
            assert "generating" in heard.result(timeout=PATIENCE_S)
            assert fake.queue.n_running == 1
        wait_until(lambda: fake.queue.n_running == 0)
    assert fake.n_words < len(TEXT.split(" "))
