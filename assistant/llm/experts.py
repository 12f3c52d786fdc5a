"""X-LoRA while answering: a scaling pass and a real pass, each with a key-value cache of its own.

    token ─► scaling pass (no ΔW; its cache) ─► gate ─► scalings, kept per token
         └─► real pass    (ΔW, experts; the engine's cache) ◄──────┘

`exact`  every token mixes by its own scalings. They depend only on what stands before the token,
         so a new token costs two single-token steps and equals the published two full passes.
`turn`   a turn mixes by the mean of its question's scalings, the system text by its own. A new
         token of the answer costs one step; the scaling pass catches up in the next turn's prefill.

Everything here is explicit state of one answer; nothing knows the engine. The real pass marks its
cache with mode and, for `turn`, the hash of the scalings (design: content hashes, never names).
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from assistant.adapters.weights import tensor_hash
from assistant.adapters.xlora.experts import ExpertStep
from assistant.adapters.xlora.gate import applied_scalings
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import scaling_pass
from assistant.errors import BundleError
from assistant.llm.prefix import PREFILL_CHUNK, KeptCache, Mark
from assistant.llm.splice import Spliced

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel

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


class ScalingPass:
    """The scaling pass of one conversation, which goes on from its cache.

    Args:
        model: The LLM, its layers wrapped.
        mixture: Gate and experts.
        kept: Its cache and the scalings of the tokens in it; grows in place.
    """

    def __init__(self, model: "PreTrainedModel", mixture: Mixture, kept: KeptCache) -> None:
        refuse_coupled(mixture)
        self.mixture = mixture
        self.kept = kept
        self._model = model

    @torch.inference_mode()
    def extend(self, embeds: Tensor, marks: Sequence[Mark]) -> None:
        """Runs over the next tokens, (1, n, h)."""
        hidden = scaling_pass(
            self._model, self.mixture, embeds, past_key_values=self.kept.cache, use_cache=True
        )
        self.kept.scalings += self.mixture.gate(hidden)[0].unbind(0)
        self.kept.marks += marks

    def cover(self, spliced: Spliced, stop: threading.Event) -> bool:
        """Runs over what is left of the prompt; False when it was stopped on the way."""
        while (start := len(self.kept.marks)) < spliced.n_tokens:
            if stop.is_set():
                return False
            part = slice(start, start + PREFILL_CHUNK)
            marks = [(mark, "") for mark, _ in spliced.content[part]]
            self.extend(spliced.inputs_embeds[:, part], marks)
        return True


class AnswerExperts(Protocol):
    """The experts of one answer: what each forward pass of the real pass applies."""

    mode: ExpertMode
    kept: KeptCache

    def prepare(self, stop: threading.Event) -> bool:
        """What must be known of the prompt before its real pass; False when it was stopped."""
        ...

    def marks(self) -> list[Mark]:
        """Content marks of the prompt in the real pass."""
        ...

    def answer_mark(self, token_id: int) -> Mark:
        """Content mark of a token of the answer."""
        ...

    def prompt_step(self, part: slice) -> ExpertStep:
        """Experts for a part of the prompt."""
        ...

    def answer_step(self, embeds: Tensor, token_id: int) -> ExpertStep:
        """Experts for the next token of the answer, (1, 1, h)."""
        ...

    def mean(self) -> Tensor:
        """Scalings the answer was drawn with, averaged over its tokens, (l, expert)."""
        ...


def answer_experts(
    mode: ExpertMode, model: "PreTrainedModel", mixture: Mixture, spliced: Spliced, kept: KeptCache
) -> AnswerExperts:
    """The experts of one answer.

    Args:
        mode: How scalings are chosen.
        model: The LLM.
        mixture: Gate and experts.
        spliced: The prompt.
        kept: Cache of the scaling pass, taken by `scaling_marks(spliced)`.
    """
    scaling = ScalingPass(model, mixture, kept)
    return ExactExperts(scaling, spliced) if mode == "exact" else TurnExperts(scaling, spliced)


class ExactExperts:
    """Every token by its own scalings: the published result, at two single-token steps a token."""

    mode: ExpertMode = "exact"

    def __init__(self, scaling: ScalingPass, spliced: Spliced) -> None:
        self.kept = scaling.kept
        self._scaling = scaling
        self._spliced = spliced
        # Scalings follow from the prefix, which the marks already hold.
        self._tag = f"+exact:{scaling.mixture.digest}"
        self._total: Tensor | None = None
        self._n_steps = 0

    def prepare(self, stop: threading.Event) -> bool:
        """The scaling pass over the whole prompt."""
        return self._scaling.cover(self._spliced, stop)

    def marks(self) -> list[Mark]:
        """Content, ΔW and mode of every token."""
        return [(mark, delta + self._tag) for mark, delta in self._spliced.content]

    def answer_mark(self, token_id: int) -> Mark:
        """Id, ΔW and mode."""
        return (token_id, self._spliced.answer_content + self._tag)

    def prompt_step(self, part: slice) -> ExpertStep:
        """Each token with its own scalings."""
        return self._step(part.start, part.stop, draws=part.stop == self._spliced.n_tokens)

    def answer_step(self, embeds: Tensor, token_id: int) -> ExpertStep:
        """The scaling pass over one token, and the experts it gives."""
        self._scaling.extend(embeds, [(token_id, "")])
        end = len(self.kept.marks)
        return self._step(end - 1, end, draws=True)

    def _step(self, start: int, end: int, *, draws: bool) -> ExpertStep:
        scalings = torch.stack(self.kept.scalings[start:end])[None]  # (1, n, l, expert)
        if draws:  # the last of these tokens gives the logits a token of the answer is drawn from
            last = applied_scalings(scalings[:, -1:], self._scaling.mixture.config)[0, 0]
            self._total = last if self._total is None else self._total + last
            self._n_steps += 1
        return self._scaling.mixture.step(scalings)

    def mean(self) -> Tensor:
        """Mean over the tokens that were drawn so far."""
        if self._total is None:
            return torch.zeros(self._scaling.mixture.n_rows, self._scaling.mixture.gate.n_experts)
        return self._total / self._n_steps


class TurnExperts:
    """A turn by the mean scalings of its question, fixed once the question is known."""

    mode: ExpertMode = "turn"

    def __init__(self, scaling: ScalingPass, spliced: Spliced) -> None:
        self.kept = scaling.kept
        self._scaling = scaling
        self._spliced = spliced
        self._means: dict[int, Tensor] = {}
        self._tags: dict[int, str] = {}
        self._fixed: ExpertStep | None = None

    def prepare(self, stop: threading.Event) -> bool:
        """The scaling pass over the whole prompt, and the mean of each turn's question."""
        if not self._scaling.cover(self._spliced, stop):
            return False
        self._means = turn_means(
            torch.stack(self.kept.scalings[: self._spliced.n_tokens]),
            self._spliced.turns,
            self._spliced.asked,
        )
        digest = self._scaling.mixture.digest
        self._tags = {t: f"+turn:{digest}:{tensor_hash(m)}" for t, m in self._means.items()}
        return True

    def marks(self) -> list[Mark]:
        """Content, ΔW and the hash of the turn's scalings of every token."""
        content = zip(self._spliced.content, self._spliced.turns, strict=True)
        return [(mark, delta + self._tags[turn]) for (mark, delta), turn in content]

    def answer_mark(self, token_id: int) -> Mark:
        """Id, ΔW and the hash of the turn's scalings."""
        return (token_id, self._spliced.answer_content + self._tags[self._answer_turn])

    def prompt_step(self, part: slice) -> ExpertStep:
        """Each token with the scalings of its turn."""
        rows = [self._means[turn] for turn in self._spliced.turns[part]]
        return self._scaling.mixture.step(torch.stack(rows)[None])

    def answer_step(self, embeds: Tensor, token_id: int) -> ExpertStep:
        """The turn's scalings; the scaling pass waits for the next turn."""
        if self._fixed is None:
            self._fixed = self._scaling.mixture.step(self._means[self._answer_turn][None, None])
        return self._fixed

    def mean(self) -> Tensor:
        """The turn's scalings."""
        fixed = self._means[self._answer_turn][None, None]
        return applied_scalings(fixed, self._scaling.mixture.config)[0, 0]

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
