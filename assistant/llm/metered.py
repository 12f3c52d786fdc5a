"""An engine that counts what it does, for `/metrics`: figures only, nothing of what was asked.

stream ─► counted ─► engine
             └► requests by outcome, refusals by reason, waits, speeds, tokens, caches, memory
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from assistant.encoding import MoleculeEncoder
from assistant.errors import AssistantError, PromptTooLongError, QueueFullError, VisitorLimitError
from assistant.llm.load import LoadedLLM
from assistant.llm.memory import gpu_bytes, resident_bytes
from assistant.llm.requests import (
    Done,
    Engine,
    EngineEvent,
    EngineLoad,
    Queued,
    Request,
    Rescoring,
    Scored,
    Token,
    end_reason,
)
from assistant.metrics import Registry

OUTCOMES = ("end", "length", "circles", "stopped", "time", "closed", "refused", "failed")
REASONS = ("queue_full", "visitor_limit", "prompt_too_long")

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SPEEDS = (1, 2, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 500)


def metered(
    engine: Engine, metrics: Registry, llm: LoadedLLM, encoder: MoleculeEncoder | None
) -> "MeteredEngine":
    """The engine, counting what it does; caches and threads are read when somebody looks.

    Args:
        engine: Answers.
        metrics: Where the counts go.
        llm: Its language model.
        encoder: Gives graph tokens and ΔW, where there is one.
    """
    _read_molecules(metrics, encoder)
    metrics.read("threads", "Processor threads of the model.", lambda: llm.threads.n_now)
    return MeteredEngine(engine, metrics)


class MeteredEngine:
    """Passes requests on to an engine and counts them.

    Args:
        engine: Answers.
        metrics: Where the counts go.
    """

    def __init__(self, engine: Engine, metrics: Registry) -> None:
        self._engine = engine
        self._outcomes = metrics.counter(
            "requests_total", "Requests to the model, by how they ended.", "outcome", OUTCOMES
        )
        self._refused = metrics.counter(
            "refused_total", "Requests that were refused, by reason.", "reason", REASONS
        )
        self._prompt = metrics.counter("prompt_tokens_total", "Prompt tokens of begun requests.")
        self._cached = metrics.counter(
            "prompt_tokens_cached_total", "Prompt tokens that a kept cache saved computing."
        )
        self._generated = metrics.counter("generated_tokens_total", "Tokens drawn.")
        self._conversations = metrics.counter(
            "conversation_cache_requests_total",
            "Begun requests that found a kept cache of their conversation (hit) or did not (miss).",
            "result",
            ("hit", "miss"),
        )
        self._waits = metrics.histogram(
            "queue_wait_seconds", "Seconds from the request until the model began.", _SECONDS
        )
        self._firsts = metrics.histogram(
            "time_to_first_token_seconds",
            "Seconds from the request to its first token, waiting included.",
            _SECONDS,
        )
        self._speeds = metrics.histogram(
            "tokens_per_second", "Decoding speed of an answer after its first token.", _SPEEDS
        )
        _read_load(metrics, lambda: engine.load)

    @property
    def load(self) -> EngineLoad:
        """How busy the engine is."""
        return self._engine.load

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        """Events of one answer, as the engine gives them, and its errors."""
        if request.begun:  # the same question's answer, written again: no other request
            yield from self._again(request)
            return
        asked = time.perf_counter()
        outcome = "failed"
        try:
            outcome = yield from self._counted(request, asked)
        except GeneratorExit:
            outcome = "closed"
            raise
        except AssistantError as error:
            reason = refusal_reason(error)
            if reason and request.progress.began is None:
                outcome = "refused"
                self._refused.add(value=reason)
            raise
        finally:
            self._outcomes.add(value=outcome)
            self._count_prompt(request, asked)

    def rescore(self, rescoring: Rescoring) -> Iterator[Queued | Scored]:
        """Passed on as it is: no answer is written, so nothing is counted as one."""
        return self._engine.rescore(rescoring)

    def _again(self, request: Request) -> Iterator[EngineEvent]:
        with closing(self._engine.stream(request)) as events:
            for event in events:
                if isinstance(event, Token) and event.token_id is not None:
                    self._generated.add()
                yield event

    def _counted(self, request: Request, asked: float) -> Generator[EngineEvent, None, str]:
        """Passes the events on; the outcome."""
        is_first = True
        with closing(self._engine.stream(request)) as events:
            for event in events:
                if isinstance(event, Token) and event.token_id is not None:
                    self._generated.add()
                    if is_first:
                        self._firsts.observe(time.perf_counter() - asked)
                        is_first = False
                elif isinstance(event, Done):
                    if event.tokens_per_s:
                        self._speeds.observe(event.tokens_per_s)
                    yield event
                    return end_reason(request, event)
                yield event
        return "failed"  # an engine without an end

    def _count_prompt(self, request: Request, asked: float) -> None:
        progress = request.progress
        if progress.began is None:
            return
        self._waits.observe(progress.began - asked)
        self._prompt.add(request.spliced.n_tokens)
        self._cached.add(progress.cached_tokens)
        self._conversations.add(value="hit" if progress.cached_tokens else "miss")


def refusal_reason(error: AssistantError) -> str:
    """Why a request was not taken on; empty when it failed in another way."""
    if isinstance(error, VisitorLimitError):
        return "visitor_limit"
    if isinstance(error, QueueFullError):
        return "queue_full"
    return "prompt_too_long" if isinstance(error, PromptTooLongError) else ""


def _read_load(metrics: Registry, load: Callable[[], EngineLoad]) -> None:
    """Gauges that are read when somebody asks."""
    metrics.read("slots", "Answers the model can write at a time.", lambda: load().n_slots)
    metrics.read("running", "Answers being written.", lambda: load().n_running)
    metrics.read("waiting", "Requests waiting for the model.", lambda: load().n_waiting)
    metrics.read(
        "conversation_cache_bytes",
        "Memory of the conversations' caches between their turns.",
        lambda: load().cache_bytes,
    )
    metrics.read(
        "spilled_cache_bytes",
        "Memory of those that had to leave the GPU for the machine's memory.",
        lambda: load().spilled_bytes,
    )
    metrics.read("resident_memory_bytes", "Memory of the program.", resident_bytes)

    def on_gpu() -> dict[str, float]:
        held = gpu_bytes()
        return {} if held is None else {"": held}

    metrics.read("gpu_memory_bytes", "GPU memory that the program holds.", on_gpu)


def _read_molecules(metrics: Registry, encoder: MoleculeEncoder | None) -> None:
    """How the cache of graph tokens and ΔW does, where there is one."""
    if encoder is None:
        return
    metrics.read(
        "molecule_cache_requests_total",
        "Molecules whose graph tokens and ΔW were kept (hit) or computed (miss).",
        lambda: {"hit": encoder.n_hits, "miss": encoder.n_misses},
        "result",
        kind="counter",
    )
    metrics.read(
        "molecule_cache_bytes", "Memory of kept graph tokens and ΔW.", lambda: encoder.n_bytes
    )
