"""What every response carries and every request is held to; knows nothing of Gradio or chemistry.

Four small ASGI layers, outermost first: headers (no third-party host, no sniffing, no framing),
the host name (a page elsewhere cannot talk to a local server under another name), the routes of
the page framework that this assistant does not use, and size and rate limits. The passcode is a
fifth, in `passcode.py`.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from assistant.chem.limits import MAX_FILE_BYTES

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Inline scripts and eval are how the page framework starts and how its HTML components run their
# code; what matters here is that no other host appears anywhere in the list.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' blob:",
        "frame-ancestors 'self'",
        "form-action 'self'",
        "base-uri 'self'",
        "object-src 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
)

# The sketcher's frame evaluates 8 MB of script; in the page's own process that would hold up who
# pastes or types meanwhile. Browsers that know this header give the frame a process of its own.
OWN_PROCESS = (b"document-isolation-policy", b"isolate-and-require-corp")
OWN_PROCESS_PATH = "ui/static/ketcher/index.html"

# Routes of the page framework that reach files, other hosts or other visitors' work.
HIDDEN_ROUTES = (
    "/docs",
    "/redoc",
    "/monitoring",
    "/gradio_api/deep_link",
    "/gradio_api/dev/",
    "/gradio_api/process_recording",
    "/gradio_api/profiling",
    "/gradio_api/proxy=",
    "/gradio_api/run-history",
    "/gradio_api/runs",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe-",
)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MIB = 2**20


def header(scope: Scope, name: bytes) -> str:
    """The value of a request header, or an empty text."""
    return next((v.decode("latin-1") for k, v in scope["headers"] if k == name), "")


def address(scope: Scope) -> str:
    """The visitor's address; uvicorn has already resolved what the tunnel forwards."""
    return scope["client"][0] if scope.get("client") else "?"


async def respond(
    send: Send,
    status: int,
    body: str,
    *,
    kind: str = "text/plain",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """Send one whole response."""
    payload = body.encode()
    start = [
        (b"content-type", f"{kind}; charset=utf-8".encode()),
        (b"content-length", str(len(payload)).encode()),
        (b"cache-control", b"no-store"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": payload})


class SecurityHeaders:
    """Adds `HEADERS` to responses that do not set them, and `OWN_PROCESS` to the frame's."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with the headers added."""
        in_frame = scope["type"] == "http" and scope["path"].endswith(OWN_PROCESS_PATH)
        wanted = (*HEADERS, OWN_PROCESS) if in_frame else HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", ())}
                added = [pair for pair in wanted if pair[0] not in present]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class RequestFilter:
    """Refuses foreign host names, requests started by other sites, and unused routes.

    Args:
        app: The application behind.
        local_only: The server is meant for this machine: only loopback host names are answered,
            so a site that points its own name at 127.0.0.1 gets nothing.
    """

    def __init__(self, app: App, *, local_only: bool) -> None:
        self.app = app
        self.local_only = local_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        refusal = self.refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await respond(send, *refusal)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason why this request is not answered; None when it is."""
        if self.local_only and urlsplit("//" + header(scope, b"host")).hostname not in LOOPBACK:
            return 421, "This assistant answers on this machine only; start it with --host."
        if scope["path"].startswith(HIDDEN_ROUTES):
            return 404, "Not found."
        changes_something = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if changes_something and header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
            return 403, "This request was started by another site."
        return None


@dataclass(frozen=True)
class Limits:
    """What one visitor may send.

    Args:
        upload_bytes: Largest upload; one file of the largest size and its envelope.
        body_bytes: Largest other request; a page sends its conversation with each turn.
        burst: Requests that change something, at once …
        per_second: … and how fast that allowance comes back. 0 means no rate limit.
    """

    upload_bytes: int = MAX_FILE_BYTES + MIB
    body_bytes: int = 16 * MIB
    burst: int = 120
    per_second: float = 4.0


class RateLimiter:
    """A bucket of tokens per visitor; the least recently seen visitors are forgotten."""

    MAX_VISITORS = 10_000

    def __init__(
        self, burst: int, per_second: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.burst = burst
        self.per_second = per_second
        self.clock = clock
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, visitor: str) -> bool:
        """Take one token of this visitor; False when there is none left."""
        now = self.clock()
        tokens, since = self.buckets.pop(visitor, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - since) * self.per_second)
        allowed = tokens >= 1
        self.buckets[visitor] = (tokens - 1 if allowed else tokens, now)
        if len(self.buckets) > self.MAX_VISITORS:
            self.buckets.popitem(last=False)
        return allowed


class BodyTooLargeError(Exception):
    """Raised inside `receive` when a body without a length turns out too large."""


class RequestLimits:
    """Holds requests that change something to `Limits`."""

    def __init__(self, app: App, *, limits: Limits) -> None:
        self.app = app
        self.limits = limits
        self.rate = RateLimiter(limits.burst, limits.per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it as too large or too frequent."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        is_upload = scope["path"].rstrip("/").endswith("/upload")
        most = self.limits.upload_bytes if is_upload else self.limits.body_bytes
        too_large = f"The request is too large: {most // MIB} MB is the limit."
        length = header(scope, b"content-length")
        if length and (not length.isdigit() or int(length) > most):
            await respond(send, 413, too_large)
            return
        if self.limits.per_second and not self.rate.allows(address(scope)):
            wait = (b"retry-after", b"5")
            await respond(send, 429, "Too many requests; wait a moment.", headers=(wait,))
            return
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted(receive, most), send_noting_start)
        except BodyTooLargeError:
            if not started:
                await respond(send, 413, too_large)


def counted(receive: Receive, most: int) -> Receive:
    """`receive` that stops after `most` bytes, whatever length was announced."""
    total = 0

    async def receive_counting() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise BodyTooLargeError
        return message

    return receive_counting
