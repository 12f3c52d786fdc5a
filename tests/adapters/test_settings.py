"""A generator's settings come from a file, its sites from the language model."""

import pytest

from assistant.adapters.generator import LoraGenerator
from assistant.adapters.settings import GeneratorSettings
from assistant.errors import BundleError
from tests.llm.fakes import make_model

TOML = """
rank = 3
alpha = 6.0
every = 2
targets = "kom"
d_model = 16
scope = "whole"
combination = "concat"
"""


def test_a_file_and_a_model_make_a_config(tmp_path):
    (tmp_path / "g.toml").write_text(TOML)
    settings = GeneratorSettings.read(tmp_path / "g.toml")
    config = settings.config_for(make_model(n_layers=4), d_graph=8)
    assert [(s.kind, s.layer) for s in config.sites] == [(k, n) for n in (1, 3) for k in "kom"]
    assert (config.rank, config.scaling) == (3, 2.0)
    assert (config.scope, config.combination) == ("whole", "concat")
    weights = LoraGenerator(config).shared_B()
    assert weights["model.layers.1.self_attn.k_proj"].shape == (32, 3)


def test_json_says_the_same(tmp_path):
    (tmp_path / "g.toml").write_text(TOML)
    (tmp_path / "g.json").write_text(
        '{"rank": 3, "alpha": 6.0, "every": 2, "targets": "kom", "d_model": 16,'
        ' "scope": "whole", "combination": "concat"}'
    )
    assert GeneratorSettings.read(tmp_path / "g.json") == GeneratorSettings.read(
        tmp_path / "g.toml"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ranks = 3\nlr = 1", "unknown settings lr, ranks; known are rank, alpha"),
        ("rank = ", "cannot be read as settings"),
    ],
)
def test_what_is_no_setting_is_named(tmp_path, text, message):
    (tmp_path / "g.toml").write_text(text)
    with pytest.raises(BundleError, match=message):
        GeneratorSettings.read(tmp_path / "g.toml")


def test_impossible_settings_and_missing_files_are_named(tmp_path):
    with pytest.raises(BundleError, match="cannot be read"):
        GeneratorSettings.read(tmp_path / "none.toml")
    with pytest.raises(ValueError, match="'x' is none of turn, whole"):
        GeneratorSettings(scope="x").config_for(make_model())
    with pytest.raises(ValueError, match="from qkvom"):
        GeneratorSettings(targets="xyz").config_for(make_model())
