"""Pre-training of the encoder: what is hidden, what is kept out, and that a run resumes."""

import csv
import gzip
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem

from assistant.checkpoint import load_weights, read_config, read_info
from assistant.chem.graph import smiles_to_graphs
from assistant.errors import AssistantError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig, collate
from assistant.train.curves import read_log
from assistant.train.encoder.__main__ import main
from assistant.train.encoder.lessons import Lessons
from assistant.train.encoder.molecules import Molecules, molecules_of, structure_key
from assistant.train.encoder.recipe import EncoderRecipe, HeadSet
from assistant.train.encoder.run import EncoderRun
from assistant.train.encoder.targets import DESCRIPTORS, HIDDEN_ATOM, HIDDEN_BOND, descriptors, hide
from assistant.train.provenance import Provenance

CORPUS = {"CCO": "muv", "c1ccccc1O": "uspto1k", "CC(=O)NC": "muv|hiv", "N[C@@H](C)C(=O)O": "muv",
          "CCN": "uspto1k", "CCCl": "muv", "c1ccncc1": "muv", "CC(C)C": "muv"}  # fmt: skip
ESOL = [("CCO", "0.5", "train"), ("CCCC", "-2.1", "train"), ("CCC", "-1.9", "train"),
        ("CCN", "0.7", "test"), ("NC(C)C(=O)O", "0.1", "valid")]  # fmt: skip
BBBP = [("CCO", "1", "train"), ("CCS", "0", "train"), ("CCC", "", "train")]


