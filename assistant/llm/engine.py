"""The engine: a spliced prompt in, tokens out as they are drawn.

    queue ─► cached prefix ─► prefill in chunks ─► draw ─► one-token step ─► draw ─► …
                                    └── between any two of them: stop? closed? ──┘

One conversation has the model at a time. The ΔW of a step is an argument of the step (a context
variable set only while the model runs), so nothing of one person's molecule is left for the next.
"""

import inspect
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from torch import Tensor

from assistant.adapters.lora import AdapterStep, running
from assistant.adapters.weights import StackedLora, stack
from assistant.errors import PromptTooLongError
from assistant.llm.layout import end_of_turn_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.prefix import KeptCache, PrefixStore
from assistant.llm.queue import FairQueue, Ticket
from assistant.llm.sampling import Detokenizer, Sampler, Sampling
from assistant.llm.splice import Spliced

PREFILL_CHUNK = 256
"""Tokens per prefill step: Stop is looked at between chunks, and memory stays bounded."""

_QUEUE_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Request:
    """One question to the engine.

    Attributes:
        spliced: The prompt.
        sampling: How the answer is drawn.
        stop: Set it to end the answer within one token.
        visitor: Whose question it is, for fairness and for the cache.
    """

    spliced: Spliced
    sampling: Sampling = field(default_factory=Sampling)
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""


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
        reason: Ended by the model, by the length limit, or stopped.
        token_ids: The answer as generated, without the end-of-turn token.
        first_token_s: From having the model to the first token.
        tokens_per_s: Decoding speed after the first token.
        cached_tokens: Prompt tokens that were not computed again.
    """

    reason: Literal["end", "length", "stopped"]
    token_ids: tuple[int, ...]
    first_token_s: float
    tokens_per_s: float
    cached_tokens: int = 0


EngineEvent = Queued | Token | Done


class Engine(Protocol):
    """What the assistant needs of an engine."""

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        """Events of one answer; the last is `Done`. Closing the iterator frees the engine."""
        ...


class SequentialEngine:
    """Answers one request at a time; the others wait in a short, fair queue.

    Args:
        llm: The loaded language model, adapter sites wrapped.
        max_waiting: Requests that may wait before the next is refused.
    """

    def __init__(self, llm: LoadedLLM, *, max_waiting: int = 8) -> None:
        self._llm = llm
        self._queue = FairQueue(max_waiting)
        self._prefixes = PrefixStore(llm.model.config, enabled=llm.supports_cache)
        self._end_ids = llm.end_ids | end_of_turn_ids(llm.tokenizer)

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        """Events of one answer.

        Raises:
            PromptTooLongError: The prompt leaves no room for an answer, or memory ran out.
            QueueFullError: Too many requests are waiting.
        """
        n_tokens, context = request.spliced.n_tokens, self._llm.context
        if n_tokens >= context:
            raise PromptTooLongError(
                f"The conversation takes {n_tokens} tokens and the model reads {context}."
                " Start a new conversation or shorten the question."
            )
        ticket = self._queue.enter(request.visitor)
        try:
            started = yield from self._wait(ticket, request.stop)
            if not started:
                yield Done("stopped", (), 0.0, 0.0)
                return
            yield from self._answer(request)
        except torch.OutOfMemoryError as error:
            self._prefixes.clear()
            raise PromptTooLongError(
                f"The GPU's memory is full at {n_tokens} tokens. Start a new conversation, close"
                " other programs that use the GPU, or choose a smaller model."
            ) from error
        finally:
            self._queue.leave(ticket)

    def _wait(self, ticket: Ticket, stop: threading.Event) -> Generator[Queued, None, bool]:
        shown: int | None = None
        while not self._queue.try_start(ticket, 0.0 if shown is None else _QUEUE_POLL_SECONDS):
            if stop.is_set():
                return False
            position = self._queue.position(ticket)
            if position != shown:
                shown = position
                yield Queued(position, self._queue.seconds(ticket))
        return True

    def _answer(self, request: Request) -> Iterator[Token | Done]:
        begin = time.perf_counter()
        run = _Run(
            self._llm, request, self._prefixes.take(request.visitor, request.spliced.content)
        )
        cached = len(run.kept.marks)
        detokenizer = Detokenizer(self._llm.tokenizer)
        limit = min(request.sampling.max_new_tokens, self._llm.context - request.spliced.n_tokens)
        ids: list[int] = []
        reason: Literal["end", "length", "stopped"] = "length"
        first = 0.0
        try:
            logits = run.prefill()
            while True:
                if logits is None or request.stop.is_set():
                    reason = "stopped"
                    break
                token_id = run.sampler.draw(logits)
                first = first or time.perf_counter() - begin
                if token_id in self._end_ids:
                    reason = "end"
                    break
                ids.append(token_id)
                yield Token(detokenizer.add(token_id), token_id)
                if len(ids) == limit:
                    break
                if request.stop.is_set():
                    reason = "stopped"
                    break
                logits = run.step(token_id)
        finally:
            self._prefixes.keep(run.kept)
        rest = detokenizer.flush()
        if rest:
            yield Token(rest, None)
        yield Done(reason, tuple(ids), first, _speed(len(ids), begin + first), cached)


def _speed(n_tokens: int, since: float) -> float:
    seconds = time.perf_counter() - since
    return (n_tokens - 1) / seconds if n_tokens > 1 and seconds > 0 else 0.0


class _Run:
    """The forward passes of one answer. Never yields, so no context leaks to the caller."""

    def __init__(self, llm: LoadedLLM, request: Request, kept: KeptCache) -> None:
        self.kept = kept
        self.sampler = Sampler(request.sampling, llm.device)
        self._model = llm.model
        self._embed = llm.model.get_input_embeddings()
        self._device = llm.device
        self._request = request
        last_only = "logits_to_keep" in inspect.signature(llm.model.forward).parameters
        self._options = {"logits_to_keep": 1} if last_only else {}
        self._stacked: StackedLora = stack(request.spliced.deltas)
        slot = torch.tensor([[request.spliced.answer_slot]])
        self._answer_step = AdapterStep.plan(self._stacked, slot.to(llm.device))

    def prefill(self) -> Tensor | None:
        """Logits after the prompt, or None when it was stopped on the way."""
        spliced = self._request.spliced
        logits = None
        for start in range(len(self.kept.marks), spliced.n_tokens, PREFILL_CHUNK):
            if self._request.stop.is_set():
                return None
            part = slice(start, start + PREFILL_CHUNK)
            step = AdapterStep.plan(self._stacked, spliced.segment_index[:, part])
            logits = self._forward(spliced.inputs_embeds[:, part], step)
            self.kept.marks += spliced.content[part]
        return logits

    def step(self, token_id: int) -> Tensor:
        """Logits after one more token of the answer."""
        with torch.inference_mode():
            embeds = self._embed(torch.tensor([[token_id]], device=self._device))
        logits = self._forward(embeds, self._answer_step)
        self.kept.marks.append((token_id, self._request.spliced.answer_content))
        return logits

    @torch.inference_mode()
    def _forward(self, embeds: Tensor, step: AdapterStep | None) -> Tensor:
        with running(step):
            output = self._model(
                inputs_embeds=embeds,
                past_key_values=self.kept.cache,
                use_cache=True,
                **self._options,
            )
        return output.logits[0, -1]
