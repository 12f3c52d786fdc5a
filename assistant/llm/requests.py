"""What an engine is asked, what it answers with, and what every engine does the same way."""

import threading
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from assistant.errors import PromptTooLongError
from assistant.llm.experts import ExpertMode
from assistant.llm.queue import FairQueue, Ticket
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced

_QUEUE_POLL_SECONDS = 0.25
_QUEUE_NEWS_SECONDS = 1.0  # also tells whoever streams the answer whether its reader is still there

EndReason = Literal["end", "length", "stopped", "time"]


@dataclass
class Progress:
    """How far an engine is with a request: the engine writes it, whoever asked reads it.

    Attributes:
        began: When the request had the model (perf_counter); None while it waits.
        cached_tokens: Prompt tokens that are not computed again.
    """

    began: float | None = None
    cached_tokens: int = 0

    def begin(self, cached_tokens: int) -> None:
        """Takes note that the request has the model."""
        self.cached_tokens = cached_tokens
        self.began = time.perf_counter()


class TimedStop(threading.Event):
    """Set by hand, by `stop`, or once an answer has had the model for so many seconds.

    Args:
        stop: Another event that ends the answer.
        progress: Of the answer.
        seconds: The time limit.
    """

    def __init__(self, stop: threading.Event, progress: Progress, seconds: float) -> None:
        super().__init__()
        self._stop, self._progress, self._seconds = stop, progress, seconds

    def is_set(self) -> bool:
        """Whether the answer is to end."""
        return super().is_set() or self._stop.is_set() or self.is_over_time

    @property
    def is_over_time(self) -> bool:
        """Whether the time limit has passed."""
        began = self._progress.began
        return began is not None and time.perf_counter() - began > self._seconds


@dataclass(frozen=True)
class Request:
    """One question to the engine.

    Attributes:
        spliced: The prompt.
        sampling: How the answer is drawn.
        stop: Set it to end the answer within one token.
        visitor: Whose question it is, for fairness and for the cache.
        experts: How the experts' scalings are chosen; None leaves the experts out.
        progress: Where the engine notes how far it is.
        forced: Token ids of an answer that is there already; they are scored, nothing is drawn.
    """

    spliced: Spliced
    sampling: Sampling = field(default_factory=Sampling)
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""
    experts: ExpertMode | None = None
    progress: Progress = field(default_factory=Progress)
    forced: tuple[int, ...] = ()


@dataclass(frozen=True)
class Rescoring:
    """One answer, to be scored after several prompts in turn; it counts as one question.

    Attributes:
        prompts: Each is made when its turn comes.
        ids: The answer's token ids, as generated; at least one.
        stop: Set it to end the work within a part of a prompt.
        visitor: Whose question it is, for fairness.
    """

    prompts: Iterable[Spliced]
    ids: tuple[int, ...]
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""


@dataclass(frozen=True)
class Scored:
    """Log-probability of each token of the answer after the next prompt, natural logarithm."""

    log_probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Queued:
    """The request waits behind `position` others, for about `seconds` where that is known."""

    position: int
    seconds: float | None


@dataclass(frozen=True)
class Token:
    """A token was drawn; `text_delta` is the text that became certain with it, maybe none.

    At the end of an answer text may be left over; it comes with `token_id` None.
    """

    text_delta: str
    token_id: int | None


@dataclass(frozen=True)
class Done:
    """The answer is complete.

    Attributes:
        reason: Ended by the model, by the length limit, stopped, or by the time limit.
        token_ids: The answer as generated, without the end-of-turn token.
        first_token_s: From having the model to the first token.
        tokens_per_s: Decoding speed after the first token.
        cached_tokens: Prompt tokens that were not computed again.
        scalings: Of the experts, averaged over the answer's tokens: per adapted layer (one row when
            all share it) a weight per expert. Empty without experts.
        log_probabilities: Of the tokens that were forced; empty where they were drawn.
    """

    reason: EndReason
    token_ids: tuple[int, ...]
    first_token_s: float
    tokens_per_s: float
    cached_tokens: int = 0
    scalings: tuple[tuple[float, ...], ...] = ()
    log_probabilities: tuple[float, ...] = ()


EngineEvent = Queued | Token | Done


@dataclass(frozen=True)
class EngineLoad:
    """How busy an engine is.

    Attributes:
        n_slots: Requests it answers at a time.
        n_running: Requests it is answering.
        n_waiting: Requests that wait.
        cache_bytes: Memory of the conversations' caches between their turns.
        spilled_bytes: Memory of those that had to leave the GPU for the machine's memory.
    """

    n_slots: int
    n_running: int
    n_waiting: int
    cache_bytes: int
    spilled_bytes: int = 0

    @classmethod
    def of(cls, queue: FairQueue, cache_bytes: int, spilled_bytes: int = 0) -> "EngineLoad":
        """From the engine's queue and caches."""
        return cls(queue.n_slots, queue.n_running, queue.n_waiting, cache_bytes, spilled_bytes)


class Engine(Protocol):
    """What the assistant needs of an engine."""

    @property
    def load(self) -> EngineLoad:
        """How busy it is."""
        ...

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        """Events of one answer; the last is `Done`. Closing the iterator frees the engine."""
        ...

    def rescore(self, rescoring: Rescoring) -> Iterator[Queued | Scored]:
        """Scores an answer after each prompt, in order; fewer times when it was stopped."""
        ...


def refuse_too_long(request: Request, context: int) -> None:
    """Refuses a prompt that leaves no room for an answer.

    Raises:
        PromptTooLongError: With both numbers.
    """
    n_tokens = request.spliced.n_tokens
    if n_tokens >= context:
        raise PromptTooLongError(
            f"The conversation takes {n_tokens} tokens and the model reads {context}."
            " Start a new conversation or shorten the question."
        )


def memory_is_full(n_tokens: int) -> PromptTooLongError:
    """What to tell a person whose prompt does not fit the memory; 0 where it has no length yet."""
    length = f" at {n_tokens} tokens" if n_tokens else ""
    return PromptTooLongError(
        f"The memory is full{length}. Start a new conversation, close"
        " other programs that use the GPU's memory, or choose a smaller model."
    )


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


def end_reason(request: Request, done: Done) -> EndReason:
    """Why an answer ended; what its time limit stopped was not stopped by the person."""
    stop = request.stop
    is_over_time = isinstance(stop, TimedStop) and stop.is_over_time
    return "time" if done.reason == "stopped" and is_over_time else done.reason


def decoding_speed(n_tokens: int, since: float) -> float:
    """Tokens per second after the first one, which was there at `since` (perf_counter)."""
    seconds = time.perf_counter() - since
    return (n_tokens - 1) / seconds if n_tokens > 1 and seconds > 0 else 0.0
