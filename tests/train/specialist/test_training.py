"""A specialist for reactions: what it reads, that it learns, stops, goes on and is written."""

import csv
import gzip
import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from assistant.bundle import SPECIALIST, Bundle
from assistant.chat.short_tasks import SHORT_TASKS
from assistant.chem.aligned import Alignable
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.specialist.directory import SpecialistInfo
from assistant.specialist.writer import Writer
from assistant.train.specialist.__main__ import main
from assistant.train.specialist.examples import (
    ReactionData,
    ReactionExamples,
    ReactionRecord,
)
from assistant.train.specialist.recipe import SpecialistRecipe
from assistant.train.specialist.run import SpecialistRun, prepared_tokenizer
from assistant.train.specialist.tokenizer import reaction_tokenizer
from tests.bundles import write_tiny_bundle

RECIPE = """
minutes = 0.02
tokens_per_step = 512
sequence = 128
held_out = 1
[sizes]
d_model = 128
n_layers = 1
d_ffn = 128
n_heads = 2
n_kv_heads = 2
vocab_size = 400
context = 256
[[tasks]]
name = "retrosynthesis"
share = 1.0
data = [{ format = "uspto", path = "reactions.csv.gz" }]
[[tasks]]
name = "product"
share = 1.0
data = [{ format = "uspto", path = "reactions.csv.gz" }]
"""
REACTIONS = [
    (f"CC(=O)Nc1ccc({x})cc1", f"CC(=O)Cl.Nc1ccc({x})cc1")
    for x in ("O", "C", "F", "Cl", "Br", "OC", "C#N", "CC", "N(C)C", "C(C)C", "SC", "CO")
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("specialist")
    with gzip.open(directory / "reactions.csv.gz", "wt", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("product", "reactants"))
        rows.writerows(REACTIONS)
    (directory / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def recipe(place: Path) -> SpecialistRecipe:
    return SpecialistRecipe.load(place / "tiny.toml")


@pytest.fixture
def run(place: Path, recipe: SpecialistRecipe, tmp_path: Path) -> SpecialistRun:
    return SpecialistRun(recipe, ReactionData.prepared(recipe, place, tmp_path), tmp_path)


def test_answers_are_scored_as_they_are_learned(run: SpecialistRun) -> None:
    task, given, answer = SHORT_TASKS["retrosynthesis"], *REACTIONS[0]
    learned = run.examples.example(task, given, Alignable(answer).along(given))
    writer = Writer(SimpleNamespace(tokenizer=run.tokenizer), None, (task.name,))
    ids = writer.answer_ids(task.name, given, Alignable(answer))
    assert list(ids) == learned.ids[learned.weights > 0].tolist()


def test_what_is_held_out_is_not_learned(run: SpecialistRun) -> None:
    for task in SHORT_TASKS:
        learned, held_out = run.data.learned[task], run.data.held_out[task]
        assert len(held_out) == 1
        assert not set(held_out) & set(learned)
        assert len(learned) + len(held_out) == len(REACTIONS)


def test_a_question_and_its_answer_are_the_reaction(run: SpecialistRun) -> None:
    rng, known = random.Random(1), {Molecule.parse(p).smiles for p, _ in REACTIONS}
    decode = run.tokenizer.decode
    for example in [e for _ in range(10) for e in run.examples.draw(rng)]:
        asked = decode(example.ids[example.weights == 0])
        told = decode(example.ids[example.weights > 0]).removesuffix("<|end|>")
        task = next(task for task in SHORT_TASKS.values() if task.smiles_in(told))
        given = Molecule.parse(asked.split("SMILES: ")[1].split("<")[0]).smiles
        answer = Molecule.parse(task.smiles_in(told)).smiles
        product = given if task.name == "retrosynthesis" else answer
        reactants = answer if task.name == "retrosynthesis" else given
        assert product in known
        assert ReactionRecord(product, reactants) in {
            ReactionRecord(Molecule.parse(p).smiles, Molecule.parse(r).smiles) for p, r in REACTIONS
        }


def test_the_words_around_a_structure_are_one_token_and_anything_can_be_written() -> None:
    tokenizer = reaction_tokenizer(["CC(=O)[O-].[Na+].CCl"] * 50, vocab_size=400)
    ids = tokenizer("Suggest a retrosynthesis.\nSMILES: Clc1ccc2%10")["input_ids"]
    assert [tokenizer.decode([i]) for i in ids][:4] == [
        "Suggest a retrosynthesis.\nSMILES: ",
        "Cl",
        "c",
        "1",
    ]
    rare = "Reactants: [232Th+4].[2H]C%11CC"
    assert tokenizer.decode(tokenizer(rare)["input_ids"]) == rare


def test_the_loss_falls(run: SpecialistRun) -> None:
    before = run.figures()
    run.train()
    after = run.figures()
    assert run.is_finished
    assert 0 < run.waited < run.seconds
    assert all(after[task] < before[task] for task in SHORT_TASKS)


def test_it_goes_on_where_it_stopped(
    place: Path, recipe: SpecialistRecipe, run: SpecialistRun
) -> None:
    run.stop()
    run.train()
    run.save()
    again = SpecialistRun(recipe, ReactionData.prepared(recipe, None, run.directory), run.directory)
    assert (again.step, again.seconds) == (run.step, run.seconds)
    assert again.figures() == run.figures()


def test_the_command_trains_writes_and_puts_it_into_a_bundle(place: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    bundle = write_tiny_bundle(tmp_path / "bundle")
    given = ["--config", str(place / "tiny.toml"), "--data", str(place), "--run"]
    assert main([*given, str(tmp_path / "run"), "--into", str(bundle)]) == 0
    known = Bundle.read(bundle)
    info = SpecialistInfo.read(known.components[SPECIALIST])
    assert info.tasks == ("retrosynthesis", "product")
    card = (known.components[SPECIALIST] / "README.md").read_text(encoding="utf-8")
    assert "| retrosynthesis | 11 | 1 |" in card
    assert main([*given, str(tmp_path / "run")]) == 0  # finished: nothing is trained again


def test_another_recipe_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    given = ["--data", str(place), "--run", str(tmp_path / "run")]
    assert main(["--config", str(place / "tiny.toml"), *given]) == 0
    other = tmp_path / "other.toml"
    other.write_text(RECIPE.replace("= 512", "= 600"), encoding="utf-8")
    assert main(["--config", str(other), *given]) == 1
    assert "tokens_per_step" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("share = 1.0", "share = 0.0"), "share"),
        (('"product"', '"reagent"'), "'reagent' is none of"),
        (("sequence = 128", "sequence = 400"), "sequence 400"),
        (("held_out = 1", "held_uot = 1"), "held_uot"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    (tmp_path / "wrong.toml").write_text(RECIPE.replace(*change), encoding="utf-8")
    with pytest.raises(AssistantError, match=told):
        SpecialistRecipe.load(tmp_path / "wrong.toml")


def test_examples_that_are_too_long_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, recipe: SpecialistRecipe, tmp_path: Path
) -> None:
    monkeypatch.setattr("assistant.train.specialist.examples._TRIES", 2)
    long = ReactionRecord("C" * 200, "C" * 200)
    data = ReactionData({task: [long] for task in SHORT_TASKS}, {}, ())
    tokenizer = prepared_tokenizer(recipe, data, tmp_path)
    with pytest.raises(AssistantError, match="within 128 tokens"):
        ReactionExamples(recipe, data, tokenizer).draw(random.Random(1))
