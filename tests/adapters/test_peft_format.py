"""Tests of reading LoRA directories that PEFT wrote."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from assistant.adapters.lora import step_adapters, wrap
from assistant.adapters.peft_format import read_peft_lora, write_peft_lora
from assistant.adapters.weights import LowRank, content_hash
from assistant.errors import BundleError
from tests.llm.fakes import make_model

# peft 0.21 still asks transformers by a name that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

IDS = torch.tensor([[7, 8, 9, 10]])


def save_lora(directory: Path, **options: object) -> torch.Tensor:
    """Writes a LoRA by PEFT and returns PEFT's own logits."""
    defaults = {"r": 4, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "down_proj"]}
    peft_model = get_peft_model(
        make_model(), LoraConfig(**(defaults | options), init_lora_weights=False)
    )
    peft_model.eval().save_pretrained(directory)
    with torch.no_grad():
        return peft_model(IDS).logits


def own_logits(directory: Path) -> torch.Tensor:
    model = make_model()
    delta = read_peft_lora(directory, model, device="cpu", dtype=torch.float32)
    wrap(model, delta)
    with torch.no_grad(), step_adapters([delta], torch.ones_like(IDS)):
        return model(IDS).logits


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {
            "rank_pattern": {"v_proj": 2},
            "alpha_pattern": {"q_proj": 3, "layers.1.mlp.down_proj": 9},
        },
    ],
)
def test_logits_equal_those_of_peft(tmp_path, options):
    expected = save_lora(tmp_path, **options)
    with torch.no_grad():
        assert not torch.allclose(expected, make_model()(IDS).logits, atol=1e-2)
    torch.testing.assert_close(own_logits(tmp_path), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"peft_type": "IA3"}, "type IA3"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"lora_alpha": "six"}, "not a number"),
    ],
)
def test_what_is_no_plain_lora_is_refused_by_name(tmp_path, change, text):
    save_lora(tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BundleError, match=text):
        own_logits(tmp_path)


def test_a_lora_of_another_model_is_refused_with_the_module(tmp_path):
    save_lora(tmp_path)
    with pytest.raises(BundleError, match=r"no module model\.layers\.2"):
        read_peft_lora(tmp_path, make_model(n_layers=2), device="cpu", dtype=torch.float32)
    path = tmp_path / "adapter_model.safetensors"
    tensors = load_file(path)
    key = next(key for key in tensors if "lora_A" in key)
    save_file(tensors | {key: torch.zeros(4, 99)}, path)
    with pytest.raises(BundleError, match="99"):
        own_logits(tmp_path)


def test_missing_files_and_foreign_tensors_are_named(tmp_path):
    with pytest.raises(BundleError, match=r"adapter_config\.json is missing"):
        own_logits(tmp_path)
    save_lora(tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"something.else": torch.zeros(2, 2)}, path)
    with pytest.raises(BundleError, match=r"something\.else"):
        own_logits(tmp_path)
    path.unlink()
    with pytest.raises(BundleError, match=r"\.bin"):
        own_logits(tmp_path)


def test_what_is_written_reads_back_and_peft_reads_it_too(tmp_path):
    model = make_model()
    torch.manual_seed(1)
    weights = {
        f"model.layers.{layer}.self_attn.{name}": LowRank(
            torch.randn(rank, 64) * 0.3, torch.randn(width, rank) * 0.3, scaling
        )
        for layer, rank, scaling in ((0, 4, 2.0), (1, 4, 2.0), (2, 3, 0.25))
        for name, width in (("q_proj", 64), ("v_proj", 32))
    }
    write_peft_lora(tmp_path / "new" / "lora", weights)
    back = read_peft_lora(tmp_path / "new" / "lora", model, device="cpu", dtype=torch.float32)
    assert content_hash(back) == content_hash(weights)
    with torch.no_grad():
        expected = PeftModel.from_pretrained(make_model(), tmp_path / "new" / "lora")(IDS).logits
    torch.testing.assert_close(own_logits(tmp_path / "new" / "lora"), expected)
