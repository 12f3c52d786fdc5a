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

**Induction.** What head δ finds it writes into a subspace "δ places back", so that a later head can
look for the place where the current token stood before, and copy what followed it (Olsson et al.
2022, arXiv 2209.11895). That head is there from the start, too; two more query heads share its keys
and values and have to learn only what to look for: the label that was asked for. Without this start
the same model still copied no number (0 of 21 on cards of one to three lines) after 0.8 M tokens.
The weights of the circuit are held: free ones were taken apart by the first hundred noisy steps,
before anything above had learned to use them.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaAttention

INPUT_STD = 0.5
MARK = 0.25
OUTPUT_SCALE = 0.1
_SEED = 11
_FREQUENCIES = 6
_SHARPNESS = 6.0
_MATCHING = 2.5
_COPYING = 1.0
_COPYING_LAYERS = range(1, 5)


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


def hold_tokens(llm: PreTrainedModel, ids: Sequence[int]) -> None:
    """Keeps the rows of these tokens as they are: their gradient is zero."""
    for module in (llm.get_input_embeddings(), llm.get_output_embeddings()):
        _hold(module.weight, rows=torch.tensor(list(ids)))


def _hold(
    weight: nn.Parameter, *, rows: Tensor | slice | None = None, columns: slice | None = None
) -> None:
    """Zeroes the gradient of these rows or columns; `BlockMuon` and AdamW then leave them alone."""
    held = torch.zeros(weight.shape, dtype=torch.bool)
    if rows is not None:
        held[rows] = True
    if columns is not None:
        held[:, columns] = True
    on = cache(held.to)  # the model may move to another device later
    weight.register_hook(lambda gradient: gradient.masked_fill(on(gradient.device), 0.0))


def wire(llm: LlamaForCausalLM) -> None:
    """Sets and holds the first key-value group of the lower layers: looking back, then copying.

    Needs heads of at least 24 channels and a width of at least 2 + n heads, n the query heads of a
    group; a smaller model is left without (its start is only slower).
    """
    config = llm.config
    width = config.hidden_size // config.num_attention_heads
    n_heads = config.num_attention_heads // config.num_key_value_heads
    if width < 4 * _FREQUENCIES or config.hidden_size < (2 + n_heads) * width:
        return
    axes = _axes(config.hidden_size)
    own, copied = axes[:width], axes[-width:]
    back = [axes[(1 + head) * width : (2 + head) * width] for head in range(n_heads)]
    with torch.no_grad():
        first, *others = (layer.self_attn for layer in llm.model.layers)
        _look_back(first, config)
        first.v_proj.weight[:width] = own
        for head in range(n_heads):
            first.o_proj.weight[:, head * width : (head + 1) * width] = back[head].t()
        group = slice(0, n_heads * width)
        _hold(first.q_proj.weight, rows=group)
        _hold(first.k_proj.weight, rows=slice(0, width))
        _hold(first.v_proj.weight, rows=slice(0, width))
        _hold(first.o_proj.weight, columns=group)
        for layer in _COPYING_LAYERS:
            if layer <= len(others):
                _copy_what_followed(others[layer - 1], own, back[0], copied, n_heads)


def _look_back(attention: LlamaAttention, config: LlamaConfig) -> None:
    """Lets query head δ - 1 of the first group look δ places back."""
    width = config.hidden_size // config.num_attention_heads
    n_heads = config.num_attention_heads // config.num_key_value_heads
    frequencies, half = _rotary_frequencies(config, width), width // 2
    # After the norm the mark has this length along its own direction.
    direction = mark(config.hidden_size)
    length = direction.norm() * (INPUT_STD**2 + MARK**2) ** -0.5
    reader = _SHARPNESS / length * direction / direction.norm()  # reader · normed = _SHARPNESS
    query, key = attention.q_proj.weight, attention.k_proj.weight
    for fast in range(_FREQUENCIES):
        slow = half - 1 - fast
        key[fast] += reader
        key[slow] += reader
        for head in range(n_heads):
            start, phase = head * width, -(head + 1) * frequencies[fast]
            query[start + fast] += phase.cos() * reader
            query[start + half + fast] += phase.sin() * reader
            query[start + slow] -= reader


def _copy_what_followed(
    attention: LlamaAttention, own: Tensor, before: Tensor, copied: Tensor, n_heads: int
) -> None:
    """Head 0 looks where the token before was the current one; all heads of the group copy.

    Args:
        attention: The layer's attention.
        own: Axes in which a token shows itself, (width, d).
        before: Axes in which it shows the token before it, (width, d).
        copied: Axes that the values take along, (width, d).
        n_heads: Query heads of the group.
    """
    width, half = len(own), len(own) // 2
    # Matching needs channels that turn little over a prompt: the slow half of each rotary pair.
    slow = torch.cat([torch.arange(half // 2, half), torch.arange(half + half // 2, width)])
    attention.q_proj.weight[slow] = _MATCHING * own[: len(slow)]
    attention.k_proj.weight[slow] = _MATCHING * before[: len(slow)]
    attention.v_proj.weight[:width] = copied
    for head in range(n_heads):
        place = slice(head * width, (head + 1) * width)
        attention.o_proj.weight[:, place] = _COPYING * rotated(copied).t()
    _hold(attention.q_proj.weight, rows=slow)
    _hold(attention.k_proj.weight, rows=slow)
    _hold(attention.v_proj.weight, rows=slice(0, width))
    _hold(attention.o_proj.weight, columns=slice(0, n_heads * width))


def _axes(width: int) -> Tensor:
    """Orthonormal rows (width, width), always the same."""
    generator = torch.Generator().manual_seed(_SEED + 2)
    return torch.linalg.qr(torch.randn(width, width, generator=generator)).Q


def _rotary_frequencies(config: LlamaConfig, width: int) -> Tensor:
    theta = config.rope_parameters["rope_theta"]
    return theta ** (-torch.arange(0, width, 2) / width)
