"""A base run can start from a pre-trained encoder."""

from pathlib import Path

import pytest
import torch

from assistant.checkpoint import ComponentInfo, save_component
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.base import Run
from assistant.train.start import load_encoder
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
