"""One answer in the running batch: its tokens, its cache, its random state.

The tokens of a row are its prompt and then what it has drawn. What is not in the cache yet is to be
computed next: a part of the prompt, or the one token drawn last. So prefill, decoding and starting
again from nothing after the memory ran out are one rule.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from assistant.adapters.weights import LoraWeights
from assistant.llm.experts import AnswerExperts
from assistant.llm.kv import RowCache
from assistant.llm.llama import Span
from assistant.llm.load import LoadedLLM
from assistant.llm.prefix import KeptCache, Mark
from assistant.llm.prompt_lookup import N_GUESSES, PromptLookup
from assistant.llm.repetition import Repetition
from assistant.llm.requests import Done, EndReason, Other, Request, Token, decoding_speed
from assistant.llm.sampling import AnswerText, Sampler
from assistant.llm.scoring import likeliest_others


class Answer:
    """Where the asking thread and the decode thread meet.

    Attributes:
        request: What is asked.
        events: Tokens, and at the end `Done` or the error to raise.
        closed: Set when nobody reads any more.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.events: queue.SimpleQueue[Token | Done | BaseException] = queue.SimpleQueue()
        self.closed = threading.Event()

    def until_done(self) -> Iterator[Token | Done]:
        """The events as they come; raises the error that ends it."""
        while True:
            event = self.events.get()
            if isinstance(event, BaseException):
                raise event
            yield event
            if isinstance(event, Done):
                return

    def end(self) -> Done:
        """How it ends."""
        *_, done = self.until_done()
        assert isinstance(done, Done)
        return done


