"""A tiny bundle with random weights, written by the project's own export."""

import json
from functools import cache
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.sites import find_sites
from assistant.adapters.xlora.files import write_xlora
from assistant.checkpoint import ComponentInfo, save_component
from assistant.llm.load import load_llm
from assistant.train.export import save_nf4
from assistant.train.model import GroundedModel, ModelSizes
from assistant.train.tokenizer import train_tokenizer
from tests.adapters.xlora.fakes import make_experts, make_mixture

TEXT = "Molecule 1 is aspirin. The formula of molecule 1 is C9H8O4. What is it? SMILES: CCO"


@cache
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Learned once: it takes five seconds, and dozens of modules write a bundle."""
    return train_tokenizer([TEXT] * 50, vocab_size=400)


def write_tiny_bundle(
    directory: Path, *, context: int = 2048, seed: int = 0, experts: bool = False
) -> Path:
    """Writes a bundle with language model, encoder, projector, generator and maybe experts."""
    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    sizes = ModelSizes(64, 2, 128, 4, 2, len(tokenizer), context)
    model = GroundedModel.build(sizes, tokenizer)
    directory.mkdir(parents=True, exist_ok=True)
    save_nf4(model.llm, tokenizer, directory / "llm")
    loaded = load_llm(directory / "llm", device="cpu", pick_fastest=False)
    generator = LoraGenerator(
        GeneratorConfig(d_graph=300, sites=find_sites(loaded.model, "qm"), rank=2, d_model=32)
    )
    for lora_B in generator.lora_B:  # zero at the start of training: ΔW would do nothing
        torch.nn.init.normal_(lora_B, std=0.5)
    parts = {"encoder": model.encoder, "projector": model.projector, "generator": generator}
    for name, module in parts.items():
        info = ComponentInfo(name, base_model=loaded.fingerprint)
        save_component(directory / name, module, module.config, info)
    names = ["llm", *parts]
    if experts:
        deltas = make_experts(loaded.model, strength=2.0)  # enough for near-uniform answers
        mixture = make_mixture(loaded.model, base_model_id=loaded.fingerprint)
        write_xlora(directory / "experts", mixture.config, mixture.gate, deltas)
        names.append("experts")
    values = {"format_version": 1, "name": "tiny", "components": {n: n for n in names}}
    (directory / "bundle.json").write_text(json.dumps(values), encoding="utf-8")
    return directory
