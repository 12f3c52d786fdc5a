"""Tests of component directories."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from assistant import checkpoint
from assistant.adapters.generator import GeneratorConfig, LoraGenerator
from assistant.adapters.sites import SiteSpec
from assistant.checkpoint import (
    ComponentInfo,
    load_weights,
    read_config,
    read_info,
    save_component,
    sha256_of,
)
from assistant.errors import BundleError


@dataclass(frozen=True)
class TinyConfig:
    width: int = 3

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width {self.width} must be positive")


def save(directory: Path, width: int = 3, **options: str) -> nn.Linear:
    module = nn.Linear(width, 2)
    save_component(directory, module, TinyConfig(width), ComponentInfo("tiny", "llm"), **options)
    return module


def test_a_component_comes_back_as_it_was_saved(tmp_path):
    saved = save(tmp_path / "tiny", card="# Tiny\n")
    config = read_config(tmp_path / "tiny", TinyConfig, component="tiny")
    loaded = nn.Linear(config.width, 2)
    load_weights(tmp_path / "tiny", loaded)
    assert torch.equal(loaded.weight, saved.weight)
    assert read_info(tmp_path / "tiny") == ComponentInfo("tiny", "llm")
    assert (tmp_path / "tiny" / "README.md").read_text() == "# Tiny\n"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize("name", ["notes.txt", "config.json"])
def test_a_directory_of_other_files_is_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text('{"model_type": "llama"}')
    with pytest.raises(BundleError, match=r"mine holds other files.*nothing is written"):
        save(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [name]
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_config_with_sites_survives_the_round_trip(tmp_path):
    config = GeneratorConfig(d_graph=4, sites=(SiteSpec("a.b", "q", 0, 6, 4),), d_model=8)
    save_component(tmp_path / "g", LoraGenerator(config), config, ComponentInfo("generator"))
    assert read_config(tmp_path / "g", GeneratorConfig, component="generator") == config


def test_saving_again_replaces_the_weights_and_keeps_the_card(tmp_path):
    save(tmp_path / "tiny", card="# Tiny\n")
    saved = save(tmp_path / "tiny", width=5)
    loaded = nn.Linear(5, 2)
    load_weights(tmp_path / "tiny", loaded)
    assert torch.equal(loaded.weight, saved.weight)
    assert (tmp_path / "tiny" / "README.md").read_text() == "# Tiny\n"


def test_a_crash_while_saving_leaves_the_old_component(tmp_path, monkeypatch):
    saved = save(tmp_path / "tiny")

    def crash(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint, "save_file", crash)
    with pytest.raises(OSError, match="disk full"):
        save(tmp_path / "tiny", width=5)
    loaded = nn.Linear(3, 2)
    load_weights(tmp_path / "tiny", loaded)
    assert torch.equal(loaded.weight, saved.weight)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_one_error_names_everything_that_does_not_fit(tmp_path):
    save(tmp_path / "tiny")
    other = nn.Sequential(nn.Linear(4, 2))
    other.register_parameter("weight", nn.Parameter(torch.zeros(2, 9)))
    with pytest.raises(BundleError) as error:
        load_weights(tmp_path / "tiny", other)
    for part in (
        "missing: 0.bias, 0.weight",
        "unexpected: bias",
        "weight (2, 3) instead of (2, 9)",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"format_version": 99}, "format version 99"),
        ({"component": "other"}, "holds a other, not a tiny"),
        ({"config": {}}, "missing ['width']"),
        ({"config": {"width": 3, "depth": 1}}, "unexpected ['depth']"),
        ({"config": {"width": 0}}, "width 0 must be positive"),
        ({"config": 7}, "has no config"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_with_the_reason(tmp_path, change, text):
    save(tmp_path / "tiny")
    path = tmp_path / "tiny" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BundleError) as error:
        read_config(tmp_path / "tiny", TinyConfig, component="tiny")
    assert text in str(error.value)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(BundleError, match=r"config\.json is missing"):
        read_info(tmp_path / "nothing")
    save(tmp_path / "tiny")
    (tmp_path / "tiny" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(BundleError, match="damaged"):
        load_weights(tmp_path / "tiny", nn.Linear(3, 2))
    (tmp_path / "tiny" / "model.safetensors").unlink()
    with pytest.raises(BundleError, match=r"model\.safetensors is missing"):
        load_weights(tmp_path / "tiny", nn.Linear(3, 2))
    (tmp_path / "tiny" / "config.json").write_text("{")
    with pytest.raises(BundleError, match="not JSON"):
        read_info(tmp_path / "tiny")


def test_the_hash_of_a_directory_changes_with_a_weight(tmp_path):
    save(tmp_path / "tiny")
    before = sha256_of(tmp_path / "tiny")
    assert before == sha256_of(tmp_path / "tiny")
    save(tmp_path / "tiny")
    assert before != sha256_of(tmp_path / "tiny")
