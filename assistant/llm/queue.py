"""A short, fair queue for a model: people take turns, and a person with many requests waits.

Each request gets a round: the current one, or the one after the person's last. Requests are served
by round, then by arrival, so that everybody's first question goes before anybody's second. A person
may be held to so many requests at a time and a minute (`VisitorLimits`).
"""

import math
import threading
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from itertools import count

from assistant.errors import QueueFullError, VisitorLimitError

_MINUTE = 60.0
_KNOWN_VISITORS = 10_000
_UNKNOWN_SECONDS = 30.0  # what to name as a wait before any answer was timed


@dataclass(frozen=True)
class VisitorLimits:
    """What one visitor may ask of the model; 0 means without limit.

    Attributes:
        running: Requests that are answered at a time; more of them wait, although there is room.
        waiting: Requests that may wait; the next one is refused.
        per_minute: Requests that may begin within a minute.
    """

    running: int = 0
    waiting: int = 0
    per_minute: int = 0

    @classmethod
    def for_questions(cls, n_at_once: int) -> "VisitorLimits":
        """So many answered, as many waiting, and twelve times as many a minute."""
        return cls(n_at_once, n_at_once, 12 * n_at_once)


UNLIMITED = VisitorLimits()


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
        limits: What one visitor may ask.
    """

    def __init__(
        self, max_waiting: int = 8, n_slots: int = 1, *, limits: VisitorLimits = UNLIMITED
    ) -> None:
        self._max_waiting = max_waiting
        self._n_slots = n_slots
        self._limits = limits
        self._waiting: list[Ticket] = []
        self._started: dict[Ticket, float] = {}
        self._last_round: dict[str, int] = {}
        self._entered: OrderedDict[str, deque[float]] = OrderedDict()  # within the last minute
        self._round = 0
        self._numbers = count()
        self._changed = threading.Condition()
        self._durations: deque[float] = deque(maxlen=8)

    @property
    def n_slots(self) -> int:
        """Requests the model answers at a time."""
        return self._n_slots

    @property
    def n_running(self) -> int:
        """Requests that have the model."""
        return len(self._started)

    @property
    def n_waiting(self) -> int:
        """Requests that wait for it."""
        return len(self._waiting)

    def enter(self, visitor: str) -> Ticket:
        """Takes a place.

        Raises:
            VisitorLimitError: This visitor has asked enough for now.
            QueueFullError: Too many requests are waiting.
        """
        with self._changed:
            self._refuse_visitor(visitor)
            n_free = self._n_slots - len(self._started)
            if len(self._waiting) >= self._max_waiting + n_free:
                wait = _in_words(self._seconds_until(1, self._n_slots))
                raise QueueFullError(
                    f"{len(self._waiting)} questions are waiting for the model already."
                    f" Please ask again in about {wait}."
                )
            self._note(visitor)
            return self._line_up(visitor)

    def give_way(self, ticket: Ticket) -> Ticket:
        """Gives the model back and waits for it again behind those who wait now.

        It stays the same request: it is neither refused nor counted against a limit again.
        """
        with self._changed:
            del self._started[ticket]
            again = self._line_up(ticket.visitor)
            self._changed.notify_all()
            return again

    def _line_up(self, visitor: str) -> Ticket:
        turn = max(self._round, self._last_round.get(visitor, -1) + 1)
        self._last_round[visitor] = turn
        ticket = Ticket(turn, next(self._numbers), visitor)
        self._waiting.append(ticket)
        self._waiting.sort()
        return ticket

    def _refuse_visitor(self, visitor: str) -> None:
        limits = self._limits
        own = [ticket for ticket in self._waiting if ticket.visitor == visitor]
        n_running = self._n_running(visitor)
        # A place that is free for the visitor does not count as waiting.
        room = limits.waiting + max(limits.running - n_running, 0)
        if limits.running and len(own) >= room:
            n_all = len(own) + n_running
            wait = _in_words(self._seconds_until(1, limits.running))
            raise VisitorLimitError(
                f"{n_all} of your questions are being answered or wait already, and one person may"
                f" have {limits.running + limits.waiting}. Ask again when one of them is done, in"
                f" about {wait}."
            )
        since = self._recent(visitor)
        if limits.per_minute and len(since) >= limits.per_minute:
            wait = _in_words(since[0] + _MINUTE - time.monotonic())
            raise VisitorLimitError(
                f"You have asked {len(since)} questions within a minute, which is the limit."
                f" Ask again in {wait}."
            )

    def _recent(self, visitor: str) -> "deque[float]":
        """When the visitor's requests of the last minute entered."""
        since = self._entered.get(visitor) or deque()
        while since and since[0] + _MINUTE <= time.monotonic():
            since.popleft()
        return since

    def _note(self, visitor: str) -> None:
        if not self._limits.per_minute:
            return
        since = self._recent(visitor)
        since.append(time.monotonic())
        self._entered[visitor] = since
        self._entered.move_to_end(visitor)
        if len(self._entered) > _KNOWN_VISITORS:
            self._entered.popitem(last=False)

    def _n_running(self, visitor: str) -> int:
        return sum(ticket.visitor == visitor for ticket in self._started)

    def try_start(self, ticket: Ticket, timeout: float) -> bool:
        """Waits up to `timeout` seconds for the model; True once it is the ticket's."""
        with self._changed:
            if not self._changed.wait_for(lambda: ticket in self._next(), timeout):
                return False
            self._waiting.remove(ticket)
            self._started[ticket] = time.monotonic()
            self._round = max(self._round, ticket.round)
            self._last_round = {v: r for v, r in self._last_round.items() if r >= self._round}
            self._changed.notify_all()  # there may be room for the next one too
            return True

    def _next(self) -> list[Ticket]:
        """Who may start now: the first in line whose visitors have room, one per free slot."""
        n_free = self._n_slots - len(self._started)
        running = Counter(ticket.visitor for ticket in self._started)
        chosen: list[Ticket] = []
        for ticket in self._waiting:
            if len(chosen) >= n_free:
                break
            if not self._limits.running or running[ticket.visitor] < self._limits.running:
                running[ticket.visitor] += 1
                chosen.append(ticket)
        return chosen

    def position(self, ticket: Ticket) -> int:
        """How many must end before the ticket's turn; 0 when it is its turn."""
        with self._changed:
            return self._position(ticket)

    def _position(self, ticket: Ticket) -> int:
        following = self._next()
        if ticket in following:
            return 0
        return [other for other in self._waiting if other not in following].index(ticket) + 1

    def seconds(self, ticket: Ticket) -> float | None:
        """Estimated wait, from the last answers; None before there were any."""
        with self._changed:
            limit = self._limits.running
            if limit and self._n_running(ticket.visitor) >= limit:  # waits for own ones first
                own = [other for other in self._waiting if other.visitor == ticket.visitor]
                return self._seconds_until(own.index(ticket) + 1, min(limit, self._n_slots))
            return self._seconds_until(self._position(ticket), self._n_slots)

    def _seconds_until(self, n_ended: int, n_lanes: int) -> float | None:
        """Estimated seconds until so many requests have ended, so many side by side."""
        if not self._durations:
            return None
        mean = sum(self._durations) / len(self._durations)
        now = time.monotonic()
        spent = max((now - since for since in self._started.values()), default=0.0)
        return max(n_ended * mean - min(spent, mean), 0.0) / n_lanes

    def leave(self, ticket: Ticket) -> None:
        """Gives the place or the model back; leaving twice changes nothing."""
        with self._changed:
            if ticket in self._started:
                self._durations.append(time.monotonic() - self._started.pop(ticket))
            elif ticket in self._waiting:
                self._waiting.remove(ticket)
                self._forget_round(ticket.visitor)
            self._changed.notify_all()

    def _forget_round(self, visitor: str) -> None:
        """A request that was given up does not put the visitor's next one further behind."""
        own = [t.round for t in (*self._waiting, *self._started) if t.visitor == visitor]
        if own:
            self._last_round[visitor] = max(own)
        else:
            self._last_round.pop(visitor, None)


def _in_words(seconds: float | None) -> str:
    """A wait that nobody takes for exact, of at least a second."""
    seconds = max(_UNKNOWN_SECONDS if seconds is None else seconds, 1.0)
    return f"{math.ceil(seconds)} s" if seconds < 90 else f"{math.ceil(seconds / 60)} min"
