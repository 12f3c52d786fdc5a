"""X-LoRA against the original package and PEFT: a tiny Llama with three experts.

The weights are written as a published X-LoRA directory and go in through the importer. Settings C
runs its softmax after top-k twice: over each token's kept entries, as PEFT does, and over those of
the whole batch, which is the original's defect (`topk_softmax="batch"`).
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.adapters.lora import wrap
from assistant.adapters.xlora.files import read_xlora
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import two_pass
from assistant.evaluate.golden_checks import Check, Comparison, GoldenFile

_SIZES = {"hidden", "intermediate", "layers", "heads", "kv_heads", "vocab", "rms_eps"}
_NOTES = {"experts", "n_lora_layers", "layer_order"}


def check_xlora(file: GoldenFile) -> Iterator[Comparison]:
    """Base model, scalings, logits and one mixed layer."""
    model = _base_model(file)
    ids = file.tensors["input/input_ids"]
    base = model.model(ids).last_hidden_state
    yield Comparison("output/base_last_hidden", base)
    yield Comparison("output/base_logits", model.lm_head(base))

    corrected = _mixture(file, model)
    wrap(model, corrected.bank.layers)
    published = replace(corrected, config=replace(corrected.config, topk_softmax="batch"))
    embeds = model.get_input_embeddings()(ids)
    layer: dict[str, Tensor] = {}
    hook = model.model.layers[1].self_attn.v_proj.register_forward_hook(_recorder(layer))
    logits, scalings = two_pass(model, published, embeds)
    hook.remove()
    yield Comparison("output/vproj1_in", layer["in"])
    yield Comparison("output/vproj1_out", layer["out"])
    yield Comparison("output/logits", logits)
    yield Comparison("output/scalings", _for_all_layers(scalings, corrected))
    logits, scalings = two_pass(model, corrected, embeds)
    yield Comparison("output/peft_logits", logits)
    yield Comparison("output/peft_scalings", _for_all_layers(scalings, corrected))


CHECKS: dict[str, Check] = {"xlora": check_xlora}


def _base_model(file: GoldenFile) -> LlamaForCausalLM:
    sizes = file.config
    config = LlamaConfig(
        hidden_size=sizes["hidden"],
        intermediate_size=sizes["intermediate"],
        num_hidden_layers=sizes["layers"],
        num_attention_heads=sizes["heads"],
        num_key_value_heads=sizes["kv_heads"],
        vocab_size=sizes["vocab"],
        rms_norm_eps=sizes["rms_eps"],
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    model.load_state_dict(file.weights("base."))
    return model


def _mixture(file: GoldenFile, model: nn.Module) -> Mixture:
    with tempfile.TemporaryDirectory() as place:
        _write_published(Path(place), file)
        return read_xlora(Path(place), model, device="cpu", dtype=torch.float32)


def _write_published(directory: Path, file: GoldenFile) -> None:
    """The directory the original package would have written."""
    experts: list[Mapping[str, Any]] = file.config["experts"]
    settings = {k: v for k, v in file.config.items() if k not in _SIZES | _NOTES}
    values = {
        **settings,
        "hidden_size": file.config["hidden"],
        "base_model_id": "golden",
        "enable_relu_and_dropout": True,  # as the official run had it
        "adapters": {expert["name"]: f"elsewhere/{expert['name']}" for expert in experts},
    }
    (directory / "xlora_config.json").write_text(json.dumps(values), encoding="utf-8")
    save_file(file.weights("xlora_classifier."), directory / "xlora_classifier.safetensors")
    for expert in experts:
        _write_expert(directory / expert["name"], expert, file)


def _write_expert(directory: Path, expert: Mapping[str, Any], file: GoldenFile) -> None:
    directory.mkdir()
    values = {"peft_type": "LORA", "r": expert["r"], "lora_alpha": expert["lora_alpha"]}
    (directory / "adapter_config.json").write_text(json.dumps(values), encoding="utf-8")
    tag = f".{expert['name']}."
    factors = {
        key.replace(tag, "."): tensor
        for key, tensor in file.weights("adapters.").items()
        if tag in key
    }
    save_file(factors, directory / "adapter_model.safetensors")


def _for_all_layers(scalings: Tensor, mixture: Mixture) -> Tensor:
    """(b, t, l, expert) with the shared row repeated for every layer."""
    return scalings.expand(-1, -1, mixture.gate.n_layers, -1)


def _recorder(layer: dict[str, Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        layer.update({"in": inputs[0], "out": output})

    return record
