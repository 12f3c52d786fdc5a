"""The engine: a spliced prompt in, tokens out as they are drawn.

    queue ─► cached prefix ─► prefill in chunks ─► draw ─► one-token step ─► draw ─► …
                                    └── between any two of them: stop? closed? ──┘

One conversation has the model at a time. The ΔW of a step is an argument of the step (a context
variable set only while the model runs), so nothing of one person's molecule is left for the next.
The same goes for experts (`llm.experts`), whose scaling pass has a second cache.
"""

import inspect
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from assistant.adapters.lora import AdapterStep, running
from assistant.adapters.weights import StackedLora, stack
from assistant.adapters.xlora.experts import ExpertStep
from assistant.adapters.xlora.mixture import Mixture
from assistant.llm.experts import answer_experts, refuse_coupled, scaling_marks
from assistant.llm.layout import end_of_turn_ids
from assistant.llm.load import LoadedLLM
from assistant.llm.place import place_of
from assistant.llm.prefix import PREFILL_CHUNK, KeptCache, PrefixStore
from assistant.llm.queue import UNLIMITED, FairQueue, VisitorLimits
from assistant.llm.repetition import Repetition
from assistant.llm.requests import (
    Done,
    EndReason,
    EngineEvent,
    EngineLoad,
    Queued,
    Request,
    Rescoring,
    Scored,
    Token,
    decoding_speed,
    memory_is_full,
    refuse_too_long,
)
from assistant.llm.sampling import AnswerText, Sampler
from assistant.llm.scaling import ScalingPass
from assistant.llm.scoring import score_tokens
from assistant.llm.splice import continued


