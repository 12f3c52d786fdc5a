"""What a bundle gives to training beside it: its language model, frozen and whole."""

import torch

from assistant.bundle import Bundle
from assistant.components import graph_obstacles
from assistant.errors import BundleError
from assistant.llm import embeddings
from assistant.llm.compute import dequantise
from assistant.llm.load import LoadedLLM, load_llm


def load_base(bundle: Bundle, device: str) -> LoadedLLM:
    """The frozen language model, its 4-bit values as plain weights in float32.

    Gradients pass through these on every device, and a small model's products are faster so.

    Raises:
        BundleError: The bundle has no language model of its own.
    """
    if "llm" not in bundle.components:
        raise BundleError(f"The bundle {bundle.name} has no language model of its own.")
    loaded = load_llm(bundle.components["llm"], device=device, pick_fastest=False)
    dequantise(loaded.model, torch.float32)
    return loaded


def refuse_other_serving(bundle: Bundle, loaded: LoadedLLM) -> None:
    """Refuses a bundle that would be served otherwise than something is trained beside it.

    Args:
        bundle: With projector and generator in use, nothing else that changes the language model.
        loaded: Its language model.

    Raises:
        BundleError: It has a LoRA or embeddings of its own, which training leaves out and serving
            does not; or it names a projector or generator that is off.
    """
    for name, what in (("lora", "a LoRA"), (embeddings.COMPONENT, "input embeddings")):
        if name in bundle.components:
            raise BundleError(
                f"The bundle {bundle.name} has {what} of its own ({name}), which would be left out"
                " in training and used in answers. Name a bundle without."
            )
    for name, reason in graph_obstacles(bundle, loaded).items():
        if reason and name in bundle.components:
            raise BundleError(
                f"The {name} of the bundle {bundle.name} is off ({reason}). Name a bundle whose"
                f" {name} is on, or one without."
            )
