"""Every task reads a table of its columns, asks, reads a right answer as right, has baselines."""

import csv
import gzip
import json
from dataclasses import replace

import pytest

from assistant.errors import AssistantError
from assistant.evaluate.metrics.texts import TextScoring
from assistant.evaluate.tasks.base import Scored
from assistant.evaluate.tasks.drug_pairs import degree_scores, is_cold
from assistant.evaluate.tasks.registry import task_of, tasks

ACID, ESTER = "CC(=O)O", "CC(=O)OCC"
SMILES = ["CCO", "CCN", "c1ccccc1", ACID, ESTER, "CCCl", "CCCCO", "Oc1ccccc1"]
SPLITS = ["train", "train", "test", "train", "test", "train", "train", "test"]


def write(path, rows):
    opened = gzip.open if path.suffix == ".gz" else open
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def load(task, path):
    asked = task.load(task.test, path, None, split="test")
    return asked, task.load(task.train, path, None, split="train")


def scores(task, predictions, test, train, scores=()):
    scored = Scored("x", predictions, scores)
    metrics = task.metrics(scored, test, train, TextScoring.plain(), 0)
    return {metric.name: metric.value for metric in metrics}


def baselines(task, train, test):
    return {scored.name: scored for scored in task.baselines(train, test)}


def test_a_caption_is_the_whole_answer(tmp_path):
    rows = [{"smiles": s, "description": f"The molecule is {s}."} for s in SMILES]
    task = task_of("caption")
    test, train = load(task, write(tmp_path / "t.csv.gz", rows))
    assert [e.answer for e in test] == [row["description"] for row in rows]
    assert "molecule 1" in test[0].question
    answers = [task.parse(f" {e.answer}\n", e) for e in test]
    assert scores(task, answers, test, train)["BLEU-4 (words)"] == 1.0
    copied = baselines(task, train, test)["nearest neighbour's text"]
    assert copied.predictions == [e.answer for e in test]  # each is its own nearest here


def test_the_described_molecule_is_asked_without_showing_it(tmp_path):
    rows = [{"smiles": s, "description": f"It has {i} parts."} for i, s in enumerate(SMILES)]
    task = task_of("text_to_molecule")
    test, train = load(task, write(tmp_path / "t.csv", rows))
    assert test[0].molecules == ()
    assert "It has 0 parts." in test[0].question
    assert "CCO" not in test[0].question
    assert scores(task, [task.parse("SMILES: OCC", test[0])], test[:1], train)["exact"] == 1.0
    copied = baselines(task, train, test)["nearest neighbour's structure"]
    assert copied.predictions == SMILES


@pytest.mark.parametrize(
    ("name", "row", "molecules", "answer", "right"),
    [
        (
            "forward",
            {"reactants_with_reagents": f"{ACID}.CCO.[Na+].[Cl-]", "product": ESTER},
            (f"{ACID}.CCO.[Na+].[Cl-]",),
            "product: CCOC(C)=O",
            True,
        ),
        ("retro", {"product": ESTER, "reactants": f"{ACID}.CCO"}, (ESTER,), "CCO.CC(O)=O", True),
        (
            "reagent",
            {"reactants": f"{ACID}.CCO", "product": ESTER, "reagents": "OS(=O)(=O)O"},
            (f"{ACID}.CCO", ESTER),
            "reagents: O=S(=O)(O)O",
            True,
        ),
        (
            "retro",
            {"product": ESTER, "reactants": f"{ACID}.CCO"},
            (ESTER,),
            "Unknown to me.",
            False,
        ),
    ],
)
def test_sides_of_reactions(tmp_path, name, row, molecules, answer, right):
    task = task_of(name)
    test, train = load(task, write(tmp_path / "t.csv", [row, row]))
    assert test[0].molecules == molecules
    prediction = task.parse(answer, test[0])
    assert (prediction is not None) is right
    assert scores(task, [prediction], test[:1], train)["exact"] == float(right)
    assert (
        baselines(task, train, test)["nearest neighbour's answer"].predictions
        == [test[0].answer] * 2
    )


def test_a_reaction_without_reagents_is_not_asked_for_them(tmp_path):
    row = {"reactants": ACID, "product": ESTER, "reagents": ""}
    task = task_of("reagent")
    assert load(task, write(tmp_path / "t.csv", [row]))[0] == []


