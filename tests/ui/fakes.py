"""A fake assistant whose words, pace and failures a test decides."""

import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from assistant.chat.check import Check
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Event, Finished, Measured, Notice, Queued, TextDelta
from assistant.chat.figures import Figures
from assistant.chat.reply import PAIRS, AdapterStatus, ReplyOptions, Status
from assistant.chat.view import View
from assistant.chem.names import NameTable
from assistant.chem.worker import Tasks
from assistant.errors import AssistantError
from assistant.llm.place import wait_in_line
from assistant.llm.queue import FairQueue

FIGURES = Figures(
    waited_s=2.0,
    first_token_s=0.1,
    tokens_per_s=31.0,
    answer_tokens=40,
    prompt_tokens=1000,
    cached_tokens=900,
    memory_bytes=812_000_000,
)
STATUS = Status(
    model="fake-model",
    quantisation="nf4",
    compute_format="bfloat16",
    device="cpu",
    context=2048,
    adapters=(
        AdapterStatus("graph tokens", True),
        AdapterStatus("instance LoRA", False, "was trained for another model"),
    ),
)
PAIRS_ON = replace(STATUS, adapters=(*STATUS.adapters, AdapterStatus(PAIRS, True)))
"""Of an assistant that can be asked about a pair."""


def claim(
    text: str, phrase: str, verdict: str, *, truth: str | None = None, **more: object
) -> Check:
    """A check on the first occurrence of a phrase."""
    start = text.index(phrase)
    kind = str(more.pop("kind", "formula"))
    return Check(
        start=start, end=start + len(phrase), verdict=verdict, kind=kind, claim=phrase, truth=truth,
        **more,
    )  # fmt: skip


ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
SALICYLIC = "O=C(O)c1ccccc1O"
TEXT = (
    "This is aspirin. Its formula is C9H8O4 and it has 2 rings.\n\n"
    "- it is an **ester**\n- it hydrolyses to O=C(O)c1ccccc1O in water\n\n"
    "The taste is bitter."
)


def default_checks(text: str = TEXT) -> tuple[Check, ...]:
    """One claim of each verdict and a structure to draw."""
    return (
        claim(text, "C9H8O4", "confirmed", truth="C9H8O4", molecule=1),
        claim(text, "2 rings", "contradicted", truth="1 ring", kind="count", molecule=1),
        claim(text, SALICYLIC, "confirmed", kind="smiles", smiles=SALICYLIC),
        claim(text, "taste is bitter", "unverifiable", kind="other"),
    )


@dataclass(kw_only=True)
class Rescoring:
    """Scores of given answers for the panel "why", each after `delay` seconds.

    Attributes:
        no_why: Why it cannot score, if it cannot.
        views: The views that were scored.
    """

    delay: float = 0.0
    no_why: str = ""
    views: list[View] = field(default_factory=list)

    def cannot_rescore(self, conversation: Conversation, answer: Message) -> str:
        return self.no_why

    def answer_offsets(self, answer: Message) -> tuple[tuple[int, int], ...]:
        """A token for each word, with the blank in front of it."""
        ends = [m.end() for m in re.finditer(r"\S+", answer.text)]
        return tuple(zip([0, *ends[:-1]], ends, strict=True))

    def rescore(
        self,
        conversation: Conversation,
        answer: Message,
        number: int,
        views: Iterable[View],
        *,
        stop: threading.Event,
        visitor: str,
    ) -> Iterator[Queued | tuple[float, ...]]:
        """Every word is likelier for the ester as a whole, for atom 3, and for the text."""
        yield Queued(1, 2.0)
        n_words = len(self.answer_offsets(answer))
        for view in views:
            if stop.is_set():
                return
            time.sleep(self.delay)
            hidden = view.hidden if view.graph else {2, 3, 4}
            lost = 1.0 * ({2, 3, 4} <= hidden) + 0.25 * (3 in hidden) + 2.0 * (not view.told)
            self.views.append(view)
            yield (-0.5 - lost,) * n_words


@dataclass
class FakeAssistant(Rescoring):
    """Streams `text` word by word with `delay` seconds between; remembers what it was asked.

    With `steps` it waits for a permit after its place in the queue and after each of its figures.
    """

    text: str = TEXT
    checks: tuple[Check, ...] = field(default_factory=default_checks)
    delay: float = 0.02
    error: Exception | None = None
    fail_after: int | None = None
    position: int = 0
    steps: threading.Semaphore | None = None
    asked: list[Conversation] = field(default_factory=list)
    options: list[ReplyOptions] = field(default_factory=list)
    stopped: int = 0
    finished: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    said: Status = STATUS

    def status(self) -> Status:
        return self.said

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        with self.lock:
            self.asked.append(conversation)
            self.options.append(options)
        if self.position:
            yield Queued(self.position, 4.0)
            time.sleep(0.3)
            self._wait_for_a_permit()
        if self.error is not None and self.fail_after is None:
            raise self.error
        if conversation.questions[-1].text.startswith("notice"):
            yield Notice("Earlier turns were left out to make room.")
        written = ""
        for i, word in enumerate(self.text.split(" ")):
            if self.fail_after is not None and i >= self.fail_after:
                raise self.error or AssistantError("The fake was told to fail.")
            if options.stop.is_set():
                self.stopped += 1
                break
            delta = word if i == 0 else f" {word}"
            written += delta
            yield TextDelta(delta)
            if i == 0:
                yield Measured(replace(FIGURES, tokens_per_s=None))
                self._wait_for_a_permit()
            elif i == 3:
                yield Measured(replace(FIGURES, tokens_per_s=29.0))
                self._wait_for_a_permit()
            time.sleep(self.delay)
        stopped = written != self.text
        checks = () if stopped else self.checks
        passport = {"model": "fake-model", "seed": 0}
        message = Message("assistant", written, checks=checks, passport=passport, stopped=stopped)
        self.finished += 1
        yield Finished(message, 1.0, first_token_s=0.1, tokens_per_s=31.0, figures=FIGURES)

    def _wait_for_a_permit(self) -> None:
        if self.steps is not None:
            self.steps.acquire(timeout=60)


@dataclass
class QueuedAssistant(FakeAssistant):
    """The fake behind the engine's own queue."""

    queue: FairQueue = field(default_factory=FairQueue)
    n_words: int = 0

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        ticket = self.queue.enter(options.visitor)
        try:
            for queued in wait_in_line(self.queue, ticket, options.stop):
                yield Queued(queued.position, queued.seconds)
            for event in super().reply(conversation, options=options):
                self.n_words += isinstance(event, TextDelta)
                yield event
        finally:
            self.queue.leave(ticket)


class InProcessChemistry:
    """The worker's tasks without a child process; `broken` tasks raise instead."""

    def __init__(self) -> None:
        self._tasks = Tasks(NameTable.load(None))
        self.broken: dict[str, AssistantError] = {}
        self.calls: list[str] = []

    def call(
        self, task: str, *, seconds: float | None = None, **payload: object
    ) -> dict[str, object]:
        self.calls.append(task)
        if task in self.broken:
            raise self.broken[task]
        return json.loads(json.dumps(self._tasks.run(task, payload)))
