"""An answer that is being written, as far as the page shows it."""

from dataclasses import dataclass, replace

from assistant.chat.events import (
    Event,
    Measured,
    Notice,
    Queued,
    Reconsidering,
    Rewritten,
    TextDelta,
)
from ui.figures import figures_html, queue_html, queue_text
from ui.render import live_parts
from ui.second_thoughts import doubt_text


@dataclass(frozen=True)
class Live:
    """What is known of an answer so far, or why there is nothing yet."""

    turn: int
    text: str = ""
    status: str = ""
    notices: tuple[str, ...] = ()
    figures: str = ""
    doubted: bool = False

    def to_value(self) -> dict[str, object]:
        """As the page's script takes it."""
        blocks, tail = live_parts(self.text)
        return {
            "turn": self.turn,
            "blocks": blocks,
            "tail": tail,
            "status": self.status,
            "notices": list(self.notices),
            "figures": self.figures,
            "doubted": self.doubted,
        }

    def after(self, event: Event) -> "Live":
        """What to show after an event."""
        if isinstance(event, TextDelta):
            return replace(self, text=self.text + event.text, status="")
        if isinstance(event, Reconsidering):
            return replace(self, status=doubt_text(event, self.text), doubted=True)
        if isinstance(event, Rewritten):
            return replace(self, text=event.text, status="", doubted=False)
        if isinstance(event, Notice):
            return replace(self, notices=(*self.notices, event.text))
        if isinstance(event, Queued):
            return replace(self, status=queue_text(event), figures=queue_html(event))
        if isinstance(event, Measured):
            return replace(self, figures=figures_html(event.figures))
        return self
