"""How the weights start, so that copying is one linear map and looking back needs no discovery.

    input row  e_i = c_i + 0.25 m,  c_i ~ N(0, 0.5²)       output row  u_i = 0.1 · c_i R

**Codes.** A value is copied when the head that looks at token i writes `c_i R` into the residual
stream, and that map is the same for all tokens: it is learned from frequent numbers and holds for
those that were never seen. (With rows learned apart, each of the 1,200 number tokens has to be
learned by itself.) The fixed rotation R keeps a token from predicting itself through the residual
stream. Rows of number tokens stay as they are: a number has no meaning of its own here that
training could improve.

**Heads that look back.** All rows share the mark m. In the first layers the query heads of one
group read it with a phase of δ positions, so that under rotary embeddings (Su et al., RoFormer,
arXiv 2104.09864) head δ attends to the token δ places back:

    q·k = a² (Σ_f cos(ω_f (Δ - δ)) - Σ_s cos(ω_s Δ)),   Δ distance, f fast and s slow frequencies

The slow ones hardly turn and take away what all distances have in common, so that the noise of the
codes, a factor of the whole, does not move the maximum.

An induction circuit (Olsson et al. 2022, arXiv 2209.11895) needs such a head below the one that
looks a value up by its label; forming it is what small models spend their first tokens on.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

INPUT_STD = 0.5
MARK = 0.25
OUTPUT_SCALE = 0.1
_SEED = 11
_LOOKING_LAYERS = 2
_FREQUENCIES = 6
_SHARPNESS = 6.0


def set_codes(llm: PreTrainedModel) -> None:
    """Draws the input rows and sets the output rows to the rotation of their codes."""
    embed, head = llm.get_input_embeddings(), llm.get_output_embeddings()
    with torch.no_grad():
        nn.init.normal_(embed.weight, std=INPUT_STD)
        head.weight.copy_(OUTPUT_SCALE * rotated(embed.weight))
        embed.weight += mark(embed.weight.shape[1])


def mark(width: int) -> Tensor:
    """What all input rows have in common, (width,); graph tokens carry it too."""
    generator = torch.Generator().manual_seed(_SEED + 1)
    return MARK * (torch.randint(0, 2, (width,), generator=generator) * 2.0 - 1)


def rotated(rows: Tensor) -> Tensor:
    """Rows (n, d) under the fixed rotation: a permutation of the columns with signs."""
    generator = torch.Generator().manual_seed(_SEED)
    order = torch.randperm(rows.shape[1], generator=generator)
    signs = torch.randint(0, 2, (rows.shape[1],), generator=generator) * 2 - 1
    return rows[:, order] * signs.to(rows.dtype)


def hold(llm: PreTrainedModel, ids: Sequence[int]) -> None:
    """Keeps the rows of these tokens as they are: their gradient is zero."""
    held = torch.zeros(llm.config.vocab_size, 1, dtype=torch.bool)
    held[list(ids)] = True
    for module in (llm.get_input_embeddings(), llm.get_output_embeddings()):
        module.weight.register_hook(lambda gradient: gradient.masked_fill(held, 0.0))


def look_back(llm: LlamaForCausalLM) -> None:
    """Lets query head δ - 1 of the first key-value group look δ places back."""
    config = llm.config
    width = config.hidden_size // config.num_attention_heads
    n_heads = config.num_attention_heads // config.num_key_value_heads
    frequencies = _rotary_frequencies(config, width)
    half = width // 2
    # After the norm the mark has this length along its own direction.
    direction = mark(config.hidden_size)
    length = direction.norm() * (INPUT_STD**2 + MARK**2) ** -0.5
    reader = _SHARPNESS / length * direction / direction.norm()  # reader · normed = _SHARPNESS
    with torch.no_grad():
        for layer in llm.model.layers[:_LOOKING_LAYERS]:
            query, key = layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight
            for fast in range(_FREQUENCIES):
                slow = half - 1 - fast
                key[fast] += reader
                key[slow] += reader
                for head in range(n_heads):
                    start, phase = head * width, -(head + 1) * frequencies[fast]
                    query[start + fast] += phase.cos() * reader
                    query[start + half + fast] += phase.sin() * reader
                    query[start + slow] -= reader


def _rotary_frequencies(config: LlamaConfig, width: int) -> Tensor:
    theta = config.rope_parameters["rope_theta"]
    return theta ** (-torch.arange(0, width, 2) / width)
