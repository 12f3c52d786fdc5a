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
from assistant.adapters.packed_experts import TokenExperts
from assistant.llm.kv import CacheShape, RowCache
from assistant.llm.load import cache_obstacle
from assistant.llm.plan import PLAIN, ProductPlan
from assistant.llm.products import Product, activation_type
from assistant.llm.spans import Rows, Run, Span

if TYPE_CHECKING:  # its import costs seconds
    from transformers import PreTrainedModel

# Pre-norm blocks with rotary positions over the whole head and a gated SiLU MLP, nothing else.
_TYPES = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM"}


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


class Norm:
    """RMS norm in four operations: w · √h · x / √(|x|² + h · eps), which `hypot` gives at once.

    PyTorch's own takes nine on a processor. Types under 32 bit keep it: it computes them in 32.

    Args:
        norm: The model's.
        dtype: Of the activations; by default the type of the norm's weight.
    """

    def __init__(self, norm: nn.Module, dtype: torch.dtype | None = None) -> None:
        self._norm = norm
        weight = norm.weight.data.to(dtype or norm.weight.dtype)
        h = weight.shape[0]
        self._scaled = weight * h**0.5 if weight.dtype == torch.float32 else None
        self._eps = weight.new_tensor([(h * norm.variance_epsilon) ** 0.5])

    def __call__(self, x: Tensor) -> Tensor:
        """The normed rows of x (n, h)."""
        if self._scaled is None:
            return F.rms_norm(x, x.shape[-1:], self._norm.weight, self._norm.variance_epsilon)
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        return (x * self._scaled).div_(torch.hypot(length, self._eps))


class _Layer:
    """One layer's weights, where the pass reads them."""

    def __init__(
        self, model: "PreTrainedModel", index: int, plan: ProductPlan, dtype: torch.dtype
    ) -> None:
        layer = model.model.layers[index]
        attention = layer.self_attn
        mlp = layer.mlp.base if isinstance(layer.mlp, AdaptedLinear) else layer.mlp
        self.norm_in = Norm(layer.input_layernorm, dtype)
        self.norm_mlp = Norm(layer.post_attention_layernorm, dtype)
        self.qkv = Product([attention.q_proj, attention.k_proj, attention.v_proj], plan)
        self.o = Product([attention.o_proj], plan)
        self.gate_up = Product([mlp.gate_proj, mlp.up_proj], plan)
        self.down = Product([mlp.down_proj], plan)
        self.at_qkv, self.at_o, self.at_gate_up, self.at_down, self.at_mlp = _groups(model, index)


