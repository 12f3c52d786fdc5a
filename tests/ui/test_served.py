"""The served page as programs see it: the two endpoints, and nothing else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from gradio_client import Client

from tests.ui.browser import GRADIO_WARNINGS
from tests.ui.fakes import TEXT, FakeAssistant, InProcessChemistry
from ui.app import build_app
from ui.events import key_of
from ui.handle import AssistantHandle
from ui.page_look import launch_kwargs, page_head
from ui.pair_page import PairHandlers
from ui.reach import Reach

pytestmark = [
    pytest.mark.usefixtures("collected"),
    GRADIO_WARNINGS,
]


@pytest.fixture(scope="module")
def fake() -> FakeAssistant:
    return FakeAssistant(delay=0)


@pytest.fixture(scope="module")
def app(fake: FakeAssistant, shared_chemistry: InProcessChemistry) -> Iterator[gr.Blocks]:
    app = build_app(
        AssistantHandle.ready(fake), chemistry=shared_chemistry, reach=Reach("this computer only")
    )
    yield app
    app.close(verbose=False)


@pytest.fixture(scope="module")
def client(app: gr.Blocks) -> Client:
    _, url, _ = app.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_kwargs()
    )
    return Client(url, verbose=False, analytics_enabled=False)


def test_only_the_two_endpoints_are_public(client: Client) -> None:
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/facts", "/ask"}


def test_facts_by_name(client: Client) -> None:
    assert client.predict("aspirin", api_name="/facts")["formula"] == "C9H8O4"
    assert client.predict("C1CC", api_name="/facts")["position"] is not None


def test_a_call_with_too_few_values_is_told_so_and_nothing_of_it_is_logged(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{client.src.rstrip('/')}/gradio_api/run/ask"
    answer = httpx.post(url, json={"data": ["Is the secret acid strong?"]})
    assert answer.json()["error"] == "/ask takes 2 values; 1 came."
    captured = capsys.readouterr()
    assert "secret" not in captured.out + captured.err


def test_ask_by_name(client: Client) -> None:
    answer = client.predict("What is it?", ["aspirin"], api_name="/ask")
    assert answer["answer"] == TEXT
    assert len(answer["checks"]) == 4


def test_facts_do_not_wait_for_an_answer(client: Client, fake: FakeAssistant) -> None:
    fake.delay = 0.3
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.predict, "Slow?", [], api_name="/ask")
        time.sleep(0.5)
        client.predict("CCO", api_name="/facts")
        assert not answer.done()
        fake.delay = 0
        answer.result(timeout=30)


def test_what_gradio_takes_for_the_end_of_a_tab_empties_no_session(app: gr.Blocks) -> None:
    listeners = app.fns.values()
    store = next(one.fn.__self__._store for one in listeners if one.name == "turn")
    request = SimpleNamespace(session_hash="a", headers={})
    session = store.get(*key_of(request))
    ended = [one for one in listeners if any(event == "unload" for _, event in one.targets)]
    assert ended
    for listener in ended:
        listener.fn(request)
    assert store.get(*key_of(request)) is session


def test_sweeps_leave_room_to_open_the_pair_tab(app: gr.Blocks) -> None:
    of_pairs = [
        one
        for one in app.fns.values()
        if isinstance(getattr(one.fn, "__self__", None), PairHandlers)
    ]
    rooms = {one.name: one.concurrency_id for one in of_pairs}
    assert rooms["opened"] != rooms["sweep"]


def test_the_page_names_no_other_host() -> None:
    head = page_head()
    assert "http://" not in head.replace("http://www.w3.org/", "")
    assert "https://" not in head


def test_the_page_is_launched_without_history_footer_or_monitoring() -> None:
    arguments = launch_kwargs()
    assert arguments["run_history"] is False
    assert arguments["footer_links"] == []
    assert arguments["enable_monitoring"] is False
