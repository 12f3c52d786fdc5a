"""A language model of a given shape with random NF4 weights: for measurements and dry runs."""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PretrainedConfig, PreTrainedModel

_STD = 0.02


def random_nf4(config: "PretrainedConfig", device: torch.device) -> "PreTrainedModel":
    """Random weights, NF4 with double quantisation and bf16, made layer by layer where they stay.

    Args:
        config: Shape of a causal language model; all linear layers but the head become 4-bit.
        device: Nothing larger than one matrix is made anywhere else.
    """
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    head = model.get_output_embeddings()
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and module is not head:
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, _random_linear(module, device))
    _fill_the_rest(model, device)
    return model.eval().requires_grad_(False)


def _random_linear(module: nn.Linear, device: torch.device) -> nn.Module:
    from bitsandbytes.nn import Linear4bit, Params4bit

    layer = Linear4bit(
        module.in_features,
        module.out_features,
        bias=module.bias is not None,
        compute_dtype=torch.bfloat16,
        quant_type="nf4",
        device="meta",
    )
    values = torch.randn(module.weight.shape, dtype=torch.bfloat16, device=device) * _STD
    layer.weight = Params4bit(
        values, requires_grad=False, quant_type="nf4", compress_statistics=True
    ).to(device)
    if module.bias is not None:
        zeros = torch.zeros(module.out_features, dtype=torch.bfloat16, device=device)
        layer.bias = nn.Parameter(zeros, requires_grad=False)
    return layer


def _fill_the_rest(model: "PreTrainedModel", device: torch.device) -> None:
    """Embeddings, head, norms and the rotary tables, which no layer above has filled."""
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                values = torch.randn(parameter.shape, dtype=torch.bfloat16, device=device) * _STD
                values = torch.ones_like(values) if parameter.dim() == 1 else values
                setattr(module, name, nn.Parameter(values, requires_grad=False))
    model.tie_weights()
    rotary = type(model.base_model.rotary_emb)
    model.base_model.rotary_emb = rotary(config=model.config).to(device)