class SequentialEngine:
    """Answers one request at a time; the others wait in a short, fair queue.

    Args:
        llm: The loaded language model, adapter sites wrapped.
        mixture: The experts, if there are any.
        max_waiting: Requests that may wait before the next is refused.
        limits: What one visitor may ask.

    Raises:
        BundleError: The mixture's settings allow no key-value cache.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        *,
        mixture: Mixture | None = None,
        max_waiting: int = 8,
        limits: VisitorLimits = UNLIMITED,
    ) -> None:
        if mixture is not None:
            refuse_coupled(mixture)
        self._llm = llm
        self._mixture = mixture
        self._queue = FairQueue(max_waiting, limits=limits)
        self._prefixes = PrefixStore(llm.model.config, enabled=llm.supports_cache)
        self._scaling_prefixes = PrefixStore(llm.model.config, enabled=llm.supports_cache)
        self._end_ids = llm.end_ids | end_of_turn_ids(llm.tokenizer)

    @property
    def load(self) -> EngineLoad:
        """How busy it is."""
        n_bytes = self._prefixes.n_bytes + self._scaling_prefixes.n_bytes
        return EngineLoad.of(self._queue, n_bytes)

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        """Events of one answer.

        Raises:
            PromptTooLongError: The prompt leaves no room for an answer, or memory ran out.
            VisitorLimitError: The visitor has asked enough for now.
            QueueFullError: Too many requests are waiting.
        """
        embed = self._llm.model.get_input_embeddings()
        request = replace(request, spliced=continued(request.spliced, request.begun, embed))
        refuse_too_long(request, self._llm.context)
        with place_of(request.place) as place:
            try:
                started = yield from place.take(self._queue, request.visitor, request.stop)
                if not started:
                    yield Done("stopped", request.begun, 0.0, 0.0)
                    return
                yield from self._answer(request)
            except torch.OutOfMemoryError as error:
                self._forget()
                raise memory_is_full(request.spliced.n_tokens) from error

    def rescore(self, rescoring: Rescoring) -> Iterator[Queued | Scored]:
        """Scores an answer after each prompt; between two of them those who wait go first.

        Raises:
            As `stream` does.
        """
        n_tokens = 0  # of the prompt at hand, once it is there
        with place_of(rescoring.place) as place:
            try:
                if not (yield from place.take(self._queue, rescoring.visitor, rescoring.stop)):
                    return
                for prompt in rescoring.prompts:
                    n_tokens = prompt.n_tokens
                    if rescoring.place is None and not (yield from place.give_way(rescoring.stop)):
                        return
                    if rescoring.stop.is_set():
                        return
                    self._llm.threads.settle()
                    ids, n_others = rescoring.ids, rescoring.n_others
                    yield Scored(*score_tokens(self._llm, prompt, ids, n_others=n_others))
                    n_tokens = 0
            except torch.OutOfMemoryError as error:
                self._forget()
                raise memory_is_full(n_tokens) from error

    def side_by_side(
        self, requests: Sequence[Request]
    ) -> Generator[Queued, None, tuple[Done, ...]]:
        """How several requests of one question end, in order, one after the other.

        Raises:
            As `stream` does.
        """
        for request in requests:
            refuse_too_long(request, self._llm.context)
        found: list[Done] = []
        first = requests[0]
        with place_of(first.place) as place:
            if not (yield from place.take(self._queue, first.visitor, first.stop)):
                return tuple(Done("stopped", request.begun, 0.0, 0.0) for request in requests)
            for request in requests:
                request = replace(request, place=place)
                events = self._scored(request) if request.forced else self.stream(request)
                found += [event for event in events if isinstance(event, Done)]
        return tuple(found)

    def _scored(self, request: Request) -> Iterator[Done]:
        """A request whose answer is there, in the words of one that is drawn."""
        prompts, stop = [request.spliced], request.stop
        rescoring = Rescoring(
            prompts, request.forced, stop, request.visitor, request.n_others, request.place
        )
        scored = [event for event in self.rescore(rescoring) if isinstance(event, Scored)]
        if not scored:
            yield Done("stopped", (), 0.0, 0.0)
        for one in scored:
            values, others = one.log_probabilities, one.others
            yield Done("end", (), 0.0, 0.0, log_probabilities=values, others=others)

    def _forget(self) -> None:
        self._prefixes.clear()
        self._scaling_prefixes.clear()

    def _answer(self, request: Request) -> Iterator[Token | Done]:
        begin = time.perf_counter()
        run = _Run(self._llm, request, self._prefixes, self._experts(request))
        text = AnswerText(self._llm.tokenizer, request.sampling.stop)
        repetition = Repetition(request.begun) if request.sampling.ends_circles else None
        wanted = request.sampling.max_new_tokens - len(request.begun)
        limit = min(wanted, self._llm.context - request.spliced.n_tokens)
        ids: list[int] = []
        reason: EndReason = "length"
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
                delta, ended = text.add(token_id)
                yield Token(delta, token_id)
                if ended:
                    reason = "end"
                    break
                if repetition is not None and repetition.add(token_id):
                    reason = "circles"
                    break
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
                self._scaling_prefixes.keep(run.experts.experts.kept)
        rest = text.flush()
        if rest:
            yield Token(rest, None)
        speed = decoding_speed(len(ids), begin + first)
        whole = (*request.begun, *ids)
        yield Done(reason, whole, first, speed, run.n_cached, run.mean_scalings())

    def _experts(self, request: Request) -> ScalingPass | None:
        if request.experts is None:
            return None
        if self._mixture is None:
            raise ValueError(f"experts {request.experts!r} asked of an engine that has none")
        spliced = request.spliced
        kept = self._scaling_prefixes.take(request.visitor, scaling_marks(spliced), whole=True)
        experts = answer_experts(request.experts, self._mixture, spliced, kept)
        return ScalingPass(self._llm.model, experts, spliced)


class _Run:
    """The forward passes of one answer. Never yields, so no context leaks to the caller."""

    def __init__(
        self,
        llm: LoadedLLM,
        request: Request,
        prefixes: PrefixStore,
        experts: ScalingPass | None,
    ) -> None:
        self.kept: KeptCache | None = None
        self.n_cached = 0
        self.experts = experts
        self.sampler = Sampler(request.sampling, llm.device, request.begun)
        self._prefixes = prefixes
        self._model = llm.model
        self._threads = llm.threads
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
        marks = spliced.content if experts is None else experts.experts.marks()
        self.kept = self._prefixes.take(self._request.visitor, marks)
        self.n_cached = len(self.kept.marks)
        self._request.progress.begin(self.n_cached)
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
            mixed = self.experts.answer_step(embeds, token_id, len(self.kept.marks) + 1)
            mark = self.experts.experts.answer_mark(token_id)
        logits = self._forward(embeds, self._answer_step, mixed)
        self.kept.marks.append(mark)
        return logits

    def mean_scalings(self) -> tuple[tuple[float, ...], ...]:
        """Of the experts over the answer so far; empty without experts or before a token."""
        if self.experts is None or self.kept is None:
            return ()
        return tuple(tuple(row) for row in self.experts.experts.mean().tolist())

    @torch.inference_mode()
    def _forward(
        self, embeds: Tensor, step: AdapterStep | None, mixed: ExpertStep | None
    ) -> Tensor:
        self._threads.settle()
        with running(step, mixed):
            output = self._model(
                inputs_embeds=embeds,
                past_key_values=self.kept.cache,
                use_cache=True,
                **self._options,
            )
        return output.logits[0, -1]
