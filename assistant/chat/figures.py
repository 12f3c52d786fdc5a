"""What an answer takes, in figures: for the page's header while it is written, and the passport."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """Of one answer, so far or in all.

    Times are of the tokens drawn first; where an answer was written again its tokens are those of
    the one that is shown, and its passport holds how long that took.

    Attributes:
        waited_s: Seconds from the question until the model began with it.
        first_token_s: Seconds from there to the first token; None before it.
        tokens_per_s: Speed after the first token; None before there is a second one.
        answer_tokens: Tokens of the answer: drawn so far, and in the end those that are shown.
        prompt_tokens: Tokens of the prompt.
        cached_tokens: Of these, the ones that were not computed again.
        memory_bytes: Resident memory of the program.
        gpu_bytes: Memory of the GPU that the program holds; None without one.
        own_bytes: Of this answer alone: its prompt's embeddings, its ΔW, keys and values of its
            tokens; from the sizes of these tensors. None for a cache of another kind.
    """

    waited_s: float
    first_token_s: float | None
    tokens_per_s: float | None
    answer_tokens: int
    prompt_tokens: int
    cached_tokens: int
    memory_bytes: int
    gpu_bytes: int | None = None
    own_bytes: int | None = None

    @property
    def cached_share(self) -> float:
        """Share of the prompt that was not computed again, from 0 to 1."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    def to_passport(self) -> dict[str, object]:
        """As JSON types, rounded to what was measured."""
        return {
            "waited_s": round(self.waited_s, 3),
            "first_token_s": _rounded(self.first_token_s, 4),
            "tokens_per_s": _rounded(self.tokens_per_s, 1),
            "answer_tokens": self.answer_tokens,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "memory_bytes": self.memory_bytes,
            "gpu_bytes": self.gpu_bytes,
            "own_bytes": self.own_bytes,
        }


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
