"""X-LoRA exactly, with two caches, for the speed table (C6): against both ways without any.

The model of the table in fp32 with four random experts on every linear layer and a layer-wise gate.
Ours is the engine as it serves; the others run both passes over the whole sequence for each token:
our own published form, and peft's X-LoRA, which knows no other (it refuses a cache).
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from assistant.adapters.peft_format import write_peft_lora
from assistant.adapters.xlora.config import XLoraConfig
from assistant.adapters.xlora.gate import original_keys
from assistant.adapters.xlora.mixture import Mixture
from assistant.evaluate.speed_bench import Bench
from assistant.evaluate.speed_rows import Pair, in_turns
from assistant.evaluate.xlora_speed import full_passes, mixture_of, question, random_experts
from assistant.llm.continuous import ContinuousEngine
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Done, Request
from assistant.llm.sampling import Sampling

_TOKENS = 4  # of a way without cache
_TOKENS_CACHED = 24


def exact_against_two_passes(bench: Bench, repeats: int, context: int) -> Pair:
    """C6: seconds per token behind a context, exact with caches against two full passes."""
    llm = bench.fresh("fp32")
    mixture = mixture_of(llm.model, random_experts(llm.model))
    ids = _ids(llm, context)
    passes = full_passes(llm.model, mixture)
    return in_turns(engine_way(llm, mixture, ids), lambda: _seconds(passes, ids), repeats)


def exact_against_peft(bench: Bench, repeats: int, context: int) -> Pair:
    """C6c: the same against peft's X-LoRA with the same experts and gate."""
    llm, other = bench.fresh("fp32"), bench.fresh("fp32")
    mixture, peft = with_peft(llm, other)
    ids = _ids(llm, context)
    return in_turns(engine_way(llm, mixture, ids), lambda: _seconds(peft, ids), repeats)


def _ids(llm: LoadedLLM, context: int) -> Tensor:
    """A context as long as asked, or as the model reads, and tokens to decode behind it."""
    context = min(context, llm.context - _TOKENS_CACHED)
    random = torch.Generator().manual_seed(3)
    return torch.randint(llm.model.config.vocab_size, (context + _TOKENS,), generator=random)


def engine_way(llm: LoadedLLM, mixture: Mixture, ids: Tensor) -> Callable[[], float]:
    """Seconds per token of the engine behind the context, its reading left out."""
    engine = ContinuousEngine(llm, mixture=mixture, end_ids=frozenset(), cache_bytes=0)
    asked = question(llm.model, ids[:-_TOKENS])

    def seconds() -> float:
        sampling = Sampling(max_new_tokens=_TOKENS_CACHED)
        *_, done = engine.stream(Request(asked, sampling, experts="exact"))
        if not isinstance(done, Done):
            raise TypeError(f"the last event of an answer is Done, not {type(done).__name__}")
        return 1 / done.tokens_per_s

    return seconds


def with_peft(llm: LoadedLLM, other: LoadedLLM) -> tuple[Mixture, Callable[[Tensor], Tensor]]:
    """One mixture in ours and in peft's form: logits after the last of the ids, (t,).

    Args:
        llm: Gets our mixture.
        other: The same model again, which peft changes.
    """
    from peft import XLoraConfig as PeftConfig
    from peft import get_peft_model

    experts = random_experts(llm.model)
    width = int(llm.model.config.hidden_size)
    with tempfile.TemporaryDirectory() as directory:
        # Other names than numbers it does not find again (peft 0.21.2).
        places = {str(n): Path(directory) / str(n) for n in range(len(experts))}
        for place, delta in zip(places.values(), experts.values(), strict=True):
            write_peft_lora(place, delta)
        other.model.config.use_cache = False
        settings = PeftConfig(
            task_type="CAUSAL_LM",
            hidden_size=width,
            layerwise_scalings=True,
            adapters={name: str(place) for name, place in places.items()},
        )
        model = get_peft_model(other.model, settings).eval()
    config = XLoraConfig(width, layerwise_scalings=True, enable_relu_and_dropout=True)
    mixture = mixture_of(llm.model, experts, config)
    classifier = model.base_model.internal_xlora_classifier
    mixture.gate.load_state_dict(original_keys(classifier.state_dict(), stride=3))

    @torch.inference_mode()
    def decode(ids: Tensor) -> Tensor:
        return model(input_ids=ids[None]).logits[0, -1]

    return mixture, decode


def _seconds(decode: Callable[[Tensor], Tensor], ids: Tensor) -> float:
    """Per token behind the context."""
    begin = time.perf_counter()
    for end in range(len(ids) - _TOKENS + 1, len(ids) + 1):
        decode(ids[:end])
    return (time.perf_counter() - begin) / _TOKENS
