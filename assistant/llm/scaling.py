"""Both passes of X-LoRA for one answer alone, by the forward of `transformers`.

What each token mixes by is the business of `experts`; here the scaling pass runs, and a step of the
real pass gets its experts. Answers side by side have `expert_rows`.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from assistant.adapters.xlora.experts import ExpertStep
from assistant.adapters.xlora.passes import scaling_pass
from assistant.llm.experts import AnswerExperts
from assistant.llm.prefix import PREFILL_CHUNK, Mark
from assistant.llm.splice import Spliced

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel


class ScalingPass:
    """The scaling pass of one answer, which goes on from its cache.

    Args:
        model: The LLM, its layers wrapped.
        experts: The experts of the answer; what is kept of their scaling pass grows in place.
        spliced: The prompt.
    """

    def __init__(self, model: "PreTrainedModel", experts: AnswerExperts, spliced: Spliced) -> None:
        self.experts = experts
        self._model = model
        self._spliced = spliced

    def prepare(self, stop: threading.Event) -> bool:
        """Runs over what is left of the prompt; False when it was stopped on the way."""
        kept, spliced = self.experts.kept, self._spliced
        while (start := len(kept.marks)) < spliced.n_tokens:
            if stop.is_set():
                return False
            part = slice(start, start + PREFILL_CHUNK)
            marks = [(mark, "") for mark, _ in spliced.content[part]]
            self.extend(spliced.inputs_embeds[:, part], marks)
        return True

    @torch.inference_mode()
    def extend(self, embeds: Tensor, marks: Sequence[Mark]) -> None:
        """Runs over the next tokens, (1, n, h)."""
        kept, mixture = self.experts.kept, self.experts.mixture
        hidden = scaling_pass(
            self._model, mixture, embeds, past_key_values=kept.cache, use_cache=True
        )
        kept.scalings += mixture.gate(hidden)[0].unbind(0)
        kept.marks += marks

    def prompt_step(self, part: slice) -> ExpertStep:
        """Experts for a part of the prompt."""
        if part.stop == self._spliced.n_tokens:
            self.experts.drew(part.stop)
        return self._step(part.start, part.stop)

    def answer_step(self, embeds: Tensor, token_id: int, end: int) -> ExpertStep:
        """Experts for the next token of the answer.

        Args:
            embeds: (1, 1, h).
            token_id: The token.
            end: Tokens of prompt and answer up to it.
        """
        if self.experts.needed(end) > len(self.experts.kept.marks):
            self.extend(embeds, [(token_id, "")])
        self.experts.drew(end)
        return self._step(end - 1, end)

    def _step(self, start: int, end: int) -> ExpertStep:
        return self.experts.mixture.step(self.experts.scalings(start, end)[None])
