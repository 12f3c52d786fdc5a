"""What the answers of a bundle's specialist have in common, whatever it is asked."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TypeVar

from assistant.answering import Turn, Written
from assistant.chat import events
from assistant.chat.check import Check
from assistant.chat.events import Event, TextDelta
from assistant.chat.prompts import Prompt
from assistant.llm import requests as llm_requests
from assistant.llm.layout import layout
from assistant.specialist.service import Specialist

R = TypeVar("R")


def asked_shortly(specialist: Specialist, turn: Turn, prompt: Prompt) -> Turn:
    """A question as the specialist's language model reads it."""
    laid_out = layout(prompt, specialist.llm.tokenizer)
    return replace(turn, fitted=replace(turn.fitted, prompt=prompt, layout=laid_out))


def ended(reason: llm_requests.EndReason) -> llm_requests.Done:
    """How an answer ended whose text was not drawn token by token."""
    return llm_requests.Done(reason, (), 0.0, 0.0)


def passed_on(inner: Generator[llm_requests.Queued, None, R]) -> Generator[Event, None, R]:
    """Where a question waits, as events, and in the end what the generator returns."""
    while True:
        try:
            queued = next(inner)
        except StopIteration as end:
            return end.value
        yield events.Queued(queued.position, queued.seconds)


def said_by_the_program(text: str, turn: Turn, checks: tuple[Check, ...] = ()) -> Iterator[Event]:
    """The events of an answer that no model has a part in, with marks on what it says."""
    yield TextDelta(text)
    yield turn.finished(Written(text, ended("end"), checks), by="program")


def of_specialist(
    specialist: Specialist, turn: Turn, written: Written, *, by_program: bool
) -> events.Finished:
    """The last event of an answer.

    Args:
        specialist: Has answered.
        turn: The question as it was asked.
        written: The answer.
        by_program: Whether the program has written it in the specialist's place.
    """
    finished = turn.finished(written, None, by="program" if by_program else "specialist")
    # Its token ids mean nothing to the language model, which reads the text later.
    message = replace(finished.message, model=specialist.llm.fingerprint)
    return replace(finished, message=message)
