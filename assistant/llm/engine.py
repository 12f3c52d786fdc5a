"""The engine: a spliced prompt in, tokens out as they are drawn.

    queue ─► cached prefix ─► prefill in chunks ─► draw ─► one-token step ─► draw ─► …
                                    └── between any two of them: stop? closed? ──┘

One conversation has the model at a time. The ΔW of a step is an argument of the step (a context
variable set only while the model runs), so nothing of one person's molecule is left for the next.
The same goes for experts (`llm.experts`), whose scaling pass has a second cache.
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
from assistant.adapters.xlora.experts import ExpertStep
from assistant.adapters.xlora.mixture import Mixture
from assistant.errors import PromptTooLongError
from assistant.llm.experts import (
    AnswerExperts,
    ExpertMode,
    answer_experts,
    refuse_coupled,
    scaling_marks,
)
from assistant.llm.layout import end_of_turn_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.prefix import PREFILL_CHUNK, KeptCache, PrefixStore
from assistant.llm.queue import FairQueue, Ticket
from assistant.llm.sampling import Detokenizer, Sampler, Sampling
from assistant.llm.splice import Spliced

_QUEUE_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Request:
    """One question to the engine.

    Attributes:
        spliced: The prompt.
        sampling: How the answer is drawn.
        stop: Set it to end the answer within one token.
        visitor: Whose question it is, for fairness and for the cache.
        experts: How the experts' scalings are chosen; None leaves the experts out.
    """

    spliced: Spliced
    sampling: Sampling = field(default_factory=Sampling)
    stop: threading.Event = field(default_factory=threading.Event)
    visitor: str = ""
    experts: ExpertMode | None = None


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
        scalings: Of the experts, averaged over the answer's tokens: per adapted layer (one row when
            all share it) a weight per expert. Empty without experts.
    """

    reason: Literal["end", "length", "stopped"]
    token_ids: tuple[int, ...]
    first_token_s: float
    tokens_per_s: float
    cached_tokens: int = 0
    scalings: tuple[tuple[float, ...], ...] = ()


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
        mixture: The experts, if there are any.
        max_waiting: Requests that may wait before the next is refused.

    Raises:
        BundleError: The mixture's settings allow no key-value cache.
    """

    def __init__(
        self, llm: LoadedLLM, *, mixture: Mixture | None = None, max_waiting: int = 8
    ) -> None:
        if mixture is not None:
            refuse_coupled(mixture)
        self._llm = llm
        self._mixture = mixture
        self._queue = FairQueue(max_waiting)
        self._prefixes = PrefixStore(llm.model.config, enabled=llm.supports_cache)
        self._scaling_prefixes = PrefixStore(llm.model.config, enabled=llm.supports_cache)
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
            self._scaling_prefixes.clear()
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
        run = _Run(self._llm, request, self._prefixes, self._experts(request))
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
            if run.kept is not None:
                self._prefixes.keep(run.kept)
            if run.experts is not None:
                self._scaling_prefixes.keep(run.experts.kept)
        rest = detokenizer.flush()
        if rest:
            yield Token(rest, None)
        speed = _speed(len(ids), begin + first)
        yield Done(reason, tuple(ids), first, speed, run.n_cached, run.mean_scalings())

    def _experts(self, request: Request) -> AnswerExperts | None:
        if request.experts is None:
            return None
        if self._mixture is None:
            raise ValueError(f"experts {request.experts!r} asked of an engine that has none")
        spliced = request.spliced
        kept = self._scaling_prefixes.take(request.visitor, scaling_marks(spliced), whole=True)
        return answer_experts(request.experts, self._llm.model, self._mixture, spliced, kept)


def _speed(n_tokens: int, since: float) -> float:
    seconds = time.perf_counter() - since
    return (n_tokens - 1) / seconds if n_tokens > 1 and seconds > 0 else 0.0


class _Run:
    """The forward passes of one answer. Never yields, so no context leaks to the caller."""

    def __init__(
        self,
        llm: LoadedLLM,
        request: Request,
        prefixes: PrefixStore,
        experts: AnswerExperts | None,
    ) -> None:
        self.kept: KeptCache | None = None
        self.n_cached = 0
        self.experts = experts
        self.sampler = Sampler(request.sampling, llm.device)
        self._prefixes = prefixes
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
        spliced, stop, experts = self._request.spliced, self._request.stop, self.experts
        if experts is not None and not experts.prepare(stop):
            return None
        marks = spliced.content if experts is None else experts.marks()
        self.kept = self._prefixes.take(self._request.visitor, marks)
        self.n_cached = len(self.kept.marks)
        logits = None
        for start in range(self.n_cached, spliced.n_tokens, PREFILL_CHUNK):
            if stop.is_set():
                return None
            part = slice(start, min(start + PREFILL_CHUNK, spliced.n_tokens))
            step = AdapterStep.plan(self._stacked, spliced.segment_index[:, part])
            mixed = None if experts is None else experts.prompt_step(part)
            logits = self._forward(spliced.inputs_embeds[:, part], step, mixed)
            self.kept.marks += marks[part]
        return logits

    def step(self, token_id: int) -> Tensor:
        """Logits after one more token of the answer."""
        with torch.inference_mode():
            embeds = self._embed(torch.tensor([[token_id]], device=self._device))
        if self.experts is None:
            mixed, mark = None, (token_id, self._request.spliced.answer_content)
        else:
            mixed = self.experts.answer_step(embeds, token_id)
            mark = self.experts.answer_mark(token_id)
        logits = self._forward(embeds, self._answer_step, mixed)
        self.kept.marks.append(mark)
        return logits

    def mean_scalings(self) -> tuple[tuple[float, ...], ...]:
        """Of the experts over the answer so far; empty without experts or before a token."""
        if self.experts is None or self.kept is None:
            return ()
        return tuple(tuple(row) for row in self.experts.mean().tolist())

    @torch.inference_mode()
    def _forward(
        self, embeds: Tensor, step: AdapterStep | None, mixed: ExpertStep | None
    ) -> Tensor:
        with running(step, mixed):
            output = self._model(
                inputs_embeds=embeds,
                past_key_values=self.kept.cache,
                use_cache=True,
                **self._options,
            )
        return output.logits[0, -1]
