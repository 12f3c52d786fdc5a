"""An assistant whose columns say different things, for the panel with columns side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

from assistant.chat.conversation import Conversation
from assistant.chat.events import Event
from assistant.chat.reply import EXPERTS, GRAPH, LORA, AdapterStatus, ReplyOptions, Status
from tests.sidebyside.fakes import Columns

RIGHT = "It has 1 ring and its formula is C9H8O4. It contains an ester."
WRONG = "It has 2 rings and its formula is C9H8O4. It contains an amine."
TEXTS = {"base": WRONG, "graph": RIGHT, "lora": "It has 1 ring.", "experts": RIGHT, "all": RIGHT}


@dataclass
class SideAssistant(Columns):
    """`Columns` with a status; with `odd_spellings` one spelling of all is answered wrongly."""

    adapters: tuple[AdapterStatus, ...] = tuple(
        AdapterStatus(name, True) for name in (GRAPH, LORA, EXPERTS)
    )
    odd_spellings: bool = False

    def status(self) -> Status:
        return Status("fake-model", "nf4", "bfloat16", "cpu", 2048, self.adapters)

    def reply(self, conversation: Conversation, *, options: ReplyOptions) -> Iterator[Event]:
        if self.odd_spellings and options.spellings:
            spelling = next(iter(options.spellings.values()))
            text = WRONG if spelling == self.odd(options) else RIGHT
            return Columns({"all": text}, delay=self.delay).reply(conversation, options=options)
        return super().reply(conversation, options=options)

    def odd(self, options: ReplyOptions) -> str:
        """The first spelling that was ever asked."""
        with self._lock:
            if not hasattr(self, "_odd"):
                self._odd = next(iter(options.spellings.values()))
            return self._odd


def make_side(delay: float = 0.0) -> SideAssistant:
    return SideAssistant(dict(TEXTS), delay=delay)
