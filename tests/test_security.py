"""The layers in front of the page: headers, host names, hidden routes, limits, passcode."""

import asyncio
import json
import threading
from dataclasses import dataclass, field

import pytest

from assistant.errors import AssistantError
from ui.passcode import COOKIE, Door, PasscodeGate, WrongTries, choose_passcode, new_passcode
from ui.security import (
    CONTENT_SECURITY_POLICY,
    Limits,
    RateLimiter,
    RequestFilter,
    RequestLimits,
    SecurityHeaders,
)


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


async def inner(scope, receive, send):
    """The application behind: reads the body and says its size."""
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"inside {size}".encode()})


def ask(
    app, path="/", *, method="GET", headers=None, chunks=(b"",), client="10.0.0.9", scheme="http"
):
    """Send one request through an ASGI application."""
    path, _, query = path.partition("?")
    given = {"host": "127.0.0.1:7860", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        "client": (client, 5000),
        "scheme": scheme,
    }
    messages = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    messages[-1]["more_body"] = False
    answer = Answer()

    async def receive():
        return messages.pop(0)

    async def send(message):
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    # In a thread of its own: a browser test of this worker may keep a loop running in this one.
    thread = threading.Thread(target=lambda: asyncio.run(app(scope, receive, send)))
    thread.start()
    thread.join()
    return answer


# -- headers, host names, routes ------------------------------------------------------------------


def test_every_response_carries_the_policy_and_nosniff():
    answer = ask(SecurityHeaders(inner))
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_only_the_sketchers_frame_asks_for_a_process_of_its_own():
    frame = ask(SecurityHeaders(inner), path="/gradio_api/file=ui/static/ketcher/index.html")
    assert frame.headers["document-isolation-policy"] == "isolate-and-require-corp"
    assert "document-isolation-policy" not in ask(SecurityHeaders(inner)).headers


def test_the_policy_names_no_other_host():
    assert "http" not in CONTENT_SECURITY_POLICY
    assert "*" not in CONTENT_SECURITY_POLICY


