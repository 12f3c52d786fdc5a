"""An answer that is being written, as far as the page shows it."""

from dataclasses import dataclass, replace

from assistant.chat.events import Event, Notice, Queued, TextDelta
from ui.render import live_parts


@dataclass(frozen=True)
class Live:
    """What is known of an answer so far, or why there is nothing yet."""

    turn: int
    text: str = ""
    status: str = ""
    notices: tuple[str, ...] = ()

    def to_value(self) -> dict[str, object]:
        """As the page's script takes it."""
        blocks, tail = live_parts(self.text)
        return {
            "turn": self.turn,
            "blocks": blocks,
            "tail": tail,
            "status": self.status,
            "notices": list(self.notices),
        }

    def after(self, event: Event) -> "Live":
        """What to show after an event."""
        if isinstance(event, TextDelta):
            return replace(self, text=self.text + event.text, status="")
        if isinstance(event, Notice):
            return replace(self, notices=(*self.notices, event.text))
        if isinstance(event, Queued):
            wait = f", about {event.seconds:.0f} s" if event.seconds is not None else ""
            place = "next" if event.position <= 1 else f"number {event.position}"
            return replace(self, status=f"waiting: you are {place} in the queue{wait}")
        return self
