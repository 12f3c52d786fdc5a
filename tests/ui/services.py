"""What handlers work with, without a page: for tests of one kind of handler."""

from assistant.chat.history import History
from tests.ui.fakes import FakeAssistant, InProcessChemistry
from ui.chat_list import ChatList
from ui.events import Services
from ui.handle import AssistantHandle
from ui.molecules import Chemistry
from ui.reach import Reach
from ui.runs import Runs
from ui.session_store import SessionStore
from ui.transcript import Drawings, TranscriptView
from ui.views import Views


def make_services(chemistry: InProcessChemistry | Chemistry, fake: FakeAssistant) -> Services:
    """Everything a handler takes, with a history in memory."""
    handle, drawings = AssistantHandle.ready(fake), Drawings(chemistry)
    runs = Runs(History.in_memory(), handle)
    views = Views(handle, drawings, Reach("this computer only"))
    view = TranscriptView(drawings, lambda: "welcome")
    return Services(
        handle, chemistry, SessionStore(runs), runs, view, ChatList(runs.history), views
    )
