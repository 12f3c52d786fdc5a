"""A short, fair queue for a model: people take turns, and a person with many requests waits.

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
    """Lets so many requests at a time have the model.

    Args:
        max_waiting: Most requests that may wait; the next one is refused.
        n_slots: Requests the model answers at a time.
    """

    def __init__(self, max_waiting: int = 8, n_slots: int = 1) -> None:
        self._max_waiting = max_waiting
        self._n_slots = n_slots
        self._waiting: list[Ticket] = []
        self._started: dict[Ticket, float] = {}
        self._last_round: dict[str, int] = {}
        self._round = 0
        self._numbers = count()
        self._changed = threading.Condition()
        self._durations: deque[float] = deque(maxlen=8)

    def enter(self, visitor: str) -> Ticket:
        """Takes a place.

        Raises:
            QueueFullError: Too many requests are waiting.
        """
        with self._changed:
            n_free = self._n_slots - len(self._started)
            if len(self._waiting) >= self._max_waiting + n_free:
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
            self._started[ticket] = time.monotonic()
            self._round = ticket.round
            self._last_round = {v: r for v, r in self._last_round.items() if r >= self._round}
            self._changed.notify_all()  # there may be room for the next one too
            return True

    def _may_start(self, ticket: Ticket) -> bool:
        return len(self._started) < self._n_slots and self._waiting[0] == ticket

    def position(self, ticket: Ticket) -> int:
        """How many must end before the ticket's turn; 0 when it is its turn."""
        with self._changed:
            n_free = self._n_slots - len(self._started)
            return max(self._waiting.index(ticket) + 1 - n_free, 0)

    def seconds(self, ticket: Ticket) -> float | None:
        """Estimated wait, from the last answers; None before there were any."""
        position = self.position(ticket)
        with self._changed:
            if not self._durations:
                return None
            mean = sum(self._durations) / len(self._durations)
            now = time.monotonic()
            spent = max((now - since for since in self._started.values()), default=0.0)
            return max(position * mean - min(spent, mean), 0.0) / self._n_slots

    def leave(self, ticket: Ticket) -> None:
        """Gives the place or the model back; leaving twice changes nothing."""
        with self._changed:
            if ticket in self._started:
                self._durations.append(time.monotonic() - self._started.pop(ticket))
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
            self._changed.notify_all()
