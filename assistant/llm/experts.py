"""X-LoRA while answering: a scaling pass and a real pass, each with a key-value cache of its own.

    token ─► scaling pass (no ΔW; its cache) ─► gate ─► scalings, kept per token
         └─► real pass    (ΔW, experts; the engine's cache) ◄──────┘

`exact`  every token mixes by its own scalings. They depend only on what stands before the token,
         so a new token costs two single-token steps and equals the published two full passes.
`turn`   a turn mixes by the mean of its question's scalings, the system text by its own. A new
         token of the answer costs one step; the scaling pass catches up in the next turn's prefill.

Everything here is explicit state of one answer and runs no model: `expert_rows` runs the passes of
many answers side by side, `scaling` those of one. The real pass marks its cache with mode and, for
`turn`, the hash of the scalings (design: content hashes, never names).
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from assistant.adapters.weights import tensor_hash
from assistant.adapters.xlora.gate import applied_scalings
from assistant.adapters.xlora.mixture import Mixture
from assistant.errors import BundleError
from assistant.llm.prefix import KeptCache, Mark
from assistant.llm.splice import Spliced

ExpertMode = Literal["exact", "turn"]


def refuse_coupled(mixture: Mixture) -> None:
    """Refuses settings under which a token's scalings depend on other tokens.

    Raises:
        BundleError: The published softmax over all kept entries of the batch is on.
    """
    if mixture.config.couples_tokens:
        raise BundleError(
            'This X-LoRA has topk_softmax="batch", the published softmax over all kept entries of'
            " the batch: a token's scalings then change with every later token, so no key-value"
            ' cache is valid. Use topk_softmax="token", or two full passes (xlora.passes).'
        )


def scaling_marks(spliced: Spliced) -> list[Mark]:
    """Content marks of the scaling pass, in which no ΔW is on."""
    return [(mark, "") for mark, _ in spliced.content]


class AnswerExperts(Protocol):
    """The experts of one answer.

    Attributes:
        mode: How scalings are chosen.
        mixture: Gate and experts.
        kept: Cache of the scaling pass and the scalings of the tokens in it; whoever runs the pass
            extends it.
    """

    mode: ExpertMode
    mixture: Mixture
    kept: KeptCache

    def needed(self, end: int) -> int:
        """Tokens the scaling pass must know before the real pass may go up to `end`."""
        ...

    def marks(self) -> list[Mark]:
        """Content marks of the prompt in the real pass, once `needed(0)` tokens are known."""
        ...

    def answer_mark(self, token_id: int) -> Mark:
        """Content mark of a token of the answer."""
        ...

    def scalings(self, start: int, end: int) -> Tensor:
        """What tokens of prompt and answer mix by, before top-k, (n, l, expert)."""
        ...

    def drew(self, end: int) -> None:
        """Takes note that a token was drawn from the logits after so many tokens."""
        ...

    def mean(self) -> Tensor:
        """Scalings the answer was drawn with, averaged over its tokens, (l, expert)."""
        ...


def answer_experts(
    mode: ExpertMode, mixture: Mixture, spliced: Spliced, kept: KeptCache
) -> AnswerExperts:
    """The experts of one answer.

    Args:
        mode: How scalings are chosen.
        mixture: Gate and experts.
        spliced: The prompt.
        kept: Cache of the scaling pass, taken by `scaling_marks(spliced)`.
    """
    if mode == "exact":
        return ExactExperts(mixture, spliced, kept)
    return TurnExperts(mixture, spliced, kept)


class ExactExperts:
    """Every token by its own scalings: the published result, at two single-token steps a token."""

    mode: ExpertMode = "exact"

    def __init__(self, mixture: Mixture, spliced: Spliced, kept: KeptCache) -> None:
        refuse_coupled(mixture)
        self.mixture = mixture
        self.kept = kept
        self._spliced = spliced
        # Scalings follow from the prefix, which the marks already hold.
        self._tag = f"+exact:{mixture.digest}"
        self._total: Tensor | None = None
        self._n_drawn = 0

    def needed(self, end: int) -> int:
        """All of them."""
        return end

    def marks(self) -> list[Mark]:
        """Content, ΔW and mode of every token."""
        return [(mark, delta + self._tag) for mark, delta in self._spliced.content]

    def answer_mark(self, token_id: int) -> Mark:
        """Id, ΔW and mode."""
        return (token_id, self._spliced.answer_content + self._tag)

    def scalings(self, start: int, end: int) -> Tensor:
        """Each token's own."""
        return torch.stack(self.kept.scalings[start:end])

    def drew(self, end: int) -> None:
        """Adds the scalings of the last of these tokens, after which was drawn."""
        last = self.kept.scalings[end - 1][None, None]
        applied = applied_scalings(last, self.mixture.config)[0, 0]
        self._total = applied if self._total is None else self._total + applied
        self._n_drawn += 1

    def mean(self) -> Tensor:
        """Mean over the tokens that were drawn so far."""
        if self._total is None:
            return torch.zeros(self.mixture.n_rows, self.mixture.gate.n_experts)
        return self._total / self._n_drawn


