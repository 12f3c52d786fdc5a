"""Reads and writes LoRA directories in PEFT's format, as one more ΔW.

    adapter_config.json        rank, alpha, kind                      ─► scaling
    adapter_model.safetensors  <site>.lora_A.weight, .lora_B.weight   ─► LowRank

The values go the way of generated ΔW (per token, unmerged, 4-bit base), so nothing of PEFT runs
while chatting. What a low-rank sum cannot express is refused by name, never skipped.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, device, dtype, nn

from assistant.adapters.weights import LoraWeights, LowRank
from assistant.errors import BundleError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"

_KEY = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_(A|B)(?:\.default)?\.weight")


def read_peft_lora(
    directory: Path, model: nn.Module, *, device: device | str, dtype: dtype
) -> LoraWeights:
    """The ΔW in a PEFT directory, checked against the LLM it is to go on.

    Args:
        directory: Holds `adapter_config.json` and `adapter_model.safetensors`.
        model: The LLM, not wrapped by PEFT; wrap the returned names with `adapters.lora.wrap`.
        device: Where the LLM computes.
        dtype: In what type the LLM computes.

    Raises:
        BundleError: Files are missing, the adapter is of another kind, or it does not fit the LLM.
    """
    config = _read_config(directory / CONFIG)
    factors = _read_factors(directory / WEIGHTS)
    weights: dict[str, LowRank] = {}
    for name, pair in factors.items():
        lora_A, lora_B = _checked(name, pair, model, directory)
        scaling = _scaling(name, lora_A.shape[0], config)
        weights[name] = LowRank(lora_A.to(device, dtype), lora_B.to(device, dtype), scaling)
    return weights


def _read_config(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        raise BundleError(
            f"{path} is missing; a LoRA directory is what PEFT's save_pretrained writes."
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not JSON ({error}); restore the file.") from error
    kind = config.get("peft_type")
    if kind != "LORA":
        raise BundleError(f"{path} describes an adapter of type {kind}; only LORA can be read.")
    refused = [key for key in ("use_dora", "fan_in_fan_out", "modules_to_save") if config.get(key)]
    if config.get("bias", "none") != "none":
        refused.append("bias")
    if refused:
        raise BundleError(
            f"{path} uses {', '.join(refused)}, which goes beyond low-rank weights."
            " Train the LoRA without it."
        )
    return config


def _read_factors(path: Path) -> dict[str, dict[str, Tensor]]:
    if not path.is_file():
        raise BundleError(f"{path} is missing; pickled adapter files (.bin) are not read.")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} cannot be read ({error}); the file is damaged.") from error
    factors: dict[str, dict[str, Tensor]] = {}
    unknown = []
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None or tensor.dim() != 2:
            unknown.append(key)
        else:
            factors.setdefault(match[1], {})[match[2]] = tensor
    if unknown:
        raise BundleError(f"{path} holds tensors that are no linear LoRA: {', '.join(unknown)}.")
    return factors


def _checked(
    name: str, pair: Mapping[str, Tensor], model: nn.Module, directory: Path
) -> tuple[Tensor, Tensor]:
    if pair.keys() != {"A", "B"}:
        raise BundleError(
            f"{directory}: {name} has only lora_{''.join(pair)}; the file is damaged."
        )
    try:
        module = model.get_submodule(name)
    except AttributeError as error:
        raise BundleError(
            f"{directory} was trained for another LLM: this one has no module {name}."
        ) from error
    lora_A, lora_B = pair["A"], pair["B"]
    wanted = (getattr(module, "in_features", None), getattr(module, "out_features", None))
    found = (lora_A.shape[1], lora_B.shape[0])
    if found != wanted or lora_A.shape[0] != lora_B.shape[1]:
        raise BundleError(
            f"{directory} was trained for another LLM: {name} is {wanted} here, {found} there."
        )
    return lora_A, lora_B


def _scaling(name: str, rank: int, config: Mapping[str, object]) -> float:
    """Alpha / r, or alpha / √r with rank stabilisation; a pattern overrides alpha for a module."""
    alpha = _of_pattern(name, config.get("alpha_pattern"), config.get("lora_alpha", rank))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _of_pattern(name: str, pattern: object, default: object) -> float:
    chosen = default
    for key, value in (pattern if isinstance(pattern, dict) else {}).items():
        if re.fullmatch(rf"(.*\.)?({key})", name):
            chosen = value
            break
    if not isinstance(chosen, int | float):
        raise BundleError(f"lora_alpha of {name} is {chosen!r}, not a number.")
    return float(chosen)


def write_peft_lora(directory: Path, weights: LoraWeights, *, base_model: str = "") -> None:
    """Writes a ΔW as a LoRA directory that PEFT and `read_peft_lora` read.

    Args:
        directory: Where it goes; made when missing.
        weights: Module name -> low-rank weights; ranks and scalings may differ.
        base_model: The LLM it belongs to.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ranks = {name: part.rank for name, part in weights.items()}
    alphas = {name: part.scaling * part.rank for name, part in weights.items()}
    rank, alpha = (Counter(values.values()).most_common(1)[0][0] for values in (ranks, alphas))
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "bias": "none",
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": list(weights),
        # The keys are patterns; a whole name matches itself.
        "rank_pattern": {name: r for name, r in ranks.items() if r != rank},
        "alpha_pattern": {name: a for name, a in alphas.items() if a != alpha},
    }
    (directory / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors = {
        f"base_model.model.{name}.lora_{letter}.weight": factor.detach().cpu().contiguous().clone()
        for name, part in weights.items()
        for letter, factor in (("A", part.lora_A), ("B", part.lora_B))
    }
    save_file(tensors, directory / WEIGHTS)
