"""A question for one value, or small talk, that its answer passes over is put again in plain words.

The page's own words stay in the conversation; the model reads the plain ones for this answer alone,
and of the molecule, where one line of its card tells the value, that line alone.
Like `second_thoughts` this belongs to the question: one place in the queue, one stop, one limit.
"""

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

from assistant.answering import Written
from assistant.chat.check import Check
from assistant.chat.conversation import Conversation
from assistant.chat.wanted_kinds import Wanted
from assistant.llm.outcomes import FAILURES
from assistant.llm.requests import Done, Engine, Request, Token
from assistant.second_thoughts import Outcome

log = logging.getLogger(__name__)


def in_plain_words(
    conversation: Conversation, wanted: Wanted, question: str | None = None
) -> Conversation:
    """The last question of a conversation in the plainest words, or in these, and alone.

    What was said before plays no part in a computed value, and other molecules' cards would only
    be in its way.
    """
    last = conversation.messages[-1]
    about = () if wanted.number is None else (wanted.number,)
    asked = replace(last, text=question or wanted.question, attached=about, mentions=())
    return replace(conversation, messages=(asked,))


def asked_again(
    engine: Engine,
    request: Callable[[], Request],
    stop: threading.Event,
    first: Written,
    wanted: Wanted,
    check: Callable[[str], tuple[Check, ...]],
) -> Generator[None, None, Outcome]:
    """The answer to the plain question, where that is a better one.

    Args:
        engine: Draws it.
        request: Makes the one with the plain question, in the place of the first.
        stop: Set when the answer is to end.
        first: Stays otherwise.
        wanted: What the question asks for.
        check: Checks a text as the answer.

    Yields:
        Nothing, after each token: closing it there ends the request.
    """
    try:
        found = yield from _written(engine, request(), check)
    except FAILURES as error:
        # The text of an error may hold a structure.
        log.warning("asking again in plain words failed (%s)", type(error).__name__)
        log.debug("what failed", exc_info=error)
        return Outcome(first, 1, ended=False)
    if found is None or stop.is_set():
        return Outcome(first, 1, ended=False)
    is_better = wanted.is_met_by(found.text, found.checks)
    return Outcome(found if is_better else first, 1, ended=True)


def _written(
    engine: Engine, request: Request, check: Callable[[str], tuple[Check, ...]]
) -> Generator[None, None, Written | None]:
    text = ""
    with closing(engine.stream(request)) as events:
        for event in events:
            if isinstance(event, Token):
                text += event.text_delta
                yield
            elif isinstance(event, Done) and event.reason != "stopped":
                return Written(text, event, check(text))
    return None
