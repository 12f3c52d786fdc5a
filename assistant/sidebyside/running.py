"""All columns of a comparison at the same time, their events merged as they come.

    column ─► thread ─► Assistant.reply ─┐
    column ─► thread ─► Assistant.reply ─┼─► events of all columns ─► whoever shows them
    column ─► thread ─► Assistant.reply ─┘
                             └── the engine puts them into one batch where it can

A column that fails ends with `Failed` and disturbs no other; Stop, or closing the iterator, ends
all within a token.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import Protocol

from assistant.chat.conversation import Conversation
from assistant.chat.events import Event, Finished
from assistant.chat.reply import ReplyOptions
from assistant.errors import AssistantError, QueueFullError
from assistant.sidebyside.columns import Column

FULL_SECONDS = 0.5
"""Until a column that found no free place tries again."""
APOLOGY = "Something went wrong on this side; it has been logged. The other columns go on."
NO_ANSWER = "The model ended without an answer."
logger = logging.getLogger(__name__)


class Replying(Protocol):
    """What is needed of an assistant."""

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        """Streams the answer to the last question."""
        ...


@dataclass(frozen=True)
class Failed:
    """A column has no answer, for a reason fit for the person."""

    reason: str


@dataclass(frozen=True)
class NoPlace:
    """A column waits because the model's queue is full; it tries again."""

    reason: str


@dataclass(frozen=True)
class _Ended:
    writing: "Future[bool]"


ColumnEvent = Event | Failed | NoPlace


def run_columns(
    assistant: Replying, columns: Sequence[Column], stop: threading.Event
) -> Iterator[tuple[int, ColumnEvent]]:
    """Asks every column that is on; yields its index with each of its events.

    The last event of a column is `Finished` or `Failed`.

    Args:
        assistant: Answers.
        columns: What to ask; those that are off give no event.
        stop: Set it to end all answers; set in the end.
    """
    asked = [place for place, column in enumerate(columns) if not column.off]
    news: SimpleQueue[tuple[int, ColumnEvent | _Ended]] = SimpleQueue()
    with ThreadPoolExecutor(max(1, len(asked)), thread_name_prefix="column") as threads:
        try:
            for place in asked:
                tell = partial(_tell, news, place)
                writing = threads.submit(_answer, assistant, columns[place], stop, tell)
                writing.add_done_callback(lambda done, tell=tell: tell(_Ended(done)))
            n_open = len(asked)
            while n_open:
                place, event = news.get()
                if isinstance(event, _Ended):
                    n_open -= 1
                    if reason := _failure(event.writing):
                        yield place, Failed(reason)
                else:
                    yield place, event
        finally:
            stop.set()


def _tell(
    news: "SimpleQueue[tuple[int, ColumnEvent | _Ended]]", place: int, event: ColumnEvent | _Ended
) -> None:
    news.put((place, event))


def _answer(
    assistant: Replying,
    column: Column,
    stop: threading.Event,
    tell: Callable[[ColumnEvent], None],
) -> bool:
    """Passes the events of one answer on; whether it came to an end of its own."""
    options = replace(column.options, stop=stop)
    while True:
        try:
            return _pass_on(assistant.reply(column.conversation, options=options), tell)
        except QueueFullError as error:  # other answers have to end first
            if stop.is_set():
                raise
            tell(NoPlace(str(error)))
            stop.wait(FULL_SECONDS)


def _pass_on(events: Iterator[Event], tell: Callable[[ColumnEvent], None]) -> bool:
    ended = False
    for event in events:
        tell(event)
        ended = isinstance(event, Finished)
    return ended


def _failure(writing: "Future[bool]") -> str:
    """Why a column has no answer, "" where it has one; a bug is logged and gets an apology."""
    problem = writing.exception()
    if problem is None:
        return "" if writing.result() else NO_ANSWER
    if isinstance(problem, AssistantError):
        return str(problem)
    logger.error("a column of a comparison failed", exc_info=problem)
    return APOLOGY
