"""Experts of the rows of a batch: their scaling passes side by side, and the real pass's experts.

    rows with experts ─► tokens their scaling pass lacks ─► one packed pass (no ΔW) ─► gate
                                                                                        │ per row
    real pass: scalings of each token, zeros for rows without experts ◄─────────────────┘

A row of mode `exact` lacks the tokens it computes next; one of mode `turn` the whole prompt, before
its real pass can begin, since its scalings are part of what its cache is known by.
"""

import torch
from torch import Tensor, nn

from assistant.adapters.packed_experts import PackedExperts, TokenExperts
from assistant.adapters.xlora.gate import applied_scalings
from assistant.adapters.xlora.mixture import Mixture
from assistant.llm.experts import AnswerExperts, answer_experts, refuse_coupled
from assistant.llm.kv import RowCache
from assistant.llm.llama import LlamaForward
from assistant.llm.packs import Work
from assistant.llm.prefix import KeptCache
from assistant.llm.requests import Request
from assistant.llm.spans import Span


class ExpertRows:
    """The experts of one engine's rows.

    Args:
        mixture: Gate and experts.
        forward: The packed pass.
        embed: The LLM's input embedding.

    Raises:
        BundleError: The mixture allows no cache, is not finite or does not fit the model.
    """

    def __init__(self, mixture: Mixture, forward: LlamaForward, embed: nn.Module) -> None:
        refuse_coupled(mixture)
        self._mixture, self._forward, self._embed = mixture, forward, embed
        self._packed = PackedExperts.pack(mixture.bank, forward.groups, forward.like)
        self._constant = self._of_the_scaling_pass()

    def _of_the_scaling_pass(self) -> TokenExperts | None:
        """The same value for every expert, token and layer; None for a value of 0."""
        value = self._mixture.config.scaling_pass_value
        if value is None:
            value = 1 / self._mixture.gate.n_experts
        if value == 0:
            return None
        device = self._forward.like.device
        constant = torch.full((1, 1, 1, self._mixture.gate.n_experts), value, device=device)
        return self._packed.scaled(applied_scalings(constant, self._mixture.config)[0])

    def of(self, request: Request, kept: KeptCache) -> AnswerExperts | None:
        """The experts of a new row, whose scaling pass goes on from a cache; None for one without.

        Args:
            request: What is asked.
            kept: Taken by `scaling_marks`.
        """
        if request.experts is None:
            return None
        return answer_experts(request.experts, self._mixture, request.spliced, kept)

    @torch.inference_mode()
    def scale(self, work: Work) -> None:
        """Runs the scaling pass over the tokens that the rows' next tokens need."""
        lacking = [(row, n) for row, n_tokens in work if (n := row.n_unscaled(n_tokens))]
        if not lacking:
            return
        spans, parts = [], []
        for row, n_tokens in lacking:
            kept = row.experts.kept
            parts.append(row.embeds(len(kept.marks), n_tokens, self._embed))
            spans.append(_span(kept, n_tokens))
        embeds = parts[0] if len(parts) == 1 else torch.cat(parts)
        hidden = self._forward.hidden(embeds, spans, None, self._constant)
        scalings = self._mixture.gate(hidden[None])[0].unbind(0)
        start = 0
        for row, n_tokens in lacking:
            kept = row.experts.kept
            kept.scalings += scalings[start : start + n_tokens]
            kept.marks += row.scaling_marks(len(kept.marks), n_tokens)
            start += n_tokens

    def planned(self, work: Work) -> TokenExperts | None:
        """The experts of a real pass; None when no row of it has any."""
        if all(row.experts is None for row, _ in work):
            return None
        parts: list[Tensor] = []
        places: list[int] = []
        end = 0
        for row, n_tokens in work:
            if row.experts is not None:
                start = len(row.kept.marks)
                parts.append(row.experts.scalings(start, start + n_tokens))
                places += range(end, end + n_tokens)
            end += n_tokens
        chosen = parts[0] if len(parts) == 1 else torch.cat(parts)
        applied = applied_scalings(chosen[None], self._mixture.config)[0]
        if len(places) < end:
            none = applied.new_zeros(end, *applied.shape[1:])
            applied = none.index_copy_(0, torch.tensor(places, device=none.device), applied)
        return self._packed.scaled(applied)


def _span(kept: KeptCache, n_tokens: int) -> Span:
    """The next tokens of a scaling pass; a step that failed before leaves no trace."""
    if not isinstance(kept.cache, RowCache):
        raise TypeError(f"a packed pass writes into a RowCache, not {type(kept.cache).__name__}")
    kept.cache.length = len(kept.marks)
    del kept.scalings[len(kept.marks) :]
    return Span(kept.cache, n_tokens)
