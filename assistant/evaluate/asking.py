"""Asks an assistant many questions side by side, the way the page asks one.

Every question goes through `Assistant.reply`; so many wait at a time that the engine's batch stays
full. A question that fails (too long, over a limit) has an answer without text and the reason.
"""

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from assistant.assistant import Assistant
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.errors import AssistantError

N_SIDE_BY_SIDE = 8
_REPORT_SECONDS = 20.0

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        text: As the model wrote it; "" after a failure.
        failure: Why there is none.
        message: The whole message, for a conversation that goes on.
    """

    text: str
    failure: str = ""
    message: Message | None = None


class Asker:
    """Greedy answers of one assistant.

    Args:
        assistant: Who answers.
        max_new_tokens: Longest answer.
        second_thoughts: Whether an answer that the structure contradicts is written again.
    """

    def __init__(
        self, assistant: Assistant, *, max_new_tokens: int, second_thoughts: bool = False
    ) -> None:
        self.assistant = assistant
        self._options = ReplyOptions(max_new_tokens=max_new_tokens, second_thoughts=second_thoughts)

    def ask(self, conversation: Conversation) -> Answer:
        """The answer to a conversation's last question."""
        try:
            for event in self.assistant.reply(conversation, options=self._options):
                if isinstance(event, Finished):
                    return Answer(event.message.text, message=event.message)
        except AssistantError as error:
            return Answer("", failure=str(error))
        raise RuntimeError("the reply ended without Finished")

    def ask_all(self, makers: Sequence[Callable[[], Conversation]]) -> list[Answer]:
        """Answers in order; a conversation that cannot be made is a failure too."""

        def answer(make: Callable[[], Conversation]) -> Answer:
            try:
                conversation = make()
            except AssistantError as error:
                return Answer("", failure=str(error))
            return self.ask(conversation)

        return side_by_side(answer, makers, what="answers")

    def lean(self, make: Callable[[], Conversation]) -> float:
        """Log-odds of yes against no; 0 where the question cannot be put."""
        try:
            return self.assistant.score_yes_no(make()).log_odds
        except AssistantError:
            return 0.0

    def lean_all(self, makers: Sequence[Callable[[], Conversation]]) -> list[float]:
        """Log-odds in order, one after the other: scoring has the model to itself."""
        found = [self.lean(make) for make in _reported(makers, len(makers), "scores")]
        return [0.0 if math.isnan(value) else value for value in found]


def side_by_side(work: Callable[[T], R], items: Sequence[T], *, what: str) -> list[R]:
    """Results in order, of a few threads at a time."""
    with ThreadPoolExecutor(N_SIDE_BY_SIDE) as pool:
        return list(_reported(pool.map(work, items), len(items), what))


def _reported(items: Iterable[T], n: int, what: str) -> Iterable[T]:
    """The items, with a line about progress now and then."""
    began = told = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if now - told > _REPORT_SECONDS:
            left = (now - began) / max(done, 1) * (n - done)
            sys.stderr.write(f"{done} of {n} {what}, about {left:.0f} s left\n")
            told = now
        yield item