class TurnExperts:
    """A turn by the mean scalings of its question, fixed once the question is known."""

    mode: ExpertMode = "turn"

    def __init__(self, mixture: Mixture, spliced: Spliced, kept: KeptCache) -> None:
        refuse_coupled(mixture)
        self.mixture = mixture
        self.kept = kept
        self._spliced = spliced
        self._means: dict[int, Tensor] = {}
        self._tags: dict[int, str] = {}

    def needed(self, end: int) -> int:
        """The whole prompt, until the means are known; the answer needs none."""
        return 0 if self._means else self._spliced.n_tokens

    def marks(self) -> list[Mark]:
        """Content, ΔW and the hash of the turn's scalings of every token."""
        self._settle()
        content = zip(self._spliced.content, self._spliced.turns, strict=True)
        return [(mark, delta + self._tags[turn]) for (mark, delta), turn in content]

    def _settle(self) -> None:
        """The mean of each turn's question, from the scaling pass over the whole prompt."""
        if self._means:
            return
        self._means = turn_means(
            torch.stack(self.kept.scalings[: self._spliced.n_tokens]),
            self._spliced.turns,
            self._spliced.asked,
        )
        digest = self.mixture.digest
        self._tags = {t: f"+turn:{digest}:{tensor_hash(m)}" for t, m in self._means.items()}

    def answer_mark(self, token_id: int) -> Mark:
        """Id, ΔW and the hash of the turn's scalings."""
        return (token_id, self._spliced.answer_content + self._tags[self._answer_turn])

    def scalings(self, start: int, end: int) -> Tensor:
        """Those of each token's turn; an answer belongs to the last one."""
        self._settle()
        turns = list(self._spliced.turns[start:end])
        turns += [self._answer_turn] * (end - start - len(turns))
        return torch.stack([self._means[turn] for turn in turns])

    def drew(self, end: int) -> None:
        """All tokens of the answer have the same."""

    def mean(self) -> Tensor:
        """The turn's scalings; zeros where the question was not read to its end."""
        if not self._means:
            return torch.zeros(self.mixture.n_rows, self.mixture.gate.n_experts)
        fixed = self._means[self._answer_turn][None, None]
        return applied_scalings(fixed, self.mixture.config)[0, 0]

    @property
    def _answer_turn(self) -> int:
        return self._spliced.turns[-1]


def turn_means(scalings: Tensor, turns: Sequence[int], asked: Sequence[bool]) -> dict[int, Tensor]:
    """Mean scalings of the question of each turn.

    Args:
        scalings: Before top-k, (t, l, expert).
        turns: The turn of each token, -1 for the system text.
        asked: Whether a token is part of its turn's question.

    Returns:
        Turn -> (l, expert), from the question's tokens alone, so that it stays the same when the
        answer grows; zeros for a turn without a question.
    """
    groups = torch.tensor(turns, device=scalings.device)
    question = torch.tensor(asked, device=scalings.device)
    means = {}
    for turn in dict.fromkeys(turns):
        rows = scalings[(groups == turn) & question]
        means[turn] = rows.mean(dim=0) if len(rows) else torch.zeros_like(scalings[0])
    return means
