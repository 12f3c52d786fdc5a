"""The card of a bundle says what is in it and what made it, and nothing else."""

import json
import pickle
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from assistant.bundle import PAIR_HEADS, Bundle
from assistant.checkpoint import CONFIG
from assistant.pairing.figures import Domain, HeadFigures, TaskFigures
from assistant.train import base, card, shipped_recipe
from assistant.train.card import write_card
from assistant.train.generator_recipe import GeneratorRecipe
from assistant.train.pair_card import card_text
from assistant.train.pair_output import measured
from assistant.train.pair_run import PairRun
from assistant.train.pair_tables import read_pairs
from assistant.train.pair_views import molecules_of
from assistant.train.recipe import Recipe
from assistant.train.shipped_recipe import base_recipe, config_name
from assistant.train.stages import Stage, commands_of
from tests.pairing.tiny import RECIPE, write_dyes

CONFIGS = Path(base.__file__).parent / "configs"
SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints" / "default"
HEAD_COMMAND = "python -m assistant.train.pairs --config dyes.toml"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run by a recipe of the repository, as far as a card asks for it."""
    directory = tmp_path / "run"
    directory.mkdir()
    (directory / "molecules.pkl").write_bytes(pickle.dumps([]))
    row = {"step": 3, "tokens": 10, "seconds": 1.0}
    (directory / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    noted = json.dumps(asdict(Recipe.load(CONFIGS / "default_gpu.toml")))
    (directory / "recipe.json").write_text(noted, encoding="utf-8")
    report = {"summary": {"facts": {"share": 0.5, "n": 4}}, "n": 4}
    (tmp_path / "grounding.json").write_text(json.dumps(report), encoding="utf-8")
    return directory


def _bundle(directory: Path, *, heads: bool, reads_names: bool) -> Path:
    for name in ("llm", "encoder", "projector"):
        (directory / name).mkdir(parents=True)
    config = json.dumps({"max_position_embeddings": 64})
    (directory / "llm" / CONFIG).write_text(config, encoding="utf-8")
    components = {name: name for name in ("llm", "encoder", "projector")}
    if heads:
        head = directory / PAIR_HEADS / "dyes"
        head.mkdir(parents=True)
        (head / CONFIG).write_text("{}", encoding="utf-8")
        task = TaskFigures(1, 1.0, 1.0, 1.0, 1, "pairs that training never saw")
        domain = Domain(("C",), 1, (0, 0))
        HeadFigures({"absorption": task}, (domain, domain), "", HEAD_COMMAND, "").write(head)
        components[PAIR_HEADS] = PAIR_HEADS
    Bundle.write(directory, directory.name, components, reads_names=reads_names)
    return directory


def _card(run: Path, bundle: Path) -> str:
    told = {"date": "2026-01-01", "hardware": "a core", "generator_hardware": "", "weaknesses": ""}
    write_card(run, bundle, run.parent / "grounding.json", **told)
    return (bundle / "README.md").read_text(encoding="utf-8")


def test_a_card_lists_pair_heads_and_their_commands_only_where_there_are_some(
    run: Path, tmp_path: Path
) -> None:
    with_heads = _card(run, _bundle(tmp_path / "a", heads=True, reads_names=False))
    assert "| `pair_heads` | numbers for two molecules" in with_heads
    assert f"`{HEAD_COMMAND}`" in with_heads
    assert "--bundle checkpoints/a --no-names`" in with_heads
    without = _card(run, _bundle(tmp_path / "b", heads=False, reads_names=True))
    assert PAIR_HEADS not in without
    assert "--no-names" not in without
    assert "\n\n## How it was trained" in without
    for text in (with_heads, without):
        assert "--config assistant/train/configs/default_gpu.toml --data DIR --run RUN`" in text
        assert "export --run RUN --bundle" in text
        assert "`start`" not in text
        assert "train.generator" not in text
        assert "generator_loss.png" not in text


def test_a_card_tells_all_the_runs_that_the_weights_went_through(run: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    shutil.copytree(run, later)
    noted = asdict(Recipe.load(CONFIGS / "default_gpu_more.toml")) | {"start": "/some/disk/run"}
    (later / "recipe.json").write_text(json.dumps(noted), encoding="utf-8")
    (later / "log.jsonl").write_text(
        json.dumps({"step": 1500, "tokens": 2_000_000, "seconds": 120.0}) + "\n", encoding="utf-8"
    )
    bundle = _bundle(tmp_path / "a", heads=False, reads_names=True)
    told = {"date": "2026-01-01", "generator_hardware": "", "weaknesses": ""}
    write_card(
        later, bundle, tmp_path / "grounding.json", hardware="a GPU", before=[Stage(run, "a core")],
        **told,
    )  # fmt: skip
    text = (bundle / "README.md").read_text(encoding="utf-8")
    assert "3 steps, 0.0 M tokens in 0.0 minutes on a core; then 1,500 steps, 2.0 M" in text
    assert "15% and 12% of the examples are plain text" in text
    first, second = (
        text.index(f"configs/default_gpu{more}.toml --data DIR --run RUN{n}`")
        for n, more in ((1, ""), (2, "_more"))
    )
    assert first < second
    assert "export --run RUN2 --bundle" in text
    assert "The `start` of a recipe is the run before" in text
    assert "/some/disk" not in text
    assert "average" not in text


def test_a_card_tells_which_run_was_averaged_with_the_one_before(run: Path, tmp_path: Path) -> None:
    averaged, later = tmp_path / "averaged", tmp_path / "later"
    for directory in (averaged, later):
        shutil.copytree(run, directory)
    (averaged / "average.json").write_text('{"share": 0.8}', encoding="utf-8")
    bundle = _bundle(tmp_path / "a", heads=False, reads_names=True)
    told = {"date": "2026-01-01", "generator_hardware": "", "weaknesses": "", "hardware": "a core"}
    before = [Stage(run, "a GPU"), Stage(averaged, "another")]
    write_card(later, bundle, tmp_path / "grounding.json", before=before, **told)
    text = (bundle / "README.md").read_text(encoding="utf-8")
    assert "minutes on another, of whose language model 80% were taken and the rest" in text
    assert "train.average --first RUN1 --second RUN2 --share 0.8 --run RUN2A`" in text
    assert "export --run RUN3 --bundle" in text
    write_card(averaged, bundle, tmp_path / "grounding.json", before=before[:1], **told)
    assert "export --run RUN2A --bundle" in (bundle / "README.md").read_text(encoding="utf-8")


def test_what_is_missing_for_a_card_is_told_in_one_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = _bundle(tmp_path / "a", heads=False, reads_names=True)
    weak = tmp_path / "weaknesses.md"
    weak.write_text("- It is small.", encoding="utf-8")
    given = {"--run": run, "--bundle": bundle, "--grounding": tmp_path / "grounding.json"}
    given |= {"--weaknesses": weak, "--date": "2026-01-01", "--hardware": "a core"}

    def told(**changed: Path) -> str:
        values = given | {f"--{name}": value for name, value in changed.items()}
        ended = card.main([str(part) for pair in values.items() for part in pair])
        said = capsys.readouterr().err
        assert ended == bool(said)
        return said

    assert told() == ""
    assert "- It is small." in (bundle / "README.md").read_text(encoding="utf-8")
    none = tmp_path / "none"
    for name in ("run", "bundle", "grounding", "weaknesses"):
        (said,) = told(**{name: none}).splitlines()
        assert said.startswith(f"There is no {none}")


def test_a_run_of_licensed_sources_names_the_recipe_and_the_option(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = _bundle(tmp_path / "a", heads=False, reads_names=True)
    noted = json.loads((run / "recipe.json").read_text(encoding="utf-8"))
    told = json.dumps(noted | {"licensed_only": True})
    (run / "recipe.json").write_text(told, encoding="utf-8")
    said = "configs/default_gpu.toml --data DIR --run RUN --licensed-only`,"
    assert said in commands_of([Stage(run, "")], bundle)
    own = json.dumps(noted | {"licensed_only": True, "encoder": "/some/disk/encoder"})
    (run / "recipe.json").write_text(own, encoding="utf-8")
    assert "RECIPE.toml --data" in commands_of([Stage(run, "")], bundle)  # none begins with one
    shipped = (CONFIGS / "default_gpu.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(f'encoder = "runs/encoder"\n{shipped}', encoding="utf-8")
    monkeypatch.setattr(shipped_recipe, "_CONFIGS", tmp_path)
    assert "configs/mine.toml --data" in commands_of([Stage(run, "")], bundle)


def test_a_command_names_a_recipe_of_the_repository_only_where_it_is_what_was_run() -> None:
    for path in CONFIGS.glob("default_*.toml"):
        noted = json.loads(json.dumps(asdict(Recipe.load(path)), default=Path.as_posix))
        assert config_name(noted, Recipe.from_dict).endswith(path.name)
    tasks = replace(Recipe.load(CONFIGS / "default_gpu_tasks.toml"), retrieval="/some/disk/index")
    noted = json.loads(json.dumps(asdict(tasks), default=Path.as_posix))
    assert config_name(noted, base_recipe).endswith("default_gpu_tasks.toml")
    own = replace(Recipe.load(CONFIGS / "default_gpu.toml"), minutes=5.0)
    assert config_name(asdict(own), Recipe.from_dict) == "RECIPE.toml"
    noted = asdict(GeneratorRecipe.load(CONFIGS / "generator_cpu.toml"))
    assert config_name(noted, GeneratorRecipe.from_dict).endswith("generator_cpu.toml")


def test_the_shipped_card_has_all_components_and_their_commands(run: Path) -> None:
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    for name in Bundle.read(SHIPPED).components:
        assert f"| `{name}` |" in card
    about = {"recipe": asdict(GeneratorRecipe.load(CONFIGS / "generator_cpu.toml"))}
    later = run.parent / "later"
    shutil.copytree(run, later)
    noted = json.dumps(asdict(Recipe.load(CONFIGS / "default_gpu_more.toml")))
    (later / "recipe.json").write_text(noted, encoding="utf-8")
    (later / "generator.json").write_text(json.dumps(about), encoding="utf-8")
    stages = [Stage(place, "") for place in (run, later)]
    assert f"- Commands: {commands_of(stages, SHIPPED)}\n" in card


@pytest.mark.parametrize(
    ("epochs", "said"),
    [((), "epoch 4 of 4."), ((4,), "epoch 4 of 4, the only look at the validation rows."),
     ((2, 4), "the best of 2 looks at the validation rows (epochs 2, 4).")],
)  # fmt: skip
def test_a_pair_card_says_how_often_it_looked_and_in_which_unit_a_mean_is(
    epochs: tuple[int, ...], said: str, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, logarithmic=("emission",))
    table = read_pairs(recipe.source, recipe.tasks, write_dyes(tmp_path))
    run = PairRun(recipe, table, molecules_of(table, ()))
    figures = measured(run, run.head, command="")
    rows = [
        {"epoch": n, "loss": 1.0} | ({"valid absorption MAE": 2.0} if n in epochs else {})
        for n in (1, 2, 3, 4)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    card = card_text(recipe, table, run.head, figures, {}, log)
    assert said in card
    (line,) = (line for line in card.splitlines() if line.startswith("| emission | log10 nm |"))
    assert line.endswith(f"| {figures.tasks['emission'].base:.4g} nm |")


@pytest.mark.parametrize(
    ("noted", "command", "said"),
    [
        ({}, "--n 4`", "full card in the prompt."),
        ({"first_attempt": True}, "--n 4 --first-attempt`", "in the prompt, as first written."),
        ({"first_attempt": False}, "--n 4`", "contradicts was written again, as on the page."),
    ],
)
def test_a_card_says_whether_its_answers_were_written_again(
    noted: dict[str, bool], command: str, said: str, run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "grounding.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | noted), encoding="utf-8")
    card = _card(run, _bundle(tmp_path / "bundle", heads=False, reads_names=True))
    assert f"grounding {command}" in card
    assert said in card