class LlamaForward:
    """The forward pass of one model. It holds no state of a step.

    Args:
        model: A model without an `obstacle`; weights of fused products become views of one matrix.
        context: Longest sequence.
        plan: How float matrices are multiplied with.
    """

    def __init__(self, model: "PreTrainedModel", context: int, plan: ProductPlan = PLAIN) -> None:
        config = model.config
        weight = model.get_input_embeddings().weight
        dtype = activation_type(plan, weight.dtype)
        self._layers = [
            _Layer(model, index, plan, dtype) for index in range(config.num_hidden_layers)
        ]
        self._final_norm = Norm(model.model.norm, dtype)
        # Logits of 16 bit would be equal where they are not, and the first of them be taken.
        self._head = Product([model.lm_head], plan, exact=True)
        self.groups = site_groups(model)
        attention = model.model.layers[0].self_attn
        self._scale = float(attention.scaling)
        self._d = int(attention.head_dim)
        self._n_kv = int(config.num_key_value_heads)
        self._n_heads = int(config.num_attention_heads)
        self.like = torch.empty(0, dtype=dtype, device=weight.device)
        like = weight[:1].to(dtype)
        self._cos, self._sin = self._rotary(model, context, like)
        self._shape = CacheShape(len(self._layers), self._n_kv, self._d, dtype, weight.device)

    @torch.no_grad()
    def _rotary(
        self, model: "PreTrainedModel", context: int, like: Tensor
    ) -> tuple[Tensor, Tensor]:
        positions = torch.arange(context, device=like.device)[None]
        cos, sin = model.model.rotary_emb(like, positions)
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
        experts: TokenExperts | None = None,
    ) -> Tensor:
        """Hidden states after the final norm.

        Args:
            embeds: Packed embeddings, the tokens of the first span first, (n, h).
            spans: The rows; their caches grow by their tokens once the pass is through.
            deltas: ΔW of each token.
            experts: Experts with the scalings of each token.
        """
        adapters = _Adapters(deltas, experts)
        for span in spans:
            span.cache.reserve(span.n_tokens)
        rows = Rows(spans, self._n_heads // self._n_kv, self.like)
        cos, sin = self._cos[rows.positions], self._sin[rows.positions]
        x = embeds.to(self.like.dtype)
        for index, layer in enumerate(self._layers):
            inner = layer.norm_in(x)
            qkv = adapters.add(layer.qkv(inner), inner, layer.at_qkv)
            attended = self._attention(qkv, cos, sin, rows, index)
            x = adapters.add(layer.o.added_to(x, attended), attended, layer.at_o)
            inner = layer.norm_mlp(x)
            x = self._mlp_added_to(x, inner, layer, adapters)
        for span in spans:
            span.cache.length += span.n_tokens
        return self._final_norm(x)

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (n, vocabulary) of hidden states (n, h)."""
        return self._head(hidden)

    def _mlp_added_to(
        self, x: Tensor, inner: Tensor, layer: _Layer, adapters: "_Adapters"
    ) -> Tensor:
        gate_up = adapters.add(layer.gate_up(inner), inner, layer.at_gate_up)
        gate, up = gate_up.chunk(2, dim=-1)
        middle = F.silu(gate).mul_(up)
        x = adapters.add(layer.down.added_to(x, middle), middle, layer.at_down)
        return adapters.add(x, inner, layer.at_mlp)

    def _attention(self, qkv: Tensor, cos: Tensor, sin: Tensor, rows: Rows, layer: int) -> Tensor:
        n, n_rotated = qkv.shape[0], self._n_heads + self._n_kv
        heads, values = qkv.view(n, -1, self._d).split_with_sizes((n_rotated, self._n_kv), 1)
        rotated = torch.addcmul(heads * cos, heads.roll(self._d // 2, -1), sin)
        queries, keys = rotated.split_with_sizes((self._n_heads, self._n_kv), 1)
        if len(rows.runs) == 1:
            parts = self._attend(rows.runs[0], queries, keys, values, layer)
        else:
            sizes = [run.n_tokens for run in rows.runs]
            shares = zip(*(x.split_with_sizes(sizes) for x in (queries, keys, values)), strict=True)
            parts = [
                part
                for run, share in zip(rows.runs, shares, strict=True)
                for part in self._attend(run, *share, layer)
            ]
        return (parts[0] if len(parts) == 1 else torch.cat(parts)).reshape(n, -1)

    def _attend(
        self, run: Run, queries: Tensor, keys: Tensor, values: Tensor, layer: int
    ) -> list[Tensor]:
        """Attention of some rows, (tokens, heads, d) -> parts (tokens, kv heads, groups, d)."""
        attend = self._attend_one_each if run.one_each else self._attend_several
        return attend(run, queries, keys, values, layer)

    def _attend_one_each(
        self, run: Run, queries: Tensor, keys: Tensor, values: Tensor, layer: int
    ) -> list[Tensor]:
        """Attention of rows with one token each; a list of (1, kv heads, groups, d).

        The query heads that share a key-value head stand below each other as queries, so keys are
        never repeated.
        """
        n, out = len(run.rows), []
        queries_of = queries.view(n, 1, self._n_kv, -1, self._d).unbind()
        keys_of = keys.view(n, 1, self._n_kv, 1, self._d).unbind()
        values_of = values.view(n, 1, self._n_kv, 1, self._d).unbind()
        for row, query, key, value in zip(run.rows, queries_of, keys_of, values_of, strict=True):
            row.new_keys[layer].copy_(key)
            row.new_values[layer].copy_(value)
            out.append(
                F.scaled_dot_product_attention(
                    query, row.keys[layer], row.values[layer], scale=self._scale
                )
            )
        return out

    def _attend_several(
        self, run: Run, queries: Tensor, keys: Tensor, values: Tensor, layer: int
    ) -> list[Tensor]:
        """Attention of one row with n tokens, as one (n, kv heads, groups, d)."""
        row, n = run.rows[0], run.n_tokens
        row.new_keys[layer].copy_(keys.transpose(0, 1))
        row.new_values[layer].copy_(values.transpose(0, 1))
        grouped = queries.unflatten(1, (self._n_kv, -1)).permute(1, 2, 0, 3).flatten(1, 2)[None]
        out = F.scaled_dot_product_attention(
            grouped, row.keys[layer], row.values[layer], attn_mask=row.mask, scale=self._scale
        )
        return [out[0].unflatten(1, (-1, n)).permute(2, 0, 1, 3)]


@dataclass(frozen=True)
class _Adapters:
    """What is added to the products of a step."""

    deltas: TokenDeltas | None
    experts: TokenExperts | None

    def add(self, y: Tensor, x: Tensor, group: SiteGroup) -> Tensor:
        if self.deltas is not None:
            y = self.deltas.add_(y, x, group)
        return y if self.experts is None else self.experts.add_(y, x, group)
