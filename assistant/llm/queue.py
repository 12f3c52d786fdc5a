"""A short, fair queue for one model: people take turns, and a person with many requests waits.

Each request gets a round: the current one, or the one after the person's last. Requests are served
by round, then by arrival.
"""

import threading
import time
from collections import deque
from dataclasses import dataclass
from itertools import count

from assistant.errors import QueueFullError


@dataclass(frozen=True, order=True)
class Ticket:
    """A place in the queue."""

    round: int
    number: int
    visitor: str


class FairQueue:
    """Lets one request at a time have the model.

    Args:
        max_waiting: Most requests that may wait; the next one is refused.
    """

    def __init__(self, max_waiting: int = 8) -> None:
        self._max_waiting = max_waiting
        self._waiting: list[Ticket] = []
        self._active: Ticket | None = None
        self._last_round: dict[str, int] = {}
        self._round = 0
        self._numbers = count()
        self._changed = threading.Condition()
        self._durations: deque[float] = deque(maxlen=8)
        self._started = 0.0

    def enter(self, visitor: str) -> Ticket:
        """Takes a place.

        Raises:
            QueueFullError: Too many requests are waiting.
        """
        with self._changed:
            if len(self._waiting) >= self._max_waiting:
                raise QueueFullError(
                    f"{len(self._waiting)} questions are waiting for the model already."
                    " Please ask again in a minute."
                )
            turn = max(self._round, self._last_round.get(visitor, -1) + 1)
            self._last_round[visitor] = turn
            ticket = Ticket(turn, next(self._numbers), visitor)
            self._waiting.append(ticket)
            self._waiting.sort()
            return ticket

    def try_start(self, ticket: Ticket, timeout: float) -> bool:
        """Waits up to `timeout` seconds for the model; True once it is the ticket's."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._may_start(ticket), timeout):
                return False
            self._waiting.remove(ticket)
            self._active = ticket
            self._round = ticket.round
            self._last_round = {v: r for v, r in self._last_round.items() if r >= self._round}
            self._started = time.monotonic()
            return True

    def _may_start(self, ticket: Ticket) -> bool:
        return self._active is None and self._waiting[0] == ticket

    def position(self, ticket: Ticket) -> int:
        """Requests that come first, the running one included; 0 when it is the ticket's turn."""
        with self._changed:
            return self._waiting.index(ticket) + (self._active is not None)

    def seconds(self, ticket: Ticket) -> float | None:
        """Estimated wait, from the last answers; None before there were any."""
        position = self.position(ticket)
        with self._changed:
            if not self._durations:
                return None
            mean = sum(self._durations) / len(self._durations)
            spent = time.monotonic() - self._started if self._active is not None else 0.0
            return max(position * mean - min(spent, mean), 0.0)

    def leave(self, ticket: Ticket) -> None:
        """Gives the place or the model back; leaving twice changes nothing."""
        with self._changed:
            if ticket == self._active:
                self._active = None
                self._durations.append(time.monotonic() - self._started)
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
            self._changed.notify_all()