class Row:
    """The decode thread's side of an answer.

    Args:
        answer: The answer it works for.
        llm: The model, for the text and the random state.
        kept: An empty cache, until `open` gives it a better one.
        experts: The experts of the answer; None without any.
    """

    def __init__(
        self,
        answer: Answer,
        llm: LoadedLLM,
        kept: KeptCache,
        experts: AnswerExperts | None = None,
    ) -> None:
        spliced = answer.request.spliced
        self.answer = answer
        self.spliced = spliced
        self.kept = kept
        self.experts = experts
        self.is_open = False
        self._content: Sequence[Mark] = ()
        self.ids: list[int] = []
        self.sampler = Sampler(answer.request.sampling, llm.device, answer.request.begun)
        self.parked = False
        self.guesses: list[int] = []  # tokens that may follow the last one, for one step
        self._n_right = 0
        self._said = PromptLookup()
        self.deltas: dict[str, LoraWeights] = {}
        slots = spliced.segment_index[0].tolist()
        hashes = [delta for _, delta in spliced.content]
        self._delta_of_token = [self._delta(s, h) for s, h in zip(slots, hashes, strict=True)]
        self._delta_of_answer = self._delta(spliced.answer_slot, spliced.answer_content)
        self._text = AnswerText(llm.tokenizer, answer.request.sampling.stop)
        self._unsaid: list[int] = []  # drawn, not handed out yet
        is_watched = answer.request.sampling.ends_circles
        self._repetition = Repetition(answer.request.begun) if is_watched else None
        wanted = answer.request.sampling.max_new_tokens - len(answer.request.begun)
        self._limit = min(wanted, llm.context - spliced.n_tokens)
        self._began = time.perf_counter()
        self._first_token_s = 0.0
        self._n_cached = 0
        self.forced = answer.request.forced
        self._scores: list[float | None] = [None] * len(self.forced)
        self._others: list[tuple[Other, ...]] = [()] * len(self.forced)
        answer.request.progress.begin(0)

    def _delta(self, slot: int, content: str) -> str | None:
        if slot == 0:
            return None
        self.deltas[content] = self.spliced.deltas[slot - 1]
        return content

    def marks(self) -> Sequence[Mark]:
        """Content marks of the prompt, once nothing is `n_behind`."""
        return self.spliced.content if self.experts is None else self.experts.marks()

    def open(self, kept: KeptCache, content: Sequence[Mark]) -> None:
        """Begins the real pass.

        Args:
            kept: A cache with a true prefix of the prompt.
            content: The prompt's marks.
        """
        self.kept, self._content, self.is_open = kept, content, True
        self._n_cached = len(kept.marks)
        self.answer.request.progress.cached_tokens = self._n_cached

    def forget(self, new_cache: Callable[[], RowCache]) -> None:
        """Gives the memory of its caches back; it starts again from nothing."""
        self.kept = KeptCache(self.kept.visitor, [], new_cache())
        if self.experts is not None:
            self.experts.kept = KeptCache(self.kept.visitor, [], new_cache())

    @property
    def n_behind(self) -> int:
        """Tokens the scaling pass must catch up with before the real pass can go on."""
        if self.experts is None:
            return 0
        return max(self.experts.needed(len(self.kept.marks)) - len(self.experts.kept.marks), 0)

    def n_unscaled(self, n_tokens: int) -> int:
        """Of its next tokens in a step those that its scaling pass must run over."""
        if self.experts is None:
            return 0
        if behind := self.n_behind:
            return min(behind, n_tokens)
        end = len(self.kept.marks) + n_tokens
        return max(self.experts.needed(end) - len(self.experts.kept.marks), 0)

    @property
    def n_left(self) -> int:
        """Tokens to compute before the next one can be drawn."""
        return self.spliced.n_tokens + len(self.ids) - len(self.kept.marks)

    def at_most(self, n_tokens: int) -> int:
        """So many of its next tokens, fewer where a cache was found since; guesses stay."""
        return n_tokens if self.guesses else min(n_tokens, self.n_left)

    @property
    def is_decoding(self) -> bool:
        """Whether only the token drawn last is to be computed."""
        return bool(self.ids) and self.n_left == 1 and not self.n_behind

    @property
    def may_use_its_cache(self) -> bool:
        """Whether it belongs to a question whose cache it may take and give back."""
        request = self.answer.request
        return request.keeps_cache and (not self.forced or request.place is not None)

    @property
    def is_scored(self) -> bool:
        """Whether its answer was there already and has all its log-probabilities now."""
        return bool(self.forced) and self.n_left == 0

    def places_to_score(self, n_tokens: int) -> range:
        """Places among its next tokens that are followed by a forced one.

        The prompt of such a row ends with all forced tokens but the last.
        """
        start = len(self.kept.marks)
        first = self.spliced.n_tokens - len(self.forced)
        return range(max(first - start, 0), n_tokens) if self.forced else range(0)

    def score(self, places: range, log_probabilities: Tensor) -> None:
        """Takes note of what a step says of the forced tokens behind its places.

        Args:
            places: Some of `places_to_score`, neighbours.
            log_probabilities: (places, vocabulary).
        """
        at = len(self.kept.marks) + places.start - (self.spliced.n_tokens - len(self.forced))
        end = at + len(places)
        following = torch.tensor(self.forced[at:end], device=log_probabilities.device)
        own = log_probabilities.gather(1, following[:, None])[:, 0]
        self._scores[at:end] = own.tolist()
        if n_others := self.answer.request.n_others:
            self._others[at:end] = likeliest_others(log_probabilities, following, n_others)

    @property
    def ended(self) -> EndReason | None:
        """Why the person wants no more of it, if so."""
        over = self.answer.request.stop.is_set() or self.answer.closed.is_set()
        return "stopped" if over else None

    def span(self, n_tokens: int) -> Span:
        """Its next tokens as a part of a step; a step that failed before leaves no trace."""
        self.kept.cache.length = len(self.kept.marks)
        self.kept.cache.reserve(self.n_left)  # room for the whole prompt at once
        return Span(self.kept.cache, n_tokens)

    def guess(self) -> None:
        """Guesses what follows the token drawn last, for a row that takes the best token."""
        if not self.sampler.takes_the_best or self.experts is not None:
            return
        n_known, n_prompt = len(self._said), self.spliced.n_tokens
        self._said.extend([mark for mark, _ in self.spliced.content[n_known:]])
        self._said.extend(self.ids[max(n_known - n_prompt, 0) :])
        self.guesses = self._said.guess(min(N_GUESSES, self._limit - len(self.ids) - 1))
        self._n_right = 0

    def is_right(self, place: int) -> bool:
        """Whether the guess of this place, and so all before it, is what was drawn."""
        if self._n_right != place or self.guesses[place] != self.ids[-1]:
            return False
        self._n_right += 1
        self.computed(1)
        return True

    def embeds(self, start: int, n_tokens: int, embed: nn.Module) -> Tensor:
        """Embeddings of its tokens from a place on, (n, h)."""
        n_prompt, end = self.spliced.n_tokens, start + n_tokens
        prompt = self.spliced.inputs_embeds[0, start:end]
        if end <= n_prompt:
            return prompt
        drawn = embed(torch.tensor(self._drawn(start, n_tokens), device=prompt.device))
        return torch.cat([prompt, drawn]) if len(prompt) else drawn

    def next_deltas(self, n_tokens: int) -> list[str | None]:
        """Hashes of the ΔW of its next tokens."""
        part = self._delta_of_token[len(self.kept.marks) :][:n_tokens]
        return part + [self._delta_of_answer] * (n_tokens - len(part))

    def forget_wrong_guesses(self) -> None:
        """Leaves nothing of them in the cache, which may be kept now."""
        self.kept.cache.length = len(self.kept.marks)

    def computed(self, n_tokens: int) -> None:
        """Takes note that its next tokens are in the cache."""
        self.kept.marks += self._marks(n_tokens)

    def _marks(self, n_tokens: int) -> Iterable[Mark]:
        start = len(self.kept.marks)
        yield from self._content[start : start + n_tokens]
        for token_id in self._drawn(start, n_tokens):
            if self.experts is None:
                yield token_id, self.spliced.answer_content
            else:
                yield self.experts.answer_mark(token_id)

    def scaling_marks(self, start: int, n_tokens: int) -> list[Mark]:
        """Content marks of its tokens from a place on in the scaling pass, which has no ΔW."""
        prompt = self.spliced.content[start : start + n_tokens]
        marks: list[Mark] = [(mark, "") for mark, _ in prompt]
        return marks + [(token_id, "") for token_id in self._drawn(start, n_tokens)]

    def _drawn(self, start: int, n_tokens: int) -> list[int]:
        """Of its tokens from a place on those of the answer."""
        n_prompt = self.spliced.n_tokens
        return self.ids[max(start - n_prompt, 0) : max(start + n_tokens - n_prompt, 0)]

    def accept(self, token_id: int, end_ids: frozenset[int]) -> EndReason | None:
        """Takes a drawn token; the reason when the answer ended with it.

        It is handed out later, while the device computes, unless its text may end the answer.
        """
        if not self._first_token_s:
            self._first_token_s = time.perf_counter() - self._began
        if token_id in end_ids:
            return "end"
        self.ids.append(token_id)
        self._unsaid.append(token_id)
        if self.answer.request.sampling.stop and self.hand_out():
            return "end"
        if self._repetition is not None and self._repetition.add(token_id):
            return "circles"
        return "length" if len(self.ids) == self._limit else None

    def hand_out(self) -> bool:
        """Gives the reader what was drawn since; whether a stop text ended the answer."""
        unsaid, self._unsaid = self._unsaid, []
        ended = False
        for token_id in unsaid:
            delta, ended = self._text.add(token_id)
            self.answer.events.put(Token(delta, token_id))
        return ended

    def finish(self, reason: EndReason) -> None:
        """Hands out what is left and the end."""
        self.hand_out()
        if rest := self._text.flush():
            self.answer.events.put(Token(rest, None))
        since = self._began + self._first_token_s
        speed = decoding_speed(len(self.ids), since)
        ids = (*self.answer.request.begun, *self.ids)
        scores = tuple(score for score in self._scores if score is not None)
        others = tuple(self._others) if self.answer.request.n_others else ()
        if len(scores) < len(self.forced):  # stopped on the way
            scores = others = ()
        scalings = () if self.experts is None else _as_tuples(self.experts.mean())
        self.answer.events.put(
            Done(reason, ids, self._first_token_s, speed, self._n_cached, scalings, scores, others)
        )


def _as_tuples(scalings: Tensor) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in scalings.tolist())
