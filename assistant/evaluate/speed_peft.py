"""Eight molecules in one batch, ours against the mixed batch of peft, for the speed table (C3).

Both decode greedily by a loop of bare forward passes over eight rows with a ΔW of rank 8 each on q,
k, v and o, the same A and B. Each way has a copy of the model of its own, since peft wraps the
layers; both hold the same values in the same format.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from assistant.adapters.packed import PackedDeltas, TokenDeltas
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.evaluate.speed_bench import Bench, Format
from assistant.evaluate.speed_rows import Pair, in_turns
from assistant.llm.llama import LlamaForward, Span
from assistant.llm.load import LoadedLLM

if TYPE_CHECKING:
    from peft import PeftModel

N_ROWS = 8
_RANK = 8
_PROMPT = 32
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj")

Decode = Callable[[Tensor, int], tuple[list[list[int]], float]]


def mixed_batch(bench: Bench, repeats: int, form: Format) -> Pair:
    """C3: tokens per second of eight molecules in one batch, against peft's mixed batch."""
    ours, other = both_ways(bench, form)
    random = torch.Generator().manual_seed(2)
    ids = torch.randint(bench.llm.model.config.vocab_size, (N_ROWS, _PROMPT), generator=random)
    ids = ids.to(bench.llm.device)
    return in_turns(
        lambda: ours(ids, bench.n_tokens)[1], lambda: other(ids, bench.n_tokens)[1], repeats
    )


def both_ways(bench: Bench, form: Format) -> tuple[Decode, Decode]:
    """Ours and peft's: prompts (8, t) and a number of tokens in, tokens and their rate out."""
    first, second = bench.fresh(form), bench.fresh(form)
    deltas = _deltas(first)
    return _ours(first, deltas), _peft(second, deltas)


def _deltas(llm: LoadedLLM) -> list[LoraWeights]:
    random = torch.Generator().manual_seed(1)
    shapes = {
        name: (module.in_features, module.out_features)
        for name, module in llm.model.named_modules()
        if name.rpartition(".")[2] in _TARGETS
    }

    def normal(*shape: int) -> Tensor:
        return (torch.randn(*shape, generator=random) * 0.05).to(llm.device, llm.dtype)

    shared_B = {name: normal(d_out, _RANK) for name, (_, d_out) in shapes.items()}
    return [
        {n: LowRank(normal(_RANK, d_in), shared_B[n]) for n, (d_in, _) in shapes.items()}
        for _ in range(N_ROWS)
    ]


def _ours(llm: LoadedLLM, deltas: list[LoraWeights]) -> Decode:
    forward = LlamaForward(llm.model, llm.context, llm.plan)
    embed = llm.model.get_input_embeddings()
    packed = PackedDeltas.pack(deltas, forward.groups, forward.like)

    @torch.inference_mode()
    def decode(ids: Tensor, n_tokens: int) -> tuple[list[list[int]], float]:
        caches = [forward.new_cache() for _ in ids]

        def step(new: Tensor) -> Tensor:
            """Next tokens (rows, 1) after new ones (rows, t)."""
            n_rows, n_new = new.shape
            places = tuple(row for row in range(n_rows) for _ in range(n_new))
            spans = [Span(cache, n_new) for cache in caches]
            hidden = forward.hidden(embed(new.reshape(-1)), spans, TokenDeltas(packed, places))
            last = hidden.view(n_rows, n_new, -1)[:, -1]
            return forward.logits(last).argmax(dim=-1, keepdim=True)

        return _loop(step, ids, n_tokens)

    return decode


def _peft(llm: LoadedLLM, deltas: list[LoraWeights]) -> Decode:
    from transformers import DynamicCache

    model = _with_adapters(llm, deltas)

    @torch.inference_mode()
    def decode(ids: Tensor, n_tokens: int) -> tuple[list[list[int]], float]:
        cache = DynamicCache(config=llm.model.config)
        names = [f"molecule {n}" for n in range(N_ROWS)]

        def step(new: Tensor) -> Tensor:
            output = model(
                input_ids=new,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                adapter_names=names,
            )
            return output.logits[:, -1].argmax(dim=-1, keepdim=True)

        return _loop(step, ids, n_tokens)

    return decode


def _with_adapters(llm: LoadedLLM, deltas: list[LoraWeights]) -> "PeftModel":
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=list(_TARGETS), lora_dropout=0.0)
    model = get_peft_model(llm.model, config, adapter_name="molecule 0")
    for n in range(1, len(deltas)):
        model.add_adapter(f"molecule {n}", config)
    for n, delta in enumerate(deltas):
        for name, part in delta.items():
            layer = model.base_model.model.get_submodule(name)
            layer.lora_A[f"molecule {n}"].weight.data = part.lora_A.clone()
            layer.lora_B[f"molecule {n}"].weight.data = part.lora_B.clone()
    return model.eval()


def _loop(
    step: Callable[[Tensor], Tensor], ids: Tensor, n_tokens: int
) -> tuple[list[list[int]], float]:
    """Greedy tokens per row, and tokens of all rows per second after the first ones."""
    new = step(ids)
    drawn = [new]
    begin = time.perf_counter()
    for _ in range(n_tokens - 1):
        new = step(new)
        drawn.append(new)
    tokens = torch.cat(drawn, dim=1).tolist()
    return tokens, len(ids) * (n_tokens - 1) / (time.perf_counter() - begin)
