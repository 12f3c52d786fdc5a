"""A training pass through a frozen LLM whose experts, if it has some, are mixed as in serving."""

import torch
from torch import Tensor
from transformers import PreTrainedModel

from assistant.adapters.lora import AdapterStep, running
from assistant.adapters.xlora.experts import ExpertStep
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import scaling_pass


def mixed_hidden(
    llm: PreTrainedModel, embeds: Tensor, step: AdapterStep | None, mixture: Mixture | None
) -> Tensor:
    """Last hidden states (b, t, h); gradients reach the adapters of the real pass and the gate.

    X-LoRA's scaling pass (Buehler and Buehler 2024) runs first, without a gradient, with ΔW off.

    Args:
        llm: The language model, adapter sites wrapped.
        embeds: Embeddings with graph tokens, (b, t, h).
        step: The adapters of the real pass beside the experts.
        mixture: Gate and experts; None without any.
    """
    experts: ExpertStep | None = None
    if mixture is not None:
        with torch.no_grad():
            hidden = scaling_pass(llm, mixture, embeds, use_cache=False)
        experts = mixture.step(mixture.gate(hidden))
    with running(step, experts):
        return llm.base_model(inputs_embeds=embeds, use_cache=False).last_hidden_state
