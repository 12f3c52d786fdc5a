"""Sizes of an arm's parts, so that all arms train about the same number of parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.lora import named_targets
from assistant.adapters.sites import find_sites
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.train.ablation.recipe import ARMS, AblationArm, AblationRecipe
from assistant.train.encode import N_SLOT_TOKENS

LORA_TARGETS = "qkvo"
T = TypeVar("T")
_TOLERANCE = 0.05


@dataclass(frozen=True)
class Sizes:
    """What the parts of an arm are made of; None for a part it has not."""

    projector: ProjectorConfig | None
    generator: GeneratorConfig | None
    lora_rank: int | None
    expert_rank: int | None


def sizes_of(
    arm: AblationArm, llm: nn.Module, encoder: GraphEncoderConfig, recipe: AblationRecipe
) -> Sizes:
    """Sizes whose parameters come near the recipe's, shared evenly by the parts.

    Raises:
        AssistantError: The budget is too small for the smallest parts, or is not met.
    """
    if arm.reads:
        return _reading_sizes(arm, llm, recipe)
    share = recipe.parameters // arm.n_parts
    per_rank = lora_parameters(llm, 1)
    n_experts = len(recipe.tasks)
    projector = generator = lora = expert = None
    if arm.graph != "none":
        projector = _nearest(
            arm,
            "projector",
            share,
            lambda n: _projector(llm, encoder, recipe, n),
            _projector_parameters,
        )
    if arm.generator:
        generator = _nearest(
            arm,
            "generator",
            share,
            lambda n: _generator(arm, llm, encoder, recipe, n),
            _generator_parameters,
        )
    if arm.lora:
        lora = _rank(arm, "LoRA", share, per_rank)
    if arm.experts:
        expert = _rank(
            arm, "experts", share - _gate_parameters(llm, n_experts), per_rank * n_experts
        )
    return Sizes(projector, generator, lora, expert)


def reader_config(recipe: AblationRecipe) -> GraphEncoderConfig:
    """The encoder of an arm that has its own."""
    return GraphEncoderConfig(d_model=recipe.read_width, n_layers=recipe.read_layers)


def _reading_sizes(arm: AblationArm, llm: nn.Module, recipe: AblationRecipe) -> Sizes:
    """The LoRA gets what encoder and projector leave of the budget."""
    encoder = reader_config(recipe)
    projector = ProjectorConfig(
        d_graph=encoder.d_model,
        d_llm=int(llm.config.hidden_size),
        n_levels=encoder.n_levels,
        n_queries=1,
        n_motif_queries=0,
        shared_attention=True,
    )
    read = n_parameters(GraphEncoder(encoder)) + _projector_parameters(projector)
    left = recipe.parameters - read
    if left < lora_parameters(llm, 1):
        raise AssistantError(
            f"Arm {arm.name}: encoder and projector have {read:,} of {recipe.parameters:,}"
            " parameters, which leaves none for the LoRA. Raise `parameters` or lower `read_width`."
        )
    return Sizes(projector, None, _rank(arm, "LoRA", left, lora_parameters(llm, 1)), None)


def _rank(arm: AblationArm, part: str, share: int, per_rank: int) -> int:
    rank = round(share / per_rank)
    _check(arm, part, share, rank * per_rank)
    return rank


def _nearest(
    arm: AblationArm,
    part: str,
    share: int,
    make: Callable[[int], T],
    count: Callable[[T], int],
) -> T:
    """The size, in steps of one, whose parameters are nearest to the share (they grow with it)."""
    low, high = 1, 2
    while count(make(high)) < share:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(make(middle)) < share else (low, middle)
    best = min((low, high), key=lambda size: abs(count(make(size)) - share))
    _check(arm, part, share, count(make(best)))
    return make(best)


def _check(arm: AblationArm, part: str, share: int, found: int) -> None:
    if abs(found - share) > _TOLERANCE * share:
        raise AssistantError(
            f"Arm {arm.name}: its {part} has {found:,} parameters at the nearest size, its share is"
            f" {share:,}. Choose other `parameters`."
        )


def lora_parameters(llm: nn.Module, rank: int) -> int:
    """Of a LoRA over all attention projections."""
    modules = dict(named_targets(llm))
    names = dict.fromkeys(site.name for site in find_sites(llm, LORA_TARGETS))
    return rank * sum(modules[n].in_features + modules[n].out_features for n in names)


def _gate_parameters(llm: nn.Module, n_experts: int) -> int:
    n_layers = len(dict.fromkeys(site.name for site in find_sites(llm, LORA_TARGETS)))
    return (int(llm.config.hidden_size) + 1) * n_layers * n_experts


def _projector(
    llm: nn.Module, encoder: GraphEncoderConfig, recipe: AblationRecipe, size: int
) -> ProjectorConfig:
    queries = {"n_queries": 1, "n_motif_queries": 0} if recipe.short else {}
    return ProjectorConfig(
        d_graph=encoder.d_model,
        d_llm=int(llm.config.hidden_size),
        n_levels=encoder.n_levels,
        d_hidden=8 * size,
        shared_attention=True,
        **queries,
    )


def n_slot_tokens(
    arm: AblationArm, llm: nn.Module, encoder: GraphEncoderConfig, recipe: AblationRecipe
) -> int:
    """Graph tokens of a molecule in an arm.

    Of one without any, those that questions leave room for: all arms learn from the same ones, and
    what is too long with graph tokens is too long without.
    """
    arms = [arm] if arm.graph != "none" else [ARMS[name] for name in recipe.arms]
    projectors = (sizes_of(each, llm, encoder, recipe).projector for each in arms)
    return max((p.n_tokens for p in projectors if p is not None), default=N_SLOT_TOKENS)


def _generator(
    arm: AblationArm,
    llm: nn.Module,
    encoder: GraphEncoderConfig,
    recipe: AblationRecipe,
    size: int,
) -> GeneratorConfig:
    rank = arm.rank or recipe.rank
    return GeneratorConfig(
        d_graph=encoder.d_model,
        sites=find_sites(llm, "qkvom", every=arm.every or recipe.every),
        n_levels=encoder.n_levels,
        rank=rank,
        alpha=2.0 * rank,
        d_model=4 * size,
        n_site_blocks=1,
    )


def _projector_parameters(config: ProjectorConfig) -> int:
    return n_parameters(MultiLevelProjector(config))


def _generator_parameters(config: GeneratorConfig) -> int:
    return n_parameters(LoraGenerator(config))


def n_parameters(module: nn.Module) -> int:
    """Of a module that are trained."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
