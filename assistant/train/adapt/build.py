"""From a recipe and a language model's name to a plan, and to a model that can be trained."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from assistant.adapters.generator import LoraGenerator
from assistant.errors import AssistantError, BundleError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig, read_encoder
from assistant.graph.projector import MultiLevelProjector
from assistant.llm.load import load_llm
from assistant.retrieval.index import Index
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.adapt.loss import check_head, head_of
from assistant.train.adapt.model import AdaptedModel, StaticLora
from assistant.train.adapt.optimizer import is_eight_bit
from assistant.train.adapt.plan import Plan, make_plan
from assistant.train.adapt.processes import Processes
from assistant.train.adapt.recipe import AdaptRecipe, StageName
from assistant.train.adapt.report import Work, plan_text, product_rate
from assistant.train.adapt.run import quoting
from assistant.train.adapt.selection import descriptions
from assistant.train.adapt.shape import projector_config, shape_of, trained_of
from assistant.train.adapt.steps import Steps
from assistant.train.sources.records import Record

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

DEFAULT_ENCODER = Path(__file__).resolve().parents[3] / "checkpoints" / "default" / "encoder"
_SAMPLE = 64
"""Conversations whose lengths stand for all in the time plan."""


def load_config(llm: str) -> "PretrainedConfig":
    """The config of a language model; downloads it when `llm` is a hub id.

    Raises:
        BundleError: There is none.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            llm, local_files_only=Path(llm).is_dir(), trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(
            f"No language model at {llm}: give a directory with config.json and safetensors files,"
            " or a hub id (owner/name) while online."
        ) from error


def load_tokenizer(llm: str) -> "PreTrainedTokenizerBase":
    """The tokenizer of a language model.

    Raises:
        BundleError: There is none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            llm, local_files_only=Path(llm).is_dir(), trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"The tokenizer of {llm} cannot be loaded ({error}).") from error


def fitting_plan(
    recipe: AdaptRecipe, config: "PretrainedConfig", llm: str, *, vram: float, processes: Processes
) -> Plan:
    """What fits one card; needs no data and no weights.

    Raises:
        AssistantError: It does not fit, or the card cannot compute in bf16.
    """
    device = processes.device
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise AssistantError(
            "This GPU has no bf16, which training needs; use one of the generation of the RTX 30"
            " series or later."
        )
    return make_plan(
        shape_of(config, Path(llm).name),
        trained_of(config, recipe),
        recipe,
        vram=vram,
        eight_bit=is_eight_bit(recipe, device),
        processes=processes.size,
    )


def described_plan(
    plan: Plan,
    records: Sequence[Record],
    llm: str,
    *,
    processes: Processes,
    retrieval: Index | None = None,
) -> str:
    """A plan in words, with steps and time for these records.

    Raises:
        AssistantError: The tokenizer cannot be loaded, or no answer is within the length.
    """
    encoder = LessonEncoder(
        load_tokenizer(llm),
        n_graph_tokens=projector_config(plan.recipe, plan.shape.d_model).n_tokens,
        sequence=plan.sequence,
        quoting=quoting(retrieval),
        quoted=plan.recipe.quoted,
    )
    work = {name: _work(plan.recipe, name, records, encoder) for name in plan.stages}
    return plan_text(plan, work, product_rate(processes.device), processes=processes.size)


def _work(
    recipe: AdaptRecipe, name: StageName, records: Sequence[Record], encoder: LessonEncoder
) -> Work:
    """Steps of a stage, and the tokens of one, from the lengths of a few conversations.

    Raises:
        AssistantError: No answer of those looked at is within the sequence length.
    """
    learned = descriptions(records) if name == "align" else records
    steps = Steps(
        learned,
        encoder,
        recipe.stage(name).rates,
        batch=recipe.batch,
        micro_tokens=encoder.sequence,
        seed=recipe.seed,
    )
    examples = [e for place in range(_SAMPLE) if (e := steps.example(place)) is not None]
    if not examples:
        raise AssistantError(
            f"No answer stands within {encoder.sequence} tokens of its conversation's beginning;"
            " allow a longer sequence (more --vram, or sequence in the recipe)."
        )
    seen = recipe.batch * len(examples) / _SAMPLE
    return Work(
        recipe.stage(name).n_steps(len(learned), recipe.batch),
        seen * statistics.fmean(len(e.ids) for e in examples),
        seen * statistics.fmean(float((e.weights > 0).sum()) for e in examples),
    )


def build_model(
    recipe: AdaptRecipe, llm: str, device: torch.device, *, encoder: Path | None = None
) -> AdaptedModel:
    """Loads the LLM in NF4 and puts what is trained beside it.

    Args:
        recipe: What is trained; parts of stages with 0 epochs are left out.
        llm: Hub id or directory.
        device: Where it computes.
        encoder: A trained graph encoder's directory; by default that of the default bundle.

    Raises:
        BundleError: The LLM or the encoder cannot be used.
    """
    loaded = load_llm(llm, quantize="4bit", device=str(device), pick_fastest=False)
    check_head(loaded.model, head_of(loaded.model))
    torch.manual_seed(recipe.seed)
    graph_encoder = load_encoder(encoder)
    d_llm = loaded.model.get_input_embeddings().weight.shape[1]
    d_graph = graph_encoder.config.d_model
    projector = MultiLevelProjector(projector_config(recipe, d_llm, d_graph))
    lora = StaticLora(loaded.model, recipe.lora) if recipe.instruct.epochs else None
    generator = None
    if recipe.generate.epochs:
        config = recipe.generator.config_for(
            loaded.model, d_graph=d_graph, n_levels=graph_encoder.config.n_levels
        )
        generator = LoraGenerator(config)
        with torch.no_grad():
            for B in generator.lora_B:
                B.normal_(std=recipe.b_std)
    return AdaptedModel(
        loaded, graph_encoder, projector, lora=lora, generator=generator, chunk=recipe.chunk
    )


def default_encoder() -> Path | None:
    """That of the default bundle, where it is shipped."""
    return DEFAULT_ENCODER if DEFAULT_ENCODER.is_dir() else None


def load_encoder(directory: Path | None) -> GraphEncoder:
    """A trained graph encoder in float32; random weights where none is named and none is shipped.

    Raises:
        BundleError: The directory holds no encoder of all OGB columns.
    """
    chosen = directory or default_encoder()
    if chosen is None:
        return GraphEncoder(GraphEncoderConfig())
    encoder = read_encoder(chosen)
    if encoder.config.columns != "ogb" or encoder.config.n_layers != 5:
        raise BundleError(f"{chosen} is no five-layer encoder of OGB columns; name another one.")
    return encoder.float()
