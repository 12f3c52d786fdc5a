"""The door: one passcode for everybody who has the link, and a page that asks for it.

Everything is behind it, also what the page framework would serve without a login. A wrong try
costs the visitor's address a growing wait; all wrong tries together are capped as well, so that
many addresses help nobody. `gradio_client` logs in with `auth=("chemist", passcode)`.
"""

import hashlib
import hmac
import html
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from assistant.errors import AssistantError
from ui.security import (
    LOOPBACK,
    App,
    Limits,
    Receive,
    RequestFilter,
    RequestLimits,
    Scope,
    SecurityHeaders,
    Send,
    address,
    header,
    respond,
)
from ui.visitor import VisitorCookie

if TYPE_CHECKING:
    from starlette.middleware import Middleware

    from assistant.metrics import Registry

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0/o, 1/l/i: it is read aloud and typed
SHORTEST = 6
COOKIE = "molecule_chat"
SESSION_SECONDS = 7 * 24 * 3600.0
MAX_SESSIONS = 2000
MAX_FORM_BYTES = 4096

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Molecule Chat</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ min-height: 90vh; display: grid; place-items: center; margin: 0; }}
form {{ display: grid; gap: .75rem; width: min(20rem, 90vw); }}
h1 {{ font-size: 1.25rem; margin: 0; }}
input, button {{ font: inherit; padding: .5rem .75rem; }}
input, button {{ border: 1px solid #888; border-radius: 6px; }}
button {{ background: #0b5cad; border-color: #0b5cad; color: #fff; font-weight: 600; }}
p {{ margin: 0; }}
</style></head>
<body><form method="post" action="login">
<h1>Molecule Chat</h1>
<label for="passcode">Passcode, from the person who shared this page</label>
<input id="passcode" name="password" type="password" autocomplete="current-password"
 required autofocus>
<p role="alert">{notice}</p>
<button>Open</button>
</form></body></html>"""


def new_passcode() -> str:
    """Twelve random characters in three groups, 59 bits."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


def choose_passcode(given: str | None) -> str:
    """The passcode asked for, or a new one.

    Raises:
        AssistantError: The one asked for is too short to withstand guessing.
    """
    if given is None:
        return new_passcode()
    if len(given.strip()) < SHORTEST:
        raise AssistantError(
            f"The passcode is too short: use at least {SHORTEST} characters, or leave --passcode "
            "out to get a random one."
        )
    return given.strip()


@dataclass
class WrongTries:
    """Counts wrong tries per address and altogether, and says how long to wait.

    Args:
        free: Wrong tries of one address before it has to wait.
        per_minute: Wrong tries of all addresses together in a minute.
        clock: Seconds; a test brings its own.
    """

    free: int = 5
    per_minute: int = 60
    clock: Callable[[], float] = time.monotonic
    tries: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)
    recent: list[float] = field(default_factory=list)

    def wait(self, visitor: str) -> float:
        """Seconds until this visitor may try again; 0 when now."""
        now = self.clock()
        self.recent = [moment for moment in self.recent if now - moment < 60]
        if len(self.recent) >= self.per_minute:
            return 60 - (now - self.recent[0])
        count, last = self.tries.get(visitor, (0, now))
        if count < self.free:
            return 0.0
        return max(0.0, last + min(2.0 ** (count - self.free + 1), 600.0) - now)

    def add(self, visitor: str) -> None:
        """Note a wrong try."""
        now = self.clock()
        count, _ = self.tries.pop(visitor, (0, now))
        self.tries[visitor] = (count + 1, now)
        self.recent.append(now)
        if len(self.tries) > 10_000:
            self.tries.popitem(last=False)

    def forget(self, visitor: str) -> None:
        """The visitor knew the passcode."""
        self.tries.pop(visitor, None)


class Door:
    """Knows the passcode, who is inside, and who tried wrongly; shared by all requests."""

    def __init__(self, passcode: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = self._hash(passcode)
        self._sessions: OrderedDict[str, float] = OrderedDict()
        self._keys: dict[str, float] = {}
        self.wrong_tries = WrongTries(clock=clock)
        self.clock = clock

    @staticmethod
    def _hash(text: str) -> str:
        return hashlib.sha256(text.strip().encode()).hexdigest()

    def knows(self, passcode: str) -> bool:
        """Whether this is the passcode, in a time that does not depend on the answer."""
        return hmac.compare_digest(self._hash(passcode), self._digest)

    def admit(self) -> str:
        """Start a session; its unguessable token goes into the visitor's cookie."""
        token = secrets.token_urlsafe(32)
        self._sessions[self._hash(token)] = self.clock() + SESSION_SECONDS
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return token

    def is_inside(self, token: str) -> bool:
        """Whether the token belongs to a session that is still open."""
        return self._sessions.get(self._hash(token), 0.0) > self.clock()

    def leave(self, token: str) -> None:
        """End a session."""
        self._sessions.pop(self._hash(token), None)

    def one_time_key(self) -> str:
        """A key that opens the door once, within five minutes: for the host's own browser."""
        key = secrets.token_urlsafe(24)
        self._keys[self._hash(key)] = self.clock() + 300
        return key

    def use_key(self, key: str) -> bool:
        """Use up a one-time key."""
        return self._keys.pop(self._hash(key), 0.0) > self.clock()


class PasscodeGate:
    """ASGI layer that lets only visitors through who are inside."""

    def __init__(self, app: App, *, door: Door) -> None:
        self.app = app
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or ask for the passcode."""
        if scope["type"] != "http":  # the start-up of the server itself
            await self.app(scope, receive, send)
            return
        path = scope["path"].rstrip("/")
        token = session_token(scope)
        if path == "/logout":
            self.door.leave(token)
            await self.ask(scope, send, "You are logged out.", status=200)
        elif path == "/login" and scope["method"] == "POST":
            await self.log_in(scope, receive, send)
        elif path == "/login" and self.door.use_key(query(scope, "key")):
            await self.let_in(scope, send)
        elif self.door.is_inside(token) or is_own_start(scope, path):
            await self.app(scope, receive, send)
        else:
            await self.ask(scope, send)

    async def log_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a try."""
        visitor, wrong = address(scope), self.door.wrong_tries
        wait = wrong.wait(visitor)
        if wait > 0:
            retry = (b"retry-after", str(int(wait) + 1).encode())
            notice = f"Too many wrong tries. Try again in {int(wait) + 1} s."
            await self.ask(scope, send, notice, status=429, headers=(retry,))
            return
        form = parse_qs(await read_form(receive))
        if self.door.knows(form.get("password", [""])[0]):
            wrong.forget(visitor)
            await self.let_in(scope, send)
            return
        wrong.add(visitor)
        await self.ask(scope, send, "This is not the passcode.")

    async def let_in(self, scope: Scope, send: Send) -> None:
        """Set the cookie and show the page, or tell a program that it worked."""
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = (
            f"{COOKIE}={self.door.admit()}; Path=/; HttpOnly; SameSite=Lax; "
            f"Max-Age={int(SESSION_SECONDS)}{secure}"
        )
        headers = ((b"set-cookie", cookie.encode()),)
        if wants_page(scope):
            await respond(send, 303, "", headers=(*headers, (b"location", b"./")))
        else:
            body = json.dumps({"success": True})
            await respond(send, 200, body, kind="application/json", headers=headers)

    async def ask(
        self,
        scope: Scope,
        send: Send,
        notice: str = "",
        *,
        status: int = 401,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Show the page that asks, or tell a program what is missing."""
        if wants_page(scope):
            page = PAGE.format(notice=html.escape(notice))
            await respond(send, status, page, kind="text/html", headers=headers)
        else:
            body = json.dumps({"detail": notice or "A passcode is needed."})
            await respond(send, status, body, kind="application/json", headers=headers)


def session_token(scope: Scope) -> str:
    """The token in the visitor's cookie, or an empty text."""
    try:
        cookies = SimpleCookie(header(scope, b"cookie"))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""


def query(scope: Scope, name: str) -> str:
    """One value of the query string, or an empty text."""
    return parse_qs(scope["query_string"].decode("latin-1")).get(name, [""])[0]


def wants_page(scope: Scope) -> bool:
    """Whether a person's browser asks, rather than a program."""
    return "text/html" in header(scope, b"accept")


def is_own_start(scope: Scope, path: str) -> bool:
    """The server's call to itself while it starts; it carries no data and cannot log in."""
    forwarded = header(scope, b"x-forwarded-for")
    return path == "/gradio_api/startup-events" and address(scope) in LOOPBACK and not forwarded


async def read_form(receive: Receive) -> str:
    """The body of a login, cut at a few kilobytes."""
    body = b""
    while len(body) < MAX_FORM_BYTES:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return body[:MAX_FORM_BYTES].decode("utf-8", "replace")


def protection(
    door: Door | None,
    *,
    local_only: bool,
    limits: Limits | None = None,
    metrics: "Registry | None" = None,
) -> "list[Middleware]":
    """All layers in order, outermost first, for FastAPI's `middleware`.

    Args:
        door: The passcode; None lets everybody in.
        local_only: The server is for this machine only; then there is no rate limit.
        limits: Other limits than the usual.
        metrics: What `/metrics` shows; None switches it off.
    """
    from starlette.middleware import Middleware

    from ui.metrics import MetricsPage  # which knows the door

    if limits is None:
        limits = Limits(per_second=0) if local_only else Limits()
    layers = [
        Middleware(SecurityHeaders),
        Middleware(RequestFilter, local_only=local_only),
        Middleware(RequestLimits, limits=limits),
        Middleware(MetricsPage, metrics=metrics, door=door),
    ]
    if door is not None:
        layers.append(Middleware(PasscodeGate, door=door))
    return [*layers, Middleware(VisitorCookie)]  # only for who is inside
