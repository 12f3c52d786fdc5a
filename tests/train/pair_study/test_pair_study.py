"""Variants of a pair recipe: they differ in what they say, controls control, runs resume."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.errors import AssistantError
from assistant.evaluate.tasks import values
from assistant.train.pair_run import PairRun
from assistant.train.pair_study.__main__ import complete_seeds, main, study_rows, train_all
from assistant.train.pair_study.cell import cell_path, read_cell
from assistant.train.pair_study.heads import head_of_variant
from assistant.train.pair_study.recipe import StudyRecipe, Variant
from assistant.train.pair_study.rows import StudyRows
from tests.train.pair_study.tiny_study import TEXT, write_study, write_table

CONFIG = Path(__file__).parents[3] / "assistant/train/configs/pair_study_cpu.toml"
BASELINE = Variant("gin", "", "interaction")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("data"))


@pytest.fixture
def study(tmp_path: Path) -> StudyRecipe:
    return StudyRecipe.load(write_study(tmp_path))


@pytest.fixture
def rows(study: StudyRecipe, data: Path, tmp_path: Path) -> StudyRows:
    return study_rows(study, study.tasks[0], data, tmp_path)


@pytest.fixture
def few_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ridge regression on 4,096 bits takes longer than the whole study."""
    whole = values._features
    monkeypatch.setattr(values, "_features", lambda examples: whole(examples)[:, ::32])


def variant(study: StudyRecipe, name: str) -> Variant:
    return next(one for one in study.variants if one.name == name)


