"""Tests of the two passes: what couples tokens and what does not, 4-bit bases, gradients."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.adapters.lora import AdapterStep, wrap
from assistant.adapters.sites import find_sites
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import scaling_pass, two_pass
from assistant.llm import compute
from assistant.llm.load import Quantize, load_llm
from tests.adapters.xlora.fakes import make_mixture
from tests.llm.fakes import make_deltas, make_model, make_tokenizer

IDS = torch.randint(5, 250, (3, 7), generator=torch.Generator().manual_seed(0))


def embeds_of(model: LlamaForCausalLM, ids: torch.Tensor = IDS) -> torch.Tensor:
    return model.get_input_embeddings()(ids)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scaling_pass_value": 0.5},
        {"top_k_lora": 2, "enable_softmax": False, "enable_softmax_topk": True},
    ],
)
@torch.no_grad()
def test_neighbours_in_the_batch_change_nothing(options):
    model = make_model()
    mixture = make_mixture(model, **options)
    logits, scalings = two_pass(model, mixture, embeds_of(model))
    for row in range(3):
        alone, own = two_pass(model, mixture, embeds_of(model, IDS[row : row + 1]))
        torch.testing.assert_close(logits[row : row + 1], alone, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(scalings[row : row + 1], own, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_in_the_published_batch_softmax_neighbours_do_change_an_answer():
    model = make_model()
    mixture = make_mixture(
        model,
        top_k_lora=2,
        enable_softmax=False,
        enable_softmax_topk=True,
        topk_softmax="batch",
    )
    logits, _ = two_pass(model, mixture, embeds_of(model))
    alone, _ = two_pass(model, mixture, embeds_of(model, IDS[:1]))
    assert not torch.allclose(logits[:1], alone, atol=1e-2)


@torch.no_grad()
def test_padding_on_the_right_changes_nothing():
    model = make_model()
    mixture = make_mixture(model)
    mask = torch.ones_like(IDS)
    mask[1, 4:] = 0
    logits, _ = two_pass(model, mixture, embeds_of(model), attention_mask=mask)
    alone, _ = two_pass(model, mixture, embeds_of(model, IDS[1:2, :4]))
    torch.testing.assert_close(logits[1:2, :4], alone, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_scaling_pass_sees_the_base_model_also_while_molecules_have_a_delta():
    model = make_model()
    expected = model.model(IDS).last_hidden_state
    mixture = make_mixture(model)
    wrap(model, find_sites(model))
    assert torch.equal(scaling_pass(model, mixture, embeds_of(model)), expected)
    _, plain = two_pass(model, mixture, embeds_of(model))
    step = AdapterStep.plan(make_deltas(model, 1), torch.ones_like(IDS))
    adapted_logits, adapted = two_pass(model, mixture, embeds_of(model), deltas=step)
    assert torch.equal(adapted, plain)
    logits, _ = two_pass(model, mixture, embeds_of(model))
    assert not torch.allclose(logits, adapted_logits, atol=0.05)


def test_the_digest_follows_settings_gate_and_experts():
    mixture = make_mixture(make_model())
    assert make_mixture(make_model()).digest == mixture.digest
    assert make_mixture(make_model(), softmax_temperature=2.0).digest != mixture.digest
    other = make_mixture(make_model())
    other.gate.last.bias.data[0] += 1
    assert other.digest != mixture.digest
    other = make_mixture(make_model())
    next(iter(other.bank.sites.values())).lora_B[0, 0] += 1
    assert other.digest != mixture.digest


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
    )
    LlamaForCausalLM(config).save_pretrained(target)
    make_tokenizer().save_pretrained(target)
    return target


def load(directory: Path, quantize: Quantize) -> tuple[LlamaForCausalLM, Mixture]:
    loaded = load_llm(directory, quantize=quantize, device="cpu", pick_fastest=False)
    mixture = make_mixture(loaded.model)
    return loaded.model, Mixture(
        mixture.config, mixture.gate, mixture.bank.to("cpu", torch.bfloat16)
    )


@pytest.mark.parametrize("quantize", ["4bit", "8bit"])
@torch.no_grad()
def test_the_experts_work_on_quantised_layers(directory, quantize):
    """PEFT wraps none of these layers, see `test_against_peft`."""
    model, mixture = load(directory, quantize)
    assert len(mixture.bank.sites) == 6
    base = model(IDS).logits
    logits, scalings = two_pass(model, mixture, embeds_of(model))
    assert not torch.allclose(logits, base, atol=0.1)
    if quantize == "8bit":
        return
    exact, _ = load(directory, quantize)
    compute.dequantise(exact, torch.float32)
    right, own = two_pass(exact, mixture, embeds_of(exact))
    # bf16 products against float32 ones: 8 bits of mantissa over two layers, twice.
    torch.testing.assert_close(scalings, own, atol=0.05, rtol=0.05)
    torch.testing.assert_close(logits.float(), right, atol=0.1, rtol=0.1)


def test_the_gate_can_be_trained_through_4bit_layers(directory):
    """In train mode, for in eval mode the first pass would repack the weights."""
    gradients = []
    for as_float in (False, True):
        model, mixture = load(directory, "4bit")
        if as_float:
            compute.dequantise(model, torch.float32)
        model.train()
        weight = mixture.gate.last.weight.requires_grad_(True)
        logits, _ = two_pass(model, mixture, embeds_of(model))
        logits.float().square().mean().backward()
        gradients.append(weight.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99
