"""A base run can start from a pre-trained encoder, and go on from another run."""

import json
from pathlib import Path

import pytest
import torch

from assistant.checkpoint import ComponentInfo, save_component
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.base import Run
from assistant.train.start import load_encoder, take_over
from tests.train.test_base import _data, _recipe


def _component(directory: Path, config: GraphEncoderConfig) -> GraphEncoder:
    encoder = GraphEncoder(config)
    save_component(directory, encoder, config, ComponentInfo("encoder"))
    return encoder


@pytest.mark.slow
def test_a_run_starts_from_the_encoder_that_the_recipe_names(tmp_path: Path) -> None:
    torch.manual_seed(99)
    given = _component(tmp_path / "pre", GraphEncoderConfig())
    recipe = _recipe(encoder=str(tmp_path / "pre"), text_share=0.0)
    run = Run(recipe, _data(tmp_path / "data"), tmp_path / "run")
    for name, value in run.model.encoder.state_dict().items():
        assert torch.equal(value, given.state_dict()[name]), name


def test_an_encoder_of_other_sizes_is_refused(tmp_path: Path) -> None:
    _component(tmp_path / "pre", GraphEncoderConfig(d_model=12, n_layers=2))
    with pytest.raises(AssistantError, match="d_model=12"):
        load_encoder(tmp_path / "pre", GraphEncoder(GraphEncoderConfig()))


def _finished(directory: Path) -> Path:
    (directory / "tokenizer").mkdir(parents=True)
    (directory / "tokenizer" / "tokenizer.json").write_text("its tokens", encoding="utf-8")
    (directory / "molecules.pkl").write_bytes(b"its molecules")
    recipe = json.dumps({"seed": 1, "n_molecules": 8})
    (directory / "recipe.json").write_text(recipe, encoding="utf-8")
    return directory


def test_what_a_run_prepared_goes_with_its_weights(tmp_path: Path) -> None:
    start, directory = _finished(tmp_path / "start"), tmp_path / "more"
    directory.mkdir()
    take_over(start, directory, {"seed": 1, "n_molecules": 8})
    assert (directory / "molecules.pkl").read_bytes() == b"its molecules"
    assert (directory / "tokenizer" / "tokenizer.json").read_text("utf-8") == "its tokens"
    assert not (directory / "text.npy").exists()
    (directory / "tokenizer" / "tokenizer.json").write_text("others", encoding="utf-8")
    with pytest.raises(AssistantError, match="not the tokenizer that the weights"):
        take_over(start, directory, {"seed": 1})


@pytest.mark.parametrize("key", ["seed", "n_molecules"])
def test_a_run_that_would_train_on_what_was_held_out_is_refused(tmp_path: Path, key: str) -> None:
    start = _finished(tmp_path / "start")
    with pytest.raises(AssistantError, match=rf"with {key} = \d, this recipe has 5"):
        take_over(start, tmp_path / "more", {"seed": 1, "n_molecules": 8} | {key: 5})
    assert not (tmp_path / "more").exists()


def test_a_start_that_is_no_finished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match=r"nowhere is no finished run"):
        take_over(tmp_path / "nowhere", tmp_path / "more", {"seed": 1})
