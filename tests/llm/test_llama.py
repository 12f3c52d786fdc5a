"""Tests of the packed forward: equal to the stock forward, alone and beside other rows."""

import copy

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from assistant.adapters.lora import AdapterStep, running, step_adapters, wrap
from assistant.adapters.packed import PackedDeltas, TokenDeltas, refuse_misfits
from assistant.adapters.packed_experts import PackedExperts
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LoraWeights, LowRank
from assistant.adapters.xlora.gate import applied_scalings
from assistant.errors import BundleError
from assistant.llm.compute import lay_by_columns
from assistant.llm.llama import LlamaForward, Norm, Span, obstacle, site_groups
from assistant.llm.plan import PLAIN, ProductPlan
from assistant.llm.products import can_prepack
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.fakes import make_deltas, make_model

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}


def stock(model: PreTrainedModel, embeds: Tensor) -> Tensor:
    with torch.no_grad():
        return model(inputs_embeds=embeds[None]).logits[0]


def packed(
    forward: LlamaForward,
    rows: list[Tensor],
    sizes: list[int],
    deltas: list[int] | None = None,
    packed_deltas: PackedDeltas | None = None,
) -> list[Tensor]:
    """Logits of each row, its tokens taken in parts of the given sizes, all rows side by side."""
    caches = [forward.new_cache() for _ in rows]
    out: list[list[Tensor]] = [[] for _ in rows]
    done = [0] * len(rows)
    while any(n < len(row) for n, row in zip(done, rows, strict=True)):
        active = [i for i, row in enumerate(rows) if done[i] < len(row)]
        parts = [rows[i][done[i] : done[i] + sizes[i]] for i in active]
        spans = [Span(caches[i], len(part)) for i, part in zip(active, parts, strict=True)]
        step = None
        if packed_deltas is not None and deltas is not None:
            places = [deltas[i] for i, part in zip(active, parts, strict=True) for _ in part]
            step = TokenDeltas(packed_deltas, tuple(places))
        logits = forward.logits(forward.hidden(torch.cat(parts), spans, step))
        for i, part in zip(active, logits.split([len(p) for p in parts]), strict=True):
            out[i].append(part)
            done[i] += len(part)
    return [torch.cat(parts) for parts in out]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (LlamaConfig(**SIZES), LlamaForCausalLM),
        (LlamaConfig(**SIZES, head_dim=16, tie_word_embeddings=True), LlamaForCausalLM),
        (
            LlamaConfig(
                **SIZES,
                attention_bias=True,
                mlp_bias=True,
                rope_parameters={
                    "rope_type": "llama3",
                    "rope_theta": 10000.0,
                    "factor": 8.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 32,
                },
            ),
            LlamaForCausalLM,
        ),
        (MistralConfig(**SIZES, sliding_window=None), MistralForCausalLM),
        (Qwen2Config(**SIZES), Qwen2ForCausalLM),
    ],
    ids=["llama", "wide heads, tied", "biases, llama3 rope", "mistral", "qwen2"],
)
@pytest.mark.parametrize("plan", [PLAIN, ProductPlan(1), ProductPlan(2)], ids=str)
def test_equals_the_stock_forward_in_any_parts_and_company(config, kind, plan):
    if plan.packed_from and not can_prepack(torch.float32):
        pytest.skip("this build has no products in oneDNN's order")
    torch.manual_seed(0)
    model = kind(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "norm" in name:
            nn.init.normal_(parameter, mean=1.0 if "norm" in name else 0.0, std=0.3)
    rows = [torch.randn(n, 32) for n in (11, 1, 23)]
    expected = [stock(model, row) for row in rows]
    assert obstacle(model) == ""
    forward = LlamaForward(model, 64, plan)
    for sizes in ([11, 1, 23], [1, 1, 1], [4, 1, 7]):
        for found, right in zip(packed(forward, rows, sizes), expected, strict=True):
            torch.testing.assert_close(found, right, atol=1e-4, rtol=1e-4)
    # The weights of the model became views of the joined ones; it still computes the same.
    torch.testing.assert_close(stock(model, rows[0]), expected[0])


@pytest.mark.parametrize("packed_from", [None, 1])
def test_wide_activations_round_less_than_a_model_of_16_bit(packed_from):
    """Against the same 16-bit matrices in exact arithmetic; logits come in 32 bit."""
    if packed_from and not can_prepack(torch.bfloat16):
        pytest.skip("this build has no products in oneDNN's order")
    torch.manual_seed(4)
    model = make_model().bfloat16()
    wrap(model, find_sites(model))
    rows = [torch.randn(n, 64).bfloat16() for n in (9, 1, 14)]
    deltas = make_deltas(model, 2)
    slots = [0, -1, 1]
    index = [torch.full((1, len(row)), slot + 1) for row, slot in zip(rows, slots, strict=True)]
    exact = copy.deepcopy(model).float()
    forward = LlamaForward(model, 64, ProductPlan(packed_from, wide=True))
    step = PackedDeltas.pack(deltas, forward.groups, forward.like)
    found = packed(forward, rows, [4, 1, 1], slots, step)
    for row, slots_of, logits in zip(rows, index, found, strict=True):
        assert logits.dtype == torch.float32
        with step_adapters(deltas, slots_of):
            right = stock(exact, row.float())
            rounded = stock(model, row).float()
        off = torch.linalg.vector_norm(logits - right)
        assert off < 0.75 * torch.linalg.vector_norm(rounded - right)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [0.0, 1e-5, 1.0, 1e4])
