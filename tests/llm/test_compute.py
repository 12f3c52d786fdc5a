"""Tests of the choice among the ways to compute with NF4 values."""

import copy

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from assistant.errors import BundleError
from assistant.llm import compute
from assistant.llm.llama import LlamaForward
from assistant.llm.plan import FLOAT_WAYS, PLAIN, ProductPlan, Way
from assistant.llm.products import Product, activation_type, can_prepack
from assistant.llm.timing import FORMATS
from tests.adapters.architectures import load


@pytest.fixture
def nf4_model() -> PreTrainedModel:
    """A model of Llama's type before its way to compute is settled."""
    return copy.deepcopy(load("llama", "4bit"))


def stub_times(monkeypatch: pytest.MonkeyPatch, seconds: dict[Way, float]) -> None:
    monkeypatch.setattr(compute, "time_ways", lambda *_: dict(seconds))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Way("bf16", packed_from=1), Way("fp32", by_columns=True)),
        (Way("bf16", packed_from=2), Way("bf16", packed_from=1)),
        (Way("fp32"), Way("fp32", by_columns=True)),
    ],
    ids=str,
)
def test_ways_that_are_nearly_as_fast_do_not_take_turns(nf4_model, monkeypatch, one, other):
    chosen = []
    for faster, slower in ((one, other), (other, one)):
        seconds = {Way("nf4"): 2.0, faster: 1.0, slower: 1.25}
        stub_times(monkeypatch, seconds)
        chosen.append(compute.settle(copy.deepcopy(nf4_model), "4bit"))
    assert chosen[0] == chosen[1]


def test_a_way_that_is_clearly_faster_is_taken_whatever_comes_first(nf4_model, monkeypatch):
    slow, fast = FLOAT_WAYS[0], FLOAT_WAYS[-1]
    stub_times(monkeypatch, {slow: 1.5, fast: 1.0, Way("nf4"): 1.5})
    assert compute.settle(nf4_model, "4bit") == (fast.words, fast.plan)


def test_a_way_is_found_again_by_its_words_and_taken_without_timing(nf4_model, monkeypatch):
    monkeypatch.setattr(compute, "time_ways", None)
    assert len({way.words for way in FLOAT_WAYS}) == len(FLOAT_WAYS) == 10
    for way in FLOAT_WAYS:
        assert Way.of_words(way.words) == way
        if way.packed_from is None or can_prepack(FORMATS[way.form]):
            chosen = compute.settle(copy.deepcopy(nf4_model), "4bit", wanted=way)
            assert chosen == (way.words, way.plan)
    assert Way.of_words("NF4 values, computed in bf16") is None


def test_a_way_that_this_build_has_not_becomes_the_fastest_of_its_type(nf4_model, monkeypatch):
    monkeypatch.setattr(compute, "can_prepack", lambda dtype: False)
    seconds = {Way("fp32"): 2.0, Way("fp32", by_columns=True): 1.0, Way("bf16"): 0.1}
    stub_times(monkeypatch, seconds)
    words, _ = compute.settle(nf4_model, "4bit", wanted=Way("fp32", packed_from=1))
    assert words == Way("fp32", by_columns=True).words


def test_what_was_asked_for_is_taken_or_refused_without_timing(nf4_model, monkeypatch):
    monkeypatch.setattr(compute, "time_ways", None)
    with pytest.raises(BundleError, match="--compute nf4 needs weights in 4 bit"):
        compute.settle(nf4_model, "none", wanted="nf4")
    assert compute.settle(nf4_model, "4bit", wanted="nf4") == ("NF4 kernel, fp32", PLAIN)
    assert len(compute.four_bit_layers(nf4_model)) == 14


def test_on_a_gpu_stored_nf4_without_quantisation_is_dequantised_without_timing(
    nf4_model, monkeypatch
):
    monkeypatch.setattr(compute, "time_ways", None)
    monkeypatch.setattr(type(nf4_model), "device", torch.device("cuda:0"))
    values = {n: compute.weight_of(m, torch.float32) for n, m in compute.four_bit_layers(nf4_model)}
    assert compute.settle(nf4_model, "none") == ("NF4 values, computed in fp32", PLAIN)
    for name, value in values.items():
        assert torch.equal(nf4_model.get_submodule(name).weight, value)


@pytest.mark.parametrize("architecture", ["gemma2", "qwen3"])
def test_a_model_of_another_type_gets_no_plan_that_it_would_not_follow(architecture, monkeypatch):
    """It runs by `transformers`, in the type of its matrices and in no order of its own."""
    packed = Way("bf16", packed_from=1)
    stub_times(monkeypatch, {packed: 1.0, Way("bf16"): 2.0, Way("fp32"): 4.0, Way("nf4"): 4.0})
    plain = (Way("bf16").words, PLAIN)
    assert compute.settle(copy.deepcopy(load(architecture, "4bit")), "4bit") == plain
    again = copy.deepcopy(load(architecture, "4bit"))
    assert compute.settle(again, "4bit", wanted=packed) == plain


def test_dequantised_weights_that_would_fill_the_memory_are_not_chosen(nf4_model, monkeypatch):
    stub_times(monkeypatch, dict.fromkeys(FLOAT_WAYS, 1.0) | {Way("nf4"): 2.0})
    monkeypatch.setattr(compute, "_MEMORY_SHARE", 0.0)
    assert compute.settle(nf4_model, "4bit") == ("NF4 kernel, fp32", PLAIN)


def test_the_heads_second_matrix_counts_as_memory(nf4_model, monkeypatch):
    way = Way("bf16", by_columns=True, packed_from=2)
    n_values = sum(m.in_features * m.out_features for _, m in compute.four_bit_layers(nf4_model))
    n_head = nf4_model.lm_head.weight.numel()
    needed = n_values * 4 + n_head * 8  # 16 bit twice; the head in 32 bit twice
    stub_times(monkeypatch, {way: 1.0, Way("nf4"): 2.0})
    for free, chosen in ((needed - 1, "NF4 kernel, fp32"), (needed, way.words)):
        memory = type("Memory", (), {"available": free / compute._MEMORY_SHARE})
        monkeypatch.setattr(compute.psutil, "virtual_memory", lambda memory=memory: memory)
        assert compute.settle(copy.deepcopy(nf4_model), "4bit")[0] == chosen


@pytest.mark.parametrize(("packed_from", "n_bytes"), [(None, 4), (1, 0), (2, 4)])
def test_a_wide_head_keeps_no_matrix_that_it_never_multiplies_with(packed_from, n_bytes):
    if packed_from and not can_prepack(torch.float32):
        pytest.skip("this build has no products in oneDNN's order")
    torch.manual_seed(0)
    head = nn.Linear(64, 96, bias=False).bfloat16()
    product = Product([head], ProductPlan(packed_from, wide=True), exact=True)
    kept = product._weight
    assert (0 if kept is None else kept.element_size()) == n_bytes
    assert product.is_float
    for n in (1, 5):
        x = torch.randn(n, 64)
        exact = x @ head.weight.detach().float().t()
        torch.testing.assert_close(product(x), exact, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(product.added_to(exact, x), 2 * exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("plan", [PLAIN, ProductPlan(None, wide=True)], ids=str)
def test_caches_hold_the_type_that_the_activations_have(plan):
    model = copy.deepcopy(load("llama", "fp32")).bfloat16()
    cache = LlamaForward(model, 64, plan).new_cache()
    cache.reserve(1)
    assert cache.keys[0].dtype == activation_type(plan, torch.bfloat16)
