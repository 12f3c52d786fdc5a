"""Parts of the study: rows and controls, shapes, heads without interaction, verdicts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.evaluate.compare import Difference
from assistant.train.pair_recipe import PairRecipe, Sizes
from assistant.train.pair_study.cell import Cell
from assistant.train.pair_study.heads import head_of_variant
from assistant.train.pair_study.measure import SAME, Measured, Scores
from assistant.train.pair_study.page import page_text
from assistant.train.pair_study.recipe import Join, StudyRecipe, StudyTask, Variant
from assistant.train.pair_study.rows import (
    StudyRows,
    asked_molecules,
    drawn_rows,
    rows_of,
    shown_pairs,
)
from assistant.train.pair_study.shapes import shapes_of
from assistant.train.pair_tables import PairTable, TableSource, read_pairs
from tests.train.pair_study.tiny_study import write_study, write_table

UNSHAPED = "C12C3C4C1C5C2C3C45.C1#CC#CC#C1"
DRUGS = PairRecipe(
    "drugs",
    ("drug_drug",),
    TableSource("pairs.csv", "a", "b", {"drug_drug": "label"}),
    Sizes(n_layers=1, d_model=16, n_tokens=2, hidden=8, interaction="bilinear_fusion", rank=4),
)
PAIRS = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [4, 0], [1, 4], [4, 5], [0, 5]])
TABLE = PairTable(
    ("C", "CC", "CCC", "CCCC", "O", "CO"),
    ("a", "b", "c", "d", "e", "f"),
    PAIRS,
    np.array([[0.0], [1], [0], [1], [0], [1], [0], [1]]),
    np.array(["train"] * 4 + ["test"] * 4),
)


@pytest.fixture
def task(tmp_path: Path) -> StudyTask:
    return StudyRecipe.load(write_study(tmp_path)).tasks[0]


def test_large_molecules_are_left_out_and_first_molecules_drawn(
    task: StudyTask, tmp_path: Path
) -> None:
    whole = read_pairs(task.recipe.source, task.recipe.tasks, write_table(tmp_path / "data"))
    table, n_large = drawn_rows(replace(task, n_test=5), whole)
    assert n_large == 1
    assert len(np.unique(table.pairs[table.rows("train"), 0])) == 12
    assert len(table.rows("train")) == 12 * 4  # with all of their solvents
    assert len(table.rows("test")) == 5
    assert set(table.pairs.ravel()) == set(range(len(table.smiles)))
    again, _ = drawn_rows(replace(task, n_test=5), whole)
    assert again.smiles == table.smiles
    everything, _ = drawn_rows(replace(task, n_molecules=0, max_atoms=50), whole)
    assert "C" * 40 in everything.smiles


def test_another_second_molecule_is_never_the_own_one() -> None:
    other = shown_pairs(TABLE, "other")
    assert (other[:, 0] == PAIRS[:, 0]).all()
    assert (other[:, 1] != PAIRS[:, 1]).all()
    for split in ("train", "test"):
        rows = TABLE.rows(split)
        assert set(other[rows, 1]) <= set(PAIRS[rows, 1])
    assert (shown_pairs(TABLE, "other") == other).all()
    none = shown_pairs(TABLE, "none")
    assert set(none[:, 1]) == {0}
    assert (shown_pairs(TABLE, "own") == PAIRS).all()


def test_a_row_is_new_by_the_molecule_that_training_never_saw() -> None:
    assert asked_molecules(TABLE, TABLE.rows("test")).tolist() == [4, 4, 4, 5]


def test_rows_without_a_shape_are_left_out_for_all_and_counted(
    task: StudyTask, tmp_path: Path
) -> None:
    data = write_table(tmp_path / "data", [UNSHAPED, "O", 300, "train"])
    rows = rows_of(replace(task, n_molecules=0), (), data, tmp_path, with_shapes=True)
    assert (rows.n_shapeless, rows.n_shapeless_rows) == (1, 1)
    assert rows.n_molecules == len(rows.table.smiles) + 1
    assert all(molecule.has_shape for molecule in rows.molecules)
    without = rows_of(replace(task, n_molecules=0), (), data, tmp_path, with_shapes=False)
    assert len(without.table.pairs) == len(rows.table.pairs) + 1


def test_shapes_are_found_once_and_a_line_that_was_cut_short_again(tmp_path: Path) -> None:
    first = shapes_of(["CCO", "O"], 2, tmp_path)
    assert first.positions["O"].shape[1:] == (1, 3)
    (path,) = tmp_path.glob("shapes-2-*.jsonl")
    kept = path.read_text()
    path.write_text(kept[:-20])
    again = shapes_of(["CCO", "O", "CC"], 2, tmp_path)
    assert torch.equal(first.positions["CCO"], again.positions["CCO"])
    assert torch.equal(first.positions["O"], again.positions["O"])
    assert first.seconds["CCO"] == again.seconds["CCO"]  # not found again
    assert [json.loads(line)["smiles"] for line in path.read_text().splitlines()] == [
        "CCO", "O", "CC",
    ]  # fmt: skip


def head(join: Join) -> torch.nn.Module:
    return head_of_variant(Variant(join, "", "", join=join), DRUGS, TABLE, 1).eval()


def block(seed: int) -> torch.Tensor:
    return torch.randn(1, 2 * 16 + 1, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_only_a_head_with_an_interaction_lets_one_molecule_change_what_another_is_worth() -> None:
    def crossed(join: Join) -> float:
        f = head(join)
        f.pair.out.weight *= 50  # tokens of a new head are small, and small is nearly linear
        a, b, c, d = map(block, range(4))
        return abs(float(f(a, c) - f(b, c) - f(a, d) + f(b, d)))

    assert crossed("added") < 1e-5
    assert crossed("beside") > 1e-2
    assert crossed("interaction") > 1e-2


@torch.no_grad()
@pytest.mark.parametrize("join", ["added", "beside", "interaction"])
def test_the_order_of_drugs_does_not_matter_and_a_batch_is_its_rows(join: Join) -> None:
    f, a, b = head(join), torch.cat([block(1), block(2)]), torch.cat([block(3), block(4)])
    torch.testing.assert_close(f(a, b), f(b, a))
    torch.testing.assert_close(f(a, b)[1:], f(a[1:], b[1:]))


def scores(task: StudyTask, n_rows_each: int) -> Scores:
    """Six test molecules with so many equal rows each."""
    test = np.repeat(np.arange(2, 8), n_rows_each)
    pairs = np.array([[0, 1], *([i, 1] for i in test)])
    values = np.array([[300.0], *([300.0 + i] for i in test)])
    split = np.array(["train", *["test"] * len(test)])
    smiles = tuple("C" * (i + 1) for i in range(8))
    return Scores(task, PairTable(smiles, smiles, pairs, values, split))


def test_a_difference_is_drawn_over_molecules_and_not_over_their_rows(task: StudyTask) -> None:
    errors = np.array([4.0, 1, 6, 2, 3, 5])
    few, many = scores(task, 1), scores(task, 50)
    a, b = few.wanted + errors, few.wanted + 1
    once = few.difference([a], [b])
    often = many.difference([np.repeat(a, 50)], [np.repeat(b, 50)])
    assert once.a - once.b == pytest.approx(2.5)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert few.metrics([a, b])[0].value == pytest.approx((3.5 + 1) / 2)
    drawn = many.metrics([np.repeat(a, 50)])[0]  # over rows, as the evaluation does
    assert drawn.high - drawn.low < 0.3 * (once.high - once.low)


def test_a_label_is_scored_by_the_area_under_the_curve() -> None:
    measured = Scores(StudyTask("pairs:ddi-cold", DRUGS, "gin"), TABLE)
    right, wrong = np.array([0.1, 0.9, 0.2, 0.8]), np.array([0.9, 0.1, 0.8, 0.2])
    metrics = {metric.name: metric.value for metric in measured.metrics([right])}
    assert metrics == {"ROC-AUC": 1.0, "AUPRC": 1.0, "accuracy": 1.0}
    found = measured.difference([right, right], [wrong, wrong])
    assert (found.name, found.a, found.b, found.single) == ("ROC-AUC", 1.0, 0.0, (1.0, 1.0))


def difference(low: float, high: float, *single: float) -> Difference:
    return Difference("MAE (nm)", 30.0, 31.0, low, high, "lower", single)


def test_a_verdict_needs_the_interval_and_every_seed() -> None:
    def verdict(*given: float) -> str:
        return Measured("a", (), difference=difference(*given), against="b").verdict

    assert verdict(-2, -0.5, -1, -1) == "better"
    assert verdict(0.5, 2, 1, 1) == "worse"
    assert verdict(-2, 0.5, -1, -1) == SAME
    assert verdict(-2, -0.5, -3, 1) == SAME
    assert Measured("a", ()).verdict == ""


def test_the_page_says_plainly_where_no_difference_is_shown(
    task: StudyTask, tmp_path: Path
) -> None:
    study = replace(StudyRecipe.load(write_study(tmp_path)), remarks=("Dyes only.",))
    measured = scores(task, 2)
    cell = Cell([1.0], [1.0], 1234, 8, 0.05, 0.0001, 2**21, "abc1234567", "2026-01-02")
    metrics = measured.metrics([measured.wanted + 1])
    other = difference(-0.5, 2, 1)
    lines = [
        Measured("gin", metrics, other, cells=[cell, replace(cell, seconds_per_step=0.15)]),
        Measured("none, added", metrics, other, difference(-1, 1, 0.2, -0.1), "gin", [cell]),
        Measured("left out", metrics, None, difference(0.5, 2, 1, 1), "gin", [cell]),
        Measured("constant (training mean)", metrics, None, difference(3, 4, 3, 3), "gin"),
    ]
    rows = StudyRows(TABLE, (), 3, 40, 2, 7, 0.06)
    text = page_text(
        study, {task.name: lines}, {task.name: rows}, [1], command="COMMAND", picture="p.png"
    )
    assert "- No difference from gin shown: none, added." in text
    assert "- Worse than gin: left out; constant (training mean)." in text
    assert "Better than" not in text
    assert text.endswith("\n- Dyes only.\n")
    assert "all but 2 of 40 molecules (5.00%); the 7 rows" in text
    assert "commit `abc1234567`" in text
    assert "trained 2026-01-02 from" in text
    assert "(the slowest took up to 3.0 times as long)" in text
    assert "| gin | 1,234 | 50 | 0.1000 | 2.000 |" in text
    assert "| 30: -1.000 [-0.5000, +2.000] | – | – |" in text
    assert "| gin | -1.000 | [-1.000, +1.000] | +0.2000, -0.1000 | no difference shown |" in text
    assert "### Simple methods\n| variant" in text