def test_a_property_is_a_number_with_its_unit(tmp_path):
    values = [-0.26, -0.24, -0.25, -0.27, -0.25, -0.26, -0.26, -0.22]
    rows = [
        {"smiles": s, "homo": v, "split": p} for s, v, p in zip(SMILES, values, SPLITS, strict=True)
    ]
    task = task_of("property")
    test, train = load(task, write(tmp_path / "t.csv.gz", rows))
    assert (len(test), len(train)) == (3, 5)
    assert "HOMO energy: <number> Hartree" in test[0].question
    answers = [task.parse(text, test[0]) for text in ("HOMO energy: -0.2400 Hartree", "low", "")]
    found = scores(task, answers, test, train)
    mean = sum(e.answer for e in train) / 5
    assert found["MAE (Hartree)"] == pytest.approx((0.01 + abs(mean + 0.25) + abs(mean + 0.22)) / 3)
    assert found["share with a value"] == pytest.approx(1 / 3)
    simple = baselines(task, train, test)
    assert simple["constant (training mean)"].predictions == pytest.approx([mean] * 3)
    assert set(simple) >= {"nearest neighbour's value", "Morgan + ridge"}


def test_a_value_over_orders_of_magnitude_is_scored_by_its_logarithm(tmp_path):
    rows = [
        {"chromophore": s, "solvent": "O", "lifetime_ns": 10.0**i, "split_by_chromophore": p}
        for i, (s, p) in enumerate(zip(SMILES, SPLITS, strict=True))
    ]
    task = task_of("pairs:lifetime")
    test, train = load(task, write(tmp_path / "t.csv", rows))
    answers = [task.parse("fluorescence lifetime: 1000 ns", e) for e in test]
    assert scores(task, answers, test, train)["MAE (log10 ns)"] == pytest.approx((1 + 1 + 4) / 3)
    conversation = test[0].conversation()
    assert conversation.messages[-1].pair.task == "lifetime"


def test_a_neat_solvent_is_one_molecule_in_both_roles(tmp_path):
    row = {
        "chromophore": "CCO",
        "solvent": "OCC",
        "abs_max_nm": 200,
        "split_by_chromophore": "test",
    }
    task = task_of("pairs:absorption")
    (example,) = task.load(task.test, write(tmp_path / "t.csv", [row]), None, split="test")
    message = example.conversation().messages[-1]
    assert message.pair.numbers == (1, 1)
    assert "molecule 2" not in message.text


def test_a_label_is_yes_or_no_and_its_curve_comes_from_scores(tmp_path):
    rows = [
        {"smiles": s, "p_np": int("O" in s), "split": p}
        for s, p in zip(SMILES, SPLITS, strict=True)
    ]
    task = task_of("property:bbbp")
    test, train = load(task, write(tmp_path / "t.csv", rows))
    answers = [task.parse(text, test[0]) for text in ("No, it does not.", "Yes.", "Perhaps.")]
    found = scores(task, answers, test, train, scores=[-1.0, 0.5, 2.0])
    assert found == pytest.approx({"ROC-AUC": 1.0, "AUPRC": 1.0, "accuracy": 2 / 3})
    assert "majority" in baselines(task, train, test)


def test_unmeasured_labels_are_not_asked(tmp_path):
    rows = [
        {"smiles": s, "A": a, "B": "1.0", "split": p}
        for s, a, p in zip(
            SMILES, ["", "0.0", "1.0", "1.0", "", "0.0", "1.0", ""], SPLITS, strict=True
        )
    ]
    task = task_of("property:tox21")
    test, train = load(task, write(tmp_path / "t.csv", rows))
    assert [(e.molecules[0], e.group) for e in test] == [
        ("c1ccccc1", "A"),
        ("c1ccccc1", "B"),
        (ESTER, "B"),
        ("Oc1ccccc1", "B"),
    ]
    simple = baselines(task, train, test)
    assert len(simple["Morgan + logistic"].scores) == 4


DRUGS = {f"CID{i}": smiles for i, smiles in enumerate(SMILES)}


