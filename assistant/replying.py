"""One answer as events: its words as they are drawn, and what is thought of them after."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

from assistant.answering import Written
from assistant.chat.check import Check
from assistant.chat.events import Event, Measured, Queued, Reconsidering, Rewritten, TextDelta
from assistant.chat.first_attempt import FirstAttempt, SecondThoughts
from assistant.errors import AnswerFailedError
from assistant.llm import requests as llm_requests
from assistant.llm.stopwatch import Stopwatch
from assistant.second_thoughts import Outcome, Writer

NEWS_SECONDS = 1.0
"""So often a search says that it goes on, which tells whether anybody still listens."""


def first_written(
    engine: llm_requests.Engine,
    request: llm_requests.Request,
    stopwatch: Stopwatch,
    check: Callable[[str], tuple[Check, ...]],
) -> Generator[Event, None, Written]:
    """The events of an answer while it is drawn, and then the whole."""
    text = ""
    for event in engine.stream(request):
        if isinstance(event, llm_requests.Queued):
            yield Queued(event.position, event.seconds)
        elif isinstance(event, llm_requests.Token):
            text += event.text_delta
            if event.text_delta:
                yield TextDelta(event.text_delta)
            figures = None if event.token_id is None else stopwatch.token()
            if figures is not None:
                yield Measured(figures)
        else:
            done = replace(event, reason=llm_requests.end_reason(request, event))
            return Written(text, done, check(text))
    raise AnswerFailedError("The model ended without an answer. Ask again.")


def reconsidered(
    writer: Writer, first: Written
) -> Generator[Event, None, tuple[Written, SecondThoughts]]:
    """What is left of an answer that the structure contradicts: a better one, or the same."""
    began = time.perf_counter()
    found = yield from _with_news(writer.write_again(first), Reconsidering(first.contradicted))
    seconds = time.perf_counter() - began
    if found.written is first:
        return first, SecondThoughts(True, found.n_tried, seconds, ended=found.ended)
    yield Rewritten(found.written.text)
    withdrawn = FirstAttempt(first.text, first.done.token_ids, first.checks)
    return found.written, SecondThoughts(True, found.n_tried, seconds, withdrawn, found.ended)


def _with_news(
    search: Generator[None, None, Outcome], news: Event
) -> Generator[Event, None, Outcome]:
    """What a search comes to; the news before it and then once a second. Closing this ends it."""
    with closing(search):
        yield news
        told_at = time.monotonic()
        while True:
            try:
                next(search)
            except StopIteration as end:
                return end.value
            if time.monotonic() - told_at >= NEWS_SECONDS:
                told_at = time.monotonic()
                yield news
