"""What an answer was before it was written again: the first attempt, with what was wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from assistant.chat.check import Check


@dataclass(frozen=True)
class FirstAttempt:
    """An answer that was withdrawn: contradicted, beside the question, or with an unknown name.

    Attributes:
        text: As the model wrote it.
        token_ids: Exactly as generated.
        checks: Verdicts on its claims; at least one is contradicted, or the value that was asked
            for is not among them, or a name is known to nobody.
        asked_again: The question in plain words, as the model was asked it again; empty where it
            was written otherwise from a close call on.
        misnamed: The name that nobody knows, where the molecule's own took its place; else empty.
    """

    text: str
    token_ids: tuple[int, ...]
    checks: tuple[Check, ...]
    asked_again: str = ""
    misnamed: str = ""

    @property
    def heading(self) -> str:
        """What stands above it in every export."""
        if self.asked_again:
            return f"first attempt, withdrawn; asked again as “{self.asked_again}”"
        if self.misnamed:
            return f"first attempt, withdrawn because nobody knows “{self.misnamed}” here"
        return "first attempt, withdrawn because the structure contradicts it"

    def to_json(self) -> dict[str, object]:
        """JSON types only."""
        checks = [dict(vars(check)) for check in self.checks]
        again = {"asked_again": self.asked_again} if self.asked_again else {}
        again |= {"misnamed": self.misnamed} if self.misnamed else {}
        return {"text": self.text, "token_ids": list(self.token_ids), "checks": checks, **again}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "FirstAttempt":
        """Reads what `to_json` wrote."""
        checks = tuple(Check(**check) for check in data["checks"])
        why = (str(data.get(name, "")) for name in ("asked_again", "misnamed"))
        return cls(str(data["text"]), tuple(data["token_ids"]), checks, *why)


@dataclass(frozen=True)
class SecondThoughts:
    """Whether an answer was written again, and what came of it.

    Attributes:
        on: Whether it would have been, had anything been wrong with it.
        n_tried: Other answers that were tried.
        seconds: What that took.
        first: The first attempt; None where it is the answer.
        ended: Whether the search ran to its end, or was not called for; not where it was stopped,
            took too long or failed, or a stop kept it from beginning.
    """

    on: bool
    n_tried: int = 0
    seconds: float = 0.0
    first: FirstAttempt | None = None
    ended: bool = True

    def after(self, before: "SecondThoughts") -> "SecondThoughts":
        """Both of two searches as one; the later one decides."""
        n_tried, seconds = before.n_tried + self.n_tried, before.seconds + self.seconds
        return replace(self, n_tried=n_tried, seconds=seconds)
