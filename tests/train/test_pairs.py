"""The recipe of pair heads: tables without leaks, resuming, the component, other splits."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from assistant.bundle import Bundle
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.pairing.figures import HeadFigures
from assistant.pairing.known import KnownPairs
from assistant.pairing.predictor import PairPredictor
from assistant.train import pairs
from assistant.train.pair_descriptors import chosen_molecules
from assistant.train.pair_output import measured, round_to_half, write_component
from assistant.train.pair_recipe import Descriptors, PairRecipe
from assistant.train.pair_run import PairRun
from assistant.train.pair_splits import random_split, scaffold_split
from assistant.train.pair_tables import PairTable, TableSource, read_pairs
from assistant.train.pair_views import molecules_of
from tests.pairing.tiny import DYES, RECIPE, SOLVENTS, write_dyes, write_recipe


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_dyes(tmp_path / "data")


@pytest.fixture
def table(data: Path) -> PairTable:
    return read_pairs(RECIPE.source, RECIPE.tasks, data)


def test_a_table_is_read_once_per_structure(table: PairTable) -> None:
    # "C=C" without a direction and "/C=C/" are two structures; no other SMILES meet
    assert len(table.smiles) == len(DYES) + len(SOLVENTS)
    assert table.n_unread == 1  # C1CC
    assert len(table.pairs) == len(DYES) * len(SOLVENTS)  # the repeated one and gas are not rows
    i = next(
        i
        for i, (a, b) in enumerate(table.pairs)
        if table.names[a] == DYES[2] and table.smiles[b] == "CCO"
    )
    assert table.values[i, 0] == (400 + 300 + 40 * DYES[2].count("C=C") + 30) / 2
    assert np.isnan(table.values[i, 1])


def test_no_chromophore_of_a_test_row_is_trained_on(tmp_path: Path) -> None:
    table = read_pairs(RECIPE.source, RECIPE.tasks, write_dyes(tmp_path, leak=True))
    assert table.n_leaking == 1
    sides = {s: set(table.pairs[table.rows(s)][:, 0].tolist()) for s in ("train", "valid", "test")}
    assert not sides["train"] & (sides["test"] | sides["valid"])


def test_drugs_are_kept_apart_by_pair_and_on_demand_by_drug(tmp_path: Path) -> None:
    (tmp_path / "drugs.csv").write_text(
        "cid,smiles\n" + "".join(f"D{i},{'C' * (i + 1)}O\n" for i in range(20))
    )
    rows = [
        f"D{i},D{j},{(i + j) % 2},{'train' if j % 5 else 'test'}"
        for i in range(20)
        for j in range(i)
    ]
    twice = "D1,D0,1,train\nD0,D1,1,test\n"
    (tmp_path / "pairs.csv").write_text("a,b,label,split\n" + twice + "\n".join(rows) + "\n")
    source = TableSource("pairs.csv", "a", "b", {"drug_drug": "label"}, "split", "drugs.csv", "cid")
    table = read_pairs(source, ("drug_drug",), tmp_path)
    seen = {frozenset(p) for p in table.pairs[table.rows("train")].tolist()}
    asked = {frozenset(p) for p in table.pairs[table.rows("test")].tolist()}
    assert table.n_leaking == 1
    assert not seen & asked
    cold = read_pairs(replace(source, split="cold"), ("drug_drug",), tmp_path)
    warm = set(cold.pairs[cold.rows("train", "valid")].flatten().tolist())
    assert all(not set(p) <= warm for p in cold.pairs[cold.rows("test")].tolist())
    assert len(cold.rows("test"))


def test_a_run_that_stops_goes_on_to_the_same_weights(table: PairTable, tmp_path: Path) -> None:
    molecules = molecules_of(table, ())
    straight = PairRun(RECIPE, table, molecules).train("straight")
    half = PairRun(replace(RECIPE, epochs=4), table, molecules, tmp_path)
    original = half._after_epoch

    def stop(loss: float) -> None:
        original(loss)
        half._save()
        if half.epoch == 2:
            raise KeyboardInterrupt

    half._after_epoch = stop
    with pytest.raises(KeyboardInterrupt):
        half.train("half")
    resumed = PairRun(RECIPE, table, molecules, tmp_path)
    head = resumed.train("resumed")
    assert resumed.step == 4 * 3
    for name, value in straight.state_dict().items():
        assert torch.allclose(value, head.state_dict()[name], atol=1e-5), name


def test_other_pairs_can_be_shown_in_the_place_of_the_tables(table: PairTable) -> None:
    molecules, rows = molecules_of(table, ()), table.rows("test")
    turned = table.pairs.copy()
    turned[:, 1] = turned[0, 1]
    run, shown = PairRun(RECIPE, table, molecules), PairRun(RECIPE, table, molecules, shown=turned)
    usual, other = run.predict(run.head, rows), shown.predict(run.head, rows)
    assert not np.allclose(usual, other)
    assert np.array_equal(run.predict(run.head, rows, torch.from_numpy(turned)), other)
    assert run.loss(rows).item() != shown.loss(rows).item()


def test_training_lowers_the_error_of_the_training_rows(table: PairTable) -> None:
    recipe = replace(RECIPE, epochs=40, lr=5e-3, ema=0.9, check_every=40)
    run = PairRun(recipe, table, molecules_of(table, ()))
    rows = table.rows("train")
    before = run.figures(run.head, rows)["absorption MAE"]
    after = run.figures(run.train("dyes"), rows)["absorption MAE"]
    assert after < before / 2


def test_the_command_writes_a_component_and_puts_it_into_a_bundle(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    bundle = tmp_path / "bundle"
    Bundle.write(bundle, "own", {})
    config = write_recipe(tmp_path / "dyes.toml")
    remark = 'remarks = ["Chosen on validation rows."]'
    config.write_text(f"{remark}\n{config.read_text()}")
    arguments = ["--config", str(config), "--data", str(data), "--run", str(tmp_path / "run")]
    assert pairs.main([*arguments, "--bundle", str(bundle)]) == 0
    assert "absorption MAE" in capsys.readouterr().out
    directory = bundle / "pair_heads" / "chromophore_solvent"
    assert Bundle.read(bundle).components["pair_heads"] == bundle / "pair_heads"
    figures = HeadFigures.read(directory)
    assert figures.tasks["absorption"].n_test == 12
    assert figures.tasks["emission"].n_test == 9
    assert sum(b.n for b in figures.tasks["absorption"].bins) == 12
    assert figures.remarks == ("Chosen on validation rows.",)
    card = (directory / "README.md").read_text()
    assert "\n- Chosen on validation rows.\n" in card
    assert str(data) not in card
    assert (directory / "loss.png").stat().st_size > 1000
    predictor = PairPredictor.load(directory)
    assert isinstance(predictor.known, KnownPairs)
    assert len(predictor.known) == 18 * 4
    stored = load_file(directory / "model.safetensors").values()
    dtypes = {value.dtype for value in stored if value.is_floating_point()}
    assert dtypes == {torch.float16}


def test_a_head_of_views_is_the_same_read_back_and_resumed(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    sizes = replace(
        RECIPE.sizes, encoder="", views=("morgan", "pi"), view_width=12, additive=("physical",)
    )
    recipe = replace(RECIPE, sizes=sizes, by_rows=True, batch=16, epochs=2)
    table = read_pairs(recipe.source, recipe.tasks, data)
    molecules = molecules_of(table, ("morgan", "pi", "physical"), tmp_path)
    again = molecules_of(table, ("morgan", "pi", "physical"), tmp_path)  # from the files
    assert torch.equal(molecules[3].row(("pi", "morgan")), again[3].row(("pi", "morgan")))
    run = PairRun(recipe, table, molecules, tmp_path)
    head = round_to_half(run.train("views"))
    assert run.step == 2 * -(-len(table.rows("train")) // 16)
    figures = measured(run, head, command="python -m assistant.train.pairs")
    component = write_component(run, head, figures, tmp_path, all_known=False)
    assert "views morgan, pi to one state of 12" in (component / "README.md").read_text()
    predictor = PairPredictor.load(component)
    rows = table.rows("test")[:5]
    wanted = run.predict(head, rows)
    for (i, j), values in zip(table.pairs[rows], wanted, strict=True):
        pair = Molecule(table.smiles[i]), Molecule(table.smiles[j])
        assert list(predictor.values(*pair).values()) == pytest.approx(values.tolist(), rel=1e-4)
    resumed = PairRun(recipe, table, again, tmp_path).train("views")
    assert all(
        torch.allclose(a, b, rtol=2e-3, atol=1e-3)  # one of them is rounded to 16 bit
        for a, b in zip(resumed.state_dict().values(), head.state_dict().values(), strict=True)
    )


def test_the_additive_part_alone_knows_training_rows(table: PairTable) -> None:
    """Solved for before the first step, from training rows alone."""
    recipe = replace(RECIPE, sizes=replace(RECIPE.sizes, additive=("counts",), strength=1.0))
    run = PairRun(recipe, table, molecules_of(table, ("counts",)))
    plain = PairRun(RECIPE, table, molecules_of(table, ()))
    rows = table.rows("train")
    with_part, without = (r.figures(r.head, rows)["absorption MAE"] for r in (run, plain))
    assert with_part < without / 2
    shuffled = replace(table, values=np.where(
        np.isin(table.split, "train")[:, None], table.values, 1e4
    ))  # fmt: skip
    other = PairRun(recipe, shuffled, molecules_of(table, ("counts",)))
    assert torch.equal(run.head.additive.weight, other.head.additive.weight)


def test_values_that_may_not_be_given_away_stay_out_unless_asked_for(
    data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    config = write_recipe(tmp_path / "dyes.toml")
    config.write_text(config.read_text().replace("known_shipped = true", "known_shipped = false"))
    arguments = ["--config", str(config), "--data", str(data), "--run", str(tmp_path / "run")]
    for more, has_values in (([], False), (["--known"], True)):
        assert pairs.main([*arguments, *more]) == 0
        known = PairPredictor.load(tmp_path / "run" / "component").known
        assert len(known) == 72
        assert bool((~np.isnan(known.values)).any()) == has_values


def test_other_splits_are_measured_beside_simple_methods(data: Path, tmp_path: Path) -> None:
    config = write_recipe(tmp_path / "dyes.toml")
    arguments = ["--config", str(config), "--data", str(data), "--run", str(tmp_path / "run")]
    record = tmp_path / "records"
    assert pairs.main([*arguments, "--splits", "random:2", "--record", str(record)]) == 0
    (path,) = record.glob("*.json")
    found = json.loads(path.read_text())
    assert found["task"] == "pairs:absorption-random2"
    kinds = {row["method"]: row["kind"] for row in found["rows"]}
    assert kinds["pair model head"] == "regression head"
    assert kinds["nearest neighbour's value"] == "baseline"
    names = [metric["name"] for metric in found["rows"][0]["metrics"]]
    assert names[-1] == "mean RMSE of 2 splits (nm)"
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").glob("random-2-*.json")}
    assert pairs.main([*arguments, "--splits", "random:2"]) == 0
    assert {
        p.name: p.stat().st_mtime_ns for p in (tmp_path / "run").glob("random-2-*.json")
    } == kept


def test_a_run_of_another_recipe_or_table_is_not_gone_on_with(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    config = write_recipe(tmp_path / "dyes.toml")
    text = config.read_text().replace("epochs = 4", "epochs = 1")
    arguments = ["--config", str(config), "--data", str(data), "--run", str(tmp_path / "run")]

    def told(*changed: str, splits: str = "") -> str:
        values = text
        for old, new in zip(changed[::2], changed[1::2], strict=True):
            values = values.replace(old, new)
        config.write_text(values)
        more = ["--splits", splits] if splits else []
        return capsys.readouterr().err if pairs.main([*arguments, *more]) else ""

    assert not told()
    assert "other settings (batch)" in told("batch = 6", "batch = 5")
    assert not told("epochs = 1", "epochs = 2", "check_every = 2", "check_every = 1")
    assert "no split 'random:x'" in told(splits="random:x")
    noted = tmp_path / "run" / "recipe.json"
    assert not noted.with_name("splits.json").exists()
    assert not told(splits="random:1")
    before = noted.read_bytes()
    # One mean over splits must not hold heads that were trained for different times.
    assert "other settings (epochs)" in told("epochs = 1", "epochs = 2", splits="random:1")
    assert noted.read_bytes() == before
    write_dyes(data, leak=True)
    assert "other settings (table)" in told()


def test_splits_take_all_rows_and_scaffolds_are_not_shared(table: PairTable) -> None:
    split = random_split(100, 3)
    assert [int((split == s).sum()) for s in ("train", "valid", "test")] == [80, 10, 10]
    assert (random_split(100, 4) != split).any()
    by_scaffold = scaffold_split(table)
    assert set(by_scaffold) == {"train", "valid", "test"}


def test_descriptors_are_learned_from_structures_alone(data: Path, tmp_path: Path) -> None:
    corpus = data / "smiles_corpus"
    corpus.mkdir()
    others = ["C" * n + "O" for n in range(3, 12)]
    (corpus / "smiles_corpus.csv").write_text(
        "smiles\n" + "\n".join([*DYES, *others, "C1CC", "C" * 60]) + "\n"
    )
    descriptors = Descriptors("smiles_corpus/smiles_corpus.csv", 20, 30, epochs=60, batch=10)
    recipe = replace(RECIPE, descriptors=descriptors)
    table = read_pairs(recipe.source, recipe.tasks, data)
    # Any row may be tested on: of the table no structure is learned from, whatever its stereo.
    flat = [smiles.replace("/", "") for smiles in table.smiles]
    taken = chosen_molecules(descriptors, data, 0, left_out=flat)
    assert sorted(m.smiles for m in taken) == sorted(others)
    (run := tmp_path / "run").mkdir()
    first = pairs.start_of(recipe, table, data, run)
    assert (run / "descriptors.pt").is_file()
    again = pairs.start_of(recipe, table, data, run)
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )


def test_mistakes_in_a_recipe_are_named(tmp_path: Path) -> None:
    path = write_recipe(tmp_path / "wrong.toml")
    text = path.read_text()
    for old, new, said in (
        ("epochs = 4", "epochs = 0", "epochs 0"),
        ("epochs = 4", "epoch = 4", "epoch"),
        ("epochs = 4", 'remarks = "Chosen."', "remarks = .* write a list"),
        ('emission = "emi_max_nm"', "", "emission"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(AssistantError, match=said):
            PairRecipe.load(path)
    with pytest.raises(AssistantError, match="There is no recipe"):
        PairRecipe.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "name", ["pairs_chromophore", "pairs_solvation", "pairs_drugs", "pairs_drugs_cold"]
)
def test_the_recipes_of_the_repository_are_read(name: str) -> None:
    recipe = PairRecipe.load(Path(pairs.__file__).parent / "configs" / f"{name}.toml")
    assert recipe.licence
    assert recipe.shipped == ("drugs" not in name)
    shipped = Path(pairs.__file__).parents[2] / "checkpoints/default/pair_heads" / recipe.name
    if recipe.shipped:  # the card in the bundle is the one that the command writes
        figures = HeadFigures.read(shipped)
        assert (figures.remarks, figures.source) == (recipe.remarks, recipe.licence)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("350", "n/a"), ""),
        (("350", '"350,5"'), "dyes.csv, line 3: nm is '350,5'; write a number"),
        (("350", "inf"), "line 3: nm is 'inf'"),
        (("test", "tset"), "has no row of the test split with a value of absorption"),
        (("train", "Train"), ""),
        (("train", "held"), "has no row of the train split"),
        (("350", "-350"), "has -350 as absorption, which has no logarithm"),
        (("0,", "9,"), "one value of absorption in all rows to learn from"),
    ],
)
def test_a_table_that_nothing_can_be_learned_from_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    rows = [f"{'C' * (i + 1)}O,O,{300 + 50 * i},{'train' if i < 5 else 'test'}" for i in range(8)]
    table = "dye,solvent,nm,split\n" + "\n".join(rows) + "\n"
    if change[0] == "0,":
        table = re.sub(r"\d+,t", "300,t", table)
    (tmp_path / "dyes.csv").write_text(table.replace(*change), encoding="utf-8")
    (tmp_path / "own.toml").write_text(
        'name = "own"\ntasks = ["absorption"]\nlogarithmic = ["absorption"]\nepochs = 1\n'
        '[source]\npath = "dyes.csv"\nfirst = "dye"\nsecond = "solvent"\n'
        'columns = {absorption = "nm"}\n[sizes]\nd_model = 16\nn_layers = 1\nhidden = 8\n',
        encoding="utf-8",
    )
    places = ["--config", tmp_path / "own.toml", "--data", tmp_path, "--run", tmp_path / "run"]
    assert pairs.main([str(place) for place in places]) == bool(said)
    error = capsys.readouterr().err
    assert said in error
    assert (tmp_path / "run").exists() != bool(said)


def test_places_that_cannot_be_written_are_told_before_the_training(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    monkeypatch.setattr(PairRun, "train", lambda *_: pytest.fail("it trained"))
    config, file = write_recipe(tmp_path / "dyes.toml"), tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    (tmp_path / "run" / "component").mkdir(parents=True)
    (tmp_path / "run" / "component" / "thesis.txt").write_text("mine", encoding="utf-8")
    for options, said in (
        (("--run", file), "file cannot be used"),
        (("--run", tmp_path / "run"), "holds other files"),
        (("--run", tmp_path / "new", "--bundle", tmp_path), "No bundle at"),
        (("--run", tmp_path / "new", "--splits", "random:2", "--record", file), "Nothing can be"),
    ):
        given = ("--config", config, "--data", data, *options)
        assert pairs.main([str(one) for one in given]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    with pytest.raises(SystemExit):
        pairs.parse_arguments(["--config", "a", "--data", "b", "--run", "c", "--threads", "0"])


def test_the_learning_rate_begins_again_after_a_restart() -> None:
    once, twice = replace(RECIPE, epochs=16), replace(RECIPE, epochs=22, restarts=(16,))
    assert [twice.rate(e / 4) for e in range(64)] == [once.rate(e / 4) for e in range(64)]
    assert once.rate(15.9) < 0.02 * once.lr
    assert twice.rate(16.5) > 0.9 * twice.lr
    assert twice.rate(21.9) < 0.02 * twice.lr


def test_a_printed_command_names_no_place_of_this_machine() -> None:
    given = ["--config", "configs/a.toml", "--data=/some/disk/data", "--run", "runs/mine"]
    more = [
        "--encoder",
        "mine=/some/disk/runs/encoder",
        "--page",
        "/some/disk/page.md",
        "--seeds",
        "1",
    ]
    assert pairs.shown_command([*given, *more], program="assistant.train.readouts") == (
        "python -m assistant.train.readouts --config configs/a.toml --data DIR --run RUN"
        " --encoder mine=DIR --page page.md --seeds 1"
    )
