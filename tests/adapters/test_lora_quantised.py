"""Tests of ΔW on 4-bit and 8-bit layers: same formula, gradients, base untouched."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.adapters.lora import step_adapters, wrap
from assistant.adapters.packed import PackedDeltas, TokenDeltas
from assistant.adapters.sites import find_sites
from assistant.llm import compute
from assistant.llm.llama import LlamaForward, Span
from assistant.llm.load import LoadedLLM, Quantize, load_llm
from tests.llm.fakes import make_deltas, make_tokenizer

IDS = torch.tensor([[7, 8, 9, 10, 11, 12]])
SEGMENTS = torch.tensor([[0, 0, 1, 1, 2, 2]])


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(target)
    make_tokenizer().save_pretrained(target)
    return target


def load(directory: Path, quantize: Quantize = "4bit") -> LoadedLLM:
    loaded = load_llm(directory, quantize=quantize, device="cpu", pick_fastest=False)
    wrap(loaded.model, find_sites(loaded.model))
    return loaded


@pytest.mark.parametrize("quantize", ["4bit", "8bit"])
def test_slot_zero_and_zero_B_are_exactly_the_quantised_base(directory, quantize):
    model = load(directory, quantize).model
    deltas = make_deltas(model, 2)
    with torch.no_grad():
        base = model(IDS).logits
        with step_adapters(deltas, SEGMENTS):
            adapted = model(IDS).logits
        with step_adapters(make_deltas(model, 2, zero_B=True), SEGMENTS):
            assert torch.equal(model(IDS).logits, base)
    assert torch.equal(adapted[0, :2], base[0, :2])
    assert not torch.allclose(adapted[0, 2:], base[0, 2:], atol=0.05)


def test_deltas_on_4bit_equal_deltas_on_the_same_values_dequantised(directory):
    quantised, plain = load(directory).model, load(directory).model
    compute.dequantise(plain, torch.float32)
    deltas = make_deltas(plain, 2)
    with torch.no_grad(), step_adapters(deltas, SEGMENTS):
        # bf16 products against float32 ones: 8 bits of mantissa over two layers.
        torch.testing.assert_close(
            quantised(IDS).logits.float(), plain(IDS).logits, atol=0.05, rtol=0.05
        )


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_generator_can_be_trained_through_4bit_layers(directory, evaluated, monkeypatch):
    """Also after an evaluation, on a processor where its first pass would repack the weights."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    model = load(directory).model
    if evaluated:
        with torch.no_grad():
            model(IDS)
    exact = load(directory).model
    compute.dequantise(exact, torch.float32)
    gradients = []
    for each in (model, exact):
        deltas = make_deltas(exact, 2)
        tensors = [t for part in deltas[0].values() for t in (part.lora_A, part.lora_B)]
        for tensor in tensors:
            tensor.requires_grad_(True)
        with step_adapters(deltas, SEGMENTS):
            each(IDS).logits.float().square().mean().backward()
        gradients.append([tensor.grad.float() for tensor in tensors])
    for mine, right in zip(*gradients, strict=True):
        cosine = torch.cosine_similarity(mine.flatten(), right.flatten(), dim=0)
        assert cosine > 0.99


@pytest.mark.parametrize("quantize", ["4bit", "8bit"])
def test_the_packed_forward_runs_quantised_layers_too(directory, quantize):
    """Half precision rounds at other places, so the difference is held against that of a ΔW."""
    llm = load(directory, quantize)
    deltas = make_deltas(llm.model, 2)
    forward = LlamaForward(llm.model, 64)
    embeds = llm.model.get_input_embeddings()(IDS)
    with torch.inference_mode():
        base = llm.model(inputs_embeds=embeds).logits[0].float()
        with step_adapters(deltas, SEGMENTS):
            expected = llm.model(inputs_embeds=embeds).logits[0].float()
        packed = PackedDeltas.pack(deltas, forward.groups, forward.like)
        places = tuple((SEGMENTS[0] - 1).tolist())
        cache = forward.new_cache()
        parts = [
            forward.hidden(embeds[0, start:end], [Span(cache, end - start)], part)
            for start, end, part in (
                (0, 4, TokenDeltas(packed, places[:4])),
                (4, 6, TokenDeltas(packed, places[4:])),
            )
        ]
        found = forward.logits(torch.cat(parts)).float()
    rounding = (found - expected).abs().max()
    assert rounding < 0.1 * (expected - base)[SEGMENTS[0] > 0].abs().max()
    assert rounding < 0.1
