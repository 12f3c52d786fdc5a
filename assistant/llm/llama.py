"""A forward pass for models of Llama's type, over the packed tokens of several conversations.

    tokens of row 1 │ row 2 │ …  (n, h) ─► norm ─► q k v in one product ─► rotary
         ▲                                          │ per row: its own cache, its own length
         │                                          ▼
         └── layers ◄── gate and up in one product ◄─ o ◄─ attention

Equal to the forward of `transformers` up to rounding. It is faster because a new token is written
into a cache that is there already, products that read the same input are one, and nothing is built
per call that can be built once. Rows share the products and nothing else: attention runs per row
over the row's own tokens, so who else is in the batch does not change what a row attends to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from assistant.adapters.lora import AdaptedLinear
from assistant.adapters.packed import SiteGroup, TokenDeltas
from assistant.adapters.xlora.experts import ExpertStep
from assistant.llm.kv import CacheShape, RowCache
from assistant.llm.load import cache_obstacle
from assistant.llm.products import Product

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel

# Pre-norm blocks with rotary positions over the whole head and a gated SiLU MLP, nothing else.
_TYPES = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"}


@dataclass(frozen=True)
class Span:
    """The next `n_tokens` tokens of one row."""

    cache: RowCache
    n_tokens: int


def obstacle(model: "PreTrainedModel") -> str:
    """Why this forward cannot run the model; empty when it can."""
    if type(model).__name__ not in _TYPES:
        return f"{type(model).__name__} is not of Llama's type"
    if reason := cache_obstacle(model.config):
        return reason
    if model.config.hidden_act != "silu":
        return f"its activation is {model.config.hidden_act}"
    names = {m.site for m in model.modules() if isinstance(m, AdaptedLinear)}
    other = sorted(names - {name for group in site_groups(model) for name in group.names})
    return f"an adapter changes {other[0]}" if other else ""


def site_groups(model: "PreTrainedModel") -> list[SiteGroup]:
    """Where the model takes ΔW and experts, layer by layer."""
    return [group for layer in range(len(model.model.layers)) for group in _groups(model, layer)]


def _groups(model: "PreTrainedModel", index: int) -> list[SiteGroup]:
    layer, prefix = model.model.layers[index], f"model.layers.{index}"
    attention, mlp = layer.self_attn, layer.mlp
    parts: list[tuple[str, dict[str, nn.Module]]] = [
        ("self_attn.", {n: getattr(attention, n) for n in ("q_proj", "k_proj", "v_proj")}),
        ("self_attn.", {"o_proj": attention.o_proj}),
        ("mlp.", {n: getattr(mlp, n) for n in ("gate_proj", "up_proj")}),
        ("mlp.", {"down_proj": mlp.down_proj}),
    ]
    groups = [
        SiteGroup(
            tuple(f"{prefix}.{where}{name}" for name in modules),
            next(iter(modules.values())).in_features,
            tuple(module.out_features for module in modules.values()),
        )
        for where, modules in parts
    ]
    width = model.config.hidden_size
    return [*groups, SiteGroup((f"{prefix}.mlp",), width, (width,))]


class _Layer:
    """One layer's weights, where the pass reads them."""

    def __init__(self, model: "PreTrainedModel", index: int) -> None:
        layer = model.model.layers[index]
        attention = layer.self_attn
        mlp = layer.mlp.base if isinstance(layer.mlp, AdaptedLinear) else layer.mlp
        self.norm_in, self.norm_mlp = layer.input_layernorm, layer.post_attention_layernorm
        self.qkv = Product([attention.q_proj, attention.k_proj, attention.v_proj])
        self.o = Product([attention.o_proj])
        self.gate_up = Product([mlp.gate_proj, mlp.up_proj])
        self.down = Product([mlp.down_proj])
        self.at_qkv, self.at_o, self.at_gate_up, self.at_down, self.at_mlp = _groups(model, index)