@pytest.fixture
def pair_table(tmp_path):
    ids = list(DRUGS)
    rows = [
        {
            "cid_1": a,
            "cid_2": b,
            "smiles_1": DRUGS[a],
            "smiles_2": DRUGS[b],
            "label": int("O" in DRUGS[a] and "O" in DRUGS[b]),
            "split": "test" if (i + j) % 4 == 0 else "train",
        }
        for i, a in enumerate(ids)
        for j, b in enumerate(ids[:i])
    ]
    return write(tmp_path / "pairs.csv", rows)


def test_drugs_with_many_partners_have_a_high_degree_score(pair_table):
    task = task_of("pairs:ddi")
    test, train = load(task, pair_table)
    by_pair = dict(zip([e.ids for e in test], degree_scores(train, test), strict=True))
    assert by_pair["CID7", "CID1"] < by_pair["CID4", "CID0"]
    names = {"majority", "degree of the drugs", "nearest neighbours' label", "Morgan + logistic"}
    simple = baselines(task, train, test)
    assert set(simple) == names
    labels = [e.answer for e in test]
    assert scores(task, labels, test, train, simple["Morgan + logistic"].scores)["ROC-AUC"] > 0.5


def test_both_ways_round_a_pair_of_drugs_is_one_question(pair_table):
    task = task_of("pairs:ddi")
    example = load(task, pair_table)[0][0]
    turned = replace(example, molecules=example.molecules[::-1])
    assert turned.conversation() == example.conversation()


def test_a_cold_pair_has_a_drug_that_training_never_saw(pair_table):
    task = task_of("pairs:ddi-cold")
    test, train = load(task, pair_table)
    seen = {drug for e in train for drug in e.ids}
    assert not any(is_cold(drug) for drug in seen)
    assert all(set(e.ids) - seen for e in test)
    assert 0.15 < sum(is_cold(f"D{i}") for i in range(5000)) / 5000 < 0.25


def test_drugs_without_structures_say_what_is_missing(tmp_path):
    table = write(tmp_path / "t.csv", [{"cid_1": "a", "cid_2": "b", "label": "1"}])
    task = task_of("pairs:ddi")
    with pytest.raises(AssistantError, match="smiles_1 and smiles_2"):
        task.load(task.test, table, None, split="test")


def test_a_design_is_a_hit_when_the_numbers_meet_the_goal(tmp_path):
    rows = [{"smiles": "CCCCCCCCCC"}, {"smiles": "CCCCCCCCCC"}, {"smiles": "CCCCCCCCCC"}]
    task = task_of("design")
    test, train = load(task, write(tmp_path / "t.csv", rows))
    assert [e.group for e in test] == ["more soluble", "QED above 0.8", "target cLogP"]
    proposals = ["OCC(O)CO", "CCCCCCCCCC", "not one"]
    found = scores(task, proposals, test, train)
    assert found["validity"] == pytest.approx(2 / 3)
    assert found["hits"] == pytest.approx(1 / 3)
    assert found["hits: more soluble"] == 1.0
    unchanged = baselines(task, train, test)["start unchanged"]
    assert scores(task, unchanged.predictions, test, train)["hits"] == 0.0


def test_a_missing_column_is_named(tmp_path):
    path = write(tmp_path / "t.csv", [{"smiles": "CCO", "text": "x"}])
    task = task_of("caption")
    with pytest.raises(AssistantError, match=r"no column 'description'; it has smiles, text"):
        task.load(task.test, path, None, split="test")


def test_no_table_at_all_says_how_to_name_one():
    task = task_of("caption")
    with pytest.raises(AssistantError, match="--data"):
        task.load(task.test, None, None, split="test")


def test_an_unknown_task_lists_the_known_ones():
    with pytest.raises(AssistantError, match=r"'captions'.*caption, text_to_molecule"):
        task_of("captions")
    assert task_of("pairs").name == "pairs:ddi"
    assert {name.split(":")[0] for name in tasks()} == {
        "caption",
        "text_to_molecule",
        "name",
        "forward",
        "retro",
        "reagent",
        "property",
        "pairs",
        "design",
        "facts",
        "abstain",
        "chat",
    }


def test_tables_of_lines_of_json_are_read(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(json.dumps({"smiles": "CCO", "iupac_name": "ethanol"}) + "\n")
    task = task_of("name")
    (example,) = task.load(task.test, path, None, split="test")
    assert task.parse("name: Ethanol", example) == "Ethanol"
    assert scores(task, ["Ethanol"], [example], [])["exact"] == 1.0
