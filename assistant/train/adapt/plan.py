"""Whether a recipe fits a card, told from the LLM's config before anything is loaded.

NF4 weights        4 bits, one byte a block of 64, four bytes for 256 of these
other weights      embeddings, head, norms in 16 bits
trained            float32 weights and gradients, two moments of the optimiser
kept inputs        one hidden state a layer and token (checkpointing)
one layer          what its backward pass needs, computed again, and one weight in 16 bits
generated ΔW       A of every molecule in a micro-batch
logits             one chunk in 16 and in 32 bits, with its gradient
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.sites import find_sites
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.train.adapt.recipe import STAGES, AdaptRecipe, StageName

if TYPE_CHECKING:
    from transformers import PretrainedConfig

GB = 1e9
_NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
_CONTEXT_BYTES = 0.7e9
"""Of the CUDA context and its libraries."""
_SLACK = 0.06
"""Share on top for what the allocator cannot use."""
_MOLECULES_PER_CONVERSATION = 2
_GRAPH_BYTES = 12e6
"""Activations of encoder and projector for one molecule of 60 atoms, gradients included."""
MIN_SEQUENCE = 256


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
    """Counts the parts of a recipe for an LLM."""
    model = empty_llm(config)
    d_llm = int(config.get_text_config().hidden_size)
    modules = dict(model.named_modules())
    names = dict.fromkeys(site.name for site in find_sites(model, recipe.lora.targets))
    wide = sum(modules[n].in_features + modules[n].out_features for n in names)
    generator_config = recipe.generator.config_for(model)
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


@dataclass(frozen=True)
class Memory:
    """Bytes of one stage."""

    nf4: float
    other_weights: float
    trained: float
    inputs: float
    layer: float
    generated: float
    logits: float
    reserve: float

    @property
    def total(self) -> float:
        """All of them."""
        return sum(vars(self).values())


def memory_of(
    shape: LLMShape,
    trained: Trained,
    stage: StageName,
    *,
    sequence: int,
    conversations: int,
    chunk: int,
    eight_bit: bool,
) -> Memory:
    """Peak memory of a stage on one card.

    Args:
        shape: The LLM.
        trained: The parts beside it.
        stage: Which stage.
        sequence: Longest conversation.
        conversations: Of that length in one micro-batch.
        chunk: Positions whose logits are in memory at a time.
        eight_bit: Whether the optimiser's moments take one byte each instead of four.
    """
    tokens = sequence * conversations
    n_trained = trained.of(stage)
    moments = 2 if eight_bit else 8
    molecules = conversations * _MOLECULES_PER_CONVERSATION
    generated = trained.generated * molecules if stage == "generate" else 0
    parts = {
        "nf4": shape.n_linear * _NF4_BYTES,
        "other_weights": shape.n_other * 2.0,
        "trained": 4.0 * trained.present(stage) + (4.0 + moments) * n_trained,
        "inputs": 2.0 * (shape.n_layers + 3) * tokens * shape.d_model,
        "layer": shape.layer_per_token * tokens + 2.0 * shape.largest_linear,
        # float32, mixed to one per focus and joined with the LoRA, and the gradient
        "generated": 4.0 * 3 * generated + _GRAPH_BYTES * molecules,
        "logits": 10.0 * min(chunk, tokens) * shape.vocabulary,
    }
    reserve = _CONTEXT_BYTES + _SLACK * sum(parts.values())
    return Memory(**parts, reserve=reserve)


@dataclass(frozen=True)
class Plan:
    """What will be run.

    Attributes:
        sequence: Longest conversation in tokens.
        conversations: Of that length in one micro-batch.
        stages: Memory of every stage that is run.
    """

    shape: LLMShape
    trained: Trained
    recipe: AdaptRecipe
    vram: float
    eight_bit: bool
    sequence: int
    conversations: int
    stages: dict[StageName, Memory]

    @property
    def micro_tokens(self) -> int:
        """Padded size of a micro-batch."""
        return self.sequence * self.conversations

    @property
    def peak(self) -> float:
        """Most bytes of any stage."""
        return max(memory.total for memory in self.stages.values())


def make_plan(
    shape: LLMShape,
    trained: Trained,
    recipe: AdaptRecipe,
    *,
    vram: float,
    eight_bit: bool,
    processes: int = 1,
) -> Plan:
    """The largest micro-batch that fits, at the recipe's length or, if need be, at a shorter one.

    Args:
        shape: The LLM.
        trained: The parts beside it.
        recipe: What is run.
        vram: Memory of one card in bytes.
        eight_bit: Whether the optimiser is an 8-bit one.
        processes: Cards that share a step.

    Raises:
        AssistantError: Not even one short conversation fits; the text says what would help.
    """
    running = [name for name in STAGES if recipe.stage(name).epochs]
    if not running:
        raise AssistantError("All stages of the recipe have 0 epochs; there is nothing to train.")
    most = max(1, recipe.batch // processes)
    for sequence in _shorter(recipe.sequence):
        for conversations in range(most, 0, -1):
            stages = {
                name: memory_of(
                    shape,
                    trained,
                    name,
                    sequence=sequence,
                    conversations=conversations,
                    chunk=recipe.chunk,
                    eight_bit=eight_bit,
                )
                for name in running
            }
            plan = Plan(shape, trained, recipe, vram, eight_bit, sequence, conversations, stages)
            if plan.peak <= vram:
                return plan
    raise AssistantError(_advice(plan))


def _shorter(sequence: int) -> Iterator[int]:
    """The length itself, then three quarters of it again and again, in steps of 64."""
    yield sequence
    while sequence > MIN_SEQUENCE:
        sequence = max(MIN_SEQUENCE, sequence * 3 // 4 // 64 * 64)
        yield sequence


def _advice(plan: Plan) -> str:
    """Why the smallest choice does not fit, and what would."""
    worst = max(plan.stages, key=lambda name: plan.stages[name].total)
    memory = plan.stages[worst]
    weights = memory.nf4 + memory.other_weights
    lines = [
        f"{plan.shape.name} does not fit {plan.vram / GB:.1f} GB: stage {worst} needs"
        f" {memory.total / GB:.1f} GB with one conversation of {plan.sequence} tokens, of which the"
        f" weights in 4 bits take {weights / GB:.1f}."
    ]
    without = {name: m for name, m in plan.stages.items() if name != "generate"}
    if worst == "generate" and without and max(m.total for m in without.values()) <= plan.vram:
        lines.append("Leave the generator out ([generate] epochs = 0), or lower its rank.")
    elif not plan.eight_bit:
        lines.append('An 8-bit optimiser (optimizer = "paged8bit", on a GPU) takes less.')
    smaller = replace(plan.recipe, chunk=128)
    if memory.logits > 0.1 * memory.total and plan.recipe.chunk > smaller.chunk:
        lines.append(
            f"A smaller chunk (chunk = {smaller.chunk}) saves part of the logits'"
            f" {memory.logits / GB:.1f} GB."
        )
    if weights + _CONTEXT_BYTES > 0.8 * plan.vram:
        lines.append("Choose an LLM with fewer parameters.")
    else:
        lines.append("Else choose a smaller LLM or a narrower projector (d_hidden = 1024).")
    return " ".join(lines)
