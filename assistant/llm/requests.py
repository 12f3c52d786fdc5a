"""What an engine is asked, what it answers with, and what every engine does the same way."""

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from assistant.errors import PromptTooLongError
from assistant.llm.experts import ExpertMode
from assistant.llm.place import Place, Queued
from assistant.llm.queue import FairQueue
from assistant.llm.sampling import Sampling
from assistant.llm.splice import Spliced

EndReason = Literal["end", "length", "circles", "stopped", "time"]
"""End of turn or a stop text; most tokens; it repeats itself; a person's stop; a time limit."""


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
        begun: Token ids that the answer begins with; those behind them are drawn.
        place: A place in the queue that other requests of the same question use too; without one
            the request has a place of its own.
        forced: Token ids of an answer that is there already; they are scored, nothing is drawn.
        n_others: Of each forced token, how many other likely ones are named.
        keeps_cache: Whether its cache is kept for a question that begins the same way.
    """

    spliced: Spliced
    sampling: Sampling = field(default_factory=Sampling)
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""
    experts: ExpertMode | None = None
    progress: Progress = field(default_factory=Progress)
    begun: tuple[int, ...] = ()
    place: Place | None = None
    forced: tuple[int, ...] = ()
    n_others: int = 0
    keeps_cache: bool = True


@dataclass(frozen=True)
class Other:
    """A token that could have stood in an answer's place, with its log-probability."""

    token_id: int
    log_probability: float


Others = tuple[tuple[Other, ...], ...]
"""For each token of an answer the likeliest other ones, the likeliest first."""


@dataclass(frozen=True)
class Rescoring:
    """One answer, to be scored after several prompts in turn; it counts as one question.

    Attributes:
        prompts: Each is made when its turn comes.
        ids: The answer's token ids, as generated; at least one.
        stop: Set it to end the work within a part of a prompt.
        visitor: Whose question it is, for fairness.
        n_others: For each token, how many other likely ones are named.
        place: The place of the question that the scores are a part of; without one they are a
            question of their own, which lets others go first between two prompts.
    """

    prompts: Iterable[Spliced]
    ids: tuple[int, ...]
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""
    n_others: int = 0
    place: Place | None = None


@dataclass(frozen=True)
class Scored:
    """An answer after one prompt.

    Attributes:
        log_probabilities: Of each token, natural logarithm.
        others: What could have stood there, where it was asked for.
    """

    log_probabilities: tuple[float, ...]
    others: Others = ()


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
        token_ids: The answer as generated, with what it was begun with and without the end-of-turn
            token.
        first_token_s: From having the model to the first token.
        tokens_per_s: Decoding speed after the first token.
        cached_tokens: Prompt tokens that were not computed again.
        scalings: Of the experts, averaged over the tokens drawn, without those that the answer was
            begun with: per adapted layer (one row when all share it) a weight per expert. Empty
            without experts.
        log_probabilities: Of the tokens that were forced; empty where they were drawn.
        others: What could have stood in the places of those.
    """

    reason: EndReason
    token_ids: tuple[int, ...]
    first_token_s: float
    tokens_per_s: float
    cached_tokens: int = 0
    scalings: tuple[tuple[float, ...], ...] = ()
    log_probabilities: tuple[float, ...] = ()
    others: Others = ()


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

    def side_by_side(
        self, requests: Sequence[Request]
    ) -> Generator[Queued, None, tuple[Done, ...]]:
        """How several requests of one question end, in order; nothing is told on the way.

        They have the place of the first one and grow together where the engine can do that. Those
        that were stopped have the reason "stopped"; once they have begun, nothing but their `stop`
        ends them.
        """
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


def end_reason(request: Request, done: Done) -> EndReason:
    """Why an answer ended; what its time limit stopped was not stopped by the person."""
    stop = request.stop
    is_over_time = isinstance(stop, TimedStop) and stop.is_over_time
    return "time" if done.reason == "stopped" and is_over_time else done.reason


def decoding_speed(n_tokens: int, since: float) -> float:
    """Tokens per second after the first one, which was there at `since` (perf_counter)."""
    seconds = time.perf_counter() - since
    return (n_tokens - 1) / seconds if n_tokens > 1 and seconds > 0 else 0.0
