"""Recipes name what is wrong with them, whatever they train."""

from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.train import base, generator
from assistant.train.ablation.recipe import AblationRecipe
from assistant.train.adapt.recipe import AdaptRecipe
from assistant.train.encoder.recipe import EncoderRecipe
from assistant.train.experts.recipe import ExpertsRecipe
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


EXPERT = (
    "[[experts]]\nname = '{}'\nwritten = 3\nrates = {{card = 0, line = 0, smiles = 0, graph = 0}}\n"
)
EXPERTS = EXPERT.format("a") + EXPERT.format("b")
PAIRS = """name = "mine"
tasks = ["absorption"]
{}
[source]
path = "mine.csv"
first = "dye"
second = "solvent"
columns = {{absorption = "nm"}}
[sizes]
{}
"""


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (AdaptRecipe, "seed = 'x'", "the recipe has seed = 'x'; write a whole number."),
        (AdaptRecipe, "sequence = 256.5", "has sequence = 256.5; write a whole number."),
        (AdaptRecipe, "batch = true", "has batch = True; write a whole number."),
        (AdaptRecipe, "align = 3", "has align = 3; write a table of settings."),
        (AdaptRecipe, "data = 3", "has data = 3; write a list, each a table of settings."),
        (AdaptRecipe, "[align]\nlr = nan", r"[align] has lr = nan; write a number."),
        (AdaptRecipe, "[align]\nmax_steps = -5", "[align]: max_steps = -5 is not 0 or more."),
        (AdaptRecipe, "quoted = 2", "quoted = 2 is not in 0…1."),
        (AdaptRecipe, "batches = 2", "data. Did you mean 'batch'?"),
        (
            AdaptRecipe,
            "[[data]]\nformat = 'qm9'\npath = 3",
            "has path = 3; write a text in quotes.",
        ),
        (EncoderRecipe, "licensed_only = 'no'", "has licensed_only = 'no'; write true or false."),
        (EncoderRecipe, "sets = ['x']", "write a list, each a table of settings."),
        (EncoderRecipe, "[[sets]]\ntable = 'x'", "[[sets]] has no kind."),
        (EncoderRecipe, "[weights]\natoms = -1", "[weights]: atoms = -1 is not 0 or more."),
        (ExpertsRecipe, "experts = ['x']", "has experts = ['x']; write a list"),
        (ExpertsRecipe, "warmup = 3\n" + EXPERTS, "warmup = 3 is not in 0…1."),
        (PairRecipe, "", "the recipe has no name and no tasks and no source."),
        (PairRecipe, PAIRS.format("ema = 2", ""), "ema = 2 is not in 0…1."),
        (PairRecipe, PAIRS.format("logarithmic = ['x']", ""), "logarithmic names x, not among"),
        (PairRecipe, PAIRS.format("", "encoder = 'gni'"), "kind 'gni' is unknown; known are gin"),
        (PairRecipe, PAIRS.format("", "").replace('"mine"', '"../x"'), "write one word"),
    ],
)
def test_a_value_that_cannot_be_is_named_before_anything_is_done(
    kind: type, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(AssistantError) as refused:
        kind.load(tmp_path / "own.toml")
    assert said in str(refused.value)


def test_a_byte_order_mark_and_whole_numbers_for_numbers_are_read(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("\ufeff[align]\nepochs = 2\nlr = 1", encoding="utf-8")
    assert AdaptRecipe.load(tmp_path / "own.toml").align.epochs == 2


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
