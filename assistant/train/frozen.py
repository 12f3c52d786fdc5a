"""The frozen language model of a bundle, as one that gradients pass through."""

import torch

from assistant.bundle import Bundle
from assistant.errors import AssistantError
from assistant.llm.compute import dequantise
from assistant.llm.load import LoadedLLM, load_llm


def load_base(bundle: Bundle, device: str) -> LoadedLLM:
    """The frozen language model, its 4-bit values as plain weights in float32.

    Gradients pass through these on every device, and a small model's products are faster so.

    Raises:
        BundleError: The bundle has no language model of its own.
    """
    if "llm" not in bundle.components:
        raise AssistantError(f"The bundle {bundle.name} has no language model of its own.")
    loaded = load_llm(bundle.components["llm"], device=device, pick_fastest=False)
    dequantise(loaded.model, torch.float32)
    return loaded
