"""One token for each of up to `b` rows, over buffers that stay where they are.

    inputs (4, b): token ids │ positions │ addresses of the caches │ their capacities
       │
       ▼ embed ─► layers: norm (+ A) ─► q k v (+ B) ─► attention (writes k, v) ─► o (+ B, + x) …
       ▼
    logits (b, vocabulary), the highest and its token

Everything that changes from step to step is in `inputs` and in the ΔW buffers, so the same sequence
of kernels serves every step: on CUDA it is captured as a graph (`capture`). What computes is a set
of operations: `TorchOps` here, which runs anywhere and is the reference, or Triton's (`kernels`).
A row that is not used computes on a cache of its own that nobody reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from assistant.adapters.lora import AdaptedLinear
from assistant.adapters.weights import LoraWeights
from assistant.llm.graphed.deltas import DeltaBuffers, LayerDeltas, LowRankIn, LowRankOut
from assistant.llm.kv import RowCache
from assistant.llm.llama import LlamaForward
from assistant.llm.products import Product

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel

_MOST_ROWS_OF_A_PRODUCT = 4  # up to here bitsandbytes has a fused kernel for every 4-bit shape


@dataclass(frozen=True)
class StepRow:
    """A row of the step.

    Attributes:
        token: The token drawn last.
        cache: Its cache, with room for one more token; `length` is the token's position.
        content: Hash of the ΔW of this token, None for none.
        delta: That ΔW.
    """

    token: int
    cache: RowCache
    content: str | None = None
    delta: LoraWeights | None = None


@dataclass(frozen=True)
class Shape:
    """Sizes of the attention, and the rotary tables (context, d) with the sign in the sine."""

    n_layers: int
    n_heads: int
    n_kv: int
    head_dim: int
    scale: float
    cos: Tensor
    sin: Tensor


class Layer:
    """One layer's weights."""

    def __init__(self, model: "PreTrainedModel", index: int) -> None:
        layer = model.model.layers[index]
        attention = layer.self_attn
        mlp = layer.mlp.base if isinstance(layer.mlp, AdaptedLinear) else layer.mlp
        self.norm_in, self.norm_mlp = layer.input_layernorm, layer.post_attention_layernorm
        self.qkv = [_bare(attention.q_proj), _bare(attention.k_proj), _bare(attention.v_proj)]
        self.o = [_bare(attention.o_proj)]
        self.gate_up = [_bare(mlp.gate_proj), _bare(mlp.up_proj)]
        self.down = [_bare(mlp.down_proj)]


def _bare(module: nn.Module) -> nn.Module:
    return module.base if isinstance(module, AdaptedLinear) else module