def test_a_header_that_is_set_already_is_kept():
    async def own(scope, receive, send):
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [(b"Referrer-Policy", b"same-origin")]})
        await send({"type": "http.response.body"})

    answer = ask(SecurityHeaders(own))
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "referrer-policy" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "localhost"])
def test_a_local_server_answers_to_its_own_names(host):
    assert ask(RequestFilter(inner, local_only=True), headers={"host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "192.168.1.5:7860"])
def test_a_local_server_answers_to_no_other_name(host):
    assert ask(RequestFilter(inner, local_only=True), headers={"host": host}).status == 421


def test_a_shared_server_answers_to_the_name_of_the_link():
    shared = RequestFilter(inner, local_only=False)
    assert ask(shared, headers={"host": "abc.example"}).status == 200


@pytest.mark.parametrize(
    "path", ["/monitoring", "/docs", "/gradio_api/proxy=https://a.b", "/gradio_api/vibe-edit/"]
)
def test_unused_routes_of_the_framework_are_closed(path):
    assert ask(RequestFilter(inner, local_only=True), path).status == 404


def test_another_site_cannot_change_anything():
    guarded = RequestFilter(inner, local_only=False)
    foreign = {"sec-fetch-site": "cross-site"}
    assert ask(guarded, method="POST", headers=foreign).status == 403
    assert ask(guarded, method="GET", headers=foreign).status == 200
    assert ask(guarded, method="POST", headers={"sec-fetch-site": "same-origin"}).status == 200


# -- limits ---------------------------------------------------------------------------------------

LIMITS = Limits(upload_bytes=2000, body_bytes=1000, burst=3, per_second=0.001)


def test_a_body_over_the_limit_is_refused_by_its_length():
    answer = ask(
        RequestLimits(inner, limits=LIMITS), method="POST", headers={"content-length": "1001"}
    )
    assert answer.status == 413
    assert b"too large" in answer.body


def test_a_body_that_hides_its_length_is_refused_too():
    answer = ask(RequestLimits(inner, limits=LIMITS), method="POST", chunks=[b"x" * 400] * 3)
    assert answer.status == 413


def test_uploads_have_their_own_limit():
    app = RequestLimits(inner, limits=LIMITS)
    answer = ask(app, "/gradio_api/upload", method="POST", chunks=[b"x" * 500] * 3)
    assert answer.body == b"inside 1500"


def test_too_many_requests_of_one_visitor_wait_and_others_do_not():
    app = RequestLimits(inner, limits=LIMITS)
    assert [ask(app, method="POST").status for _ in range(4)] == [200, 200, 200, 429]
    assert ask(app, method="POST", client="10.0.0.10").status == 200
    assert ask(app, method="GET").status == 200


def test_the_allowance_comes_back_with_time():
    clock = Clock()
    limiter = RateLimiter(2, 0.5, clock=clock)
    assert [limiter.allows("a") for _ in range(3)] == [True, True, False]
    clock.now += 2
    assert [limiter.allows("a") for _ in range(2)] == [True, False]


# -- the passcode ---------------------------------------------------------------------------------

CODE = "abcd-efgh-jkmn"
PAGE = {"accept": "text/html,*/*"}


def log_in(gate, password, **options):
    body = f"username=chemist&password={password}".encode()
    return ask(gate, "/login", method="POST", chunks=[body], **options)


def cookie_of(answer):
    return {"cookie": answer.headers["set-cookie"].split(";")[0]}


def test_passcodes_are_long_random_and_easy_to_type():
    codes = {new_passcode() for _ in range(100)}
    assert len(codes) == 100
    assert all(len(code) == 14 and not set(code) & set("01oli") for code in codes)


def test_a_short_passcode_is_refused_without_repeating_it():
    with pytest.raises(AssistantError, match="at least 6") as caught:
        choose_passcode("hm12")
    assert "hm12" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["/", "/config", "/gradio_api/info", "/gradio_api/cancel", "/x.js"]
)
def test_nothing_is_served_before_the_passcode(path):
    answer = ask(PasscodeGate(inner, door=Door(CODE)), path)
    assert answer.status == 401
    assert b"inside" not in answer.body


def test_a_browser_is_asked_by_a_page_and_let_in_by_a_cookie():
    gate = PasscodeGate(inner, door=Door(CODE))
    assert b"<form" in ask(gate, headers=PAGE).body
    answer = log_in(gate, CODE, headers=PAGE)
    assert (answer.status, answer.headers["location"]) == (303, "./")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    assert ask(gate, headers=cookie_of(answer)).body == b"inside 0"


def test_through_the_link_the_cookie_is_for_https_only():
    gate = PasscodeGate(inner, door=Door(CODE))
    assert "Secure" in log_in(gate, CODE, scheme="https").headers["set-cookie"]
    assert "Secure" not in log_in(gate, CODE).headers["set-cookie"]


def test_a_program_logs_in_by_the_same_door():
    answer = log_in(PasscodeGate(inner, door=Door(CODE)), CODE)
    assert (answer.status, json.loads(answer.body)) == (200, {"success": True})


@pytest.mark.parametrize("token", ["", "x", "a" * 5000, '"; evil="1'])
def test_an_invented_cookie_opens_nothing(token):
    gate = PasscodeGate(inner, door=Door(CODE))
    assert ask(gate, headers={"cookie": f"{COOKIE}={token}"}).status == 401


def test_logging_out_ends_the_session():
    gate = PasscodeGate(inner, door=Door(CODE))
    cookie = cookie_of(log_in(gate, CODE))
    ask(gate, "/logout", headers=cookie)
    assert ask(gate, headers=cookie).status == 401


def test_wrong_tries_wait_longer_and_longer_per_address():
    clock = Clock()
    gate = PasscodeGate(inner, door=Door(CODE, clock=clock))
    assert [log_in(gate, "wrong").status for _ in range(6)] == [401] * 5 + [429]
    assert log_in(gate, CODE).status == 429
    assert log_in(gate, CODE, client="10.0.0.10").status == 200
    clock.now += 3
    assert log_in(gate, CODE).status == 200


def test_many_addresses_together_are_capped():
    clock = Clock()
    tries = WrongTries(per_minute=10, clock=clock)
    for n in range(10):
        tries.add(f"10.0.1.{n}")
    assert tries.wait("10.0.2.1") > 0
    clock.now += 61
    assert tries.wait("10.0.2.1") == 0


def test_the_hosts_own_browser_comes_in_by_a_key_that_works_once():
    door = Door(CODE)
    gate = PasscodeGate(inner, door=door)
    key = door.one_time_key()
    answer = ask(gate, f"/login?key={key}", headers=PAGE)
    assert ask(gate, headers=cookie_of(answer)).status == 200
    assert "set-cookie" not in ask(gate, f"/login?key={key}", headers=PAGE).headers


def test_only_the_server_itself_may_call_its_start():
    gate = PasscodeGate(inner, door=Door(CODE))
    start = "/gradio_api/startup-events"
    assert ask(gate, start, client="127.0.0.1").status == 200
    assert ask(gate, start).status == 401
    forwarded = {"x-forwarded-for": "127.0.0.1"}
    assert ask(gate, start, client="127.0.0.1", headers=forwarded).status == 401


@pytest.fixture
def served():
    """A page behind the door, served for a browser."""
    import uvicorn

    async def hello(scope, receive, send):
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/html")],
            }
        )
        await send({"type": "http.response.body", "body": b"<h1>inside</h1>"})

    app = SecurityHeaders(PasscodeGate(hello, door=Door(CODE)))
    settings = uvicorn.Config(app, port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(5)


@pytest.mark.browser
def test_a_person_types_the_passcode_and_is_inside(page, served):
    page.goto(served)
    page.get_by_label("Passcode").fill("not this")
    page.get_by_role("button").click()
    assert "not the passcode" in page.get_by_role("alert").inner_text()
    page.get_by_label("Passcode").fill(CODE)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="inside").wait_for()
    page.reload()
    assert page.get_by_role("heading").inner_text() == "inside"
    page.goto(served + "logout")
    assert "logged out" in page.get_by_role("alert").inner_text()
