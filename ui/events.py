"""What all handlers of the page share: what they work with, and how they read what a tab sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import gradio as gr

from assistant.errors import AssistantError
from ui.arrivals import Offer
from ui.chat_list import ChatList
from ui.handle import AssistantHandle
from ui.molecules import Chemistry
from ui.runs import Runs
from ui.session import Session
from ui.session_store import SessionStore
from ui.transcript import TranscriptView
from ui.views import Views
from ui.visitor import visitor_of

SKIP = gr.skip()
Values = tuple[object, ...]
Payload = Mapping[str, object]


@dataclass(frozen=True)
class Services:
    """What every handler works with."""

    handle: AssistantHandle
    chemistry: Chemistry
    store: SessionStore
    runs: Runs
    transcript: TranscriptView
    chats: ChatList
    views: Views


@dataclass(frozen=True)
class Notice:
    """A sentence for the person, shown above the question box.

    Attributes:
        text: The sentence.
        tone: `error`, `warning` or `info`.
        put_back: Number of a molecule that can be put back by a button behind it; 0 for none.
    """

    text: str
    tone: str = "error"
    put_back: int = 0


def key_of(request: gr.Request) -> tuple[str, str]:
    """What the sessions are kept by: the visitor and Gradio's random id of the tab."""
    return visitor_of(request), request.session_hash or ""


def payload_of(event: gr.EventData) -> Payload:
    """The data of an event, which anyone may have written."""
    data = event._data
    return data if isinstance(data, Mapping) else {}


class EventHandlers:
    """Methods that take events of the page; each tab's state is in the session store."""

    def __init__(self, services: Services) -> None:
        self._handle = services.handle
        self._chemistry = services.chemistry
        self._store = services.store
        self._runs = services.runs
        self._chats = services.chats
        self._transcript = services.transcript
        self._views = services.views

    def _problem(self, error: AssistantError, **more: object) -> dict[str, object]:
        """A part's value that only says what is wrong."""
        return {"rev": self._views.rev(), "problem": str(error), **more}

    def _offered(self, session: Session, offer: Offer) -> Values:
        """Many molecules that wait for a decision; values for `composer, bench, sketcher, facts`.

        Nothing else changes: what is drawn and typed stays.
        """
        return {**self._views.composer(session), "offer": offer._asdict()}, SKIP, SKIP, SKIP


class DialogueEvents(EventHandlers):
    """Handlers that change what the dialogue and the list of conversations show."""

    def _change(self, request: gr.Request, change: Callable[[Session], None]) -> Values:
        """Changes the session and shows the dialogue, or the reason why it did not work."""
        with self._store.locked(*key_of(request)) as session:
            try:
                change(session)
            except AssistantError as error:
                return self._refused(session, error)
            return self._dialogue(session)

    def _refused(self, session: Session, error: AssistantError) -> Values:
        """The dialogue as it was, and why."""
        return self._dialogue(session, notice=Notice(str(error)))

    def _dialogue(
        self,
        session: Session,
        *,
        question: str | None = None,
        notice: Notice | None = None,
        follow: bool = True,
    ) -> Values:
        """Values of `transcript, composer, chats`."""
        return (
            self._transcript.value(session, self._views.rev(), follow=follow),
            self._views.composer(session, question=question, notice=notice),
            self._chats.value(session, self._views.rev()),
        )
