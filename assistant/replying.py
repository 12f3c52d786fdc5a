"""One answer as events: its words as they are drawn, and what is thought of them after."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from assistant.answering import Written
from assistant.chat.check import Check
from assistant.chat.conversation import Conversation
from assistant.chat.events import Event, Measured, Queued, Reconsidering, Rewritten, TextDelta
from assistant.chat.first_attempt import FirstAttempt, SecondThoughts
from assistant.chat.wanted_kinds import Wanted, wordings_of
from assistant.errors import AnswerFailedError
from assistant.llm import requests as llm_requests
from assistant.llm.load import LoadedLLM
from assistant.llm.splice import Spliced
from assistant.llm.stopwatch import Stopwatch
from assistant.own_names import misnamed, with_own_names
from assistant.plain_question import asked_again, in_plain_words
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
    text, done = "", None
    with closing(engine.stream(request)) as events:
        for event in events:  # to its end: one that is left before counts as closed by the asker
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
    if done is None:
        raise AnswerFailedError("The model ended without an answer. Ask again.")
    return Written(text, done, check(text))


Way = Generator[Event, None, tuple[Written, SecondThoughts]]
"""To another answer, or back to the first attempt."""


@dataclass(frozen=True)
class Reconsideration:
    """What is done with an answer that is wrong, or that passes over what was asked.

    Attributes:
        engine: Draws and scores.
        llm: Its language model.
        request: What the first attempt was drawn by, with its place in the queue.
        check: Checks a text as the answer.
        splice: A conversation as the model reads it, with all or some lines of the cards.
    """

    engine: llm_requests.Engine
    llm: LoadedLLM
    request: llm_requests.Request
    check: Callable[[str], tuple[Check, ...]]
    splice: Callable[[Conversation, frozenset[str] | None], Spliced]

    def of(self, first: Written, conversation: Conversation, wanted: Wanted | None) -> Way:
        """The answer to show: another one where a better one is found, else the first attempt.

        Args:
            first: The first attempt.
            conversation: Ends with its question.
            wanted: What the question asks for, where that is beyond doubt.
        """
        misses = wanted is not None and wanted.is_missed_by(first.text, first.checks)
        names = {m.number: m.molecule.name for m in conversation.molecules if m.molecule.name}
        wrong_names = misnamed(first.text, first.checks, names)
        if first.was_stopped or self.request.stop.is_set():
            has_flaw = first.contradicted or misses or wrong_names
            return first, SecondThoughts(True, ended=not has_flaw)
        ways = [self._close_calls(first)] if first.contradicted else []
        if wanted is not None and (misses or (ways and wanted.lines is not None)):
            plainly = self._plainly(first, conversation, wanted)
            # What misses the question is asked again first, what is only wrong beside it last.
            ways = [*plainly, *ways] if misses else [*ways, *plainly]
        if wrong_names and not misses:
            ways = [self._named(first, wrong_names, names), *ways]
        written, thoughts = first, SecondThoughts(True)
        for way in ways:
            if written is first and thoughts.ended:
                written, again = yield from way
                thoughts = again.after(thoughts)
        if written is first or not thoughts.ended:
            return written, thoughts
        if wrong_names := misnamed(written.text, written.checks, names):
            # What was wrong beside a name is right now, and the name has its turn.
            written, again = yield from self._named(written, wrong_names, names)
            thoughts = replace(again.after(thoughts), first=thoughts.first)
        return written, thoughts

    def _plainly(self, first: Written, conversation: Conversation, wanted: Wanted) -> list[Way]:
        """Asking in plain words: with the line of the card that tells it, then with all of it.

        The question's own words are put again only with less of the card to read.
        """
        stop, asked = self.request.stop, conversation.messages[-1].asked
        ways = []
        for question in wordings_of(wanted):
            if question == asked and wanted.lines is None:
                continue
            plain = in_plain_words(conversation, wanted, question)
            news = Reconsidering(first.contradicted, question)
            for lines in dict.fromkeys((wanted.lines, None)):
                request = partial(self._with, plain, lines)
                asking = asked_again(self.engine, request, stop, first, wanted, self.check)
                ways.append(_reconsidered(asking, first, news))
        return ways

    def _close_calls(self, first: Written) -> Way:
        writer = Writer(self.engine, self.llm, self.request, self.check)
        return _reconsidered(writer.write_again(first), first, Reconsidering(first.contradicted))

    def _named(self, first: Written, wrong: tuple[Check, ...], names: Mapping[int, str]) -> Way:
        writer = Writer(self.engine, self.llm, self.request, self.check)
        search = with_own_names(writer, self.llm, first, names)
        return _reconsidered(search, first, Reconsidering(first.contradicted, misnamed=wrong))

    def _with(
        self, conversation: Conversation, lines: frozenset[str] | None
    ) -> llm_requests.Request:
        spliced = self.splice(conversation, lines)
        return replace(self.request, spliced=spliced, progress=llm_requests.Progress())


def _reconsidered(
    search: Generator[None, None, Outcome], first: Written, news: Reconsidering
) -> Way:
    """What comes of one search for a better answer."""
    began = time.perf_counter()
    found = yield from _with_news(search, news)
    seconds = time.perf_counter() - began
    if found.written is first:
        return first, SecondThoughts(True, found.n_tried, seconds, ended=found.ended)
    yield Rewritten(found.written.text)
    name = news.misnamed[0].claim if news.misnamed else ""
    withdrawn = FirstAttempt(first.text, first.done.token_ids, first.checks, news.asked_again, name)
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
