"""A fake assistant that takes its first answer back."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from assistant.chat.check import Check
from assistant.chat.conversation import Conversation
from assistant.chat.events import Event, Finished, Reconsidering, Rewritten
from assistant.chat.first_attempt import FirstAttempt
from assistant.chat.reply import ReplyOptions
from tests.ui.fakes import FakeAssistant, claim

FIRST = (
    "Molecule 1 has a cLogP of 2.97 and molecule 2 one of 1.99, so molecule 1 is less lipophilic."
)
AGAIN = FIRST.replace("so molecule 1", "so molecule 2")
TRUTH = "molecule 1: cLogP 2.97; molecule 2: cLogP 1.99"
PATIENCE_SECONDS = 60.0


def judged(text: str) -> tuple[Check, ...]:
    verdict = "contradicted" if text == FIRST else "confirmed"
    return (
        claim(text, "cLogP of 2.97", "confirmed", truth="computed cLogP 2.97", molecule=1),
        claim(text, "less lipophilic", verdict, truth=TRUTH, kind="comparison", molecule=1),
    )


@dataclass
class ThinkingAssistant(FakeAssistant):
    """Writes `FIRST`, and in its place `AGAIN` once it may (or was stopped); `FIRST` stays then.

    Attributes:
        may_go_on: Set it to end its thinking.
    """

    text: str = FIRST
    checks: tuple[Check, ...] = field(default_factory=lambda: judged(FIRST))
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        for event in super().reply(conversation, options=options):
            if not isinstance(event, Finished) or event.message.stopped:
                yield event
                continue
            first = event.message
            if not options.second_thoughts:
                yield event
                return
            yield Reconsidering((self.checks[1],))
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (self.may_go_on.is_set() or options.stop.is_set()):
                assert time.monotonic() < deadline
                self.may_go_on.wait(0.05)
            if options.stop.is_set():
                yield event
                return
            yield Rewritten(AGAIN)
            withdrawn = FirstAttempt(first.text, first.token_ids, first.checks)
            again = replace(first, text=AGAIN, checks=judged(AGAIN), first_attempt=withdrawn)
            yield replace(event, message=again)
