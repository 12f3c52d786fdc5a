"""What an answer was before it was written again: the first attempt, with what was wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.chat.check import Check

WITHDRAWN = "first attempt, withdrawn because the structure contradicts it"
"""What stands above a first attempt in every export."""


@dataclass(frozen=True)
class FirstAttempt:
    """An answer that was withdrawn because the structure contradicts it.

    Attributes:
        text: As the model wrote it.
        token_ids: Exactly as generated.
        checks: Verdicts on its claims, at least one contradicted.
    """

    text: str
    token_ids: tuple[int, ...]
    checks: tuple[Check, ...]

    def to_json(self) -> dict[str, object]:
        """JSON types only."""
        checks = [dict(vars(check)) for check in self.checks]
        return {"text": self.text, "token_ids": list(self.token_ids), "checks": checks}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "FirstAttempt":
        """Reads what `to_json` wrote."""
        checks = tuple(Check(**check) for check in data["checks"])
        return cls(str(data["text"]), tuple(data["token_ids"]), checks)


@dataclass(frozen=True)
class SecondThoughts:
    """Whether an answer was written again, and what came of it.

    Attributes:
        on: Whether it would have been, had anything been contradicted.
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
