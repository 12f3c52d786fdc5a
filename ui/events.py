"""What all handlers of the page share: what they work with, and how they read what a tab sent."""

from collections.abc import Mapping
from dataclasses import dataclass

import gradio as gr

from ui.handle import AssistantHandle
from ui.molecules import Chemistry
from ui.session import SessionStore
from ui.transcript import TranscriptView
from ui.views import Views

SKIP = gr.skip()
Values = tuple[object, ...]
Payload = Mapping[str, object]


@dataclass(frozen=True)
class Services:
    """What every handler works with."""

    handle: AssistantHandle
    chemistry: Chemistry
    store: SessionStore
    transcript: TranscriptView
    views: Views


@dataclass(frozen=True)
class Notice:
    """A sentence for the person, shown above the question box."""

    text: str
    tone: str = "error"


def key_of(request: gr.Request) -> str:
    """What the sessions are kept by: Gradio's random id of the tab."""
    return request.session_hash or ""


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
        self._transcript = services.transcript
        self._views = services.views
