"""Figures of one answer while it is written, at a cost that no token notices."""

import time

from assistant.chat.figures import Figures
from assistant.llm.memory import gpu_bytes, prompt_bytes, resident_bytes
from assistant.llm.requests import Done, Request, decoding_speed

EVERY_SECONDS = 1.0


class Stopwatch:
    """Measures one request.

    Args:
        request: What is asked of the engine.
        asked: When the person asked (perf_counter).
        token_bytes: Keys and values of one token; None where they are not kept for each token.
    """

    def __init__(self, request: Request, asked: float, token_bytes: int | None = None) -> None:
        self._request = request
        self._asked = asked
        self._token_bytes = token_bytes
        self._prompt_bytes = prompt_bytes(request.spliced)
        self._n_tokens = 0
        self._first: float | None = None
        self._told: float | None = None

    def token(self) -> Figures | None:
        """Takes note of a token; figures with the first one and then once a second."""
        now = time.perf_counter()
        self._n_tokens += 1
        self._first = self._first or now
        if self._told is not None and now - self._told < EVERY_SECONDS:
            return None
        self._told = now
        speed = decoding_speed(self._n_tokens, self._first) if self._n_tokens > 1 else None
        return self._figures(self._first - self._began, speed, self._n_tokens)

    def done(self, done: Done, n_shown: int) -> Figures:
        """Figures of the whole answer.

        Args:
            done: What the request came to: its times are measured.
            n_shown: Tokens of the answer that is shown, which may have been written again.
        """
        first = done.first_token_s if done.token_ids else None
        return self._figures(first, done.tokens_per_s or None, n_shown)

    @property
    def _began(self) -> float:
        began = self._request.progress.began
        return time.perf_counter() if began is None else began

    def _figures(self, first: float | None, speed: float | None, n_tokens: int) -> Figures:
        return Figures(
            waited_s=self._began - self._asked,
            first_token_s=first,
            tokens_per_s=speed,
            answer_tokens=n_tokens,
            prompt_tokens=self._request.spliced.n_tokens,
            cached_tokens=self._request.progress.cached_tokens,
            memory_bytes=resident_bytes(),
            gpu_bytes=gpu_bytes(),
            own_bytes=self._own_bytes(n_tokens),
        )

    def _own_bytes(self, n_answer: int) -> int | None:
        if self._token_bytes is None:
            return None
        n_prompt, mode = self._request.spliced.n_tokens, self._request.experts
        n_kept = n_prompt + n_answer
        if mode is not None:  # the scaling pass has a cache of its own
            n_kept += n_prompt if mode == "turn" else n_prompt + n_answer
        return self._prompt_bytes + n_kept * self._token_bytes