def write_table(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_table(
        tmp_path / "smiles_corpus" / "smiles.csv.gz", ["smiles", "sources"], [*CORPUS.items()]
    )
    write_table(tmp_path / "moleculenet" / "esol.csv.gz", ["smiles", "logS", "split"], ESOL)
    write_table(tmp_path / "moleculenet" / "bbbp.csv.gz", ["smiles", "p_np", "split"], BBBP)
    return tmp_path


def recipe(**changes: object) -> EncoderRecipe:
    values = {
        "steps": 6, "batch": 4, "held_out": 3, "lr": 3e-3, "mask_rate": 0.3,
        "sizes": GraphEncoderConfig(d_model=16, n_layers=2),
        "sets": (HeadSet("moleculenet/esol", "value"), HeadSet("moleculenet/bbbp", "label")),
    }  # fmt: skip
    return EncoderRecipe(**(values | changes))


def test_structures_of_held_out_rows_are_in_neither_corpus_nor_tables(data: Path) -> None:
    found = molecules_of(recipe(), data)
    taken = {structure_key(s) for s in found.unlabelled}
    assert structure_key("CCN") not in taken
    assert structure_key("N[C@@H](C)C(=O)O") not in taken  # its flat form is a validation row
    assert len(taken) == len(CORPUS) - 2
    assert found.counts["corpus: held-out structures left out"] == 2
    assert found.counts["moleculenet/esol: rows trained on"] == 3
    assert found.counts["moleculenet/esol: rows left out"] == 2
    esol = found.targets[0]
    assert (esol.n, esol.mean) == (3, pytest.approx((0.5 - 2.1 - 1.9) / 3))
    values = found.sets[1][1]
    assert values[:2, 1].tolist() == [1.0, 0.0]
    assert np.isnan(values[2, 1])
    assert np.isnan(values[:, 0]).all()


def test_a_table_without_splits_is_split_by_hash(data: Path) -> None:
    rows = [("C" * n, str(-n)) for n in range(1, 60)]
    write_table(data / "moleculenet" / "esol.csv.gz", ["smiles", "logS"], rows)
    found = molecules_of(recipe(sets=(HeadSet("moleculenet/esol", "value"),)), data)
    assert 0 < found.counts["moleculenet/esol: rows left out"] < 20
    assert found.counts["moleculenet/esol: rows trained on"] + found.counts[
        "moleculenet/esol: rows left out"
    ] == len(rows)


def test_only_clearly_licensed_sources_when_asked_for(data: Path) -> None:
    write_table(data / "moleculenet" / "hiv.csv.gz", ["smiles", "HIV_active", "split"],
                [("CCF", "1", "train"), ("CC(C)C", "0", "test")])  # fmt: skip
    sets = (HeadSet("moleculenet/esol", "value"), HeadSet("moleculenet/hiv", "label"))
    found = molecules_of(recipe(licensed_only=True, sets=sets), data)
    assert {t.table for t in found.targets} == {"moleculenet/esol"}
    assert "c1ccccc1O" not in found.unlabelled  # uspto1k states no licence
    assert "CC(=O)NC" in found.unlabelled  # muv does, whatever else has it
    assert "CC(C)C" not in found.unlabelled  # kept out as a test row of the table not used


def test_hidden_atoms_and_bonds_are_shown_as_unknown_and_asked_for() -> None:
    graphs = collate(list(smiles_to_graphs(["CC(=O)Oc1ccccc1C(=O)O", "C/C=C/C#N", "CCO"])))
    masked = torch.tensor([True, False, True])
    hidden = hide(graphs, masked, 0.5, torch.Generator().manual_seed(3))
    assert len(hidden.atoms) >= 3
    assert set(graphs.batch[hidden.atoms].tolist()) <= {0, 2}
    assert (hidden.graphs.x[hidden.atoms] == torch.tensor(HIDDEN_ATOM)).all()
    assert torch.equal(hidden.atom_classes, graphs.x[hidden.atoms][:, [0, 3, 4, 6]])
    shown = torch.ones(len(graphs.x), dtype=torch.bool)
    shown[hidden.atoms] = False
    assert torch.equal(hidden.graphs.x[shown], graphs.x[shown])
    changed = (hidden.graphs.edge_attr == torch.tensor(HIDDEN_BOND)).all(1)
    assert changed.sum() == 2 * hidden.bonds.shape[1] > 0
    for place in torch.nonzero(changed)[::2, 0].tolist():  # both directions of a bond
        assert changed[place + 1]
        assert (
            graphs.edge_index[:, place].tolist() == graphs.edge_index[:, place + 1].tolist()[::-1]
        )
    types = graphs.edge_attr[changed][::2, 0]
    assert torch.equal(hidden.bond_classes, types)


def test_descriptors_are_those_of_rdkit() -> None:
    aspirin = descriptors(Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O"))
    named = dict(zip(DESCRIPTORS, aspirin.tolist(), strict=True))
    assert named["TPSA"] == pytest.approx(63.6)
    assert named["exact mass"] == pytest.approx(180.04226, abs=1e-4)
    assert (named["heavy atoms"], named["rings"], named["formal charge"]) == (13, 1, 0)


def test_a_step_is_the_same_each_time_and_holds_no_held_out_molecule(data: Path) -> None:
    molecules = molecules_of(recipe(), data)
    lessons = Lessons(molecules, recipe(batch=16))
    first, again = lessons.step(4), lessons.step(4)
    assert torch.equal(first.hidden.graphs.x, again.hidden.graphs.x)
    assert torch.equal(first.targets.nan_to_num(9), again.targets.nan_to_num(9))
    assert not torch.equal(first.targets.nan_to_num(9), lessons.step(5).targets.nan_to_num(9))
    assert sum(len(lesson.whole) for lesson in lessons.held_out()) == len(lessons.held_out_places)


def test_a_table_with_a_share_is_read_so_much_more(data: Path) -> None:
    def share_of_labels(share: float) -> float:
        sets = (
            HeadSet("moleculenet/esol", "value"),
            HeadSet("moleculenet/bbbp", "label", share=share),
        )
        own = recipe(sets=sets, labelled=1.0, batch=400, held_out=1)
        targets = Lessons(molecules_of(own, data), own).step(1).targets
        return (~targets[:, 1].isnan()).float().mean().item()

    few, many = share_of_labels(0.1), share_of_labels(10.0)
    assert few < 0.15
    assert many > 0.4  # one of its three rows has no label, one may be held out


def test_shares_stay_with_their_tables_where_a_licence_leaves_one_out(data: Path) -> None:
    write_table(data / "qm9" / "qm9_homo.csv.gz", ["smiles", "homo", "split"], ESOL)
    sets = (HeadSet("qm9/qm9_homo", "value", share=50.0), *recipe().sets)
    own = recipe(sets=sets, licensed_only=True, labelled=1.0, batch=200, held_out=1)
    lessons = Lessons(molecules_of(own, data), own)
    assert len(lessons.molecules.sets) == 2
    esol = (~lessons.step(1).targets[:, 0].isnan()).float().mean().item()
    assert 0.3 < esol < 0.7


def test_a_run_learns_stops_and_goes_on_as_if_it_had_not_stopped(
    data: Path, tmp_path: Path
) -> None:
    whole = EncoderRun(recipe(steps=40, batch=12), data, tmp_path / "whole")
    whole.train()
    lesson = whole.lessons.step(0)
    fresh = EncoderRun(recipe(steps=40, batch=12), data, tmp_path / "fresh")
    with torch.no_grad():
        before, after = (float(r.model.losses(lesson)["atoms"]) for r in (fresh, whole))
    assert after < 0.7 * before
    assert len(read_log(tmp_path / "whole" / "log.jsonl", "step")) >= 2
    halves = EncoderRun(recipe(steps=40, batch=12), data, tmp_path / "halves")
    for _ in range(20):
        halves._step(halves.lessons.step(halves.step))
    halves.save()
    resumed = EncoderRun(recipe(steps=40, batch=12), data, tmp_path / "halves")
    assert resumed.step == 20
    resumed.train()
    for name, value in whole.model.state_dict().items():
        assert torch.allclose(value.float(), resumed.model.state_dict()[name].float(), atol=1e-5)


def test_another_recipe_does_not_go_on_with_a_run(data: Path, tmp_path: Path) -> None:
    EncoderRun(recipe(), data, tmp_path / "run")
    with pytest.raises(AssistantError, match=r"other settings \(lr\)"):
        EncoderRun(recipe(lr=0.1), data, tmp_path / "run")
    longer = EncoderRun(recipe(steps=9), data, tmp_path / "run")
    assert longer.recipe.factor(3) > recipe().factor(3)


def test_a_recipe_that_holds_out_everything_is_refused(data: Path) -> None:
    molecules = molecules_of(recipe(), data)
    with pytest.raises(AssistantError, match=r"held_out = 3000 takes all of the \d+ mol"):
        Lessons(molecules, recipe(held_out=3000))
    with pytest.raises(AssistantError, match="takes all of the 6 molecules"):  # the tables' own
        Lessons(molecules, recipe(held_out=300, labelled=1.0))
    assert Lessons(molecules, recipe(held_out=3)).step(1)


def test_a_table_counts_by_its_split_in_any_letters_and_needs_a_training_row(data: Path) -> None:
    path = data / "moleculenet" / "esol.csv.gz"
    sets = (HeadSet("moleculenet/esol", "value"),)
    written = molecules_of(recipe(sets=sets), data)
    write_table(path, ["SMILES", "logS", "Split"], [(s, v, kind.title()) for s, v, kind in ESOL])
    again = molecules_of(recipe(sets=sets), data)
    assert again.sets[0][0] == written.sets[0][0]
    assert again.counts == written.counts
    write_table(path, ["smiles", "logS", "split"], [(s, v, "test") for s, v, _ in ESOL])
    with pytest.raises(AssistantError, match="moleculenet/esol has no row to train on"):
        molecules_of(recipe(sets=sets), data)
    write_table(data / "smiles_corpus" / "smiles.csv.gz", ["smi", "sources"], [("CC", "muv")])
    write_table(path, ["smiles", "logS", "split"], ESOL)
    with pytest.raises(AssistantError, match="line 1: no column smiles"):
        molecules_of(recipe(sets=sets), data)


def test_molecules_come_back_as_they_were_written(data: Path, tmp_path: Path) -> None:
    found = molecules_of(recipe(), data)
    found.save(tmp_path / "kept")
    again = Molecules.read(tmp_path / "kept")
    assert (again.unlabelled, again.targets, again.counts) == (
        found.unlabelled, found.targets, found.counts,
    )  # fmt: skip
    assert np.array_equal(again.sets[0][1], found.sets[0][1], equal_nan=True)


def test_the_command_writes_a_component_with_a_card_that_lists_the_sources(
    data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    config = tmp_path / "tiny.toml"
    config.write_text(
        "steps = 3\nbatch = 4\nheld_out = 3\n[sizes]\nd_model = 16\nn_layers = 2\n"
        '[[sets]]\ntable = "moleculenet/esol"\nkind = "value"\n',
        encoding="utf-8",
    )
    arguments = ["--config", str(config), "--data", str(data), "--run", str(tmp_path / "run")]
    assert main(arguments) == 0
    written = tmp_path / "run" / "encoder"
    sizes = read_config(written, GraphEncoderConfig, component="encoder")
    assert sizes.d_model == 16
    load_weights(written, GraphEncoder(sizes))
    assert "--config" in read_info(written).notes
    card = (written / "README.md").read_text(encoding="utf-8")
    assert "MoleculeNet ESOL: MIT" in card
    assert "DrugBank" in card
    noted = Provenance.of(written)
    assert not noted.licensed_only
    assert "MoleculeNet ESOL: MIT" in noted.sources
    assert all(f"- {line}" in card for line in noted.sources)
    assert (written / "loss.png").stat().st_size > 1000
    assert main(arguments) == 0  # nothing left to train


def test_the_command_stops_in_good_order_and_tells_what_it_cannot_do(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    config, run, own = tmp_path / "tiny.toml", tmp_path / "run", tmp_path / "own"
    config.write_text(
        "steps = 3\nbatch = 4\nheld_out = 3\n[sizes]\nd_model = 16\nn_layers = 2\n"
        '[[sets]]\ntable = "moleculenet/esol"\nkind = "value"\n',
        encoding="utf-8",
    )
    own.mkdir()
    (own / "thesis.txt").write_text("mine", encoding="utf-8")
    arguments = ["--config", str(config), "--data", str(data), "--run", str(run)]
    assert main([*arguments, "--out", str(own)]) == 1
    assert "nothing is written" in capsys.readouterr().err
    assert not run.exists()
    step = EncoderRun._step

    def interrupted(training: EncoderRun, lesson: object) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        return step(training, lesson)

    monkeypatch.setattr(EncoderRun, "_step", interrupted)
    assert main(arguments) == 0
    assert "stopped after step 1; the same command goes on from there" in capsys.readouterr().out
    assert not (run / "encoder").exists()
    monkeypatch.setattr(EncoderRun, "_step", step)
    assert main(arguments) == 0
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in rows] == [0, 3]
    (run / "state.pt").write_bytes(b"junk")
    assert main(arguments) == 1
    assert "it is damaged" in capsys.readouterr().err
    write_table(data / "moleculenet" / "esol.csv.gz", ["smiles", "logS"], [("CCO", "0,5")])
    assert main([*arguments[:-1], str(tmp_path / "new")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "esol.csv.gz, line 2: logS is '0,5'; write a number (with a decimal point)" in line


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepps": 3}, "unknown keys stepps"),
        ({"masked": 1.5}, "masked = 1.5"),
        ({"sets": [{"table": "x", "kind": "both"}]}, "kind 'both'"),
        ({"sets": [{"table": "x", "kind": "value", "share": 0}]}, "share 0 of x"),
        ({"sizes": {"columns": "mora"}}, "OGB"),
    ],
)
def test_a_wrong_recipe_is_named(values: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        EncoderRecipe.from_dict(values)


def test_the_shipped_recipe_is_read_and_keeps_its_tables_licences_known() -> None:
    from assistant.train import licences

    path = Path(__file__).resolve().parents[3] / "assistant/train/configs/encoder_cpu.toml"
    shipped = EncoderRecipe.load(path)
    assert {s.table for s in shipped.sets} <= licences.known("labels").keys()
    assert json.dumps(shipped.factor(0)) == "0.01"
    assert replace(shipped, warmup=0.0).factor(0) == 1.0
