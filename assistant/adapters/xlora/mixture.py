"""A loaded X-LoRA: settings, gate and experts, as one value that holds no state of a step."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from assistant.adapters.weights import tensor_hash
from assistant.adapters.xlora.config import XLoraConfig
from assistant.adapters.xlora.experts import ExpertBank, ExpertStep
from assistant.adapters.xlora.gate import Gate, applied_scalings


@dataclass(frozen=True)
class Mixture:
    """The mixture of experts of one LLM, whose layers are wrapped by `adapters.lora.wrap`."""

    config: XLoraConfig
    gate: Gate
    bank: ExpertBank

    @property
    def n_rows(self) -> int:
        """Rows of a token's scalings: one per layer, or one for all layers."""
        return self.gate.n_layers if self.config.layerwise_scalings else 1

    def step(self, scalings: Tensor) -> ExpertStep:
        """The experts of a forward pass.

        Args:
            scalings: What the gate gave, before top-k, (b, t, l, expert).
        """
        return ExpertStep.plan(self.bank, applied_scalings(scalings, self.config))

    def scaling_pass_step(self) -> ExpertStep | None:
        """The experts of the scaling pass: the same value for all; None for a value of 0."""
        value = self.config.scaling_pass_value
        if value is None:
            value = 1 / self.gate.n_experts
        if value == 0:
            return None
        device = self.gate.last.weight.device
        constant = torch.full((1, 1, 1, self.gate.n_experts), value, device=device)
        return self.step(constant)  # every token and layer alike, so one entry is enough

    @cached_property
    def digest(self) -> str:
        """SHA-256 of settings, gate and experts, for cache keys."""
        digest = hashlib.sha256(repr(self.config).encode())
        for key, tensor in self.gate.state_dict().items():
            digest.update(f"{key} {tensor_hash(tensor)}".encode())
        for name, site in self.bank.sites.items():
            hashes = tensor_hash(site.lora_A) + tensor_hash(site.lora_B)
            digest.update(f"{name} {site.columns} {hashes}".encode())
        return digest.hexdigest()
