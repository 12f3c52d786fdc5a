"""A base run can start from a pre-trained encoder, and go on from another run."""

import json
from pathlib import Path

import pytest
import torch

from assistant.checkpoint import ComponentInfo, save_component
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.base import Run
from assistant.train.provenance import UNNOTED, Provenance
from assistant.train.start import begin, check_start, load_encoder, take_over
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
    check_start(start, directory, {"seed": 1, "n_molecules": 8})
    take_over(start, directory)
    assert (directory / "molecules.pkl").read_bytes() == b"its molecules"
    assert (directory / "tokenizer" / "tokenizer.json").read_text("utf-8") == "its tokens"
    assert not (directory / "text.npy").exists()
    (directory / "tokenizer" / "tokenizer.json").write_text("others", encoding="utf-8")
    with pytest.raises(AssistantError, match="not the tokenizer that the weights"):
        check_start(start, directory, {"seed": 1})


@pytest.mark.parametrize("key", ["seed", "n_molecules"])
def test_a_run_that_would_train_on_what_was_held_out_is_refused(tmp_path: Path, key: str) -> None:
    start = _finished(tmp_path / "start")
    with pytest.raises(AssistantError, match=rf"with {key} = \d, this recipe has 5"):
        check_start(start, tmp_path / "more", {"seed": 1, "n_molecules": 8} | {key: 5})


def test_a_start_that_is_no_finished_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match=r"nowhere is no finished run"):
        check_start(tmp_path / "nowhere", tmp_path / "more", {"seed": 1})


def test_a_refused_start_leaves_no_note_that_a_later_run_would_be_held_to(tmp_path: Path) -> None:
    start, directory = _finished(tmp_path / "start"), tmp_path / "more"
    Provenance(licensed_only=True).write(start)
    directory.mkdir()
    with pytest.raises(AssistantError, match="seed = 1, this recipe has 2"):
        begin(_recipe(start=str(start), seed=2, n_molecules=8, licensed_only=True), directory)
    assert list(directory.iterdir()) == []
    begin(_recipe(start=str(start), seed=1, n_molecules=8), directory)  # of all sources
    assert not Provenance.of(directory).licensed_only


def test_what_an_encoder_learned_from_goes_with_it_from_run_to_run(tmp_path: Path) -> None:
    encoder, first, second = (tmp_path / name for name in ("encoder", "first", "second"))
    for directory in (encoder, first, second):
        directory.mkdir()
    Provenance(licensed_only=False, sources=("QM9: none stated",)).write(encoder)
    Provenance(licensed_only=False).write(first)  # by a try that named no encoder and never began
    begin(_recipe(encoder=str(encoder), n_molecules=8), first)
    assert Provenance.of(first).sources == ("QM9: none stated",)
    _finished(first)
    begin(_recipe(start=str(first), seed=1, n_molecules=8), second)
    assert Provenance.of(second).sources == ("QM9: none stated",)
    (second / "state.pt").write_bytes(b"")
    begin(_recipe(n_molecules=8), second)  # what its weights came from does not change any more
    assert Provenance.of(second).sources == ("QM9: none stated",)


def test_an_encoder_of_which_nobody_noted_anything_stays_one(tmp_path: Path) -> None:
    start, directory = _finished(tmp_path / "start"), tmp_path / "more"
    directory.mkdir()
    recipe = json.dumps({"seed": 1, "n_molecules": 8, "encoder": "somewhere"})
    (start / "recipe.json").write_text(recipe, encoding="utf-8")
    begin(_recipe(start=str(start), seed=1, n_molecules=8), directory)
    assert Provenance.of(directory).sources == (UNNOTED,)


@pytest.mark.slow
def test_an_encoder_takes_the_place_of_the_starts(tmp_path: Path) -> None:
    data, first = _data(tmp_path / "data"), tmp_path / "first"
    Run(_recipe(minutes=0.0, text_share=0.0), data, first).save()
    torch.manual_seed(99)
    given = _component(tmp_path / "pre", GraphEncoderConfig())
    recipe = _recipe(start=str(first), encoder=str(tmp_path / "pre"), text_share=0.0)
    run = Run(recipe, data, tmp_path / "run")
    for name, value in run.model.encoder.state_dict().items():
        assert torch.equal(value, given.state_dict()[name]), name
    with torch.no_grad():
        run.model.encoder.molecule_node_model.batch_norms[0].weight.fill_(3.0)
    run.save()
    again = Run(recipe, data, tmp_path / "run")  # its own weights count from then on
    assert (again.model.encoder.molecule_node_model.batch_norms[0].weight == 3.0).all()


def test_what_both_encoders_learned_from_is_noted(tmp_path: Path) -> None:
    encoder, start, directory = (tmp_path / name for name in ("encoder", "start", "more"))
    encoder.mkdir()
    directory.mkdir()
    Provenance(licensed_only=False, sources=("QM9: none stated",)).write(encoder)
    Provenance(licensed_only=False, sources=("MUV: MIT",)).write(_finished(start))
    begin(_recipe(start=str(start), encoder=str(encoder), seed=1, n_molecules=8), directory)
    assert Provenance.of(directory).sources == ("MUV: MIT", "QM9: none stated")
