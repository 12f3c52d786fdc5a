"""Random experts and a gate for the tiny LLM, strong enough that every change shows."""

import torch
from torch import nn

from assistant.adapters.lora import wrap
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.adapters.xlora.config import XLoraConfig
from assistant.adapters.xlora.experts import stack_experts
from assistant.adapters.xlora.files import adapted_layers
from assistant.adapters.xlora.gate import Gate
from assistant.adapters.xlora.mixture import Mixture

EXPERTS = {  # name: (rank, adapted projections); they differ in both
    "mol": (4, ("q_proj", "v_proj", "down_proj")),
    "rxn": (2, ("q_proj", "v_proj")),
    "prop": (3, ("v_proj", "down_proj")),
}


def make_experts(
    model: nn.Module, *, seed: int = 3, strength: float = 0.2
) -> dict[str, LoraWeights]:
    random = torch.Generator().manual_seed(seed)
    experts: dict[str, LoraWeights] = {}
    for name, (rank, targets) in EXPERTS.items():
        layers = [n for n, _ in model.named_modules() if n.rpartition(".")[2] in targets]
        experts[name] = {
            layer: LowRank(
                torch.randn(rank, module.in_features, generator=random) * strength,
                torch.randn(module.out_features, rank, generator=random) * strength,
                1.5,
            )
            for layer, module in ((n, model.get_submodule(n)) for n in layers)
        }
    return experts


def make_gate(config: XLoraConfig, n_layers: int, *, seed: int = 4) -> Gate:
    torch.manual_seed(seed)
    gate = Gate(config, n_layers=n_layers, n_experts=len(EXPERTS))
    for parameter in gate.parameters():
        nn.init.normal_(parameter, std=0.3)
    return gate.eval().requires_grad_(False)


def make_config(**options: object) -> XLoraConfig:
    return XLoraConfig(**({"hidden_size": 64, "layerwise_scalings": True} | options))


def make_mixture(model: nn.Module, **options: object) -> Mixture:
    """A mixture for the tiny LLM of `tests.llm.fakes`; wraps the layers."""
    experts = make_experts(model)
    layers = adapted_layers(model, list(experts.values()))
    config = make_config(**options)
    bank = stack_experts(experts, layers, weight=config.global_scaling_weight)
    wrap(model, layers)
    return Mixture(config, make_gate(config, len(layers)), bank)
