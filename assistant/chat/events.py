"""What `Assistant.reply` yields, in this order: Notice*, Queued*, TextDelta*, Finished.

Between the deltas there is a `Measured` with the first token and then once a second. After them an
answer that the structure contradicts, or that passes over the value asked for, has a
`Reconsidering`, which is said again once a second while a better one is looked for, and `Rewritten`
where one was found.
"""

from dataclasses import dataclass

from assistant.chat.check import Check
from assistant.chat.conversation import Message
from assistant.chat.figures import Figures


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
class Measured:
    """How the answer gets on."""

    figures: Figures


@dataclass(frozen=True)
class Reconsidering:
    """The whole text is there, with a flaw, and a better one is looked for.

    Attributes:
        contradicted: What the structure contradicts.
        asked_again: The question in plain words, where the model is asked it again; else empty.
        misnamed: Names that nobody knows, where molecules get their own in their place.
    """

    contradicted: tuple[Check, ...]
    asked_again: str = ""
    misnamed: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Rewritten:
    """The text of the answer is this one, and no longer that of the deltas."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The whole answer with its checks and passport; always the last event, also after Stop."""

    message: Message
    seconds: float
    first_token_s: float
    tokens_per_s: float
    figures: Figures | None = None


Event = Queued | Notice | TextDelta | Measured | Reconsidering | Rewritten | Finished
