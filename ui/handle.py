"""The assistant while it loads: the page is served at once, the model arrives in a thread."""

import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from assistant.errors import AssistantError, ModelNotReadyError

if TYPE_CHECKING:
    from assistant.chat.conversation import Conversation, Message
    from assistant.chat.events import Event, Queued
    from assistant.chat.reply import ReplyOptions, Status
    from assistant.chat.view import View

logger = logging.getLogger(__name__)


class Replying(Protocol):
    """What the page needs of an assistant; `assistant.Assistant` is one, tests use a fake."""

    def status(self) -> "Status":
        """What is loaded, and what is off and why."""

    def reply(self, conversation: "Conversation", *, options: "ReplyOptions") -> Iterator["Event"]:
        """Streams the answer to the last question."""

    def cannot_rescore(self, conversation: "Conversation", answer: "Message") -> str:
        """Why an answer cannot be scored again in other views; empty when it can."""

    def rescore(
        self,
        conversation: "Conversation",
        answer: "Message",
        number: int,
        views: "Iterable[View]",
        *,
        stop: threading.Event,
        visitor: str,
    ) -> "Iterator[Queued | tuple[float, ...]]":
        """Log-probabilities of an answer's tokens, a molecule being seen in several views."""

    def answer_offsets(self, answer: "Message") -> tuple[tuple[int, int], ...]:
        """Where each token of an answer stands in its text."""


class AssistantHandle:
    """Loads an assistant in a thread and says how far it is.

    Args:
        load: Returns the loaded assistant; runs once, in a thread of its own, after `start`.
        what: The thing being loaded, as the page names it ("checkpoints/default").
        then: Runs after that in the same thread, while questions are answered already.
    """

    def __init__(
        self,
        load: Callable[[], Replying],
        *,
        what: str = "the model",
        then: Callable[[], None] = lambda: None,
    ) -> None:
        self._load = load
        self._then = then
        self.what = what
        self._outcome: Future[Replying] = Future()
        self._started_at = time.monotonic()

    @classmethod
    def ready(cls, assistant: Replying) -> "AssistantHandle":
        """A handle whose assistant is there already."""
        handle = cls(lambda: assistant)
        handle._outcome.set_result(assistant)
        return handle

    def start(self) -> None:
        """Begins to load; the caller goes on at once."""
        self._started_at = time.monotonic()
        threading.Thread(target=self._fulfil, name="load-assistant", daemon=True).start()

    def _fulfil(self) -> None:
        # Whatever stops the load must reach the page: facts and drawing work without a model. A bug
        # goes on to the thread's own exception hook, which shows its traceback.
        try:
            self._outcome.set_result(self._load())
            logger.info("%s is ready after %.1f s", self.what, self.seconds_loading)
        except AssistantError as error:
            logger.error("%s could not be loaded: %s", self.what, error)
            self._outcome.set_exception(error)
        finally:
            if not self._outcome.done():
                self._outcome.set_exception(sys.exc_info()[1])
        if self.state == "ready":
            self._then()

    @property
    def state(self) -> str:
        """`loading`, `ready`, or `failed: <reason fit for the person>`."""
        if not self._outcome.done():
            return "loading"
        error = self._outcome.exception()
        return "ready" if error is None else f"failed: {_reason(error)}"

    @property
    def seconds_loading(self) -> float:
        """How long the load has been running."""
        return time.monotonic() - self._started_at

    def get(self) -> Replying:
        """The assistant.

        Raises:
            ModelNotReadyError: It is still loading, or could not be loaded.
        """
        if self.state == "ready":
            return self._outcome.result()
        if self.state == "loading":
            raise ModelNotReadyError("The model is still loading. Facts and drawing already work.")
        raise ModelNotReadyError(f"The model could not be loaded. {self.state[len('failed: ') :]}")


def _reason(error: BaseException) -> str:
    """The error for whoever is at the page: own messages, anything else by its kind; no folders."""
    text = str(error)
    if not isinstance(error, AssistantError):
        text = f"{type(error).__name__}: {text[:300]}"
    return without_folders(text)


def without_folders(text: str) -> str:
    """A message in which a path on this machine is only its last part: the log has the whole one.

    A path in quotes may hold blanks; outside of quotes it ends at one.
    """
    quoted = _QUOTED_PATH.sub(lambda found: found[1] + _last_part(found[2]) + found[1], text)
    return _BARE_PATH.sub(lambda found: _last_part(found[0]), quoted)


_ROOT = r"(?:[A-Za-z]:[\\/]|\\\\|~?/)"
_QUOTED_PATH = re.compile(rf"(['\"‘’“”])({_ROOT}[^'\"‘’“”]*)\1")
_BARE_PATH = re.compile(rf"(?<![\w:/.]){_ROOT}[^\s'\",;:)]+")


def _last_part(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/."))[-1] + ("." if path.endswith(".") else "")
