"""What is measured of the readers, and the whole command on a tiny encoder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.adapters.generator import GeneratorConfig
from assistant.adapters.settings import GeneratorSettings
from assistant.adapters.sites import find_sites
from assistant.bundle import Bundle
from assistant.checkpoint import ComponentInfo, save_component
from assistant.chem.molecule import Molecule
from assistant.evaluate.generators import llm_on_meta
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.readouts.__main__ import main, write_page
from assistant.train.readouts.costs import kept_by_step, made_up, reader_costs, settings_of
from assistant.train.readouts.data import asked_of
from assistant.train.readouts.measure import metrics_of, probed
from assistant.train.readouts.page import WHAT, page_text
from assistant.train.readouts.readers import Readout
from assistant.train.readouts.recipe import VARIANTS, Question, ReadoutRecipe
from assistant.train.readouts.smoothing import likeness, mean_average_distance
from tests.importers.official import save_llama
from tests.train.readouts.test_readouts import SMALL, SMILES, encoder, write_table

RECIPE = """
variants = ["all", "last", "mlp, all", "q-former"]
beside = ["all"]
seeds = [1, 2]
batch = 4
d_token = 16
lr = 1e-2
n_smoothed = 4
ranks = [2]
every = [1, 2]
[[questions]]
task = "property:homo"
steps = 3
"""


@pytest.fixture
def plots() -> None:
    """Skips without what draws."""
    pytest.importorskip("matplotlib", reason="draws pictures: pip install -e .[train]")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    main_encoder = GraphEncoder(SMALL)
    save_component(tmp_path / "trained", main_encoder, SMALL, ComponentInfo("encoder"))
    other = GraphEncoder(SMALL)
    save_component(tmp_path / "bundle" / "encoder", other, SMALL, ComponentInfo("encoder"))
    Bundle.write(tmp_path / "bundle", "tiny", {"encoder": "encoder"})
    rows = [(s, f"{-0.2 - 0.01 * i:.3f}", "test" if i % 3 == 0 else "train")
            for i, s in enumerate([*SMILES, "CCCO", "CCCN", "c1ccncc1", "CCCl"])]  # fmt: skip
    write_table(tmp_path / "data" / "qm9" / "qm9_homo.csv.gz", ["smiles", "homo", "split"], rows)
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def command(place: Path, *more: str, run: str = "run") -> list[str]:
    values = {"config": "recipe.toml", "run": run, "base": "bundle", "data": "data"}
    given = [part for name, at in values.items() for part in (f"--{name}", str(place / at))]
    return [*given, "--encoder", f"mine={place / 'trained'}", *more]


@pytest.fixture
def no_8b(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Generators for a tiny language model, where the real one has the shape of Llama-3-8B."""
    tiny = save_llama(tmp_path / "llm")
    monkeypatch.setattr("assistant.train.readouts.costs.llm_on_meta", lambda _: llm_on_meta(tiny))


@pytest.mark.usefixtures("plots", "no_8b")
def test_the_command_trains_measures_and_writes_the_page(place: Path) -> None:
    page = place / "docs" / "readouts.md"
    assert main(command(place, "--page", str(page))) == 0
    record = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    (question,) = record["questions"]
    assert (question["n_train"], question["n_test"]) == (8, 5)
    shown = {(row["encoder"], row["variant"], row["control"]) for row in question["rows"]}
    own = {("mine", name, "own") for name in ("all", "last", "mlp, all", "q-former")}
    of_all = [row["control"] for row in question["rows"] if row["variant"] == "all"]
    assert of_all == 3 * ["own", "other molecule", "zero graph"]
    controls = {
        (name, "all", control)
        for name in ("mine", "shipped", "random weights")
        for control in ("own", "other molecule", "zero graph")
    }
    assert shown == own | controls
    assert len(question["differences"]) == len(shown) - 3  # of each encoder's baseline itself
    encoders = ["mine", "shipped", "random weights"]
    assert [entry["encoder"] for entry in record["smoothing"]] == encoders
    assert [(g["rank"], g["every"]) for g in record["generators"]] == [(2, 1), (2, 2)]
    text = page.read_text(encoding="utf-8")
    for name in ("all", "last", "mlp, all", "q-former"):
        assert f"| {name} | {WHAT[name]} |" in text
    for row in question["rows"]:
        assert len(row["metrics"][0]["single"]) == 2
    assert "$" not in text
    for picture in ("readouts_variants.png", "readouts_layers.png"):
        assert f"({picture})" in text
        assert (page.parent / picture).read_bytes().startswith(b"\x89PNG")
    assert str(place) not in text


