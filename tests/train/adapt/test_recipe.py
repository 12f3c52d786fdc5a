"""Recipes: presets load, own files are checked, rates follow their schedule."""

from itertools import pairwise
from pathlib import Path

import pytest

from assistant.errors import AssistantError
from assistant.train.adapt.optimizer import learning_rate
from assistant.train.adapt.recipe import PRESETS, STAGES, AdaptRecipe, ShownRates, StageRecipe


@pytest.mark.parametrize("path", sorted(PRESETS.glob("*.toml")), ids=lambda p: p.stem)
def test_presets_load_by_name_and_say_how_to_run_them(path):
    recipe = AdaptRecipe.load(Path(path.stem))
    assert recipe == AdaptRecipe.load(path)
    header = path.read_text(encoding="utf-8")
    for words in ("# Command: python -m assistant.train.adapt", f"--config {path.stem}"):
        assert words in header


def test_answers_that_state_card_values_are_learned_with_the_card_in_sight():
    preset = AdaptRecipe.load(Path("conversations"))
    assert {preset.stage(name).rates for name in STAGES} == {ShownRates(0.0, 0.0, 0.0, 0.0, 0.0)}
    command = "--config conversations --data conversations="
    root = Path(__file__).resolve().parents[3]
    for place in ("docs/recipes.md", "assistant/train/generate.py"):
        assert command in (root / place).read_text(encoding="utf-8")


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_own_recipe_changes_what_it_names(tmp_path):
    text = """
    batch = 32
    [align]
    lr = 3e-4
    [align.rates]
    card = 1.0
    [generator]
    rank = 64
    [[data]]
    format = "qm9"
    path = "qm9.csv"
    limit = 1000
    """
    recipe, default = AdaptRecipe.load(write(tmp_path, text)), AdaptRecipe()
    assert (recipe.batch, recipe.align.lr, recipe.generator.rank) == (32, 3e-4, 64)
    assert (recipe.align.rates.card, recipe.align.rates.graph) == (1.0, default.align.rates.graph)
    assert recipe.align.min_lr == default.align.min_lr
    assert recipe.generator.every == default.generator.every
    assert (recipe.data[0].format, recipe.data[0].limit) == ("qm9", 1000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batches = 3", "the recipe has unknown keys batches; known are sequence, batch"),
        ("[align]\nrate = 1", r"\[align\] has unknown keys rate"),
        ("[align.rates]\ncards = 1", r"\[align.rates\] has unknown keys cards"),
        ("[align.rates]\ncard = 1.5", "rate card = 1.5 is not in 0…1"),
        ("[lora]\ntargets = 'qx'", "targets 'qx'"),
        ("[generator]\nranks = 1", "unknown keys ranks"),
        ("[[data]]\nfile = 'x'", "unknown keys file"),
        ("sequence = 8", "sequence 8"),
        ("optimizer = 'sgd'", "none of auto, adamw, paged8bit"),
        ("sequence = ", "own.toml: "),
    ],
)
def test_faults_are_named(tmp_path, text, message):
    with pytest.raises(AssistantError, match=message):
        AdaptRecipe.load(write(tmp_path, text))


def test_the_rate_rises_and_falls_as_in_the_paper():
    stage = StageRecipe(lr=1e-4, first_lr=1e-6, min_lr=1e-5, warmup=100)
    rates = [learning_rate(stage, step, 2000) for step in range(2000)]
    assert rates[0] == pytest.approx(1e-6 + 9.9e-7, rel=1e-6)
    assert max(rates) == pytest.approx(1e-4)
    assert rates.index(max(rates)) in (99, 100)
    assert rates[-1] == pytest.approx(1e-5)
    assert rates[1050] == pytest.approx(5.5e-5, rel=0.01)
    assert all(a >= b for a, b in pairwise(rates[100:]))
    short = [learning_rate(stage, step, 20) for step in range(20)]
    assert max(short) == pytest.approx(1e-4)  # a warm-up never takes more than a tenth


def test_steps_follow_epochs_and_their_cap():
    assert StageRecipe(epochs=3).n_steps(100, 16) == 19
    assert StageRecipe(epochs=3, max_steps=5).n_steps(100, 16) == 5
    assert StageRecipe(epochs=0).n_steps(100, 16) == 0
    assert StageRecipe(epochs=0.001).n_steps(100, 16) == 1
