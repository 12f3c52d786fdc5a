"""What comes of a step for a row: numbers to draw its next token from, or an error to tell."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from assistant.errors import AnswerFailedError, AssistantError
from assistant.llm.requests import memory_is_full
from assistant.llm.rows import Answer, Row

FAILURES = (AssistantError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What a pass over one request's numbers can raise, and its reader gets. Anything else is a bug."""


@dataclass(frozen=True)
class Ready:
    """A row whose next token can be drawn.

    Attributes:
        logits: (vocabulary,).
        highest: The largest of them.
        best: Its token.
        guess: The guess of the row that must be right for this; -1 for none.
    """

    row: Row
    logits: Tensor
    highest: float
    best: int
    guess: int = -1


def draw(ready: Ready) -> int:
    """The next token.

    Raises:
        AnswerFailedError: There are no finite numbers to draw from.
    """
    if not math.isfinite(ready.highest):  # of values with a NaN among them the highest is NaN
        raise AnswerFailedError(
            "The model's numbers for this answer are not finite, so there is nothing to draw from."
            " Ask again without the adapters or with another molecule, or choose another model."
        )
    sampler = ready.row.sampler
    return ready.best if sampler.takes_the_best else sampler.draw(ready.logits)


def tell(answer: Answer, error: BaseException) -> None:
    """The error as the person may read it."""
    if is_out_of_memory(error):
        told: BaseException = memory_is_full(answer.request.spliced.n_tokens)
        told.__cause__ = error
    else:
        told = error
    answer.events.put(told)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device or the machine has no room for what was asked."""
    # On a processor the allocator raises a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
