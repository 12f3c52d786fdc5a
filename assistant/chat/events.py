"""What `Assistant.reply` yields, in this order: Queued*, Notice*, TextDelta*, Finished."""

from dataclasses import dataclass

from assistant.chat.conversation import Message


@dataclass(frozen=True)
class Queued:
    """The request waits: 1 = next. `seconds` is an estimate, None when nothing was measured yet."""

    position: int
    seconds: float | None = None


@dataclass(frozen=True)
class Notice:
    """Something the person should know about this turn (history shortened, adapters off, …)."""

    text: str


@dataclass(frozen=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The whole answer with its checks and passport; always the last event, also after Stop."""

    message: Message
    seconds: float
    first_token_s: float
    tokens_per_s: float


Event = Queued | Notice | TextDelta | Finished
