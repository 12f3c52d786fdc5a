"""What a MoRA generator costs for a language model: the published head beside the factorised one.

    python -m assistant.evaluate.generators [--llm DIR] [--settings FILE] [--json] [--no-timing]
        [--ranks R …] [--every N …]

Without --llm the language model has the shape of Llama-3-8B (grouped-query heads), with rank 64 on
q, k, v, o and m of every 4th layer, as MoRA's scripts have it for a 7B model. Parameters are those
of the real classes on the meta device. Times are processor seconds of one thread for one molecule
of 25 atoms, the fastest of three passes in float32. Our generators are timed whole. Of the
published one a single sub-generator is: it has one per type of site, equal and independent of each
other, so the time is multiplied by their number; this keeps it within 2 GB instead of 8.

With --ranks or --every our generator alone, in its quicker form, for each rank and interval of
layers: what each costs, not what it is worth; that takes a language model that is trained with it.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.mora import MoraConfig, MoraGenerator
from assistant.adapters.settings import GeneratorSettings
from assistant.errors import AssistantError, BundleError
from assistant.graph.encoder import GraphLevels

N_ATOMS, D_GRAPH, N_LEVELS = 25, 300, 6
_PASSES = 3

LLAMA_3_8B = {
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
FACTORISED = GeneratorSettings(
    rank=64, alpha=64.0, every=4, d_model=512, n_blocks=4, n_heads=8, ffn_factor=4
)


@dataclass(frozen=True)
class Cost:
    """What one generator costs.

    Attributes:
        name: Which one.
        n_parameters: All of them, B included.
        bytes_fp32: Memory of the parameters for training without optimiser.
        bytes_bf16: Memory of the parameters for serving.
        bytes_per_molecule: Memory of one molecule's generated A in bf16.
        seconds: Processor seconds to write one molecule's ΔW; None when not timed.
        timed: What was timed.
        fits: Why it does not fit the language model; empty if it does.
    """

    name: str
    n_parameters: int
    bytes_fp32: int
    bytes_bf16: int
    bytes_per_molecule: int
    seconds: float | None
    timed: str
    fits: str = ""


def llm_on_meta(directory: Path | None) -> nn.Module:
    """A language model without memory: of a directory's config, or of Llama-3-8B's shape.

    Raises:
        BundleError: The directory has no readable config.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

    if directory is None:
        config = LlamaConfig(**LLAMA_3_8B)
    else:
        try:
            config = AutoConfig.from_pretrained(
                directory, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(f"No language model at {directory}: {error}") from error
        if getattr(config, "quantization_config", None) is not None:
            del config.quantization_config  # the shape is the same
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def compare(model: nn.Module, settings: GeneratorSettings, *, timing: bool = True) -> list[Cost]:
    """Costs of the published generator and of ours, in its full and in its quicker form."""
    quick = replace(settings, n_site_blocks=max(settings.n_blocks - 1, 0))
    return [
        published_cost(model, settings, timing=timing),
        own_cost("factorised", model, settings, timing=timing),
        own_cost("factorised, quick", model, quick, timing=timing),
    ]


def sweep(
    model: nn.Module,
    settings: GeneratorSettings,
    ranks: Sequence[int],
    every: Sequence[int],
    *,
    timing: bool = True,
) -> dict[tuple[int, int], Cost]:
    """Costs of our generator, in its quicker form, by rank and interval of layers.

    Args:
        model: The language model, which may be on the meta device.
        settings: Everything but rank and interval.
        ranks: Of each ΔW.
        every: Each n-th layer has a ΔW.
        timing: Whether a molecule's ΔW is written to take the time.
    """
    costs = {}
    for rank in ranks:
        for interval in every:
            own = replace(
                settings,
                rank=rank,
                every=interval,
                n_site_blocks=max(settings.n_blocks - 1, 0),
            )
            name = f"rank {rank}, every {interval}"
            costs[rank, interval] = own_cost(name, model, own, timing=timing)
    return costs


def own_cost(name: str, model: nn.Module, settings: GeneratorSettings, *, timing: bool) -> Cost:
    """Cost of our generator for the model."""
    config = settings.config_for(model, d_graph=D_GRAPH, n_levels=N_LEVELS)
    with torch.device("meta"):
        n_parameters = _count(LoraGenerator(config))
    n_values = sum(settings.rank * site.in_features for site in config.sites)
    seconds = _seconds(LoraGenerator(config)) if timing else None
    return _cost(name, n_parameters, n_values, seconds, "whole" if timing else "")


def published_cost(model: nn.Module, settings: GeneratorSettings, *, timing: bool) -> Cost:
    """Cost of the published generator at its published inner sizes (D 1024, 8 blocks)."""
    text = model.config.get_text_config()
    d_llm, depth = int(text.hidden_size), int(text.num_hidden_layers)
    config = MoraConfig(
        d_graph=D_GRAPH,
        d_llm=d_llm,
        llm_depth=depth,
        every=settings.every,
        rank=settings.rank,
        alpha=settings.alpha,
        kinds=settings.targets,
    )
    sites = settings.config_for(model).sites
    odd = sorted({s.kind for s in sites if {s.in_features, s.out_features} != {d_llm}})
    obstacle = f"{', '.join(odd)} of this LLM are not {d_llm} wide" if odd else ""
    n_values = len(config.site_names) * d_llm * settings.rank
    n_parameters = _count(MoraGenerator.without_memory(config))
    seconds, timed = None, ""
    if timing:
        seconds = len(config.kinds) * _seconds(MoraGenerator(replace(config, kinds="q")))
        timed = f"one of {len(config.kinds)} sub-generators, times {len(config.kinds)}"
    return replace(_cost("published", n_parameters, n_values, seconds, timed), fits=obstacle)


def _cost(name: str, n_parameters: int, n_values: int, seconds: float | None, timed: str) -> Cost:
    return Cost(
        name, n_parameters, 4 * n_parameters, 2 * n_parameters, 2 * n_values, seconds, timed
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@torch.inference_mode()
def _seconds(generator: nn.Module) -> float:
    """Fastest of several passes, in processor seconds of one thread."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        generator.eval()
        atoms = torch.randn(1, N_LEVELS, N_ATOMS, D_GRAPH)
        levels = GraphLevels(atoms, torch.ones(1, N_ATOMS, dtype=torch.bool), atoms[:, -1].mean(1))
        best = float("inf")
        for _ in range(_PASSES):
            begin = time.process_time()
            generator(levels)
            best = min(best, time.process_time() - begin)
        return best
    finally:
        torch.set_num_threads(n_threads)


def table(costs: Sequence[Cost]) -> str:
    """The table for people."""
    head = ("generator", "parameters", "fp32 MB", "bf16 MB", "A MB", "CPU s")
    lines = [f"{head[0]:<20}{head[1]:>16}{head[2]:>10}{head[3]:>10}{head[4]:>8}{head[5]:>8}"]
    notes = []
    for cost in costs:
        seconds = "-" if cost.seconds is None else f"{cost.seconds:.2f}"
        lines.append(
            f"{cost.name:<20}{cost.n_parameters:>16,}{cost.bytes_fp32 / 1e6:>10,.0f}"
            f"{cost.bytes_bf16 / 1e6:>10,.0f}{cost.bytes_per_molecule / 1e6:>8.1f}{seconds:>8}"
        )
        if cost.timed:
            notes.append(f"{cost.name}: timed {cost.timed}")
        if cost.fits:
            notes.append(f"{cost.name}: does not fit, {cost.fits}")
    return "\n".join([*lines, *notes]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's first lines."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.generators",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--llm", type=Path, help="directory of a language model (its config.json)")
    parser.add_argument("--settings", type=Path, help="TOML or JSON file of a generator")
    parser.add_argument("--ranks", type=int, nargs="+", help="our generator at these ranks")
    parser.add_argument("--every", type=int, nargs="+", help="… and on each n-th layer")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--no-timing", action="store_true", help="count only; takes no memory")
    options = parser.parse_args(arguments)
    try:
        settings = GeneratorSettings.read(options.settings) if options.settings else FACTORISED
        model, timing = llm_on_meta(options.llm), not options.no_timing
        if options.ranks or options.every:
            ranks, every = options.ranks or [settings.rank], options.every or [settings.every]
            costs = list(sweep(model, settings, ranks, every, timing=timing).values())
        else:
            costs = compare(model, settings, timing=timing)
    except (AssistantError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    values = [asdict(cost) for cost in costs]
    sys.stdout.write(json.dumps(values, indent=2) + "\n" if options.json else table(costs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
