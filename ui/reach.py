"""Who can reach the page, in words for its header; a public link comes and goes meanwhile."""

from collections.abc import Callable
from typing import Literal

LinkState = Literal["none", "asking", "open", "given up"]

_WORDS = {
    "asking": "asking for a public link …",
    "open": "public link",
    "given up": "no public link",
}


class Reach:
    """What the header says about who can come in.

    Args:
        door: Words that stay: "this computer only", "passcode on", "no passcode".
        link: State of the public link, asked each time the header is made.
    """

    def __init__(self, door: str, link: Callable[[], LinkState] = lambda: "none") -> None:
        self._door = door
        self.link = link

    @property
    def words(self) -> str:
        """For the header, the public link first."""
        link = _WORDS.get(self.link())
        return " · ".join(words for words in (link, self._door) if words)

    @property
    def may_change(self) -> bool:
        """Whether the words can become others while the page is open."""
        return self.link() in ("asking", "open")