@pytest.mark.usefixtures("few_bits")
def test_the_command_trains_measures_and_writes_a_page(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the plot: pip install -e .[train]")
    config, run, page = write_study(tmp_path), tmp_path / "run", tmp_path / "parts.md"
    arguments = ["--config", str(config), "--run", str(run), "--data", str(data)]
    assert main([*arguments, "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert not any(str(place) in text for place in (run, data))
    assert page.with_suffix(".png").stat().st_size > 1000
    for words in ("none, added", "Morgan + ridge", "MiB kept by a step", "seeds 1, 2"):
        assert words in text, words
    assert "12 first molecules, 24 test rows with 6 molecules that training never saw" in text
    assert "(1 training and test rows left out)" in text
    assert not list(run.rglob("*.pt"))  # weights are not kept
    kept = {path: path.stat().st_mtime_ns for path in run.rglob("cell.json")}
    assert len(kept) == 4 * 2
    assert main([*arguments, "--page", str(page)]) == 0
    assert {path: path.stat().st_mtime_ns for path in run.rglob("cell.json")} == kept


def test_a_study_that_stops_goes_on_to_the_same_numbers(
    study: StudyRecipe, rows: StudyRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout draws random numbers too: a cell that stopped begins again with the same."""
    task, straight, stopped = study.tasks[0], tmp_path / "straight", tmp_path / "stopped"
    by_name = {task.name: rows}
    train_all(study, by_name, [1], straight)
    update, n_updates = PairRun._update, 0

    def stop(*given: object) -> float:
        nonlocal n_updates
        n_updates += 1
        if n_updates == 7:  # in the second cell
            raise KeyboardInterrupt
        return update(*given)

    with monkeypatch.context() as patched:
        patched.setattr(PairRun, "_update", stop)
        with pytest.raises(KeyboardInterrupt):
            train_all(study, by_name, [1], stopped)
    assert len(list(stopped.rglob("cell.json"))) == 1
    assert complete_seeds(study, stopped) == []
    train_all(study, by_name, [1], stopped)
    assert complete_seeds(study, stopped) == [1]
    for one in study.variants:
        cells = [read_cell(cell_path(r, task, one.name, 1)) for r in (straight, stopped)]
        assert cells[0].predicted == cells[1].predicted
        assert cells[0].kept_bytes == cells[1].kept_bytes > 0


def test_a_cell_of_other_settings_is_not_gone_on_with(
    study: StudyRecipe, rows: StudyRows, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    one = replace(study, variants=(variant(study, "gin"),))
    by_name = {one.tasks[0].name: rows}
    train_all(one, by_name, [1], run)
    told_apart = replace(one, variants=(replace(one.variants[0], says="said otherwise"),))
    train_all(told_apart, by_name, [1], run)
    wider = replace(one, variants=(replace(one.variants[0], sizes={"hidden": 9}),))
    with pytest.raises(AssistantError, match=r"other settings \(variant.sizes.hidden\)"):
        train_all(wider, by_name, [1], run)


def test_all_variants_see_the_same_rows_in_the_same_order(
    study: StudyRecipe, rows: StudyRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update, seen = PairRun._update, []

    def noted(run: PairRun, batch: np.ndarray, done: float) -> float:
        seen.append(batch.tolist())
        return update(run, batch, done)

    monkeypatch.setattr(PairRun, "_update", noted)
    train_all(study, {study.tasks[0].name: rows}, [2], tmp_path / "run")
    n_steps = len(seen) // len(study.variants)
    each = [seen[i * n_steps : (i + 1) * n_steps] for i in range(len(study.variants))]
    assert all(one == each[0] for one in each)
    assert n_steps == 2 * 2


@pytest.mark.parametrize("place", [0, 1])
def test_variants_of_the_repository_change_only_what_they_name(place: int) -> None:
    study = StudyRecipe.load(CONFIG)
    task = study.tasks[place]
    usual = asdict(BASELINE.pair_config(task.recipe, 1))
    for one in study.variants_of(task):
        config = asdict(one.pair_config(task.recipe, 1))
        changed = {key for key in usual if config[key] != usual[key]}
        allowed = {"encoder_3d", "n_conformers"} if one.encoder_3d else set()
        allowed |= {"encoder_2d"} if "encoder" in one.sizes else set()
        allowed |= {"encoder_1d"} if "views" in one.sizes else set()
        allowed |= (
            {"interaction"} if "interaction" in one.sizes or one.join != "interaction" else set()
        )
        assert changed == allowed, one.name
    assert study.against(task, variant(study, "views and 2D")) == "views"


def test_weights_come_from_the_seed_alone(study: StudyRecipe, rows: StudyRows) -> None:
    recipe = replace(study.tasks[0].recipe, seed=5)
    first = head_of_variant(BASELINE, recipe, rows.table, 1)
    torch.rand(3)
    again = head_of_variant(BASELINE, recipe, rows.table, 1)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_without_the_second_molecule_nothing_depends_on_it(
    study: StudyRecipe, rows: StudyRows, tmp_path: Path
) -> None:
    task = study.tasks[0]
    train_all(study, {task.name: rows}, [1], tmp_path / "run")
    test = rows.table.pairs[rows.table.rows("test")]
    blind, seeing = (
        read_cell(cell_path(tmp_path / "run", task, name, 1)) for name in ("left out", "gin")
    )
    spread = {
        name: max(np.ptp(np.array(cell.predicted)[test[:, 0] == dye]) for dye in test[:, 0])
        for name, cell in (("blind", blind), ("seeing", seeing))
    }
    assert spread["blind"] < 1e-3 < spread["seeing"]
    assert blind.predicted_other == []
    assert len(seeing.predicted_other) == len(test)
    assert seeing.predicted_other != seeing.predicted


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('join = "added"', 'join = "sum"', "variant none, added: join 'sum' is none of"),
        ('second = "none"', 'second = "no"', "variant left out: second 'no' is none of own, none"),
        ('views = ["lingo"]', 'view = ["lingo"]', "variant 1D and 3D: sizes have no view"),
        ('views = ["lingo"]', 'views = ["text"]', "no view text of a molecule"),
        ('encoder_3d = "schnet"', 'encoder_3d = "net"', "encoder_3d kind 'net' is unknown"),
        ('against = "none, added"', 'against = "none"', "compared with 'none', which is none of"),
        ('name = "left out"', 'name = "gin"', "two variants of one name"),
        ("max_atoms", 'simple_against = "x"\nmax_atoms', "simple_against 'x' is none of gin"),
        ("n_molecules = 12", "n_molecules = -1", "n_molecules -1"),
        ("seeds = [1, 2]", 'seeds = [1]\nremarks = "One."', "remarks = 'One.'; write a list"),
        ("seeds = [1, 2]", "seeds = []", "seeds, tasks and variants must not be empty"),
    ],
)
def test_mistakes_in_a_recipe_are_named(old: str, new: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match=said):
        StudyRecipe.load(write_study(tmp_path, TEXT.replace(old, new)))


def test_a_seed_that_the_recipe_does_not_have_is_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the plot: pip install -e .[train]")
    config = write_study(tmp_path)
    arguments = ["--config", str(config), "--run", str(tmp_path / "run"), "--data", str(data)]
    assert main([*arguments, "--seeds", "7"]) == 1
    assert "no seed 7; it has 1, 2" in capsys.readouterr().err
