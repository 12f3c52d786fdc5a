"""Sizes of an LLM and of what is trained beside it, counted from configs without any memory."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.sites import find_sites
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.train.adapt.recipe import AdaptRecipe, StageName

if TYPE_CHECKING:
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class LLMShape:
    """Sizes of a language model that count for memory and time.

    Attributes:
        n_linear: Numbers in linear layers (4 bits each), the output head apart.
        n_other: All other numbers (16 bits each), a tied embedding once.
        largest_linear: Numbers in the largest of these layers.
    """

    name: str
    n_layers: int
    d_model: int
    d_q: int
    d_kv: int
    d_ffn: int
    vocabulary: int
    n_linear: int
    n_other: int
    largest_linear: int

    @property
    def saved_per_token(self) -> int:
        """Bytes that one layer's backward pass keeps of a token, in bf16 with flash attention.

        Gate, up and their product; both norms in float32; q and the attention's output; k and v
        before and after the rotation.
        """
        return 6 * self.d_ffn + 8 * self.d_model + 4 * self.d_q + 8 * self.d_kv

    @property
    def layer_per_token(self) -> int:
        """`saved_per_token`, the inputs that adapters keep, and gradients in flight."""
        adapters, gradients = 4 * self.d_model, 6 * self.d_ffn + 8 * self.d_model
        return self.saved_per_token + adapters + gradients


def empty_llm(config: "PretrainedConfig") -> nn.Module:
    """The model of a config without memory for its weights."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False)


def shape_of(config: "PretrainedConfig", name: str = "") -> LLMShape:
    """Counts the numbers of a config's model."""
    model = empty_llm(config)
    text = config.get_text_config()
    head = model.get_output_embeddings()
    linears = [m for m in model.modules() if isinstance(m, nn.Linear) and m is not head]
    n_linear = sum(m.weight.numel() for m in linears)
    n_all = sum(parameter.numel() for parameter in model.parameters())  # tied ones once
    d_model, n_heads = int(text.hidden_size), int(text.num_attention_heads)
    d_head = int(getattr(text, "head_dim", None) or d_model // n_heads)
    n_kv = int(getattr(text, "num_key_value_heads", None) or n_heads)
    return LLMShape(
        name or type(model).__name__,
        int(text.num_hidden_layers),
        d_model,
        n_heads * d_head,
        n_kv * d_head,
        int(getattr(text, "intermediate_size", None) or 4 * d_model),
        int(text.vocab_size),
        n_linear,
        n_all - n_linear,
        max(m.weight.numel() for m in linears),
    )


@dataclass(frozen=True)
class Trained:
    """Numbers of what is trained beside the LLM; `generated` counts the A of one molecule."""

    encoder: int
    projector: int
    lora: int
    generator: int
    generated: int

    def of(self, stage: StageName) -> int:
        """Trained in a stage."""
        return {
            "align": self.encoder + self.projector,
            "instruct": self.projector + self.lora,
            "generate": self.generator,
        }[stage]

    def present(self, stage: StageName) -> int:
        """In memory in a stage, trained or not."""
        later = {
            "align": 0,
            "instruct": self.lora,
            "generate": self.lora + self.generator,
        }
        return self.encoder + self.projector + later[stage]


def trained_of(config: "PretrainedConfig", recipe: AdaptRecipe) -> Trained:
    """Counts the parts of a recipe for an LLM.

    Raises:
        AssistantError: They cannot be made; settings of the generator that exclude each other, say.
    """
    model = empty_llm(config)
    d_llm = int(config.get_text_config().hidden_size)
    modules = dict(model.named_modules())
    names = dict.fromkeys(site.name for site in find_sites(model, recipe.lora.targets))
    wide = sum(modules[n].in_features + modules[n].out_features for n in names)
    try:
        generator_config = recipe.generator.config_for(model)
    except ValueError as error:
        raise AssistantError(f"The recipe's [generator] cannot be made: {error}.") from error
    with torch.device("meta"):
        projector = MultiLevelProjector(projector_config(recipe, d_llm))
        encoder = GraphEncoder(GraphEncoderConfig())
        generator = LoraGenerator(generator_config)
    generated = sum(site.in_features for site in generator_config.sites) * generator_config.rank
    return Trained(
        _size(encoder), _size(projector), wide * recipe.lora.rank, _size(generator), generated
    )


def projector_config(recipe: AdaptRecipe, d_llm: int, d_graph: int = 300) -> ProjectorConfig:
    """The projector of a recipe."""
    return ProjectorConfig(
        d_graph=d_graph, d_llm=d_llm, mlp_depth=recipe.mlp_depth, d_hidden=recipe.d_hidden
    )


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
