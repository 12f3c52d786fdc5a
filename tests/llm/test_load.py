"""Tests of loading: 4-bit and float directories, the choice of compute format, clear errors."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig

from assistant.errors import BundleError
from assistant.llm import compute
from assistant.llm.load import cache_obstacle, load_llm
from assistant.llm.plan import ProductPlan, Way
from assistant.llm.products import can_prepack
from assistant.llm.timing import FORMATS, time_ways
from tests.llm.fakes import make_tokenizer

IDS = torch.tensor([[7, 8, 9, 10, 11, 12]])


@pytest.fixture(scope="module")
def float_directory(tmp_path_factory) -> Path:
    """A model of 4-bit-friendly widths as `save_pretrained` leaves it."""
    directory = tmp_path_factory.mktemp("models") / "tiny-float"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=128,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    make_tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def nf4_directory(float_directory: Path) -> Path:
    """The same model stored in NF4, as the default bundle is."""
    directory = float_directory.with_name("tiny-nf4")
    loaded = load_llm(float_directory, pick_fastest=False)
    loaded.model.save_pretrained(directory)
    loaded.tokenizer.save_pretrained(directory)
    return directory


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits.float()


def test_a_float_directory_is_quantised_to_nf4_on_loading(float_directory):
    loaded = load_llm(float_directory, pick_fastest=False)
    assert loaded.quantisation == "nf4"
    assert loaded.compute_format == "NF4 kernel, bf16"
    assert len(compute.four_bit_layers(loaded.model)) == 14
    quantised = [layer.weight.quant_state for _, layer in compute.four_bit_layers(loaded.model)]
    assert all(state.quant_type == "nf4" and state.nested for state in quantised)
    assert (loaded.context, loaded.name) == (256, "tiny-float")
    assert loaded.supports_cache
    assert loaded.end_ids == {2}
    assert not any(p.requires_grad for p in loaded.model.parameters())


def test_a_stored_nf4_directory_gives_the_logits_it_was_saved_with(float_directory, nf4_directory):
    fresh = load_llm(float_directory, pick_fastest=False)
    stored = load_llm(nf4_directory, pick_fastest=False)
    assert stored.quantisation == "nf4"
    torch.testing.assert_close(logits(stored.model), logits(fresh.model))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_dequantised_layers_hold_the_same_values(nf4_directory, dtype):
    loaded = load_llm(nf4_directory, pick_fastest=False)
    expected = {n: compute.weight_of(m, dtype) for n, m in compute.four_bit_layers(loaded.model)}
    compute.dequantise(loaded.model, dtype)
    assert compute.four_bit_layers(loaded.model) == []
    for name, values in expected.items():
        assert torch.equal(loaded.model.get_submodule(name).weight, values)
    assert {p.dtype for p in loaded.model.parameters()} == {dtype}
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight


def matrices(model: nn.Module) -> list[torch.Tensor]:
    """Float matrices of the blocks, read by rows or by columns."""
    return [m.weight for m in model.model.layers.modules() if type(m) is nn.Linear]


def test_matrices_laid_by_columns_have_the_same_values_and_a_tied_embedding_stays(nf4_directory):
    loaded = load_llm(nf4_directory, pick_fastest=False)
    compute.dequantise(loaded.model, torch.float32)
    before = [weight.clone() for weight in matrices(loaded.model)]
    compute.lay_by_columns(loaded.model)
    assert len(before) == 14
    for weight, values in zip(matrices(loaded.model), before, strict=True):
        assert torch.equal(weight, values)
        assert weight.stride() == (1, len(weight))
    head = loaded.model.lm_head.weight
    assert head is loaded.model.model.embed_tokens.weight
    assert head.is_contiguous()


WAYS = {
    "nf4": Way("nf4"),
    "bf16": Way("bf16"),
    "bf16 packed": Way("bf16", packed_from=1),
    "fp32": Way("fp32"),
    "fp32 by columns, packed for several": Way("fp32", by_columns=True, packed_from=2),
}


@pytest.mark.parametrize("best", WAYS)
def test_the_fastest_way_is_taken_and_named(nf4_directory, monkeypatch, best):
    way = WAYS[best]
    seconds = dict.fromkeys(WAYS.values(), 2.0) | {way: 1.0}
    monkeypatch.setattr(compute, "time_ways", lambda layers, weight_of: dict(seconds))
    loaded = load_llm(nf4_directory)
    assert (
        loaded.compute_format
        == {
            "nf4": "NF4 kernel, bf16",
            "bf16": "NF4 values, computed in bf16, matrices by rows",
            "bf16 packed": "NF4 values, computed in bf16, matrices in oneDNN's order",
            "fp32": "NF4 values, computed in fp32, matrices by rows",
            "fp32 by columns, packed for several": (
                "NF4 values, computed in fp32, matrices by columns,"
                " from 2 tokens on in oneDNN's order"
            ),
        }[best]
    )
    assert loaded.plan == ProductPlan(way.packed_from, wide=way.form == "bf16")
    apart = [m.stride(1) > 1 for m in matrices(loaded.model)]
    assert apart == ([] if way.form == "nf4" else [way.by_columns] * 14)
    exact = load_llm(nf4_directory, pick_fastest=False)
    compute.dequantise(exact.model, torch.float32)
    # bf16 keeps 8 bits of each product: 2 % of the largest logit.
    torch.testing.assert_close(logits(loaded.model), logits(exact.model), atol=0.1, rtol=0.02)
    assert loaded.dtype == (torch.float32 if way.form == "fp32" else torch.bfloat16)


def test_timing_leaves_the_weights_as_they_were_and_knows_every_format(nf4_directory):
    loaded = load_llm(nf4_directory, pick_fastest=False)
    layers = [layer for _, layer in compute.four_bit_layers(loaded.model)]
    before = [layer.weight.data.clone() for layer in layers]
    seconds = time_ways(layers, compute.weight_of)
    assert {way.form for way in seconds} == {"nf4", "bf16", "fp32"}
    assert all(value > 0 for value in seconds.values())
    packed = {(way.form, way.packed_from) for way in seconds if way.packed_from}
    assert packed == {
        (form, start) for form in FORMATS for start in (1, 2) if can_prepack(FORMATS[form])
    }
    for layer, values in zip(layers, before, strict=True):
        assert torch.equal(layer.weight.data, values)


def test_the_fingerprint_is_the_models_and_not_the_ways_it_was_loaded(
    float_directory, nf4_directory, tmp_path
):
    first = load_llm(nf4_directory, pick_fastest=False)
    assert first.fingerprint == load_llm(nf4_directory).fingerprint
    assert first.fingerprint == load_llm(nf4_directory, quantize="none").fingerprint
    assert first.fingerprint != load_llm(float_directory, quantize="none").fingerprint


def test_without_quantisation_the_values_are_those_of_the_file(float_directory):
    loaded = load_llm(float_directory, quantize="none")
    assert (loaded.quantisation, loaded.compute_format) == ("fp32", "fp32")
    torch.testing.assert_close(
        logits(loaded.model), logits(LlamaForCausalLM.from_pretrained(float_directory))
    )


def test_eight_bit_loads(float_directory):
    loaded = load_llm(float_directory, quantize="8bit")
    assert loaded.quantisation == "int8"
    assert torch.isfinite(logits(loaded.model)).all()


def test_stored_nf4_does_not_load_as_8bit_and_says_what_to_do(nf4_directory):
    with pytest.raises(BundleError, match="stored as nf4; --quantize 8bit"):
        load_llm(nf4_directory, quantize="8bit")


def test_missing_models_and_files_are_named(float_directory, tmp_path):
    with pytest.raises(BundleError, match="No language model at"):
        load_llm(tmp_path)
    (tmp_path / "config.json").write_text((float_directory / "config.json").read_text())
    with pytest.raises(BundleError, match="could not be loaded"):
        load_llm(tmp_path)


def test_remote_code_is_not_run(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}})
    )
    (tmp_path / "own.py").write_text("raise SystemExit('remote code ran')")
    with pytest.raises(BundleError, match="remote code"):
        load_llm(tmp_path)


def test_an_absent_gpu_is_named(nf4_directory):
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA GPU")
    with pytest.raises(BundleError, match="no CUDA GPU"):
        load_llm(nf4_directory, device="cuda")


def test_models_that_forget_get_no_cache_between_turns_and_a_reason():
    assert cache_obstacle(LlamaConfig()) == ""
    assert "sliding" in cache_obstacle(MistralConfig(sliding_window=128))
    assert cache_obstacle(MistralConfig(sliding_window=None)) == ""
    dynamic = LlamaConfig(
        rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
    )
    assert "dynamic" in cache_obstacle(dynamic)
