"""What a token costs under X-LoRA: `python -m assistant.evaluate.xlora_speed [--context 256]`.

A random Llama with random experts decodes behind a context of the given length:

    base             one cached step, no experts
    exact            two cached steps, every token by its own scalings
    turn             one cached step, scalings of the question
    two full passes  the published form, both passes over the whole sequence

The logits of `exact` and of the two full passes are held against each other, so that the times are
those of one and the same result. Printed are milliseconds of the fastest token, which other load on
the machine changes least, and forward tokens per token.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor, nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from assistant.adapters.lora import named_targets, running, wrap
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.adapters.xlora.config import XLoraConfig
from assistant.adapters.xlora.experts import stack_experts
from assistant.adapters.xlora.gate import Gate
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import two_pass
from assistant.llm.experts import ExpertMode, answer_experts
from assistant.llm.prefix import KeptCache
from assistant.llm.scaling import ScalingPass
from assistant.llm.splice import Spliced

_ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_VOCABULARY = 4096


@dataclass(frozen=True)
class Sizes:
    """Sizes of the random model, its experts and the context."""

    hidden: int = 512
    layers: int = 8
    experts: int = 4
    rank: int = 8
    context: int = 256
    tokens: int = 12


@dataclass(frozen=True)
class Cost:
    """What one way of decoding costs per token, and the logits it gave."""

    name: str
    milliseconds: float
    forward_tokens: float
    logits: Tensor


def build(sizes: Sizes) -> tuple[LlamaForCausalLM, Mixture]:
    """A random model with its layers wrapped, and a layer-wise mixture for it."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=_VOCABULARY,
        hidden_size=sizes.hidden,
        intermediate_size=sizes.hidden * 11 // 4,
        num_hidden_layers=sizes.layers,
        num_attention_heads=8,
        num_key_value_heads=4,
    )
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    experts = random_experts(model, n_experts=sizes.experts, rank=sizes.rank)
    return model, mixture_of(model, experts)


def random_experts(
    model: PreTrainedModel, *, n_experts: int = 4, rank: int = 8
) -> dict[str, LoraWeights]:
    """Random experts on all linear layers of the blocks."""
    layers = [n for n, _ in named_targets(model) if n.rpartition(".")[2] in _ADAPTED]
    return {f"expert {i}": _random_lora(model, layers, rank) for i in range(n_experts)}


def mixture_of(
    model: PreTrainedModel, experts: Mapping[str, LoraWeights], config: XLoraConfig | None = None
) -> Mixture:
    """A mixture of experts that all adapt the same layers, which it wraps; layer-wise by default.

    Its gate is random.
    """
    layers = list(next(iter(experts.values())))
    settings = config or XLoraConfig(model.config.hidden_size, layerwise_scalings=True)
    gate = Gate(settings, n_layers=len(layers), n_experts=len(experts))
    wrap(model, layers)
    return Mixture(settings, gate.eval().requires_grad_(False), stack_experts(experts, layers))


def _random_lora(model: nn.Module, layers: list[str], rank: int) -> LoraWeights:
    modules = dict(named_targets(model))
    return {
        name: LowRank(
            torch.randn(rank, modules[name].in_features) * 0.05,
            torch.randn(modules[name].out_features, rank) * 0.05,
        )
        for name in layers
    }


def measure(sizes: Sizes) -> list[Cost]:
    """The four ways over the same tokens, in turns, so that other load meets all alike."""
    model, mixture = build(sizes)
    ids = torch.randint(0, _VOCABULARY, (sizes.context + sizes.tokens,))
    asked = question(model, ids[: sizes.context])
    ways = {
        mode or "base": cached_way(model, mixture, asked, mode) for mode in (None, "exact", "turn")
    }
    ways["two full passes"] = full_passes(model, mixture)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    logits: dict[str, list[Tensor]] = {name: [] for name in ways}
    n_forward = dict.fromkeys(ways, 0)
    with _counted(model) as counts:
        for end in range(sizes.context + 1, len(ids) + 1):
            for name, decode in ways.items():
                counts.clear()
                begin = time.perf_counter()
                logits[name].append(decode(ids[:end]))
                seconds[name].append(time.perf_counter() - begin)
                n_forward[name] += sum(counts)
    return [
        Cost(
            name,
            1e3 * min(seconds[name][1:]),  # the first one warms up
            n_forward[name] / sizes.tokens,
            torch.stack(logits[name]),
        )
        for name in ways
    ]


