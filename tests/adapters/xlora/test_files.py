"""Tests of X-LoRA directories: round trip, places of experts, and every mismatch by name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from assistant.adapters.lora import wrap
from assistant.adapters.peft_format import write_peft_lora
from assistant.adapters.sites import find_sites
from assistant.adapters.weights import LowRank
from assistant.adapters.xlora.files import base_model_of, read_xlora, write_xlora
from assistant.adapters.xlora.mixture import Mixture
from assistant.errors import BundleError
from tests.adapters.xlora.fakes import make_experts, make_mixture
from tests.llm.fakes import make_model


@pytest.fixture
def mixture() -> Mixture:
    return make_mixture(
        make_model(),
        base_model_id="owner/tiny",
        xlora_depth=2,
        xlora_size=16,
        enable_relu_and_dropout=True,
        top_k_lora=2,
        global_scaling_weight=1.25,
    )


@pytest.fixture
def directory(tmp_path: Path, mixture: Mixture) -> Path:
    write_xlora(tmp_path / "xlora", mixture.config, mixture.gate, make_experts(make_model()))
    return tmp_path / "xlora"


def read(directory: Path, **options: object) -> Mixture:
    defaults = {"model": make_model(), "device": "cpu", "dtype": torch.float32}
    return read_xlora(directory, **(defaults | options))


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_written_reads_back(directory, mixture):
    assert read(directory).digest == mixture.digest
    assert base_model_of(directory) == "owner/tiny"


def test_a_wrapped_model_gives_the_same_layers_in_the_same_order(directory):
    model = make_model()
    wrap(model, find_sites(model))
    assert read(directory, model=model).bank.layers == read(directory).bank.layers


def test_writing_again_replaces_the_old_directory(directory, mixture):
    experts = make_experts(make_model())
    write_xlora(directory, mixture.config, mixture.gate, {"other": experts["mol"]})
    assert [path.name for path in (directory / "adapters").iterdir()] == ["other"]


@pytest.mark.parametrize(
    "place",
    [
        "mol",  # a folder with the expert's name
        "adapters/mol",
        "lora/biology-7",  # its place in the published config, below the directory
        "biology-7",
    ],
)
def test_an_expert_is_found_where_published_directories_have_it(directory, place):
    config = json.loads((directory / "xlora_config.json").read_text())
    adapters = config["adapters"] | {"mol": "/anywhere/owner/repo/lora/biology-7/"}
    change(directory / "xlora_config.json", adapters=adapters)
    expected = read(directory).digest
    (directory / place).parent.mkdir(exist_ok=True)
    (directory / "adapters" / "mol").rename(directory / "aside")
    (directory / "aside").rename(directory / place)
    assert read(directory).digest == expected


def test_an_expert_can_be_given_from_elsewhere(directory, tmp_path):
    expected = read(directory).digest
    (directory / "adapters" / "mol").rename(tmp_path / "mine")
    with pytest.raises(BundleError, match=r"expert mol: no LoRA directory at mol, adapters/mol"):
        read(directory)
    assert read(directory, experts={"mol": tmp_path / "mine"}).digest == expected


def test_an_expert_is_never_looked_for_outside_the_directory(directory, tmp_path):
    (directory / "adapters" / "mol").rename(tmp_path / "outside")
    change(
        directory / "xlora_config.json",
        adapters={"../outside": "../outside", "rxn": "rxn", "prop": "prop"},
    )
    with pytest.raises(BundleError, match=r"expert \.\./outside: no LoRA directory at no place"):
        read(directory)


def remove_classifier(directory: Path) -> None:
    (directory / "xlora_classifier.safetensors").unlink()


def rename_key(directory: Path) -> None:
    path = directory / "xlora_classifier.safetensors"
    state = load_file(path)
    state["inner.9.weight"] = state.pop("inner.0.weight")
    save_file(state, path)


def drop_expert(directory: Path) -> None:
    config = json.loads((directory / "xlora_config.json").read_text())
    del config["adapters"]["prop"]
    change(directory / "xlora_config.json", adapters=config["adapters"])


def foreign_module(directory: Path) -> None:
    write_peft_lora(
        directory / "adapters" / "mol",
        {"model.layers.9.mlp.up_proj": LowRank(torch.zeros(1, 64), torch.zeros(96, 1))},
    )


def use_dora(directory: Path) -> None:
    change(directory / "adapters" / "rxn" / "adapter_config.json", use_dora=True)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (remove_classifier, r"xlora_classifier\.safetensors is missing; a pickled classifier"),
        (rename_key, r"missing: inner\.0\.weight; unexpected: inner\.9\.weight"),
        (
            drop_expert,
            r"2 experts, 9 adapted layers.*last\.weight \(27, 16\) instead of \(18, 16\)",
        ),
        (foreign_module, r"expert mol: .*no module model\.layers\.9\.mlp\.up_proj"),
        (use_dora, r"expert rxn: .*use_dora"),
        (lambda d: change(d / "xlora_config.json", hidden_size=32), "32, but this LLM is 64 wide"),
        (lambda d: change(d / "xlora_config.json", typo=1), "unknown key 'typo'"),
        (lambda d: (d / "xlora_config.json").write_text("[]"), "no JSON object"),
        (lambda d: (d / "xlora_config.json").write_text("{"), "is not JSON"),
        (lambda d: (d / "xlora_config.json").unlink(), r"xlora_config\.json is missing"),
        (lambda d: (d / "xlora_classifier.safetensors").write_text("x"), "is damaged"),
    ],
)
def test_what_does_not_fit_is_named(directory, damage: Callable[[Path], object], text):
    damage(directory)
    with pytest.raises(BundleError, match=text):
        read(directory)


def test_all_mismatches_are_in_one_error(directory):
    use_dora(directory)
    foreign_module(directory)
    shutil.rmtree(directory / "adapters" / "prop")
    change(directory / "xlora_config.json", hidden_size=32)
    with pytest.raises(BundleError, match="hidden_size is 32") as caught:
        read(directory)
    for part in ("expert mol", "expert rxn", "expert prop"):
        assert part in str(caught.value)


def test_names_that_are_no_directories_are_not_written(tmp_path, mixture):
    experts = {"a/b": {}, "..": {}, "": {}}
    with pytest.raises(ValueError, match=r"'a/b', '\.\.', ''"):
        write_xlora(tmp_path / "x", mixture.config, mixture.gate, experts)