class TorchOps:
    """The operations of the step in plain PyTorch; `kernels.TritonOps` takes their place on CUDA.

    Args:
        shape: Sizes.
        layers: The weights.
    """

    name = "torch"

    def __init__(self, shape: Shape, layers: Sequence[Layer]) -> None:
        self.shape = shape
        self._products = {
            id(modules): Product(modules)
            for layer in layers
            for modules in (layer.qkv, layer.o, layer.gate_up, layer.down)
        }
        self.inputs: Tensor
        self.caches: Sequence[RowCache] = ()

    def bind(self, inputs: Tensor) -> None:
        """Tells where the step's inputs are, (4, b) int64."""
        self.inputs = inputs

    def norm(
        self, x: Tensor, norm: nn.Module, low_rank: LowRankIn | None, *, last: bool = False
    ) -> Tensor:
        """Root-mean-square norm of x (b, h); u = A · normed is written where there is a ΔW."""
        normed = F.rms_norm(x, (x.shape[-1],), norm.weight, norm.variance_epsilon)
        self.low_rank(normed, low_rank)
        return normed

    def low_rank(self, x: Tensor, low_rank: LowRankIn | None) -> None:
        """Writes u = A x."""
        if low_rank is not None:
            low_rank.u.copy_(torch.bmm(low_rank.lora_A, x[:, :, None])[:, :, 0])

    def product(
        self,
        modules: Sequence[nn.Module],
        x: Tensor,
        low_rank: LowRankOut | None,
        residual: Tensor | None = None,
    ) -> Tensor:
        """W x + B u (+ residual), (b, out)."""
        y = self._linear(modules, x)
        if low_rank is not None:
            y = y + _expanded(low_rank, y.dtype)
        return y if residual is None else residual + y

    def gated(self, modules: Sequence[nn.Module], x: Tensor, low_rank: LowRankOut | None) -> Tensor:
        """silu(gate) · up, (b, out / 2)."""
        gate, up = self.product(modules, x, low_rank).chunk(2, dim=-1)
        return F.silu(gate) * up

    def _linear(self, modules: Sequence[nn.Module], x: Tensor) -> Tensor:
        product = self._products[id(modules)]
        if x.device.type == "cpu" or len(x) <= _MOST_ROWS_OF_A_PRODUCT or product.is_float:
            return product(x)
        return torch.cat([product(part) for part in x.split(_MOST_ROWS_OF_A_PRODUCT)])

    def attention(self, qkv: Tensor, layer: int) -> Tensor:
        """Rotates, writes key and value into each row's cache and attends, (b, heads · d)."""
        shape, positions = self.shape, self.inputs[1]
        heads = qkv.unflatten(1, (-1, shape.head_dim))
        rotated, values = heads.split([shape.n_heads + shape.n_kv, shape.n_kv], dim=1)
        cos, sin = shape.cos[positions, None], shape.sin[positions, None]
        rotated = rotated * cos + rotated.roll(shape.head_dim // 2, -1) * sin
        queries, keys = rotated.split([shape.n_heads, shape.n_kv], dim=1)
        out = []
        for row, position in enumerate(positions.tolist()):
            cache = self.caches[row]
            all_keys = cache.keys[layer][:, : position + 1]
            all_values = cache.values[layer][:, : position + 1]
            all_keys[:, position], all_values[:, position] = keys[row], values[row]
            grouped = queries[row].view(1, shape.n_kv, -1, shape.head_dim)
            attended = F.scaled_dot_product_attention(
                grouped, all_keys[None], all_values[None], scale=shape.scale
            )
            out.append(attended.reshape(-1))
        return torch.stack(out)


def _expanded(low_rank: LowRankOut, dtype: torch.dtype) -> Tensor:
    """B u of every part of the output, side by side."""
    n_parts = len(low_rank.ends)
    starts = (0, *low_rank.ends[:-1])
    us = low_rank.u.to(dtype).chunk(n_parts, dim=1)
    return torch.cat(
        [
            torch.bmm(low_rank.lora_B[:, start:end], u[:, :, None])[:, :, 0]
            for start, end, u in zip(starts, low_rank.ends, us, strict=True)
        ],
        dim=1,
    )


class StaticStep:
    """The step for a batch of fixed size.

    Args:
        model: A model of Llama's type.
        layers: Its layers' weights.
        ops: What computes.
        n_rows: Rows of the batch.
        deltas: ΔW buffers, or None for a step without any ΔW.
        spare: A cache for rows that are not used, with room for one token.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        layers: Sequence[Layer],
        ops: TorchOps,
        n_rows: int,
        deltas: DeltaBuffers | None,
        spare: RowCache,
    ) -> None:
        self.n_rows = n_rows
        self._layers = layers
        self._ops = ops
        self._deltas = deltas
        self._spare = spare
        self._embedding = model.get_input_embeddings()
        self._final_norm = model.model.norm
        self._head = Product([model.lm_head])
        self._parts = (
            deltas.first_rows(n_rows) if deltas is not None else [LayerDeltas()] * len(layers)
        )
        device = self._embedding.weight.device
        self.inputs = torch.zeros(4, n_rows, dtype=torch.int64, device=device)

    @property
    def adapted(self) -> bool:
        """Whether it adds ΔW."""
        return self._deltas is not None

    def bind(self, rows: Sequence[StepRow]) -> list[int]:
        """Puts the rows' inputs in place.

        Returns:
            The place of each row in the batch: one that holds its ΔW already where there is one.
        """
        if self._deltas is None:
            places = list(range(len(rows)))
        else:
            wanted = [(row.content, row.delta) for row in rows]
            places = self._deltas.arrange(wanted, self.n_rows)
        of_place = dict(zip(places, rows, strict=True))
        unused = StepRow(0, self._spare)
        taken = [of_place.get(place, unused) for place in range(self.n_rows)]
        # New memory each time: the device may not have read that of the step before yet, and
        # PyTorch gives pinned memory out again only when the copy from it is through.
        staged = torch.tensor(
            [
                [row.token for row in taken],
                [row.cache.length for row in taken],
                [row.cache.address for row in taken],
                [row.cache.capacity for row in taken],
            ],
            pin_memory=self.inputs.is_cuda,
        )
        self.inputs.copy_(staged, non_blocking=True)
        self._ops.bind(self.inputs)
        self._ops.caches = [row.cache for row in taken]
        return places

    def release(self) -> None:
        """Lets the caches of the rows go, which would stay as long as the step otherwise."""
        self._ops.caches = ()

    def run(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (b, vocabulary), the highest of each row (b,) and its token (b,)."""
        ops = self._ops
        ops.bind(self.inputs)
        x = F.embedding(self.inputs[0], self._embedding.weight)
        for index, (layer, deltas) in enumerate(zip(self._layers, self._parts, strict=True)):
            inner = ops.norm(x, layer.norm_in, deltas.qkv_in)
            qkv = ops.product(layer.qkv, inner, deltas.qkv_out)
            attended = ops.attention(qkv, index)
            ops.low_rank(attended, deltas.o_in)
            x = ops.product(layer.o, attended, deltas.o_out, x)
            inner = ops.norm(x, layer.norm_mlp, deltas.inner_in)
            middle = ops.gated(layer.gate_up, inner, deltas.gate_up_out)
            ops.low_rank(middle, deltas.down_in)
            x = ops.product(layer.down, middle, deltas.down_out, x)
        logits = self._head(ops.norm(x, self._final_norm, None, last=True))
        highest, best = logits.max(dim=-1)
        return logits, highest, best


def shape_of(model: "PreTrainedModel", forward: LlamaForward) -> Shape:
    """Sizes of a model and its rotary tables."""
    config, attention = model.config, model.model.layers[0].self_attn
    cos, sin = forward.rotary
    return Shape(
        n_layers=int(config.num_hidden_layers),
        n_heads=int(config.num_attention_heads),
        n_kv=int(config.num_key_value_heads),
        head_dim=int(attention.head_dim),
        scale=float(attention.scaling),
        cos=cos,
        sin=sin,
    )