def question(model: PreTrainedModel, ids: Tensor) -> Spliced:
    """Token ids (t,) as one question without molecules."""
    n = len(ids)
    return Spliced(
        model.get_input_embeddings()(ids)[None],
        torch.zeros(1, n, dtype=torch.long),
        deltas=(),
        answer_slot=0,
        content=tuple((int(i), "") for i in ids),
        turns=(0,) * n,
        asked=(True,) * n,
    )


@torch.inference_mode()
def cached_way(
    model: PreTrainedModel, mixture: Mixture, question: Spliced, mode: ExpertMode | None
) -> Callable[[Tensor], Tensor]:
    """Prefills the question; then gives the logits after the last of the ids, (t,)."""
    experts: ScalingPass | None = None
    step = None
    cache = DynamicCache(config=model.config)
    if mode is not None:
        kept = KeptCache("", [], DynamicCache(config=model.config))
        experts = ScalingPass(model, answer_experts(mode, mixture, question, kept), question)
        experts.prepare(threading.Event())
        step = experts.prompt_step(slice(0, question.n_tokens))
    with running(None, step):
        model(inputs_embeds=question.inputs_embeds, past_key_values=cache, use_cache=True)

    @torch.inference_mode()
    def decode(ids: Tensor) -> Tensor:
        embeds = model.get_input_embeddings()(ids[None, -1:])
        step = None if experts is None else experts.answer_step(embeds, int(ids[-1]), len(ids))
        with running(None, step):
            return model(inputs_embeds=embeds, past_key_values=cache, use_cache=True).logits[0, -1]

    return decode


def full_passes(model: PreTrainedModel, mixture: Mixture) -> Callable[[Tensor], Tensor]:
    """Gives the logits after the last of the ids, (t,), by both passes over all of them."""

    @torch.inference_mode()
    def decode(ids: Tensor) -> Tensor:
        embeds = model.get_input_embeddings()(ids[None])
        return two_pass(model, mixture, embeds)[0][0, -1]

    return decode


@contextmanager
def _counted(model: LlamaForCausalLM) -> Iterator[list[int]]:
    """Tokens of every forward pass."""
    counts: list[int] = []
    hook = model.model.layers[0].register_forward_pre_hook(
        lambda _, inputs: counts.append(inputs[0].shape[1])
    )
    try:
        yield counts
    finally:
        hook.remove()


def largest_difference(costs: list[Cost]) -> float:
    """Between the logits of `exact` and of the two full passes."""
    by_name = {cost.name: cost.logits for cost in costs}
    return float((by_name["exact"] - by_name["two full passes"]).abs().max())


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.evaluate.xlora_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for field in fields(Sizes):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    values = vars(parser.parse_args(arguments))
    as_json = values.pop("json")
    sizes = Sizes(**values)
    costs = measure(sizes)
    difference = largest_difference(costs)
    if as_json:
        rows = {c.name: {"ms": c.milliseconds, "forward_tokens": c.forward_tokens} for c in costs}
        result = {"sizes": asdict(sizes), "per_token": rows, "max_abs_difference": difference}
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
        return 0
    shown = ", ".join(f"{name} {value}" for name, value in asdict(sizes).items())
    sys.stdout.write(f"{shown}; torch {torch.__version__}, {torch.get_num_threads()} thread(s)\n")
    for cost in costs:
        sys.stdout.write(
            f"{cost.name:<16} {cost.milliseconds:8.2f} ms/token"
            f"   {cost.forward_tokens:6.1f} forward tokens/token\n"
        )
    sys.stdout.write(f"largest difference of exact and two full passes: {difference:.1e}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
