"""Tiny random models of the decoder families, with unequal widths and grouped-query heads."""

import atexit
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
import transformers
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    Gemma2Config,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PhiConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

from assistant.adapters.lora import unwrap
from assistant.llm.differentiable import keep_differentiable

_SIZES = {
    "vocab_size": 97,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.15,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_WIDE_HEADS = {"head_dim": 32}  # heads together are wider than the model
CONFIGS: dict[str, PretrainedConfig] = {
    "llama": LlamaConfig(**_SIZES),
    "qwen2": Qwen2Config(**_SIZES),
    "qwen3": Qwen3Config(**_SIZES, **_WIDE_HEADS),
    "mistral": MistralConfig(**_SIZES, sliding_window=None),
    "gemma2": Gemma2Config(**_SIZES, **_WIDE_HEADS, sliding_window=64),
    "gemma3": Gemma3TextConfig(**_SIZES, **_WIDE_HEADS, sliding_window=64),
    "phi": PhiConfig(**_SIZES),
    "phi3": Phi3Config(**_SIZES),
}
FORMS = ("fp32", "4bit", "8bit")


@cache
def _directory(architecture: str) -> Path:
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    home = Path(mkdtemp())
    atexit.register(shutil.rmtree, home)
    directory = home / architecture
    AutoModelForCausalLM.from_config(CONFIGS[architecture]).save_pretrained(directory)
    return directory


def load(architecture: str, form: str) -> nn.Module:
    """The model with float32, NF4 or int8 linear layers; everything computes in float32.

    One model serves all tests: whatever an earlier one put round its layers is taken off.
    """
    model = _load(architecture, form)
    unwrap(model)
    return model


@cache
def _load(architecture: str, form: str) -> nn.Module:
    quantisation = {
        "fp32": None,
        "4bit": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        ),
        # With a threshold, which columns count as outliers depends on the other rows of the batch.
        "8bit": BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0),
    }[form]
    options = {} if quantisation is None else {"quantization_config": quantisation}
    model = AutoModelForCausalLM.from_pretrained(
        _directory(architecture), dtype=torch.float32, device_map={"": "cpu"}, **options
    )
    # On AVX512-BF16 an earlier forward pass would repack the layers for a kernel that computes in
    # bf16 and passes no gradient; these tests compare sums of float32.
    keep_differentiable(model)
    return model.eval().requires_grad_(False)
