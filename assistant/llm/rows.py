"""One answer in the running batch: its tokens, its cache, its random state.

The tokens of a row are its prompt and then what it has drawn. What is not in the cache yet is to be
computed next: a part of the prompt, or the one token drawn last. So prefill, decoding and starting
again from nothing after the memory ran out are one rule.
"""

import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from assistant.adapters.weights import LoraWeights
from assistant.llm.llama import Span
from assistant.llm.load import LoadedLLM
from assistant.llm.prefix import KeptCache, Mark
from assistant.llm.prompt_lookup import N_GUESSES, PromptLookup
from assistant.llm.requests import Done, EndReason, Request, Token, decoding_speed
from assistant.llm.sampling import AnswerText, Sampler


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


class Row:
    """The decode thread's side of an answer.

    Args:
        answer: The answer it works for.
        llm: The model, for the text and the random state.
        kept: A cache with a true prefix of the prompt.
    """

    def __init__(self, answer: Answer, llm: LoadedLLM, kept: KeptCache) -> None:
        spliced = answer.request.spliced
        self.answer = answer
        self.spliced = spliced
        self.kept = kept
        self.ids: list[int] = []
        self.sampler = Sampler(answer.request.sampling, llm.device)
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
        self._limit = min(answer.request.sampling.max_new_tokens, llm.context - spliced.n_tokens)
        self._began = time.perf_counter()
        self._first_token_s = 0.0
        self._n_cached = len(kept.marks)
        self.forced = answer.request.forced
        self._scores: list[float | None] = [None] * len(self.forced)
        answer.request.progress.begin(self._n_cached)

    def _delta(self, slot: int, content: str) -> str | None:
        if slot == 0:
            return None
        self.deltas[content] = self.spliced.deltas[slot - 1]
        return content

    @property
    def n_left(self) -> int:
        """Tokens to compute before the next one can be drawn."""
        return self.spliced.n_tokens + len(self.ids) - len(self.kept.marks)

    @property
    def is_decoding(self) -> bool:
        """Whether only the token drawn last is to be computed."""
        return bool(self.ids) and self.n_left == 1

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
        following = torch.tensor(self.forced[at : at + len(places)])
        rows = log_probabilities.gather(1, following.to(log_probabilities.device)[:, None])
        self._scores[at : at + len(places)] = rows[:, 0].tolist()

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
        if not self.sampler.takes_the_best:
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

    def embeds(self, n_tokens: int, embed: nn.Module) -> Tensor:
        """Embeddings of its next tokens, (n, h)."""
        start, n_prompt = len(self.kept.marks), self.spliced.n_tokens
        end = start + n_tokens
        prompt = self.spliced.inputs_embeds[0, start:end]
        if end <= n_prompt:
            return prompt
        ids = self.ids[max(start - n_prompt, 0) : end - n_prompt]
        drawn = embed(torch.tensor(ids, device=prompt.device))
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
        start, n_prompt = len(self.kept.marks), self.spliced.n_tokens
        end = start + n_tokens
        yield from self.spliced.content[start:end]
        for token_id in self.ids[max(start - n_prompt, 0) : max(end - n_prompt, 0)]:
            yield token_id, self.spliced.answer_content

    def accept(self, token_id: int, end_ids: frozenset[int]) -> EndReason | None:
        """Takes a drawn token and hands it out; the reason when the answer ended with it."""
        if not self._first_token_s:
            self._first_token_s = time.perf_counter() - self._began
        if token_id in end_ids:
            return "end"
        self.ids.append(token_id)
        delta, ended = self._text.add(token_id)
        self.answer.events.put(Token(delta, token_id))
        if ended:
            return "end"
        return "length" if len(self.ids) == self._limit else None

    def finish(self, reason: EndReason) -> None:
        """Hands out what is left and the end."""
        if rest := self._text.flush():
            self.answer.events.put(Token(rest, None))
        since = self._began + self._first_token_s
        speed = decoding_speed(len(self.ids), since)
        ids = tuple(self.ids)
        scores = tuple(score for score in self._scores if score is not None)
        if len(scores) < len(self.forced):  # stopped on the way
            scores = ()
        done = Done(reason, ids, self._first_token_s, speed, self._n_cached)
        self.answer.events.put(replace(done, log_probabilities=scores))
