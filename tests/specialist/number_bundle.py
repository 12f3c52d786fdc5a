"""A tiny bundle whose specialist writes a number, untrained."""

from pathlib import Path

import torch

from assistant.adapters.peft_format import write_peft_lora
from assistant.bundle import SPECIALIST, Bundle
from assistant.checkpoint import ComponentInfo, save_component
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.load import load_llm
from assistant.predicted.figures import PredictedFigures, write_known
from assistant.retrieval.error_bins import Bin
from assistant.specialist.directory import LLM, SpecialistInfo
from assistant.specialist.domain import Domain
from assistant.specialist.number_files import ENCODER, LORA, NUMBERS, PROJECTOR, NumberInfo
from assistant.train.adapt.model import StaticLora
from assistant.train.adapt.recipe import LoraRecipe
from assistant.train.export import save_nf4
from assistant.train.model import ModelSizes, language_model
from assistant.train.specialist.tokenizer import reaction_tokenizer
from tests.bundles import write_tiny_bundle


def write_bundle_with_a_number(place: Path) -> Path:
    """The bundle; its specialist knows reactions and HOMO energies by name."""
    torch.manual_seed(0)
    bundle = write_tiny_bundle(place)
    directory = bundle / SPECIALIST
    directory.mkdir()
    tokenizer = reaction_tokenizer(["CCO", "CCN"] * 50, vocab_size=400)
    sizes = ModelSizes(64, 1, 128, 2, 2, len(tokenizer), 256)
    save_nf4(language_model(sizes, tokenizer), tokenizer, directory / LLM)
    SpecialistInfo(("retrosynthesis", "product")).write(directory)
    _write_number(directory / NUMBERS / "homo", directory)
    Bundle.read(bundle).with_component(SPECIALIST, SPECIALIST)
    return bundle


def _write_number(directory: Path, specialist: Path) -> None:
    """An untrained number for a specialist's language model, as training writes one."""
    llm = load_llm(specialist / LLM, device="cpu", pick_fastest=False)
    width = int(llm.model.config.hidden_size)
    encoder = GraphEncoder(GraphEncoderConfig(d_model=16, n_layers=2))
    projector = MultiLevelProjector(ProjectorConfig(16, width, 3, 2, 1, 0, shared_attention=True))
    about = {ENCODER: encoder, PROJECTOR: projector}
    for name, module in about.items():
        info = ComponentInfo(name, base_model=llm.fingerprint)
        save_component(directory / name, module, module.config, info)
    lora = StaticLora(llm.model, LoraRecipe(2, 4.0, "qkvo"))
    for B in lora.lora_B:
        torch.nn.init.normal_(B, std=0.5)
    write_peft_lora(directory / LORA, lora.weights(), base_model=llm.fingerprint)
    NumberInfo(llm.fingerprint, Domain(("C", "F", "N", "O"), 9), -0.43, -0.1).write(directory)
    figures = PredictedFigures(
        "HOMO energy", "Hartree", 4, "qm9_homo.csv.gz", 2, 1000, 0, 0.0052, 0.0162,
        (Bin(0.0, 1.0, 1000, 0.0052),), llm.fingerprint, "python -m x", "2026-11-28",
    )  # fmt: skip
    figures.write(directory)
    write_known(directory, ["CCO", "Cc1ccccc1"], [None, None])
