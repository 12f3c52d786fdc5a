"""Who a visitor is: an unguessable cookie that each browser gets with its first page.

The history knows a visitor by the cookie's hash, so that nobody who reads the file can become one.
A client without cookies is the visitor of its one tab, and has nothing to come back to.
"""

import hashlib
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from ui.security import App, Message, Receive, Scope, Send, header

if TYPE_CHECKING:
    import gradio as gr

COOKIE = "molecule_chat_visitor"
TOKEN_BYTES = 32
KEPT_SECONDS = 400 * 24 * 3600  # browsers keep none longer

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class VisitorCookie:
    """ASGI layer that gives the cookie with a page, and prolongs it with every further one."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_page = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and "text/html" in header(scope, b"accept")
        )
        if not is_page:
            await self.app(scope, receive, send)
            return
        token = token_in(header(scope, b"cookie")) or secrets.token_urlsafe(TOKEN_BYTES)
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={KEPT_SECONDS}{secure}"

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = (b"set-cookie", cookie.encode())
                message["headers"] = [*message.get("headers", ()), added]
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def token_in(cookies: str) -> str:
    """The visitor's token in a Cookie header, or an empty text."""
    try:
        found = SimpleCookie(cookies)
    except CookieError:
        return ""
    token = found[COOKIE].value if COOKIE in found else ""
    return token if _TOKEN.fullmatch(token) else ""


def visitor_of(request: "gr.Request") -> str:
    """The visitor of an event; never the token itself."""
    token = token_in(str(request.headers.get("cookie") or ""))
    if not token:
        return f"tab-{request.session_hash or ''}"
    return hashlib.sha256(f"visitor {token}".encode()).hexdigest()
