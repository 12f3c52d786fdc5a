"""A place in a queue that several requests of one question use, side by side or in turn."""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from assistant.llm.queue import FairQueue, Ticket

_QUEUE_POLL_SECONDS = 0.25
_QUEUE_NEWS_SECONDS = 1.0  # also tells whoever streams the answer whether its reader is still there


@dataclass(frozen=True)
class Queued:
    """The request waits behind `position` others, for about `seconds` where that is known."""

    position: int
    seconds: float | None


def wait_in_line(
    queue: FairQueue, ticket: Ticket, stop: threading.Event
) -> Generator[Queued, None, bool]:
    """Waits for the ticket's turn and says where it stands; False when it was stopped.

    It says so again every second, whether or not anything changed.
    """
    shown: int | None = None
    told_at = 0.0
    while not queue.try_start(ticket, 0.0 if shown is None else _QUEUE_POLL_SECONDS):
        if stop.is_set():
            return False
        position = queue.position(ticket)
        if position != shown or time.monotonic() - told_at >= _QUEUE_NEWS_SECONDS:
            shown, told_at = position, time.monotonic()
            yield Queued(position, queue.seconds(ticket))
    return True


class Place:
    """Held from the first request that uses it until it is left.

    The first one takes it, and waits for its turn; those after it have the model at once and count
    against no limit. Whoever asks leaves it, by `with` or by `leave`.
    """

    def __init__(self) -> None:
        self._queue: FairQueue | None = None
        self._ticket: Ticket | None = None

    def take(
        self, queue: FairQueue, visitor: str, stop: threading.Event
    ) -> Generator[Queued, None, bool]:
        """Waits for the model where it is not held yet; False when that was stopped.

        Raises:
            VisitorLimitError: The visitor has asked enough for now.
            QueueFullError: Too many requests are waiting.
        """
        if self._ticket is not None:
            return not stop.is_set()
        self._queue, self._ticket = queue, queue.enter(visitor)
        started = yield from wait_in_line(queue, self._ticket, stop)
        if not started:
            self.leave()
        return started

    def give_way(self, stop: threading.Event) -> Generator[Queued, None, bool]:
        """Lets those who wait go first; False when waiting again was stopped."""
        if self._queue is None or self._ticket is None or not self._queue.n_waiting:
            return True
        self._ticket = self._queue.give_way(self._ticket)
        return (yield from wait_in_line(self._queue, self._ticket, stop))

    def leave(self) -> None:
        """Gives it back; leaving twice changes nothing."""
        if self._queue is not None and self._ticket is not None:
            self._queue.leave(self._ticket)
        self._ticket = None

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()


@contextmanager
def place_of(asked: Place | None) -> Iterator[Place]:
    """The place that a request came with, which its question leaves; else one of its own."""
    if asked is not None:
        yield asked
        return
    with Place() as place:
        yield place
