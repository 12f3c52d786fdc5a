"""A randomly initialised language model in NF4 and what is timed on it for the GPU table.

Weights are drawn and quantised on the device, one matrix after the other: speed and memory do not
depend on their values, and no 8B model has to be at hand.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.packed import PackedDeltas, TokenDeltas
from assistant.adapters.sites import find_sites
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoder, MoleculeEncoding
from assistant.errors import AssistantError
from assistant.evaluate.speed_bench import RANK, Bench
from assistant.evaluate.speed_rows import SMILES
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.graphed.capture import Products
from assistant.llm.graphed.step import StepRow
from assistant.llm.kv import RowCache
from assistant.llm.llama import LlamaForward, Span
from assistant.llm.load import LoadedLLM
from assistant.llm.random_nf4 import random_nf4

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedTokenizerFast

SHAPES = {
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
        "max_position_embeddings": 8192,
    },
    "tiny": {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 512,
        "max_position_embeddings": 8192,
    },
}


def random_llm(shape: str, device: torch.device) -> LoadedLLM:
    """A Llama of this shape with random NF4 weights, double quantisation on, as a load gives it."""
    from transformers import LlamaConfig

    config = LlamaConfig(
        **SHAPES[shape],
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )
    model = random_nf4(config, device)
    return LoadedLLM(
        model=model,
        tokenizer=_tokenizer(config.vocab_size),
        name=f"random {shape}",
        quantisation="nf4",
        compute_format="NF4 kernel, bf16",
        fingerprint="random",
        context=config.max_position_embeddings,
        supports_cache=True,
        cache_reason="",
        end_ids=frozenset(),
        device=device,
        dtype=torch.bfloat16,
    )


def _tokenizer(n_tokens: int) -> "PreTrainedTokenizerFast":
    """A word for every token: an answer's text grows by each, as that of a trained model does."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<unk>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i for i in range(3, n_tokens)}}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="<unk>")),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
    )


def weight_bytes(model: nn.Module) -> int:
    """Bytes of weights that one token reads: all but the input embedding, as they are stored."""
    total = 0
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, nn.Embedding) or not isinstance(weight, Tensor):
            continue
        if hasattr(module, "base"):  # a wrapper shows the weight of what it wraps
            continue
        total += weight.numel() * weight.element_size()
        state = getattr(weight, "quant_state", None)
        if state is not None:
            total += state.absmax.numel() * state.absmax.element_size()
            if state.nested:
                total += state.state2.absmax.numel() * state.state2.absmax.element_size()
    return total


def copy_bandwidth(device: torch.device, repeats: int) -> float:
    """Bytes per second that a copy within the device reads and writes, the median."""
    n_bytes = 2**31 if device.type == "cuda" else 2**26
    source = torch.ones(n_bytes // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    seconds = [timed(lambda: target.copy_(source), device) for _ in range(repeats)]
    return 2 * n_bytes / statistics.median(seconds)


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of a piece of work, the device's part included."""
    _wait(device)
    begin = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - begin


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class GpuBench(Bench):
    """The bench of the speed table with ΔW of rank 8 on q, k, v and o, distinct per row."""

    def __init__(self, llm: LoadedLLM, *, n_tokens: int, products: Products) -> None:
        # No row here changes the model, so it is its own fresh one.
        super().__init__(llm, lambda form: llm, n_tokens=n_tokens, products=products)
        self.deltas = [
            {name: part for name, part in delta.items() if not name.endswith(".mlp")}
            for delta in self.deltas
        ]


@torch.inference_mode()
def graph_error(bench: GpuBench, n_rows: int, n_steps: int = 12) -> tuple[float, float]:
    """How far the captured steps are from one packed pass over the same tokens.

    Every row has a prompt and a ΔW of its own; the tokens after it are given, not drawn.

    Returns:
        ‖graphs − packed pass‖ / ‖packed pass‖ of the last logits, and the share of rows with the
        same best token.

    Raises:
        AssistantError: There are no graphs.
    """
    decoder = bench.engine.graphs
    if decoder is None:
        raise AssistantError("there is no captured step to check")
    forward, model = LlamaForward(bench.llm.model, bench.llm.context), bench.llm.model
    embed, device = model.get_input_embeddings(), bench.llm.device
    random = torch.Generator().manual_seed(1)
    ids = [torch.randint(len(embed.weight), (40 + 37 * i + n_steps,), generator=random)
           for i in range(n_rows)]  # fmt: skip

    def passed(row: int, n_tokens: int) -> tuple[RowCache, Tensor]:
        cache = forward.new_cache()
        packed = PackedDeltas.pack([bench.deltas[row]], forward.groups, forward.like)
        embeds = embed(ids[row][:n_tokens].to(device))
        hidden = forward.hidden(embeds, [Span(cache, n_tokens)], TokenDeltas(packed, None))
        return cache, forward.logits(hidden[-1:])[0].float()

    expected = torch.stack([passed(row, len(ids[row]))[1] for row in range(n_rows)])
    caches = [passed(row, len(ids[row]) - n_steps)[0] for row in range(n_rows)]
    for cache in caches:
        cache.reserve(n_steps)
        for part in (*cache.keys, *cache.values):  # memory of the pass before holds right values
            part[:, cache.length :] = torch.nan
    for _ in range(n_steps):
        rows = []
        for row, cache in enumerate(caches):
            token = int(ids[row][cache.length])
            rows.append(StepRow(token, cache, f"check {row}", bench.deltas[row]))
        result = decoder.step(rows)
        if result is None:
            raise AssistantError(f"no step of {n_rows} rows could be captured; see the log")
        for cache in caches:
            cache.length += 1
    found = torch.stack([logits for logits, _, _ in result]).float()
    error = float((found - expected).norm() / expected.norm())
    same = (found.argmax(dim=-1) == expected.argmax(dim=-1)).float().mean()
    return error, float(same)


class Molecules:
    """Molecules that were never seen, as the app encodes them, by random weights.

    A ΔW for every layer's q, k, v, o and MLP, of rank 8.

    Args:
        llm: The language model they are for.
    """

    def __init__(self, llm: LoadedLLM) -> None:
        self.encoder = MoleculeEncoder(
            GraphEncoder(GraphEncoderConfig()),
            MultiLevelProjector(ProjectorConfig(d_graph=300, d_llm=llm.model.config.hidden_size)),
            LoraGenerator(GeneratorConfig(d_graph=300, sites=find_sites(llm.model), rank=RANK)),
            device=llm.device,
            dtype=llm.dtype,
        )
        self._molecules = itertools.cycle([Molecule.parse(smiles) for smiles in SMILES])

    def next(self) -> MoleculeEncoding:
        """Graph tokens and ΔW of the next one, with the hashes that caches go by."""
        self.encoder.clear()
        return self.encoder.encode([next(self._molecules)])[0]


def medians(pairs: Iterator[tuple[float, float]]) -> tuple[float, float]:
    """Median of the first and of the second values."""
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second)
