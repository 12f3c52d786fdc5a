"""The two passes of X-LoRA: the base model's hidden states give the scalings of the real pass.

Both take their sequence with or without a key-value cache; the scaling pass is causal like the
real one, so each can go on from a cache of its own (`llm.experts` does). `two_pass` is the
published form, two full passes, which parity and training use.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from assistant.adapters.lora import AdapterStep, running
from assistant.adapters.xlora.mixture import Mixture

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel


def scaling_pass(
    model: "PreTrainedModel", mixture: Mixture, inputs_embeds: Tensor, **options: object
) -> Tensor:
    """Last hidden states with ΔW off and every expert at the scaling pass value.

    Args:
        model: The LLM, its layers wrapped.
        mixture: Gate and experts.
        inputs_embeds: Embeddings, graph tokens among them, (b, t, h).
        options: For the model: `past_key_values`, `use_cache`, `attention_mask`, ….

    Returns:
        Hidden states after the final norm, (b, t, h). No output head runs.
    """
    with running(None, mixture.scaling_pass_step()):
        return model.base_model(inputs_embeds=inputs_embeds, **options).last_hidden_state


def two_pass(
    model: "PreTrainedModel",
    mixture: Mixture,
    inputs_embeds: Tensor,
    *,
    deltas: AdapterStep | None = None,
    attention_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The published forward: two full passes, no cache. No gradient goes through the first.

    While training on a processor keep a 4-bit base in train mode: a pass without gradients in eval
    mode repacks its weights, and the gradients of the second pass are then lost.

    Args:
        model: The LLM, its layers wrapped.
        mixture: Gate and experts.
        inputs_embeds: (b, t, h).
        deltas: ΔW of the real pass.
        attention_mask: (b, t).

    Returns:
        Logits (b, t, vocabulary) and the gate's scalings before top-k (b, t, l, expert).
    """
    with torch.no_grad():
        hidden = scaling_pass(
            model, mixture, inputs_embeds, attention_mask=attention_mask, use_cache=False
        )
    scalings = mixture.gate(hidden)
    with running(deltas, mixture.step(scalings)):
        output = model(inputs_embeds=inputs_embeds, attention_mask=attention_mask, use_cache=False)
    return output.logits, scalings
