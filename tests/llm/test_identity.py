"""An imported component finds its language model again, and no other."""

from pathlib import Path

import pytest
import torch

from assistant.errors import BundleError
from assistant.llm.identity import belongs_to, directory_identity, embedding_identity
from assistant.llm.load import load_llm
from tests.importers.official import save_llama


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llms") / "Llama-2-7b-chat-hf")


@pytest.mark.parametrize("quantize", ["4bit", "none"])
def test_a_directory_is_known_by_its_embeddings_in_every_form(llama, quantize):
    loaded = load_llm(llama, quantize=quantize, device="cpu")
    assert belongs_to(directory_identity(llama), loaded)
    assert belongs_to(loaded.fingerprint, loaded)
    assert not belongs_to("", loaded)
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight.neg_()
    assert not belongs_to(directory_identity(llama), loaded)


def test_a_hub_id_fits_a_download_of_the_same_name(llama):
    loaded = load_llm(llama, quantize="none", device="cpu")
    assert belongs_to("meta-llama/Llama-2-7b-chat-hf", loaded)
    assert not belongs_to("meta-llama/Llama-2-7b-hf", loaded)
    assert not belongs_to("Llama-2-7b-chat-hf", loaded)


def test_rounding_keeps_the_identity_and_another_vocabulary_changes_it():
    torch.manual_seed(0)
    weight = torch.randn(1000, 80)
    assert embedding_identity(weight.half()) == embedding_identity(weight.bfloat16())
    assert embedding_identity(weight[:999]) != embedding_identity(weight)
    changed = weight.clone()
    changed[500:] *= -1
    assert embedding_identity(changed) != embedding_identity(weight)


def test_a_directory_without_a_model_is_refused(tmp_path):
    with pytest.raises(BundleError, match="no safetensors file with an input embedding"):
        directory_identity(tmp_path)
