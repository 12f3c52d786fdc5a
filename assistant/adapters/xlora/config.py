"""The settings of an X-LoRA as they are published: `xlora_config.json`, or PEFT's adapter config.

Names and defaults are those of the original package (github.com/EricLBuehler/xlora). Nothing in a
file is skipped in silence: a key is used, known to change nothing, or named in an error.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Literal

_NUMBER_TYPES: dict[str, type | tuple[type, ...]] = {"float": (int, float), "int": int}

_INERT = {
    "adapters", "auto_mapping", "base_model_name_or_path", "device", "inference_mode",
    "model_type", "peft_type", "peft_version", "revision", "runtime_config", "task_type",
}  # fmt: skip
"""Keys of either format that say nothing about what is computed."""

_EARLY = {"use_mean_pool", "stop_token_id"}
"""Keys of early versions, whose scalings were one for the whole sequence."""


@dataclass(frozen=True)
class XLoraConfig:
    """Settings of the gate and of the mixture.

    Attributes:
        hidden_size: Width of the LLM, which the gate reads.
        base_model_id: The LLM the gate was trained for.
        enable_softmax: Softmax over the experts.
        enable_softmax_topk: Softmax over the kept entries after top-k.
        softmax_temperature: Divides the logits of the first softmax.
        layerwise_scalings: One set of scalings per adapted layer instead of one for all.
        top_k_lora: Keep the k largest per token and layer, the rest is zero; None keeps all.
        xlora_depth: Linear layers of the gate.
        xlora_size: Its inner width; unused at depth 1.
        enable_relu_and_dropout: ReLU and dropout between its layers; PEFT always has them.
        use_bias: Whether its layers have a bias.
        xlora_dropout_p: Dropout of the gate while it is trained.
        use_trainable_adapters: The experts were trained along and stand in `adapters/`.
        scaling_pass_value: Scaling of every expert in the scaling pass; None is 1 / n_experts.
        global_scaling_weight: Factor g on every expert's output.
        topk_softmax: What the softmax after top-k runs over. "token" is each token's own kept
            entries (as PEFT corrected it). "batch" is the published behaviour, all kept entries of
            the batch at once: for parity only, since a token then depends on all others.
    """

    hidden_size: int
    base_model_id: str = ""
    enable_softmax: bool = True
    enable_softmax_topk: bool = False
    softmax_temperature: float = 1.0
    layerwise_scalings: bool = False
    top_k_lora: int | None = None
    xlora_depth: int = 1
    xlora_size: int = 2048
    enable_relu_and_dropout: bool = False
    use_bias: bool = True
    xlora_dropout_p: float = 0.2
    use_trainable_adapters: bool = False
    scaling_pass_value: float | None = 0.0
    global_scaling_weight: float = 1.0
    topk_softmax: Literal["token", "batch"] = "token"

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}, which must be {rule}"
            for name, value, holds, rule in (
                ("hidden_size", self.hidden_size, self.hidden_size >= 1, "at least 1"),
                ("xlora_depth", self.xlora_depth, self.xlora_depth >= 1, "at least 1"),
                ("xlora_size", self.xlora_size, self.xlora_size >= 1, "at least 1"),
                (
                    "softmax_temperature",
                    self.softmax_temperature,
                    self.softmax_temperature > 0,
                    "above 0",
                ),
                (
                    "xlora_dropout_p",
                    self.xlora_dropout_p,
                    0 <= self.xlora_dropout_p < 1,
                    "from 0 to below 1",
                ),
                (
                    "top_k_lora",
                    self.top_k_lora,
                    self.top_k_lora is None or self.top_k_lora >= 1,
                    "at least 1, or null for all experts",
                ),
                (
                    "topk_softmax",
                    self.topk_softmax,
                    self.topk_softmax in ("token", "batch"),
                    "token or batch",
                ),
            )
            if not holds
        ]
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def couples_tokens(self) -> bool:
        """Whether a token's scalings depend on other tokens, so that nothing can be cached."""
        return self.enable_softmax_topk and self.topk_softmax == "batch"


def parse_config(values: Mapping[str, object]) -> tuple[XLoraConfig, dict[str, str]]:
    """The settings in a published JSON object and its adapters: name -> place, in their order.

    Args:
        values: `xlora_config.json`, or PEFT's `adapter_config.json` of type XLORA.

    Raises:
        ValueError: Keys are unknown, missing, of another type or impossible; all are named.
    """
    from_peft = values.get("peft_type") == "XLORA"
    known = {field.name: field for field in fields(XLoraConfig)}
    problems = [
        f"unknown key {key!r}" for key in sorted(values.keys() - known.keys() - _INERT - _EARLY)
    ]
    problems += [
        f"{key} is {values[key]!r}: scalings of a whole sequence (an early version) are not read"
        for key in sorted(_EARLY & values.keys())
        if values[key]
    ]
    chosen: dict[str, object] = {}
    for name, field in known.items():
        if name in values:
            kind = getattr(field.type, "__name__", str(field.type))
            problems += _type_problem(name, values[name], kind)
            chosen[name] = values[name]
        elif field.default is MISSING:
            problems.append(f"{name} is missing")
    adapters = _adapters(values.get("adapters"), problems)
    if problems:
        raise ValueError("; ".join(problems))
    if from_peft:
        chosen |= {"enable_relu_and_dropout": True, "use_bias": True}
        chosen["base_model_id"] = str(values.get("base_model_name_or_path") or "")
    return XLoraConfig(**chosen), adapters


def _type_problem(name: str, value: object, kind: str) -> list[str]:
    base, _, optional = kind.partition(" | ")
    if optional and value is None:
        return []
    if base in _NUMBER_TYPES:
        right = isinstance(value, _NUMBER_TYPES[base]) and not isinstance(value, bool)
    elif base == "bool":
        right = isinstance(value, bool)
    else:
        right = isinstance(value, str)
    return [] if right else [f"{name} is {value!r}, not of type {kind}"]


def _adapters(found: object, problems: list[str]) -> dict[str, str]:
    """The original writes name -> place; some directories only list the names."""
    if isinstance(found, Mapping) and all(isinstance(place, str) for place in found.values()):
        adapters = {str(name): place for name, place in found.items()}
    elif isinstance(found, list) and all(isinstance(name, str) for name in found):
        adapters = {name: name for name in found}
    elif found is None:
        problems.append("adapters is missing, which gives the experts in their order")
        return {}
    else:
        problems.append(f"adapters is {found!r}, neither names with places nor a list of names")
        return {}
    if not adapters:
        problems.append("adapters names no expert")
    return adapters