@pytest.mark.usefixtures("plots", "no_8b")
def test_what_is_finished_is_kept_and_measured_alone_when_asked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(place, "--measure-only")) == 1
    assert "has no finished 'all' for property:homo" in capsys.readouterr().err
    assert main(command(place, "--train-only")) == 0
    assert not (place / "run" / "graph_readouts.md").exists()
    done = sorted((place / "run").rglob("done.json"))
    assert len(done) == 2 * (4 + 2)
    times = [path.stat().st_mtime_ns for path in done]
    for path in (place / "run").rglob("seed-2/**/q-former/done.json"):
        path.unlink()
    assert main(command(place, "--measure-only")) == 0
    record = json.loads((place / "run" / "graph_readouts.json").read_text(encoding="utf-8"))
    (question,) = record["questions"]
    for row in [*question["rows"], *question["differences"]]:
        seeds = [1] if row["variant"] == "q-former" else [1, 2]
        singles = row["single"] if "single" in row else row["metrics"][0]["single"]
        assert row["seeds"] == seeds
        assert len(singles) == len(seeds)
    assert [p.stat().st_mtime_ns for p in done if p.exists()] == [
        t for p, t in zip(done, times, strict=True) if p.exists()
    ]


@pytest.mark.usefixtures("plots")
def test_a_run_goes_on_only_with_the_same_settings(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "recipe.toml").write_text(
        RECIPE.replace("seeds = [1, 2]", "seeds = [1]").replace('"last", "mlp, all", ', ""),
        encoding="utf-8",
    )
    assert main(command(place, "--train-only")) == 0
    (place / "recipe.toml").write_text(RECIPE.replace("lr = 1e-2", "lr = 1e-3"), encoding="utf-8")
    assert main(command(place, "--train-only")) == 1
    assert "other settings (lr)" in capsys.readouterr().err
    (place / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    without = command(place, "--train-only")
    at = without.index("--encoder")
    assert main([*without[:at], *without[at + 2 :]]) == 1  # then the bundle's is the main one
    assert "encoders.mine" in capsys.readouterr().err


@pytest.mark.usefixtures("plots")
@pytest.mark.parametrize(
    ("name", "message"),
    [("shipped", "already names another encoder"), ("a b", "cannot name a directory")],
)
def test_names_of_encoders_are_told_apart(
    place: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [*command(place)[:-1], f"{name}={place / 'trained'}"]
    assert main(given) == 1
    assert message in capsys.readouterr().err


def test_errors_are_those_of_the_definition(place: Path) -> None:
    asked = asked_of(Question("property:homo"), place / "data")
    wanted = asked.test.values.numpy()
    mae, rmse = metrics_of(wanted + np.array([0.1, -0.1, 0.3, 0.0, 0.0]), asked)
    assert mae.value == pytest.approx(0.1)
    assert rmse.value == pytest.approx(np.sqrt(0.11 / 5))


def test_a_probe_finds_a_linear_value(place: Path) -> None:
    asked = asked_of(Question("property:homo"), place / "data")
    read, shown = (
        np.stack([rows.values.numpy() * 3 + 1, np.ones(len(rows.examples))], axis=1)
        for rows in (asked.train, asked.test)
    )
    kept = read.copy()
    mae = probed(read, shown, asked)[0]
    assert mae.value < 0.25 * metrics_of(np.full(5, asked.train.values.mean()), asked)[0].value
    assert np.array_equal(read, kept)


def test_mean_average_distance_is_that_of_the_paper() -> None:
    x, y, diagonal = [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]
    states = torch.tensor([[x, x, y], [x, x, x], [x, y, diagonal]])  # three levels of three atoms
    to_diagonal = 1 - 0.5**0.5
    expected = [1.0, 0.0, (2 * (1 + to_diagonal) / 2 + to_diagonal) / 3]
    assert mean_average_distance(states).tolist() == pytest.approx(expected, abs=1e-6)


def test_likeness_tells_smooth_from_rough_levels() -> None:
    model = encoder()
    molecules = [Molecule.parse(s) for s in SMILES]
    found = likeness(model, molecules)
    assert all(len(values) == 6 for values in found.values())
    assert all(0 < share < 1 for share in found["within"])
    with torch.no_grad():  # a layer that gives every atom of every molecule the same
        model.molecule_node_model.batch_norms[1].weight.zero_()
        model.molecule_node_model.batch_norms[1].bias.fill_(1.0)
    flat = likeness(model, molecules)
    assert flat["mad"][2] == pytest.approx(0, abs=1e-5)
    assert flat["cosine"][2] == pytest.approx(1, abs=1e-5)
    assert flat["mad"][:2] == found["mad"][:2]
    benzene = likeness(encoder(), [Molecule.parse("c1ccccc1"), Molecule.parse("CC")])
    assert benzene["within"] == pytest.approx([0] * 6, abs=1e-9)  # equivalent atoms only


def test_costs_count_what_a_variant_has() -> None:
    recipe = ReadoutRecipe((Question("property:homo"),), d_token=16, batch=4)
    costs = {cost["variant"]: cost for cost in reader_costs(recipe, SMALL)}
    assert list(costs) == list(VARIANTS)
    assert costs["all"]["tokens"] == 28
    assert all(c["step_seconds"] > 0 and c["forward_seconds"] > 0 for c in costs.values())
    assert costs["last, short"]["kept_bytes"] < costs["last"]["kept_bytes"]
    model = Readout(VARIANTS["mlp, last"], d_graph=12, n_levels=6, d_token=16)
    few, many = (kept_by_step(model, made_up(n, SMALL)) for n in (4, 8))
    assert 1.5 < many / few < 2.1


def test_a_generators_settings_are_read_back(tmp_path: Path) -> None:
    model = llm_on_meta(save_llama(tmp_path / "llm"))
    settings = GeneratorSettings(rank=2, d_model=16, n_heads=2, n_site_blocks=1, targets="qvm")
    found = settings_of(settings.config_for(model))
    assert found == settings
    sites = find_sites(model, "qvm", every=2)
    assert settings_of(GeneratorConfig(d_graph=300, sites=sites)).targets == "qvm"


@pytest.mark.usefixtures("plots")
def test_the_page_says_better_and_worse_by_the_interval(tmp_path: Path) -> None:
    metric = {"name": "MAE (Hartree)", "value": 0.01, "low": 0.009, "high": 0.011, "single": [0.01]}
    row = {"encoder": "mine", "control": "own", "seeds": [1], "metrics": [metric],
           "seconds_per_step": 0.5, "commits": ["abc"]}  # fmt: skip
    difference = {"encoder": "mine", "control": "own", "b": 0.01, "single": [0.002],
                  "seeds": [1, 2]}  # fmt: skip
    question = {
        "task": "property:homo", "steps": 3, "n_train": 8, "n_test": 5, "unread": 2,
        "deviation": 0.02,
        "rows": [row | {"variant": name} for name in ("all", "last", "skip", "mean")],
        "differences": [
            difference | {"variant": "last", "a": 0.012, "low": 0.001, "high": 0.003,
                          "verdict": "worse"},
            difference | {"variant": "skip", "a": 0.009, "low": -0.002, "high": -0.0001,
                          "verdict": "better"},
            difference | {"variant": "mean", "seeds": [1], "a": 0.01, "low": -0.001, "high": 0.001,
                          "verdict": "no difference shown"},
        ],
        "baselines": [{"method": "constant", "metrics": [metric | {"value": 0.5}]}],
    }  # fmt: skip
    level = {"mad": 0.5, "cosine": 0.4, "within": 0.3, "probe": [metric]}
    smoothed = {"encoder": "mine", "task": "property:homo", "n": 5, "levels": [level] * 2,
                "probe": [metric]}  # fmt: skip
    cost = {"variant": "all", "parameters": 5, "tokens": 28, "step_seconds": 0.1,
            "forward_seconds": 0.01, "kept_bytes": 2_000_000}  # fmt: skip
    generator = {"shape": "tiny", "rank": 4, "every": 2, "d_model": 8, "n_blocks": 2,
                 "parameters": 1000, "bytes_per_molecule": 1_000_000, "seconds": 0.5}  # fmt: skip
    record = {
        "command": "python -m x", "date": "2026-01-02", "commit": "def", "main": "mine",
        "encoders": {"mine": "123"}, "batch": 4, "lr": 1e-3, "questions": [question],
        "costs": [cost], "smoothing": [smoothed], "generators": [generator], "file": "r.json",
    }  # fmt: skip
    text = page_text(record, variants_picture="v.png", layers_picture="l.png")
    assert "better: *skip* (-10.0 %); worse: *last* (+20.0 %); no difference shown:" in text
    assert "no difference shown: *mean* (+0.0 %, one seed)." in text
    assert "Beside: constant 0.5000. Linear probes of the last level's mean" in text
    assert "all levels': *mine* 0.0100, 0.0100." in text
    assert "trained at commit abc, measured at commit def" in text
    assert "2 unreadable rows left out" in text
    assert "Of 3 comparisons about\n  0.2 would" in text
    row_of_last = next(line for line in text.splitlines() if line.startswith("| last | mine"))
    assert row_of_last.startswith("| last | mine | 1 | 0.0100 [0.0090, 0.0110] |")
    assert "| 0.0020 [0.0010, 0.0030] | 0.0020 | worse | 500 |" in row_of_last
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = [line.count("|") for line in tables]
    heads = [place for place, line in enumerate(tables) if line.startswith("| --- ")]
    for place in heads:
        assert widths[place - 1] == widths[place] == widths[place + 1]
    write_page(record, tmp_path / "page.md")
    kept = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    assert kept == record | {"file": "page.json"}


def test_an_encoder_of_other_depth_is_read_as_well(place: Path) -> None:
    config = GraphEncoderConfig(d_model=12, n_layers=2)
    recipe = replace(ReadoutRecipe((Question("property:homo"),)), d_token=16)
    assert len(reader_costs(replace(recipe, variants=("all", "skip")), config)) == 2
