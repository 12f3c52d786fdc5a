"""`/metrics`: the figures of the running assistant for Prometheus, and who may read them.

There is nothing of molecules, texts or persons in them. They are on while only this machine can
reach the page; else `--metrics` asks for them. A program on this machine reads them without a
passcode, for it cannot type one; everybody else has to be inside the door.
"""

from urllib.parse import urlsplit

from assistant.metrics import CONTENT_TYPE, Registry
from ui.passcode import Door, session_token
from ui.security import LOOPBACK, App, Receive, Scope, Send, address, header, respond

PATH = "/metrics"
OFF = "The figures are off while others can reach the page; start with --metrics to have them."


class MetricsPage:
    """ASGI layer that answers `/metrics`.

    Args:
        app: The application behind.
        metrics: What to show; None when the figures are off.
        door: The passcode; None lets everybody in.
    """

    def __init__(self, app: App, *, metrics: Registry | None, door: Door | None) -> None:
        self.app = app
        self.metrics = metrics
        self.door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asks_here = scope["type"] == "http" and scope["path"].rstrip("/") == PATH
        if not asks_here or not self.may_read(scope):
            await self.app(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            await respond(send, 405, "Only GET.", headers=((b"allow", b"GET, HEAD"),))
        elif self.metrics is None:
            await respond(send, 404, OFF)
        else:
            await respond(send, 200, self.metrics.text(), kind=CONTENT_TYPE)

    def may_read(self, scope: Scope) -> bool:
        """Whether the request comes from inside the door, or from this machine itself."""
        if self.door is None or self.door.is_inside(session_token(scope)):
            return True
        # The tunnel comes from this machine too, but brings its visitor's address and its own name.
        named = urlsplit("//" + header(scope, b"host")).hostname in LOOPBACK
        return address(scope) in LOOPBACK and named and not header(scope, b"x-forwarded-for")
