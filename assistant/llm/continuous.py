"""The engine for several people: their answers grow side by side in one batch.

stream ─► queue (fair, bounded) ─► decode thread ─► events ─► stream
   └── stopped, closed: the row leaves before the next step ──┘
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from assistant.adapters.xlora.mixture import Mixture
from assistant.llm.decode_loop import DecodeLoop
from assistant.llm.engine import SequentialEngine
from assistant.llm.graphed.capture import GraphedDecoder, Products
from assistant.llm.llama import obstacle
from assistant.llm.load import LoadedLLM
from assistant.llm.place import place_of
from assistant.llm.prefix import DEFAULT_CACHE_BYTES
from assistant.llm.queue import UNLIMITED, FairQueue, VisitorLimits
from assistant.llm.requests import (
    Done,
    Engine,
    EngineEvent,
    EngineLoad,
    Queued,
    Request,
    Rescoring,
    Scored,
    refuse_too_long,
)
from assistant.llm.rows import Answer
from assistant.llm.splice import Spliced, continued

DEFAULT_SLOTS = 8


class ContinuousEngine:
    """Answers several requests at a time; the others wait in a short, fair queue.

    Args:
        llm: A model without an `obstacle`, adapter sites wrapped.
        n_slots: Answers at a time.
        max_waiting: Requests that may wait before the next is refused.
        cache_bytes: Memory for the caches of conversations between their turns.
        end_ids: Tokens that end an answer; by default the model's own.
        products: On CUDA, whose 4-bit products the graphs of the decode step may use.
        limits: What one visitor may ask.
        mixture: The experts, if there are any.

    Raises:
        BundleError: The mixture's settings allow no key-value cache, or it does not fit the model.
    """

    def __init__(
        self,
        llm: LoadedLLM,
        *,
        n_slots: int = DEFAULT_SLOTS,
        max_waiting: int = 8,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        end_ids: frozenset[int] | None = None,
        products: Products = "auto",
        limits: VisitorLimits = UNLIMITED,
        mixture: Mixture | None = None,
    ) -> None:
        self._context = llm.context
        self._embed = llm.model.get_input_embeddings()
        self._has_experts = mixture is not None
        self._queue = FairQueue(max_waiting, n_slots, limits=limits)
        self._loop = DecodeLoop(
            llm, max_bytes=cache_bytes, end_ids=end_ids, products=products, mixture=mixture
        )

    @property
    def graphs(self) -> GraphedDecoder | None:
        """The captured decode steps; None where there are none."""
        return self._loop.graphs

    @property
    def load(self) -> EngineLoad:
        """How busy it is."""
        return EngineLoad.of(self._queue, self._loop.cache_bytes, self._loop.spilled_bytes)

    def stream(self, request: Request) -> Iterator[EngineEvent]:
        """Events of one answer.

        Raises:
            PromptTooLongError: The prompt leaves no room for an answer, or memory ran out.
            VisitorLimitError: The visitor has asked enough for now.
            QueueFullError: Too many requests are waiting.
            AnswerFailedError: The model's numbers for this answer are not finite.
            BundleError: An adapter does not fit the model.
        """
        answer = self._answer(request)
        with place_of(request.place) as place:
            try:
                started = yield from place.take(self._queue, request.visitor, request.stop)
                if not started:
                    yield Done("stopped", request.begun, 0.0, 0.0)
                    return
                self._loop.submit(answer)
                yield from answer.until_done()
            finally:
                answer.closed.set()

    def side_by_side(
        self, requests: Sequence[Request]
    ) -> Generator[Queued, None, tuple[Done, ...]]:
        """How several requests of one question end, in order; so many share the steps as slots.

        Raises:
            As `stream` does; one that fails ends the others.
        """
        answers = [self._answer(request) for request in requests]
        first = requests[0]
        with place_of(first.place) as place:
            try:
                if not (yield from place.take(self._queue, first.visitor, first.stop)):
                    return tuple(Done("stopped", request.begun, 0.0, 0.0) for request in requests)
                ends, waiting = [], iter(answers)
                for answer in islice(waiting, self._queue.n_slots):
                    self._loop.submit(answer)
                for answer in answers:
                    ends.append(answer.end())
                    for another in islice(waiting, 1):
                        self._loop.submit(another)
                return tuple(ends)
            finally:
                for answer in answers:
                    answer.closed.set()

    def rescore(self, rescoring: Rescoring) -> Iterator[Queued | Scored]:
        """Scores an answer after each prompt; a prompt at a time shares the steps with the others.

        Raises:
            As `stream` does.
        """
        with place_of(rescoring.place) as place:
            if not (yield from place.take(self._queue, rescoring.visitor, rescoring.stop)):
                return
            for prompt in rescoring.prompts:
                done = self._scores(prompt, rescoring)
                if not done.log_probabilities:  # stopped
                    return
                yield Scored(done.log_probabilities, done.others)

    def _scores(self, prompt: Spliced, rescoring: Rescoring) -> Done:
        """Of one prompt; none when it was stopped."""
        request = Request(
            prompt,
            stop=rescoring.stop,
            visitor=rescoring.visitor,
            place=rescoring.place,
            forced=rescoring.ids,
            n_others=rescoring.n_others,
        )
        answer = self._answer(request)
        self._loop.submit(answer)
        return answer.end()

    def _answer(self, request: Request) -> Answer:
        """A request with all of its tokens that are there, ready for the loop."""
        if request.experts is not None and not self._has_experts:
            raise ValueError(f"experts {request.experts!r} asked of an engine that has none")
        there = request.begun or request.forced[:-1]
        spliced = continued(request.spliced, there, self._embed)
        request = replace(request, spliced=spliced)
        refuse_too_long(request, self._context)
        return Answer(request)


def make_engine(
    llm: LoadedLLM,
    *,
    mixture: Mixture | None = None,
    max_waiting: int = 8,
    limits: VisitorLimits = UNLIMITED,
    n_slots: int = DEFAULT_SLOTS,
) -> Engine:
    """The engine that fits the model: several answers at a time where its forward pass allows it.

    Args:
        llm: The loaded language model, adapter sites wrapped.
        mixture: The experts, if there are any.
        max_waiting: Requests that may wait before the next is refused.
        limits: What one visitor may ask.
        n_slots: Answers at a time, where there may be several.
    """
    about = {"mixture": mixture, "max_waiting": max_waiting, "limits": limits}
    if obstacle(llm.model):
        return SequentialEngine(llm, **about)
    return ContinuousEngine(llm, n_slots=n_slots, **about)
