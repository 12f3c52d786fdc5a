"""Experts (X-LoRA) beside a frozen LLM in training, mixed as in serving."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from assistant.adapters.lora import AdapterStep, running, wrap
from assistant.adapters.weights import LoraWeights
from assistant.adapters.xlora.config import XLoraConfig
from assistant.adapters.xlora.experts import ExpertStep, stack_experts
from assistant.adapters.xlora.files import write_xlora
from assistant.adapters.xlora.gate import Gate
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import scaling_pass
from assistant.llm.load import LoadedLLM
from assistant.train.adapt.model import StaticLora
from assistant.train.adapt.recipe import LoraRecipe


class ExpertMixture(nn.Module):
    """LoRAs by name and the gate that mixes them layer by layer (Buehler and Buehler 2024).

    The adapted layers of the LLM are wrapped.

    Args:
        llm: The frozen language model; no part of the state.
        names: Of the experts, in the order of the gate's columns; directories too.
        recipe: Rank and sites of each expert.
    """

    def __init__(self, llm: LoadedLLM, names: Sequence[str], recipe: LoraRecipe) -> None:
        super().__init__()
        self.loras = nn.ModuleDict({name: StaticLora(llm.model, recipe) for name in names})
        self.layers = next(iter(self.loras.values())).names
        wrap(llm.model, self.layers)
        config = XLoraConfig(
            hidden_size=int(llm.model.config.hidden_size),
            base_model_id=llm.fingerprint,
            layerwise_scalings=True,
        )
        self.gate = Gate(config, n_layers=len(self.layers), n_experts=len(self.loras))

    def mixture(self) -> Mixture:
        """Gate and experts; the experts as they are now, without a gradient."""
        with torch.no_grad():
            return Mixture(self.gate.config, self.gate, stack_experts(self._deltas(), self.layers))

    def write(self, directory: Path) -> None:
        """Writes the published format, replacing an older directory as a whole."""
        write_xlora(directory, self.gate.config, self.gate, self._deltas())

    def _deltas(self) -> dict[str, LoraWeights]:
        return {name: lora.weights() for name, lora in self.loras.items()}


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
