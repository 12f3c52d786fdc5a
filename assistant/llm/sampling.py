"""Choosing the next token, and turning tokens into text as they come."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn; temperature 0 takes the most probable token.

    Attributes:
        stop: Texts that end the answer; they are not part of its text.
        ends_circles: Whether an answer ends that repeats itself for ever (`repetition`).
    """

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 512
    seed: int = 0
    stop: tuple[str, ...] = ()
    ends_circles: bool = False

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.repetition_penalty <= 0:
            raise ValueError(
                f"temperature {self.temperature} must be >= 0, top_p {self.top_p} in (0, 1],"
                f" repetition_penalty {self.repetition_penalty} > 0"
            )
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens {self.max_new_tokens} must be at least 1")
        if "" in self.stop:
            raise ValueError("an empty text cannot end an answer")


class Sampler:
    """Draws the tokens of one answer, with a random state of its own.

    Args:
        sampling: How they are drawn.
        device: Where the logits are.
        begun: Token ids that the answer begins with.
    """

    def __init__(
        self, sampling: Sampling, device: torch.device | str, begun: Sequence[int] = ()
    ) -> None:
        self._sampling = sampling
        self._random = torch.Generator(device).manual_seed(sampling.seed)
        self._seen: set[int] = set(begun)

    @property
    def takes_the_best(self) -> bool:
        """Whether a draw is the most probable token, whatever was drawn before."""
        return self._sampling.temperature == 0 and self._sampling.repetition_penalty == 1

    def draw(self, logits: Tensor) -> int:
        """The next token for logits (vocabulary,)."""
        logits = self._penalised(logits.float())
        if self._sampling.temperature == 0:
            token = int(logits.argmax())
        else:
            probabilities = torch.softmax(logits / self._sampling.temperature, dim=-1)
            token = int(torch.multinomial(self._nucleus(probabilities), 1, generator=self._random))
        self._seen.add(token)
        return token

    def _penalised(self, logits: Tensor) -> Tensor:
        penalty = self._sampling.repetition_penalty
        if penalty == 1 or not self._seen:
            return logits
        seen = torch.tensor(sorted(self._seen), device=logits.device)
        values = logits[seen]
        return logits.index_copy(
            0, seen, torch.where(values > 0, values / penalty, values * penalty)
        )

    def _nucleus(self, probabilities: Tensor) -> Tensor:
        if self._sampling.top_p == 1:
            return probabilities
        ordered, places = probabilities.sort(descending=True)
        # Kept while the mass before a token is under top_p, so the first one always is.
        kept = ordered.cumsum(0) - ordered < self._sampling.top_p
        return torch.zeros_like(probabilities).index_copy(0, places, ordered * kept)


class Detokenizer:
    """Text of a growing answer, given out only once its bytes are complete.

    A token's text depends on its neighbours (spaces, multi-byte characters), so a short window of
    tokens is decoded with and without the new one, and the difference is the new text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._window = 0  # tokens before it are decoded and no longer needed as context
        self._given = 0  # tokens before it have been given out

    def add(self, token_id: int) -> str:
        """Text that became certain with this token, often empty."""
        self._ids.append(token_id)
        before, after = self._decoded()
        if len(after) <= len(before) or after.endswith("\ufffd"):
            return ""
        self._window, self._given = self._given, len(self._ids)
        return after[len(before) :]

    def flush(self) -> str:
        """What is left at the end, incomplete characters included."""
        before, after = self._decoded()
        self._given = len(self._ids)
        return after[len(before) :]

    def _decoded(self) -> tuple[str, str]:
        before = self._text(self._ids[self._window : self._given])
        return before, self._text(self._ids[self._window :])

    def _text(self, ids: list[int]) -> str:
        return self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )


class AnswerText:
    """Text of a growing answer that ends at a stop text.

    What may be the beginning of a stop text is held back until it is known.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: tuple[str, ...]) -> None:
        self._detokenizer = Detokenizer(tokenizer)
        self._stop = stop
        self._held = ""
        self._ended = False

    def add(self, token_id: int) -> tuple[str, bool]:
        """Text that became certain with this token, and whether it ended the answer."""
        delta = self._detokenizer.add(token_id)
        if not self._stop:
            return delta, False
        text = self._held + delta
        places = [place for stop in self._stop if (place := text.find(stop)) >= 0]
        if places:
            self._ended = True
            return text[: min(places)], True
        n_held = max(_overlap(text, stop) for stop in self._stop)
        self._held = text[len(text) - n_held :]
        return text[: len(text) - n_held], False

    def flush(self) -> str:
        """What is left at the end, nothing after a stop text."""
        if self._ended:
            return ""
        rest = self._held + self._detokenizer.flush()
        self._held = ""
        return rest


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
