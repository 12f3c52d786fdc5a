"""How much memory the program holds, and how much of it one answer takes."""

from typing import TYPE_CHECKING

import psutil
import torch

from assistant.llm.splice import Spliced

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PretrainedConfig


def resident_bytes() -> int:
    """Resident memory of this process, without its chemistry workers."""
    return int(psutil.Process().memory_info().rss)


def gpu_bytes() -> int | None:
    """Memory that this process has reserved on its GPUs; None when it has not used one."""
    if not torch.cuda.is_initialized():
        return None
    return sum(torch.cuda.memory_reserved(device) for device in range(torch.cuda.device_count()))


def prompt_bytes(spliced: Spliced) -> int:
    """What a prompt brings along: its embeddings and the A of its ΔW (B belongs to the bundle)."""
    tensors = [part.lora_A for delta in spliced.deltas for part in delta.values()]
    different = {id(tensor): tensor for tensor in (spliced.inputs_embeds, *tensors)}
    return sum(tensor.numel() * tensor.element_size() for tensor in different.values())


def cache_bytes_per_token(config: "PretrainedConfig", dtype: torch.dtype) -> int | None:
    """Keys and values of one token in all layers; None where the config does not tell."""
    n_layers = getattr(config, "num_hidden_layers", None)
    n_heads = getattr(config, "num_attention_heads", None)
    hidden = getattr(config, "hidden_size", None)
    if n_layers is None or n_heads is None or hidden is None:
        return None
    n_kv = getattr(config, "num_key_value_heads", None) or n_heads
    d_head = getattr(config, "head_dim", None) or hidden // n_heads
    return 2 * n_layers * n_kv * d_head * dtype.itemsize
