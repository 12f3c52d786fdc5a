"""What a way of reading costs: parameters, tokens, time and memory, measured on made-up levels."""

import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from assistant.adapters.generator import GeneratorConfig
from assistant.adapters.settings import GeneratorSettings
from assistant.bundle import Bundle
from assistant.checkpoint import read_config
from assistant.evaluate.generators import FACTORISED, llm_on_meta, sweep
from assistant.evaluate.pairs import kept_bytes, n_parameters
from assistant.graph.encoder import GraphEncoderConfig, GraphLevels
from assistant.train.readouts.levels import Seen
from assistant.train.readouts.measure import Record
from assistant.train.readouts.readers import Readout
from assistant.train.readouts.recipe import VARIANTS, ReadoutRecipe

N_ATOMS, N_MOTIFS = 25, 6
_PASSES = 5


def made_up(n: int, config: GraphEncoderConfig) -> Seen:
    """So many molecules of `N_ATOMS` atoms with random states."""
    mask = torch.ones(n, N_ATOMS, dtype=torch.bool)
    atoms = torch.randn(n, config.n_levels, N_ATOMS, config.d_model)
    levels = GraphLevels(atoms, mask, atoms[:, -1].mean(1))
    return Seen(levels, torch.rand(n, N_MOTIFS, 73), torch.ones(n, N_MOTIFS, dtype=torch.bool))


def reader_costs(recipe: ReadoutRecipe, config: GraphEncoderConfig) -> list[Record]:
    """One row per variant; times are processor seconds of one thread, the fastest of `_PASSES`."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [_reader_cost(name, recipe, config) for name in recipe.variants]
    finally:
        torch.set_num_threads(n_threads)


def _reader_cost(name: str, recipe: ReadoutRecipe, config: GraphEncoderConfig) -> Record:
    torch.manual_seed(0)
    model = Readout(
        VARIANTS[name], d_graph=config.d_model, n_levels=config.n_levels, d_token=recipe.d_token
    )
    one, several = made_up(1, config), made_up(recipe.batch, config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=0.0)

    def step() -> None:
        model(several).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    with torch.inference_mode():
        n_tokens = model.reader(one).shape[1]
        forward = _fastest(lambda: model.reader(one))
    return {
        "variant": name,
        "parameters": n_parameters(model.reader),
        "tokens": n_tokens,
        "forward_seconds": forward,
        "step_seconds": _fastest(step),
        "kept_bytes": kept_by_step(model, several),
    }


def _fastest(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_PASSES):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def kept_by_step(model: nn.Module, seen: Seen) -> int:
    """Bytes of what a step keeps for its gradient, beside parameters and the levels themselves."""
    return kept_bytes(lambda: model(seen).square().mean(), model, apart=_tensors(seen))


def _tensors(seen: Seen) -> tuple[Tensor, ...]:
    levels = seen.levels
    return (levels.atoms, levels.mask, levels.graph, seen.motifs, seen.motif_mask)


def generator_costs(recipe: ReadoutRecipe, base: Path) -> list[Record]:
    """Generators of instance LoRA by rank and interval: for the bundle's language model, for 8B.

    The first has the sizes of the bundle's generator, or the default ones where it has none; it is
    left out where the bundle names a language model elsewhere.

    Raises:
        BundleError: The bundle has no readable language model.
    """
    components = Bundle.read(base).components
    shapes = {"Llama-3-8B's shape": (llm_on_meta(None), FACTORISED)}
    if "llm" in components:
        own = GeneratorSettings()
        if "generator" in components:
            own = settings_of(
                read_config(components["generator"], GeneratorConfig, component="generator")
            )
        shapes = {"the bundle's language model": (llm_on_meta(components["llm"]), own)} | shapes
    return [
        {"shape": shape, "rank": rank, "every": every, "d_model": settings.d_model}
        | {"n_blocks": settings.n_blocks, "parameters": cost.n_parameters}
        | {"bytes_per_molecule": cost.bytes_per_molecule, "seconds": cost.seconds}
        for shape, (model, settings) in shapes.items()
        for (rank, every), cost in sweep(model, settings, recipe.ranks, recipe.every).items()
    ]


def settings_of(config: GeneratorConfig) -> GeneratorSettings:
    """The settings of a generator, all but its rank's companions, which a sweep sets."""
    return GeneratorSettings(
        rank=config.rank,
        alpha=config.alpha,
        targets="".join(dict.fromkeys(site.kind for site in config.sites)),
        d_model=config.d_model,
        n_blocks=config.n_blocks,
        n_site_blocks=config.n_site_blocks,
        n_heads=config.n_heads,
        ffn_factor=config.ffn_factor,
    )
