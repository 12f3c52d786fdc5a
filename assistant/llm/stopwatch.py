"""Figures of one answer while it is written, at a cost that no token notices."""

import time

from assistant.chat.figures import Figures
from assistant.llm.memory import gpu_bytes, resident_bytes
from assistant.llm.requests import Done, Request, decoding_speed

EVERY_SECONDS = 1.0


class Stopwatch:
    """Measures one request.

    Args:
        request: What is asked of the engine.
        asked: When the person asked (perf_counter).
    """

    def __init__(self, request: Request, asked: float) -> None:
        self._request = request
        self._asked = asked
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

    def done(self, done: Done) -> Figures:
        """Figures of the whole answer."""
        first = done.first_token_s if done.token_ids else None
        return self._figures(first, done.tokens_per_s or None, len(done.token_ids))

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
        )
