"""The gate of X-LoRA: from the last hidden states of the scaling pass to a weight per expert.

    h (b, t, hidden) ─► Linear [─► ReLU ─► Dropout ─► Linear …] ─► (b, t, layer, expert)
                                                  softmax(· / temperature) over the experts
                                                  top-k per token and layer

State dict keys are the original's: `inner.{i}.*` and `last.*`; PEFT's `layers.{i}.*` are renamed.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from assistant.adapters.xlora.config import XLoraConfig


class Gate(nn.Module):
    """The classifier (arXiv 2402.07148, section 2). It computes in float32.

    Args:
        config: Published settings.
        n_layers: Adapted layers (LoRA modules, not transformer layers).
        n_experts: LoRA experts.
    """

    def __init__(self, config: XLoraConfig, *, n_layers: int, n_experts: int) -> None:
        super().__init__()
        if config.top_k_lora is not None and config.top_k_lora > n_experts:
            raise ValueError(
                f"top_k_lora is {config.top_k_lora}, but there are {n_experts} experts"
            )
        self.config = config
        self.n_layers = n_layers
        self.n_experts = n_experts
        inner: list[nn.Module] = []
        width = config.hidden_size
        for _ in range(config.xlora_depth - 1):
            inner.append(nn.Linear(width, config.xlora_size, bias=config.use_bias))
            if config.enable_relu_and_dropout:
                inner += [nn.ReLU(), nn.Dropout(config.xlora_dropout_p)]
            width = config.xlora_size
        self.inner = nn.ModuleList(inner)
        n_rows = n_layers if config.layerwise_scalings else 1
        self.last = nn.Linear(width, n_rows * n_experts, bias=config.use_bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Scalings before top-k.

        Args:
            hidden: Last hidden states, after the final norm, (b, t, hidden).

        Returns:
            (b, t, l, expert); l is 1 without layer-wise scalings, where all layers share them.
        """
        x = hidden.to(self.last.weight.dtype)
        for layer in self.inner:
            x = layer(x)
        logits = self.last(x).unflatten(-1, (-1, self.n_experts))  # layer-major
        if not self.config.enable_softmax:
            return logits
        return torch.softmax(logits / self.config.softmax_temperature, dim=-1)


def applied_scalings(scalings: Tensor, config: XLoraConfig) -> Tensor:
    """The scalings as the layers use them: top-k, and the softmax after it.

    Dropped entries are zero and the others are not normalised again unless `enable_softmax_topk`.

    Args:
        scalings: What the gate gives, (b, t, l, expert).
        config: Published settings.
    """
    if config.top_k_lora is not None:
        kept = scalings.topk(config.top_k_lora, dim=-1).indices
        scalings = scalings * torch.zeros_like(scalings).scatter(-1, kept, 1.0)
    if not config.enable_softmax_topk:
        return scalings
    # As published, an entry counts as kept when it is not zero.
    dropped = scalings == 0
    masked = scalings.masked_fill(dropped, float("-inf"))
    if config.topk_softmax == "batch":
        # Published defect, for parity: per layer one softmax over all tokens of all rows.
        b, t, n_layers, n_experts = masked.shape
        columns = masked.permute(2, 0, 1, 3).reshape(n_layers, -1)
        masked = columns.softmax(-1).view(n_layers, b, t, n_experts).permute(1, 2, 0, 3)
    else:
        # A token without any kept entry would divide by zero, and so would its gradient.
        masked = masked.masked_fill(dropped.all(-1, keepdim=True), 0.0).softmax(-1)
    return masked.masked_fill(dropped, 0.0)


_PEFT_KEY = re.compile(r"(?:.*\.)?layers\.(\d+)\.(weight|bias)")


def original_keys(state: Mapping[str, Tensor], *, stride: int) -> dict[str, Tensor]:
    """A classifier's state under the original's keys; PEFT numbers its layers in one list.

    Args:
        state: Keys `inner.*` and `last.*`, or `layers.*` (with any prefix).
        stride: Distance of two linear layers in `inner`: 3 with ReLU and dropout, else 1.
    """
    matches = {key: _PEFT_KEY.fullmatch(key) for key in state}
    places = sorted({int(match[1]) for match in matches.values() if match})
    renamed = {}
    for key, tensor in state.items():
        match = matches[key]
        if match is None:
            renamed[key] = tensor
            continue
        order = places.index(int(match[1]))
        name = "last" if order == len(places) - 1 else f"inner.{order * stride}"
        renamed[f"{name}.{match[2]}"] = tensor
    return renamed