class LlamaForward:
    """The forward pass of one model. It holds no state of a step.

    Args:
        model: A model without an `obstacle`; weights of fused products become views of one matrix.
        context: Longest sequence.
    """

    def __init__(self, model: "PreTrainedModel", context: int) -> None:
        config = model.config
        self._layers = [_Layer(model, index) for index in range(config.num_hidden_layers)]
        self._final_norm = model.model.norm
        self._head = Product([model.lm_head])
        self.groups = site_groups(model)
        attention = model.model.layers[0].self_attn
        self._scale = float(attention.scaling)
        self._d = int(attention.head_dim)
        self._n_kv = int(config.num_key_value_heads)
        self._n_heads = int(config.num_attention_heads)
        weight = model.get_input_embeddings().weight
        self.like = weight.data
        self._cos, self._sin = self._rotary(model, context, weight)
        self._shape = CacheShape(
            len(self._layers), self._n_kv, self._d, weight.dtype, weight.device
        )

    @torch.no_grad()
    def _rotary(
        self, model: "PreTrainedModel", context: int, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        positions = torch.arange(context, device=weight.device)[None]
        cos, sin = model.model.rotary_emb(weight[:1], positions)
        # Rotating swaps the halves and negates the first: the sign goes into the table.
        sign = torch.ones_like(sin)
        sign[..., : self._d // 2] = -1
        return cos[0, :, None].contiguous(), (sin * sign)[0, :, None].contiguous()

    @property
    def rotary(self) -> tuple[Tensor, Tensor]:
        """Cosine and sine of every position, (context, d); the sine has the rotation's sign."""
        return self._cos[:, 0], self._sin[:, 0]

    def new_cache(self) -> RowCache:
        """An empty cache for one row."""
        return RowCache(self._shape)

    @torch.inference_mode()
    def hidden(
        self,
        embeds: Tensor,
        spans: Sequence[Span],
        deltas: TokenDeltas | None = None,
        experts: ExpertStep | None = None,
    ) -> Tensor:
        """Hidden states after the final norm.

        Args:
            embeds: Packed embeddings, the tokens of the first span first, (n, h).
            spans: The rows; their caches grow by their tokens once the pass is through.
            deltas: ΔW of each token.
            experts: Experts with the scalings of each token, planned for (1, n, …).
        """
        adapters = _Adapters(deltas, experts)
        for span in spans:
            span.cache.reserve(span.n_tokens)
        rows = _Rows(spans, self._n_heads // self._n_kv, embeds.device)
        cos, sin = self._cos[rows.positions], self._sin[rows.positions]
        x = embeds
        for index, layer in enumerate(self._layers):
            inner = _norm(layer.norm_in, x)
            qkv = adapters.add(layer.qkv(inner), inner, layer.at_qkv)
            attended = self._attention(qkv, cos, sin, rows, index)
            x = x + adapters.add(layer.o(attended), attended, layer.at_o)
            inner = _norm(layer.norm_mlp, x)
            x = x + self._mlp(inner, layer, adapters)
        for span in spans:
            span.cache.length += span.n_tokens
        return _norm(self._final_norm, x)

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, h)."""
        return self._head(hidden)

    def _mlp(self, inner: Tensor, layer: _Layer, adapters: "_Adapters") -> Tensor:
        gate_up = adapters.add(layer.gate_up(inner), inner, layer.at_gate_up)
        gate, up = gate_up.chunk(2, dim=-1)
        middle = F.silu(gate).mul_(up)
        y = adapters.add(layer.down(middle), middle, layer.at_down)
        return adapters.add(y, inner, layer.at_mlp)

    def _attention(
        self, qkv: Tensor, cos: Tensor, sin: Tensor, rows: "_Rows", layer: int
    ) -> Tensor:
        n, n_rotated = qkv.shape[0], self._n_heads + self._n_kv
        heads = qkv.view(n, -1, self._d)
        rotated, values = heads[:, :n_rotated], heads[:, n_rotated:]
        rotated = torch.addcmul(rotated * cos, rotated.roll(self._d // 2, -1), sin)
        queries, keys = rotated[:, : self._n_heads], rotated[:, self._n_heads :]
        parts = [
            self._attend(row, queries[row.part], keys[row.part], values[row.part], layer)
            for row in rows.rows
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _attend(
        self, row: "_Row", queries: Tensor, keys: Tensor, values: Tensor, layer: int
    ) -> Tensor:
        """Attention of one row, (n, heads, d) -> (n, heads · d).

        The query heads that share a key-value head stand below each other as queries, so keys are
        never repeated.
        """
        n = queries.shape[0]
        all_keys = row.cache.keys[layer][:, : row.end]
        all_values = row.cache.values[layer][:, : row.end]
        all_keys[:, row.start :] = keys.transpose(0, 1)
        all_values[:, row.start :] = values.transpose(0, 1)
        if n == 1:
            grouped = queries.view(1, self._n_kv, -1, self._d)
        else:
            grouped = queries.unflatten(1, (self._n_kv, -1)).permute(1, 2, 0, 3).flatten(1, 2)[None]
        out = F.scaled_dot_product_attention(
            grouped, all_keys[None], all_values[None], attn_mask=row.mask, scale=self._scale
        )
        if n == 1:
            return out.reshape(1, -1)
        return out[0].unflatten(1, (-1, n)).permute(2, 0, 1, 3).reshape(n, -1)


def _norm(norm: nn.Module, x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), norm.weight, norm.variance_epsilon)


@dataclass(frozen=True)
class _Adapters:
    """What is added to the products of a step."""

    deltas: TokenDeltas | None
    experts: ExpertStep | None

    def add(self, y: Tensor, x: Tensor, group: SiteGroup) -> Tensor:
        if self.deltas is not None:
            y = self.deltas.add(y, x, group)
        if self.experts is not None and any(name in self.experts.sites for name in group.names):
            parts = [
                self.experts.add(y[None, :, span].contiguous(), x[None], name)[0]
                for name, span in group.spans
            ]
            y = torch.cat(parts, dim=-1)
        return y


@dataclass(frozen=True)
class _Row:
    """One row in a step: its packed tokens, and where they stand in its cache."""

    cache: RowCache
    part: slice
    start: int
    end: int
    mask: Tensor | None  # (groups · n, end), True where a query sees a key; None for one token


class _Rows:
    """The rows of a step and the position of every packed token."""

    def __init__(self, spans: Sequence[Span], n_groups: int, device: torch.device) -> None:
        self.rows: list[_Row] = []
        positions: list[int] = []
        for span in spans:
            start, end = span.cache.length, span.cache.length + span.n_tokens
            part = slice(len(positions), len(positions) + span.n_tokens)
            positions += range(start, end)
            mask = None
            if span.n_tokens > 1:
                seen = torch.arange(end) <= torch.arange(start, end)[:, None]
                mask = seen.repeat(n_groups, 1).to(device)
            self.rows.append(_Row(span.cache, part, start, end, mask))
        self.positions = torch.tensor(positions, device=device)
