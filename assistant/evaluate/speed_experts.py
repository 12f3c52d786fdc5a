"""X-LoRA exactly, with two caches, against the published two full passes, for the speed table (C6).

The model of the table with four random experts on every linear layer and a layer-wise gate. Both
ways decode the same tokens behind the same context; `xlora_speed` holds their logits against each
other.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from assistant.evaluate.speed_rows import Bench, Pair, in_turns
from assistant.evaluate.xlora_speed import cached_way, full_passes, question, random_mixture

_TOKENS = 4


def exact_against_two_passes(bench: Bench, repeats: int, context: int) -> Pair:
    """C6: seconds per token behind a context, exact with caches against two full passes."""
    llm = bench.fresh("fp32")
    mixture = random_mixture(llm.model, llm.model.config.hidden_size)
    random = torch.Generator().manual_seed(3)
    ids = torch.randint(llm.model.config.vocab_size, (context + _TOKENS,), generator=random)
    passes = full_passes(llm.model, mixture)

    def exact() -> float:
        # The context is read anew, since the caches grow with what is decoded.
        decode = cached_way(llm.model, mixture, question(llm.model, ids[:context]), "exact")
        return _seconds(decode, ids, context)

    return in_turns(exact, lambda: _seconds(passes, ids, context), repeats)


def _seconds(decode: Callable[[Tensor], Tensor], ids: Tensor, context: int) -> float:
    """Per token after the context, the reading of the context left out."""
    begin = time.perf_counter()
    for end in range(context + 1, len(ids) + 1):
        decode(ids[:end])
    return (time.perf_counter() - begin) / (len(ids) - context)