def test_the_norm_is_that_of_the_model(dtype, scale):
    torch.manual_seed(3)
    norm = LlamaRMSNorm(48, eps=1e-5).to(dtype)
    nn.init.normal_(norm.weight)
    x = (torch.randn(7, 48) * scale).to(dtype)
    with torch.no_grad():
        torch.testing.assert_close(Norm(norm)(x), norm(x))


@pytest.mark.parametrize("by_columns", [False, True])
def test_joining_weights_twice_keeps_one_copy(by_columns):
    torch.manual_seed(2)
    model = make_model()
    row = torch.randn(5, 64)
    expected = stock(model, row)
    if by_columns:
        lay_by_columns(model)
    forward = LlamaForward(model, 64)
    assert (model.model.layers[0].self_attn.k_proj.weight.stride(0) == 1) == by_columns
    torch.testing.assert_close(packed(forward, [row], [2])[0], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(stock(model, row), expected, atol=1e-4, rtol=1e-4)
    before = model.model.layers[0].self_attn.k_proj.weight.data_ptr()
    LlamaForward(model, 64)
    assert model.model.layers[0].self_attn.k_proj.weight.data_ptr() == before
    storages = {
        getattr(model.model.layers[0].self_attn, name).weight.untyped_storage().data_ptr()
        for name in ("q_proj", "k_proj", "v_proj")
    }
    assert len(storages) == 1


def test_each_row_runs_under_its_own_delta():
    model = make_model()
    wrap(model, find_sites(model))
    deltas = make_deltas(model, 2)
    own_B = make_deltas(model, 1, rank=3, seed=8)[0]  # another B and rank: a static LoRA, say
    part_of_it = {name: part for name, part in own_B.items() if "k_proj" in name or "mlp" in name}
    all_deltas: list[LoraWeights] = [*deltas, part_of_it]
    forward = LlamaForward(model, 512)
    both = PackedDeltas.pack(all_deltas, forward.groups, forward.like)
    torch.manual_seed(1)
    rows = [torch.randn(n, 64) for n in (5, 9, 6, 7, 3)]
    slots = [0, 1, -1, 2, 0]
    found = packed(forward, rows, [2, 9, 3, 1, 1], slots, both)
    for row, slot, logits in zip(rows, slots, found, strict=True):
        index = torch.full((1, len(row)), slot + 1)
        with step_adapters(all_deltas, index):
            torch.testing.assert_close(logits, stock(model, row), atol=1e-4, rtol=1e-4)


def test_one_delta_for_all_tokens_needs_no_mask():
    model = make_model()
    wrap(model, find_sites(model))
    delta = make_deltas(model, 1)[0]
    forward = LlamaForward(model, 512)
    only = PackedDeltas.pack([delta], forward.groups, forward.like)
    x = torch.randn(6, 64)
    masked = packed(forward, [x], [6], [0], only)[0]
    spans = [Span(forward.new_cache(), 6)]
    plain = forward.logits(forward.hidden(x, spans, TokenDeltas(only, None)))
    torch.testing.assert_close(plain, masked)


def test_a_row_without_delta_is_untouched_by_infinite_weights_beside_it():
    model = make_model()
    wrap(model, find_sites(model))
    delta = make_deltas(model, 1)[0]
    broken = {n: LowRank(p.lora_A * float("inf"), p.lora_B, p.scaling) for n, p in delta.items()}
    forward = LlamaForward(model, 512)
    both = PackedDeltas.pack([broken], forward.groups, forward.like)
    rows = [torch.randn(4, 64), torch.randn(5, 64)]
    found = packed(forward, rows, [4, 5], [-1, 0], both)
    torch.testing.assert_close(found[0], stock(model, rows[0]), atol=1e-4, rtol=1e-4)
    assert not found[1].isfinite().all()


def test_experts_apply_per_token():
    model = make_model()
    mixture = make_mixture(model, top_k_lora=2)
    wrap(model, find_sites(model))
    deltas = make_deltas(model, 1)
    forward = LlamaForward(model, 512)
    torch.manual_seed(2)
    x = torch.randn(6, 64)
    scalings = torch.rand(6, mixture.n_rows, 3)
    experts = mixture.step(scalings[None])
    packed_experts = PackedExperts.pack(mixture.bank, forward.groups, forward.like)
    own = packed_experts.scaled(applied_scalings(scalings[None], mixture.config)[0])
    step = TokenDeltas(PackedDeltas.pack(deltas, forward.groups, forward.like), None)
    found = forward.logits(forward.hidden(x, [Span(forward.new_cache(), 6)], step, own))
    plan = AdapterStep.plan(deltas, torch.ones(1, 6, dtype=torch.long))
    with running(plan, experts):
        torch.testing.assert_close(found, stock(model, x), atol=1e-4, rtol=1e-4)


def test_a_failed_pass_leaves_the_caches_as_they_were():
    model = make_model()
    forward = LlamaForward(model, 512)
    cache = forward.new_cache()
    forward.hidden(torch.randn(3, 64), [Span(cache, 3)])
    with pytest.raises(RuntimeError):
        forward.hidden(torch.randn(3, 60), [Span(cache, 3)])
    assert cache.length == 3


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            GemmaForCausalLM(GemmaConfig(**SIZES, head_dim=8)),
            "GemmaForCausalLM is not of Llama's type",
        ),
        (MistralForCausalLM(MistralConfig(**SIZES, sliding_window=16)), "sliding"),
        (LlamaForCausalLM(LlamaConfig(**SIZES, hidden_act="gelu")), "gelu"),
    ],
)
def test_other_models_are_left_to_the_stock_forward(model, reason):
    assert reason in obstacle(model)


def test_an_adapter_outside_the_layers_is_left_to_the_stock_forward():
    model = make_model()
    wrap(model, ["lm_head"])
    assert "lm_head" in obstacle(model)


def test_adapters_that_do_not_fit_are_refused_with_the_reason():
    model = make_model()
    groups = site_groups(model)
    name = "model.layers.0.self_attn.k_proj"
    good = LowRank(torch.ones(2, 64), torch.ones(32, 2))
    refuse_misfits({name: good}, groups)
    with pytest.raises(BundleError, match="does not have"):
        refuse_misfits({"model.layers.9.mlp": good}, groups)
    with pytest.raises(BundleError, match=r"64 -> 48 wide.*needs 64 -> 32"):
        refuse_misfits({name: LowRank(torch.ones(2, 64), torch.ones(48, 2))}, groups)
    with pytest.raises(BundleError, match="not finite"):
        refuse_misfits({name: LowRank(torch.full((2, 64), torch.nan), torch.ones(32, 2))}, groups)
