"""Recipes name what is wrong with them, whatever they train."""

from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.train import base, generator
from assistant.train.ablation.recipe import AblationRecipe
from assistant.train.adapt.recipe import AdaptRecipe
from assistant.train.encoder.recipe import EncoderRecipe
from assistant.train.generator_recipe import GeneratorRecipe
from assistant.train.pair_recipe import PairRecipe
from assistant.train.recipe import Recipe
from assistant.train.recipe_file import linear

CONFIGS = Path(base.__file__).parent / "configs"
RECIPES = (Recipe, GeneratorRecipe, EncoderRecipe, AblationRecipe, PairRecipe, AdaptRecipe)


@pytest.mark.parametrize("kind", RECIPES)
@pytest.mark.parametrize(
    ("text", "said"),
    [("minute = 3", r"own\.toml: the recipe has unknown keys minute; known are"),
     ("minutes =", r"own\.toml: Invalid value"), (None, "There is no recipe")],
)  # fmt: skip
def test_what_is_wrong_is_named(kind: type, text: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(AssistantError, match=said):
        kind.load(path)


@pytest.mark.parametrize(
    ("kind", "text", "where"),
    [(Recipe, "[sizes]\nwidth = 3", r"\[sizes\]"), (Recipe, "[rates]\ncards = 0", r"\[rates\]"),
     (Recipe, "[loss]\nword = 1", r"\[loss\]"), (GeneratorRecipe, "[rates]\nx = 0", r"\[rates\]"),
     (EncoderRecipe, "[[sets]]\ntables = 'x'", r"\[\[sets\]\]"),
     (EncoderRecipe, "[weights]\natom = 1", r"\[weights\]")],
)  # fmt: skip
def test_a_key_within_a_part_is_named(kind: type, text: str, where: str, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(AssistantError, match=f"{where} has unknown keys"):
        kind.load(tmp_path / "own.toml")


def test_the_shipped_recipes_are_read() -> None:
    for path in CONFIGS.glob("default_*.toml"):
        assert Recipe.load(path).sizes.vocab_size >= 4096
    for path in CONFIGS.glob("generator_*.toml"):
        assert GeneratorRecipe.load(path).minutes > 0


@pytest.mark.parametrize("command", [base, generator])
def test_a_command_says_it_in_one_line(
    command: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text("minute = 3", encoding="utf-8")
    config, place = str(tmp_path / "own.toml"), str(tmp_path)
    assert command.main(["--config", config, "--data", place, "--run", place]) == 1
    assert capsys.readouterr().err.startswith("own.toml: the recipe has unknown keys minute")


def test_the_ramp_rises_and_falls_to_its_floor() -> None:
    shares = [linear(p, 0.2, 0.02) for p in (0.0, 0.1, 0.2, 0.6, 1.0)]
    assert shares == pytest.approx([0.02, 0.5, 0.8, 0.4, 0.02])
    assert linear(0.0, 0.0, 0.02) == 1.0
