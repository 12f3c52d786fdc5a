"""Writes a trained arm as a bundle that `assistant.evaluate.run` and the page can load."""

import shutil
from pathlib import Path

from assistant.adapters.peft_format import write_peft_lora
from assistant.bundle import Bundle
from assistant.checkpoint import CONFIG, FORMAT_VERSION, ComponentInfo, save_component, write_json
from assistant.graph.encoder import GraphEncoder
from assistant.train.ablation.model import ArmModel, component_names


def write_arm(
    model: ArmModel, directory: Path, *, name: str, llm: Path, fingerprint: str, notes: str
) -> Bundle:
    """Writes the arm's parts beside a reference to the frozen language model.

    Args:
        model: Trained.
        directory: Of the bundle; an older one is replaced.
        name: What the header calls it.
        llm: Directory of the frozen language model.
        fingerprint: Of that language model.
        notes: Recipe and command.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    encoder: GraphEncoder = model.encoder
    parts = {"encoder": encoder, "projector": model.projector, "generator": model.generator}
    wanted = component_names(model.arm)

    def info(component: str) -> ComponentInfo:
        base = "" if component == "encoder" else fingerprint
        return ComponentInfo(component, base_model=base, notes=notes)

    for component, module in parts.items():
        if component in wanted and module is not None:
            save_component(directory / component, module, module.config, info(component))
    if model.lora is not None:
        write_peft_lora(directory / "lora", model.lora.weights(), base_model=fingerprint)
        values = {"format_version": FORMAT_VERSION, **vars(info("lora")), "config": {}}
        write_json(directory / "lora" / CONFIG, values)
    if model.experts is not None:
        model.experts.write(directory / "experts")
    components = {"llm": str(llm.resolve()), **{part: part for part in wanted}}
    return Bundle.write(directory, name, components)
