"""Ways of reading a frozen encoder: each variant's tokens do what its name says."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.evaluate.pairs import n_parameters
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig, GraphLevels
from assistant.train.readouts.data import Lessons, asked_of, lessons_of
from assistant.train.readouts.levels import KeptLevels, Seen
from assistant.train.readouts.readers import Readout
from assistant.train.readouts.recipe import VARIANTS, Question, ReadoutRecipe, levels_read
from assistant.train.readouts.run import (
    DONE,
    OTHER,
    OWN,
    PREDICTIONS,
    ZERO,
    ReadoutRun,
    other_places,
    read_done,
)

SMALL = GraphEncoderConfig(d_model=12, n_layers=5)
SMILES = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCC", "C=C", "CC#N", "OCCO", "C"]
SIZES = {"d_graph": 12, "n_levels": 6, "d_token": 16}
READ = {
    "all": {0, 1, 2, 3, 4, 5}, "last": {5}, "first": {0}, "mean": {0, 1, 2, 3, 4, 5},
    "skip": {1, 3, 5}, "last, short": {5}, "no motifs": {0, 1, 2, 3, 4, 5},
    "shared attention": {0, 1, 2, 3, 4, 5}, "mlp, first": {0}, "mlp, last": {5},
    "mlp, all": {0, 1, 2, 3, 4, 5}, "q-former": {0, 1, 2, 3, 4, 5},
}  # fmt: skip
WITHOUT_MOTIFS = {"no motifs", "mlp, first", "mlp, last", "mlp, all", "q-former"}


def encoder() -> GraphEncoder:
    torch.manual_seed(4)
    return GraphEncoder(SMALL).eval().requires_grad_(False)


def seen_of(n: int = 3, seed: int = 0) -> Seen:
    random = torch.Generator().manual_seed(seed)
    mask = torch.arange(5) < torch.tensor([5, 3, 4, 2])[:n, None]
    atoms = torch.randn(n, 6, 5, 12, generator=random) * mask[:, None, :, None]
    motifs = torch.randn(n, 2, 73, generator=random)
    levels = GraphLevels(atoms, mask, atoms[:, -1].sum(1) / mask.sum(1)[:, None])
    return Seen(levels, motifs, torch.ones(n, 2, dtype=torch.bool))


def tokens(name: str, seen: Seen) -> Tensor:
    torch.manual_seed(7)
    return Readout(VARIANTS[name], **SIZES).reader(seen)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_reads_its_levels_and_no_others(name: str) -> None:
    seen = seen_of()
    before = tokens(name, seen)
    for level in range(6):
        atoms = seen.levels.atoms.clone()
        atoms[:, level] += torch.where(seen.levels.mask[..., None], torch.randn(3, 5, 12), 0.0)
        changed = Seen(replace(seen.levels, atoms=atoms), seen.motifs, seen.motif_mask)
        same = torch.equal(tokens(name, changed), before)
        assert same == (level not in READ[name]), level


@pytest.mark.parametrize("name", VARIANTS)
def test_only_variants_with_motifs_read_them_and_padding_counts_nowhere(name: str) -> None:
    seen = seen_of()
    before = tokens(name, seen)
    other = Seen(seen.levels, seen.motifs + 1, seen.motif_mask)
    assert torch.equal(tokens(name, other), before) == (name in WITHOUT_MOTIFS)
    one = slice(1, 2)  # three atoms, padded to five
    levels = GraphLevels(
        seen.levels.atoms[one, :, :3], seen.levels.mask[one, :3], seen.levels.graph[one]
    )
    alone = tokens(name, Seen(levels, seen.motifs[one], seen.motif_mask[one]))
    assert torch.allclose(alone[0], before[1], atol=1e-5)


def test_levels_read_again_keep_tokens_and_parameters_of_the_whole_projector() -> None:
    models = {name: Readout(VARIANTS[name], **SIZES) for name in VARIANTS}
    seen = seen_of()
    n_tokens = {name: model.reader(seen).shape[1] for name, model in models.items()}
    n = {name: n_parameters(model) for name, model in models.items()}
    for name in ("last", "first", "mean", "skip"):
        assert (n_tokens[name], n[name]) == (28, n["all"])
    attention = 4 * 12 * 12 + 4 * 12
    assert n["all"] - n["shared attention"] == 5 * attention
    assert n["all"] - n["no motifs"] == attention + 4 * 12 + 73 * 12
    assert n["all"] - n["last, short"] == 5 * (attention + 4 * 12)
    assert (n_tokens["last, short"], n_tokens["no motifs"], n_tokens["mlp, all"]) == (8, 24, 1)
    for name in ("mlp, first", "mlp, last", "mlp, all"):
        assert n[name] == pytest.approx(n["all"], rel=0.02)


def test_at_full_width_the_q_former_has_the_baselines_size() -> None:
    with torch.device("meta"):
        sizes = {"d_graph": 300, "n_levels": 6, "d_token": 512}
        n = {name: n_parameters(Readout(VARIANTS[name], **sizes)) for name in ("all", "q-former")}
    assert n["q-former"] == pytest.approx(n["all"], rel=0.01)


def test_every_second_level_ends_with_the_last() -> None:
    assert levels_read("skip", 6) == [1, 3, 5]
    assert levels_read("skip", 3) == [0, 2]
    assert levels_read("all", 3) == levels_read("mean", 3) == [0, 1, 2]


def test_kept_levels_are_those_of_the_encoder_in_any_order() -> None:
    model, molecules = encoder(), [Molecule.parse(s) for s in SMILES]
    kept = KeptLevels.of(model, molecules)
    places = torch.tensor([2, 8, 0])
    seen = kept.seen(places)
    alone = KeptLevels.of(model, [molecules[i] for i in places.tolist()]).seen(torch.arange(3))
    assert torch.equal(seen.levels.atoms, alone.levels.atoms)
    assert seen.levels.mask.sum(1).tolist() == [6, 1, 3]
    assert torch.equal(seen.motifs, alone.motifs)
    assert seen.motif_mask.any(1).all()
    exact = model.encode([to_graph(molecules[i]) for i in places.tolist()])
    assert torch.allclose(seen.levels.atoms, exact.atoms, atol=5e-3)
    assert torch.allclose(seen.levels.graph, exact.graph, atol=5e-3)


def test_a_state_too_large_for_float16_is_refused() -> None:
    model = encoder()
    model.molecule_node_model.batch_norms[4].weight.fill_(1e6)
    with pytest.raises(AssistantError, match="do not fit into float16"):
        KeptLevels.of(model, [Molecule.parse("CCO")])


def test_the_controls_show_another_molecule_or_none() -> None:
    places = other_places(50)
    assert sorted(places.tolist()) == list(range(50))
    assert not (places == torch.arange(50)).any()
    empty = seen_of().emptied()
    found = Readout(VARIANTS["all"], **SIZES)(empty)
    assert torch.allclose(found, found[:1].expand(3), atol=1e-6)


def write_table(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [(s, f"{-0.2 - 0.01 * i:.3f}", "test" if i < 3 else "train")
            for i, s in enumerate(SMILES)]  # fmt: skip
    write_table(tmp_path / "qm9" / "qm9_homo.csv.gz", ["smiles", "homo", "split"], rows)
    return tmp_path


ASKED = Question("property:homo", steps=5)


def recipe(**changes: object) -> ReadoutRecipe:
    values = {"questions": (ASKED,), "batch": 2, "d_token": 16, "lr": 1e-2, "seeds": (1,)}
    return ReadoutRecipe(**(values | changes))


def lessons(data: Path) -> Lessons:
    return lessons_of(asked_of(ASKED, data), encoder())


def readout_run(name: str, data: Path, directory: Path, **changes: object) -> ReadoutRun:
    return ReadoutRun(VARIANTS[name], ASKED, recipe(**changes), lessons(data), directory, seed=1)


def test_rows_with_another_value_have_another_digest(data: Path) -> None:
    before = asked_of(ASKED, data).digest()
    assert asked_of(ASKED, data).digest() == before
    table = data / "qm9" / "qm9_homo.csv.gz"
    text = gzip.decompress(table.read_bytes()).decode()
    table.write_bytes(gzip.compress(text.replace("-0.230", "-0.239").encode()))
    assert asked_of(ASKED, data).digest() != before


def test_a_resumed_run_equals_an_uninterrupted_one(data: Path, tmp_path: Path) -> None:
    whole = readout_run("all", data, tmp_path / "whole")
    whole.train()
    first = readout_run("all", data, tmp_path / "parts")
    for _ in range(2):
        first._step()
    first.save()
    second = readout_run("all", data, tmp_path / "parts")
    assert second.step == 2
    second.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name


def test_rows_are_the_same_for_all_variants_and_come_once_an_epoch(
    data: Path, tmp_path: Path
) -> None:
    runs = [readout_run(name, data, tmp_path / name) for name in ("all", "mlp, last")]
    drawn = [[run.rows(step).tolist() for step in range(6)] for run in runs]
    assert drawn[0] == drawn[1]
    for epoch in (drawn[0][:3], drawn[0][3:]):
        assert sorted(place for batch in epoch for place in batch) == list(range(6))
    assert drawn[0][:3] != drawn[0][3:]
    sizes = runs[0].lessons.train.sizes
    spread = [sizes[batch].max() - sizes[batch].min() for batch in drawn[0][:3]]
    assert sorted(spread) == [0, 1, 1]  # atoms: 1 and 2, 3 and 4, 4 and 4


def test_a_finished_run_keeps_predictions_and_figures(data: Path, tmp_path: Path) -> None:
    run = readout_run("all", data, tmp_path / "run")
    run.train()
    run.save()
    run.finish(commit="abc")
    figures, predictions = read_done(tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == sorted(
        [DONE, PREDICTIONS, "log.jsonl"]
    )
    assert (figures["steps"], figures["parameters"]) == (5, n_parameters(run.model))
    assert figures["seconds"] > 0
    assert figures["commit"] == "abc"
    assert set(predictions) == {OWN, OTHER, ZERO}
    assert torch.equal(predictions[OTHER], predictions[OWN][other_places(3)])
    assert torch.allclose(predictions[ZERO], predictions[ZERO][:1].expand(3), atol=1e-6)
    log = (tmp_path / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in log] == [1, 2, 3, 4, 5]


def test_training_learns_what_the_levels_hold(data: Path, tmp_path: Path) -> None:
    question = replace(ASKED, steps=150)
    rows = lessons(data)
    run = ReadoutRun(VARIANTS["all"], question, recipe(batch=6), rows, tmp_path / "run", seed=1)
    run.train()
    found = (run.predict(rows.train) - rows.mean) / rows.std
    assert float((found - rows.targets).square().mean()) < 0.05


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": ("all", "deepest")}, "unknown variants deepest"),
        ({"variants": ("last",)}, "variants must hold 'all'"),
        ({"questions": ()}, "questions is empty"),
        ({"batch": 0}, "must be positive"),
    ],
)
def test_an_impossible_recipe_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def test_a_task_without_a_value_is_refused(data: Path) -> None:
    for name in ("caption", "property:bbbp", "pairs:absorption"):
        with pytest.raises(AssistantError, match="is no plain value of one molecule"):
            asked_of(Question(name), data)
