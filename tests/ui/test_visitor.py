"""The cookie that says whose a conversation is."""

import re
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.passcode import Door, protection
from ui.visitor import COOKIE, token_in, visitor_of

PAGE = {"accept": "text/html"}


def served(door: Door | None = None, **options: str) -> TestClient:
    def page(request: object) -> PlainTextResponse:
        return PlainTextResponse("inside")

    routes = [Route("/", page), Route("/data", page, methods=["GET", "POST"])]
    app = Starlette(routes=routes, middleware=protection(door, local_only=True))
    options.setdefault("base_url", "http://127.0.0.1")
    return TestClient(app, **options)


def test_each_browser_gets_an_unguessable_cookie_that_scripts_cannot_read() -> None:
    cookies = [served().get("/", headers=PAGE).headers["set-cookie"] for _ in range(2)]
    assert cookies[0] != cookies[1]
    for cookie in cookies:
        assert re.match(rf"{COOKIE}=[A-Za-z0-9_-]{{43}}; Path=/; HttpOnly; SameSite=Lax;", cookie)
        assert "Secure" not in cookie


def test_over_https_the_cookie_stays_on_https() -> None:
    client = served(base_url="https://127.0.0.1")
    assert client.get("/", headers=PAGE).headers["set-cookie"].endswith("; Secure")


def test_the_cookie_is_kept_and_prolonged_by_pages_only() -> None:
    client = served()
    first = client.get("/", headers=PAGE).cookies[COOKIE]
    assert client.get("/", headers=PAGE).cookies[COOKIE] == first
    assert "set-cookie" not in client.get("/data").headers
    assert "set-cookie" not in client.post("/data", headers=PAGE).headers


def test_who_is_not_inside_gets_none() -> None:
    answer = served(Door("a long passcode")).get("/", headers=PAGE)
    assert answer.status_code == 401
    assert COOKIE not in answer.headers.get("set-cookie", "")


def request(cookie: str, tab: str = "tab") -> SimpleNamespace:
    return SimpleNamespace(headers={"cookie": cookie}, session_hash=tab)


def test_a_visitor_is_known_by_the_hash_of_the_cookie() -> None:
    token = "a" * 43
    visitor = visitor_of(request(f"x=1; {COOKIE}={token}; y=2"))
    assert re.fullmatch("[0-9a-f]{64}", visitor)
    assert token not in visitor
    assert visitor == visitor_of(request(f"{COOKIE}={token}", tab="another"))
    assert visitor != visitor_of(request(f"{COOKIE}={'b' * 43}"))


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}=short", f"{COOKIE}={'ä' * 43}", "=;=;", "\x00"])
def test_without_a_proper_cookie_a_tab_is_its_own_visitor(cookie: str) -> None:
    assert token_in(cookie) == ""
    assert visitor_of(request(cookie)) == "tab-tab"
