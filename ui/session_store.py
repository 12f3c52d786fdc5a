"""All open tabs."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from ui.runs import Runs
from ui.session import Session

MAX_SESSIONS = 500


class SessionStore:
    """All open tabs, by visitor and tab; the longest unused give way beyond a limit.

    Only the limit makes it forget a tab: whether one was closed or only lost its network for a
    moment cannot be told here. A tab that is forgotten ends nothing: its answers are written on.
    """

    def __init__(self, runs: Runs, limit: int = MAX_SESSIONS) -> None:
        self._runs = runs
        self._limit = limit
        self._lock = threading.Lock()
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()

    def get(self, visitor: str, tab: str) -> Session:
        """The session of a tab, new on its first call."""
        key = (visitor, tab)
        with self._lock:
            session = self._sessions.pop(key, None) or Session(self._runs, visitor)
            self._sessions[key] = session
            while len(self._sessions) > self._limit:
                self._sessions.popitem(last=False)
            session.last_used = time.monotonic()
        with session.lock:
            session.catch_up()
        return session

    def peek(self, visitor: str, tab: str) -> Session | None:
        """The session of a tab, if it has one, as it is: without waiting for who works with it."""
        with self._lock:
            return self._sessions.get((visitor, tab))

    @contextmanager
    def locked(self, visitor: str, tab: str) -> Iterator[Session]:
        """The session of a tab with its lock held."""
        session = self.get(visitor, tab)
        with session.lock:
            yield session

    def __len__(self) -> int:
        return len(self._sessions)
