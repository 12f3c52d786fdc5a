"""Answers being written: each in a thread of its own, whether or not a tab is looking.

    begin ─► Run ─► thread: wait for the model, its events ─► history
                └─► any number of tabs `follow` what there is so far

A closed tab ends only its following. The answer goes on, is kept, and is there on return; Stop, or
taking the question back, ends it within one token.
"""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.figures import Figures
from assistant.chat.history import History, Node, Place
from assistant.errors import AssistantError, HistoryError
from ui.handle import AssistantHandle
from ui.live import Live

FLUSH_SECONDS = 0.07
POLL_SECONDS = 0.2
MAX_RUNS = 4  # of one visitor: closed tabs free none, so a bound for each is needed
NOTE_SECONDS = 2.0  # between two notes of the words so far
STOPPED = "Stopped before the first word."
EMPTY = "The model gave an empty answer. Retry, or ask in other words."
APOLOGY = (
    "Something went wrong on this side, not in your question. It has been logged; please retry."
)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Draw:
    """How an answer is drawn; another answer to the same question must be able to differ."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    second_thoughts: bool = True


@dataclass
class Run:
    """An answer being written.

    Attributes:
        place: Where it belongs.
        live: What there is so far.
        stop: Set it to end the answer.
        outcome: The message it became, once it is done.
        figures: Of the finished answer.
        problem: Why an answer that is kept has no end, or could not be saved.
        n_watching: How many tabs are looking.
    """

    place: Place
    live: Live
    stop: threading.Event = field(default_factory=threading.Event)
    outcome: Node | None = None
    problem: str = ""
    figures: Figures | None = None
    n_watching: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    noted_at: float = field(default_factory=time.monotonic)

    @property
    def is_done(self) -> bool:
        """Whether nothing more will come."""
        return self.outcome is not None

    def tell(self, live: Live) -> None:
        """Shows everybody who follows something new."""
        with self.changed:
            self.live = live
            self.changed.notify_all()

    def follow(self) -> Iterator[Live]:
        """What to show until the answer is done, 14 times a second at most."""
        shown: Live | None = None
        with self.changed:
            self.n_watching += 1
        try:
            while not self.is_done:
                with self.changed:
                    self.changed.wait_for(
                        lambda known=shown: self.is_done or self.live is not known, timeout=1.0
                    )
                    live = self.live
                if live is not shown and not self.is_done:
                    shown = live
                    yield live
                self._gather()
        finally:
            with self.changed:
                self.n_watching -= 1

    def _gather(self) -> None:
        """Lets a few words come together."""
        with self.changed:
            self.changed.wait_for(lambda: self.is_done, timeout=FLUSH_SECONDS)


class Runs:
    """All answers being written, by the number of their message.

    Args:
        history: Where they go.
        handle: What writes them.
    """

    def __init__(self, history: History, handle: AssistantHandle) -> None:
        self.history = history
        self.handle = handle
        self._lock = threading.Lock()
        self._running: dict[int, Run] = {}

    def get(self, answer: int | None) -> Run | None:
        """The run of a message, None when nobody is writing it."""
        with self._lock:
            return self._running.get(answer)

    def refuse_too_many(self, visitor: str) -> None:
        """Leaves room for others.

        Raises:
            AssistantError: As many answers as one visitor may have are being written.
        """
        with self._lock:
            mine = [run for run in self._running.values() if run.place.visitor == visitor]
        if len(mine) >= MAX_RUNS:
            raise AssistantError(
                f"{len(mine)} answers are being written for you in other conversations. Wait for "
                "one, or open it from the list and stop it."
            )

    def unwatched(self, visitor: str) -> str:
        """A visitor's conversation in which an answer is written while no tab looks, or ""."""
        with self._lock:
            running = list(self._running.values())
        mine = [run for run in running if run.place.visitor == visitor and run.n_watching == 0]
        return mine[-1].place.conversation if mine else ""

    def start(
        self, place: Place, turn: int, conversation: Conversation, draw: Draw | None = None
    ) -> Run:
        """Begins to write the answer to the last question of a conversation."""
        run = Run(place, Live(turn, status="waiting for the model"))
        with self._lock:
            self._running[place.answer] = run
        executor = ThreadPoolExecutor(1, thread_name_prefix="answer")
        writing = executor.submit(self._write, run, conversation, draw or Draw())
        writing.add_done_callback(lambda done: self._end(run, done))
        executor.shutdown(wait=False)
        return run

    def stop_all(self, *, seconds: float) -> None:
        """Stops everything and waits until it is kept, so long at most."""
        with self._lock:
            running = list(self._running.values())
        for run in running:
            run.stop.set()
        deadline = time.monotonic() + seconds
        for run in running:
            with run.changed:
                run.changed.wait_for(
                    lambda run=run: run.is_done, timeout=max(0.0, deadline - time.monotonic())
                )

    def _write(self, run: Run, conversation: Conversation, draw: Draw) -> Message | None:
        """The finished message, None when the model ended without one."""
        from assistant.chat.reply import ReplyOptions

        self._wait_for_model(run)
        options = ReplyOptions(
            temperature=draw.temperature,
            top_p=draw.top_p,
            seed=draw.seed,
            second_thoughts=draw.second_thoughts,
            stop=run.stop,
            visitor=run.place.visitor,
        )
        for event in self.handle.get().reply(conversation, options=options):
            if isinstance(event, Finished):
                run.figures = event.figures
                return event.message
            run.tell(run.live.after(event))
            self._note(run)
        return None

    def _wait_for_model(self, run: Run) -> None:
        while self.handle.state == "loading" and not run.stop.is_set():
            status = (
                f"the model is still loading ({self.handle.seconds_loading:.0f} s); "
                "this question is answered as soon as it is ready"
            )
            if status != run.live.status:
                run.tell(replace(run.live, status=status))
            run.stop.wait(POLL_SECONDS)
        if run.stop.is_set():
            raise AssistantError("Stopped before the model was ready.")

    def _note(self, run: Run) -> None:
        """Now and then the words so far go to the history, for a program that is killed."""
        if time.monotonic() - run.noted_at < NOTE_SECONDS:
            return
        run.noted_at = time.monotonic()
        try:
            self.history.note_progress(run.place, run.live.text)
        except HistoryError as error:
            logger.warning("the words so far were not noted: %s", error)

    def _end(self, run: Run, writing: "Future[Message | None]") -> None:
        """Keeps what came of it: the answer, its first words, or the reason why there are none."""
        problem = writing.exception()
        reason = _reason(problem)
        message = writing.result() if problem is None else None
        if message is None and run.live.text.strip():
            message = Message("assistant", run.live.text, stopped=True)
            run.problem = "" if run.stop.is_set() else reason
        try:
            outcome = self._keep(run, message, reason)
        except HistoryError as error:  # shown, although it could not be written
            run.problem = str(error)
            place = run.place
            words = message or Message("assistant", "", stopped=True)
            state = "done" if words.text.strip() else "failed"
            outcome = Node(place.answer, place.question, words, state, reason, time.time())
        with self._lock:
            self._running.pop(run.place.answer, None)
        with run.changed:
            run.outcome = outcome
            run.changed.notify_all()
        run.stop.set()

    def _keep(self, run: Run, message: Message | None, reason: str) -> Node:
        if message is not None and message.text.strip():
            return self.history.finish(run.place, message, seen=False)
        is_stopped = run.stop.is_set() or (message is not None and message.stopped)
        if message is not None:
            reason = STOPPED if is_stopped else EMPTY
        elif is_stopped and not reason:
            reason = STOPPED
        return self.history.fail(run.place, reason or EMPTY, stopped=is_stopped, seen=False)


def _reason(problem: BaseException | None) -> str:
    """A failure in words for the person; a bug is logged and gets an apology."""
    if problem is None:
        return ""
    if isinstance(problem, AssistantError):
        return str(problem)
    logger.error("answering failed", exc_info=problem)
    return APOLOGY
