"""PEFT's own X-LoRA beside ours: equal where it works, and where it does not.

Seen with peft 0.21.2, transformers 5.23.0, bitsandbytes 0.50.2. A test that fails under other
versions tells that something was mended there, or broken here.
"""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, XLoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, LlamaForCausalLM

from assistant.adapters.lora import wrap
from assistant.adapters.xlora.files import read_xlora
from assistant.adapters.xlora.mixture import Mixture
from assistant.adapters.xlora.passes import two_pass
from assistant.errors import BundleError
from tests.llm.fakes import make_model

# peft 0.21 still asks transformers by a name that is to go.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*enable_softmax.*:UserWarning"),
]

IDS = torch.randint(5, 250, (2, 6), generator=torch.Generator().manual_seed(0))
DEPTH = {"xlora_depth": 2, "xlora_size": 16}


@pytest.fixture(scope="module")
def experts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Expert directories under the only names PEFT's X-LoRA accepts."""
    root = tmp_path_factory.mktemp("experts")
    targets = (["q_proj", "v_proj", "down_proj"], ["q_proj", "v_proj"], ["v_proj", "down_proj"])
    for index, modules in enumerate(targets):
        torch.manual_seed(index)
        config = LoraConfig(
            r=2 + index, lora_alpha=8, target_modules=modules, init_lora_weights=False
        )
        get_peft_model(make_model(), config).save_pretrained(root / str(index))
    return {str(index): str(root / str(index)) for index in range(3)}


def pefts(base: LlamaForCausalLM, experts: dict[str, str], **options: object) -> PeftModel:
    base.config.use_cache = False
    torch.manual_seed(5)
    config = XLoraConfig(
        task_type="CAUSAL_LM",
        hidden_size=64,
        adapters=experts,
        **({"layerwise_scalings": True} | options),
    )
    model = get_peft_model(base, config).eval()
    for parameter in classifier_of(model).parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def classifier_of(model: PeftModel) -> torch.nn.Module:
    return model.base_model.internal_xlora_classifier


def save(model: PeftModel, directory: Path) -> Path:
    """What PEFT should save: its own loses part of the classifier, see below."""
    directory.mkdir()
    model.peft_config["default"].save_pretrained(directory)
    state = {
        f"internal_xlora_classifier.{key}": tensor
        for key, tensor in classifier_of(model).state_dict().items()
    }
    save_file(state, directory / "adapter_model.safetensors")
    return directory


def ours(directory: Path, experts: dict[str, str]) -> tuple[LlamaForCausalLM, Mixture]:
    model = make_model()
    mixture = read_xlora(
        directory,
        model,
        device="cpu",
        dtype=torch.float32,
        experts={name: Path(place) for name, place in experts.items()},
    )
    wrap(model, mixture.bank.layers)
    return model, mixture


@torch.no_grad()
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layerwise_scalings": False},
        {**DEPTH, "softmax_temperature": 0.5, "top_k_lora": 2, "global_scaling_weight": 1.5},
        {**DEPTH, "xlora_dropout_p": 0.0},
        {"scaling_pass_value": 0.5},
        {"scaling_pass_value": 0.5, "top_k_lora": 1},
        {"top_k_lora": 2, "enable_softmax": False, "enable_softmax_topk": True},
        {
            "top_k_lora": 2,
            "enable_softmax": False,
            "enable_softmax_topk": True,
            "scaling_pass_value": 0.3,
        },
    ],
)
def test_logits_and_scalings_are_equal_in_float32(experts, tmp_path, options):
    model = pefts(make_model(), experts, **options)
    expected = model(input_ids=IDS).logits
    assert not torch.allclose(expected, make_model()(IDS).logits, atol=0.05)
    base, mixture = ours(save(model, tmp_path / "xlora"), experts)
    logits, scalings = two_pass(base, mixture, base.get_input_embeddings()(IDS))
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)
    theirs = model.base_model.internal_xlora_scalings
    torch.testing.assert_close(scalings.expand_as(theirs), theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors:UserWarning")  # no layers
@pytest.mark.parametrize("bits", [4, 8])
def test_peft_wraps_no_quantised_layer_and_fails(experts, tmp_path, bits):
    make_model().save_pretrained(tmp_path / "base")
    quantised = LlamaForCausalLM.from_pretrained(
        tmp_path / "base",
        quantization_config=BitsAndBytesConfig(**{f"load_in_{bits}bit": True}),
        device_map={"": "cpu"},
    )
    model = pefts(quantised, experts)
    assert classifier_of(model).n_layers == 0
    with torch.no_grad(), pytest.raises(TypeError, match="unexpected keyword argument 'scalings'"):
        model(input_ids=IDS)


@torch.no_grad()
def test_pefts_generation_from_embeddings_is_silently_wrong(experts, tmp_path):
    """No error, other tokens than from the same prompt as ids; its single forward is right."""
    model = pefts(make_model(), experts)
    embeds, mask = model.get_input_embeddings()(IDS[:1]), torch.ones_like(IDS[:1])
    assert torch.equal(model(inputs_embeds=embeds).logits, model(input_ids=IDS[:1]).logits)
    options = {"attention_mask": mask, "max_new_tokens": 8, "do_sample": False}
    from_ids = model.generate(input_ids=IDS[:1], **options)[:, IDS.shape[1] :]
    from_embeds = model.generate(inputs_embeds=embeds, **options)
    assert from_embeds.shape == from_ids.shape
    assert not torch.equal(from_embeds, from_ids)

    base, mixture = ours(save(model, tmp_path / "x"), experts)
    ids = IDS[:1]
    for _ in range(8):
        logits, _ = two_pass(base, mixture, base.get_input_embeddings()(ids))
        ids = torch.cat([ids, logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(ids[:, IDS.shape[1] :], from_ids)


@pytest.mark.parametrize("depth", [1, 2])
def test_peft_does_not_save_classifier_layers_numbered_like_an_expert(experts, tmp_path, depth):
    """`layers.0` goes because an expert must be called "0"; at depth 1 that is all there is.

    The folders it writes for the experts hold tensors of the base model besides.
    """
    model = pefts(make_model(), experts, xlora_depth=depth, xlora_size=16)
    model.save_pretrained(tmp_path / "x")
    saved = load_file(tmp_path / "x" / "adapter_model.safetensors")
    assert len(saved) == len(classifier_of(model).state_dict()) - 2
    with pytest.raises(BundleError, match=r"missing: .*\. PEFT \(seen in 0\.21\.2\) does not save"):
        ours(tmp_path / "x", experts)
    with pytest.raises(BundleError, match=r"expert 0: .*holds tensors that are no linear LoRA"):
        ours(tmp_path / "x", {})


def test_peft_needs_experts_called_0_1_2(experts):
    named = {f"expert{key}": place for key, place in experts.items()}
    with pytest.raises(KeyError):
        pefts(make_model(), named)(input_ids=IDS)
