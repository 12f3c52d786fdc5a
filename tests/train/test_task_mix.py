"""Questions of public tables beside the dialogues of a base run."""

import json
import random
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from assistant.chat.prompts import fill
from assistant.chem.facts import compute_facts
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError
from assistant.train.base import Run
from assistant.train.card import sources_of
from assistant.train.dialogues import DialogueWriter
from assistant.train.generate import OWN_QUESTIONS
from assistant.train.generator import GeneratorRun
from assistant.train.generator_recipe import GeneratorRecipe
from assistant.train.recipe import Recipe
from assistant.train.sources.records import Value
from assistant.train.task_mix import TaskExamples, TaskFamily, TaskRecords, family_of
from assistant.train.view import Rates
from tests.train.test_base import _data, _recipe

DEFAULT = Path(__file__).resolve().parents[2] / "checkpoints" / "default"
VALUES = {"format": "qm9", "path": "qm9.csv"}
REACTIONS = {"format": "uspto", "path": "uspto.csv"}
NOTHING_LEFT_OUT = {"card": 1.0, "line": 0.0, "smiles": 0.0, "graph": 0.0}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(DEFAULT / "llm")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    alcohols = ["C" * n + "O" for n in range(1, 31)]
    rows = "".join(f"{s},{-0.2 - n / 1000},train\n" for n, s in enumerate(alcohols))
    (directory / "qm9.csv").write_text(f"smiles,homo,split\n{rows}CCN,-0.3,test\n")
    rows = "".join(f"CC(=O)O{s[:-1]},CC(=O)O.{s}\n" for s in alcohols)
    (directory / "uspto.csv").write_text(f"product,reactants\n{rows}")
    return directory


def families(**changes: object) -> tuple[TaskFamily, ...]:
    orbitals = {"name": "orbitals", "data": [VALUES], "share": 3.0, "rates": NOTHING_LEFT_OUT}
    reactions = {"name": "reactions", "data": [REACTIONS], "rates": NOTHING_LEFT_OUT}
    return family_of(orbitals | changes), family_of(reactions)


def mix(
    some: tuple[TaskFamily, ...], data: Path, tokenizer: PreTrainedTokenizerFast
) -> TaskExamples:
    return TaskExamples(some, TaskRecords.read(some, data), tokenizer, number=4.0, sequence=512)


def test_families_are_drawn_by_their_shares(data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    tasks, rng = mix(families(), data, tokenizer), random.Random(1)
    texts = [tokenizer.decode(tasks.draw(rng).ids) for _ in range(200)]
    counts = Counter("HOMO" in text for text in texts)
    assert 125 < counts[True] < 175  # three of four


def test_a_family_asks_for_the_sides_of_its_recipe(
    data: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    values = {"name": "reactions", "data": [REACTIONS], "rates": NOTHING_LEFT_OUT}
    tasks = mix((family_of(values | {"asked": ["retro"]}),), data, tokenizer)
    rng = random.Random(1)
    texts = [tokenizer.decode(tasks.draw(rng).ids) for _ in range(30)]
    assert all("Reactants:" in text for text in texts)


@pytest.mark.parametrize("graph", [0.0, 1.0])
def test_without_lora_only_molecules_with_graph_tokens_are_prepared(
    data: Path, tokenizer: PreTrainedTokenizerFast, graph: float
) -> None:
    rates = NOTHING_LEFT_OUT | {"graph": graph}
    family = family_of({"name": "reactions", "data": [REACTIONS], "rates": rates})
    tasks = mix((family,), data, tokenizer)
    example = tasks.draw(random.Random(1))
    bare = example.without_lora()
    assert len(example.molecules) == 1
    assert len(bare.molecules) == (not graph)
    assert (bare.ids == example.ids).all()
    assert (bare.slots == example.slots).all()
    assert not bare.segments.any()
    assert bare.focuses == ((),)


def test_the_digits_of_a_value_weigh_more_than_its_words(
    data: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    orbitals, reactions = some = families()
    tasks, rng = mix(some, data, tokenizer), random.Random(1)
    record = next(r for r in tasks.records.learned["orbitals"] if isinstance(r, Value))
    example = tasks.example(orbitals, record, rng)
    weighed = tokenizer.decode(example.ids[example.weights == 4.0])
    assert weighed.replace(" ", "") == f"{abs(record.value):.4f}"
    assert "Hartree" in tokenizer.decode(example.ids[example.weights == 1.0])
    other = tasks.example(reactions, tasks.records.learned["reactions"][0], rng)
    assert set(np.unique(other.weights)) == {0.0, 1.0}


def test_a_bare_question_lacks_the_system_text_and_nothing_else(
    data: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    for bare in (0.0, 1.0):
        some = families(bare=bare)
        tasks = mix(some, data, tokenizer)
        record = tasks.records.learned["orbitals"][0]
        example = tasks.example(some[0], record, random.Random(1))
        if not bare:
            whole = example
    text = fill("system")
    assert text in tokenizer.decode(whole.ids)
    assert text not in tokenizer.decode(example.ids)
    n = len(example.ids)
    assert (whole.ids[-n:] == example.ids).all()
    assert (whole.weights[-n:] == example.weights).all()
    assert (whole.slots[-n:] == example.slots).all()


def test_what_is_held_out_is_never_learned_and_stays_the_same(
    data: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    tasks = mix(families(), data, tokenizer)
    for name, records in tasks.records.held_out.items():
        molecules = {r.place for r in records}
        assert molecules
        assert not molecules & {r.place for r in tasks.records.learned[name]}
    first, again = tasks.held_out(), tasks.held_out()
    for name, examples in first.items():
        assert examples
        pairs = zip(examples, again[name], strict=True)
        assert all((a.ids == b.ids).all() for a, b in pairs)


def test_no_test_row_is_read(data: Path) -> None:
    records = TaskRecords.read(families(), data)
    smiles = {r.molecule.smiles for r in records.learned["orbitals"]}
    assert "CCN" not in smiles
    assert len(smiles) == 27  # less three that are held out


def test_records_are_kept_with_the_run_and_tell_what_was_read(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    first = TaskRecords.prepared(families(), data, run, licensed_only=False)
    elsewhere = tmp_path / "nowhere"
    again = TaskRecords.prepared(families(), elsewhere, run, licensed_only=False)
    assert again == first
    other_shares = TaskRecords.prepared(families(share=9.0), elsewhere, run, licensed_only=False)
    assert other_shares == first  # nothing is read again
    only = families()[1:]
    fewer = TaskRecords.prepared(only, data, run, licensed_only=False)
    assert set(fewer.learned) == {"reactions"}
    assert fewer.lines == first.lines  # the weights it goes on from learned from all of it
    assert any("none stated" in line for line in fewer.lines)


def test_tables_without_a_clear_licence_are_refused_where_asked(data: Path, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="qm9"):
        TaskRecords.prepared(families(), data, tmp_path, licensed_only=True)
    assert not list(tmp_path.glob("tasks*"))


def test_an_answer_that_would_be_cut_off_is_no_example(
    data: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    some = families()
    tasks = TaskExamples(some, TaskRecords.read(some, data), tokenizer, number=4.0, sequence=30)
    with pytest.raises(AssistantError, match="No answer"):
        tasks.draw(random.Random(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task_share": 0.5}, "need each other"),
        ({"tasks": families()}, "need each other"),
        ({"tasks": families(), "task_share": 0.9}, "more than 1 together"),
        ({"tasks": families() + families(), "task_share": 0.5}, "different names"),
        ({"tasks": families(quoted=0.5), "task_share": 0.5}, "set retrieval"),
        ({"task_share": -0.1}, "task_share -0.1"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _recipe(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 0.0}, "share 0.0 of orbitals"),
        ({"bare": 2.0}, "bare 2.0"),
        ({"data": []}, "needs a name and data"),
        ({"asked": ["sideways"]}, "asked of orbitals: 'sideways'"),
        ({"shared": 1.0}, "shared"),
        ({"data": [{"format": "qm9"}]}, "without path"),
    ],
)
def test_a_family_that_makes_no_sense_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        families(**changes)


def test_a_noted_recipe_is_read_back(tmp_path: Path) -> None:

    recipe = _recipe(tasks=families(), task_share=0.5)
    noted = json.loads(json.dumps(asdict(recipe), default=Path.as_posix))
    assert Recipe.from_dict(noted) == recipe
    assert replace(recipe, task_share=0.4) != recipe


@pytest.mark.slow
def test_a_run_learns_dialogues_and_tasks_and_tells_of_each(data: Path, tmp_path: Path) -> None:
    own = _data(tmp_path / "own")
    for table in data.iterdir():
        table.rename(own / table.name)
    run = Run(_recipe(tasks=families(), task_share=0.5, minutes=0.02), own, tmp_path / "run")
    run.train()
    last = json.loads((tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()[-1])
    assert set(last["held_out_tasks"]) == {"orbitals", "reactions"}
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text("utf-8"))
    lines = sources_of(recipe, tmp_path / "run")
    assert any("qm9.csv" in line and "questions with answers" in line for line in lines)
    generator = GeneratorRecipe(
        Rates(), task_share=1.0, tokens_per_step=600, minutes=0.01, n_molecules=8
    )
    learned = GeneratorRun(generator, own, tmp_path / "run")
    batch = next(learned.batches(seed=1, rates=generator.rates))
    texts = [run.tokenizer.decode(row) for row in batch.ids.tolist()]
    assert all("HOMO" in text or "Product" in text or "Reactants" in text for text in texts)
    assert batch.segments.any()
    assert learned.base.answered == run.recipe.answered
    (tmp_path / "run" / "tasks.pkl").unlink()
    with pytest.raises(AssistantError, match="task_share = 0"):
        GeneratorRun(generator, own, tmp_path / "run")


def test_dialogues_do_not_decline_what_a_task_answers() -> None:
    molecules = [(m, compute_facts(m)) for m in map(Molecule.parse, ("CCO", "c1ccncc1"))]

    def said(**options: object) -> str:
        writer = DialogueWriter(molecules, OWN_QUESTIONS, seed=1, **options)
        some = [writer.write().conversation for _ in range(1500)]
        alone = [c for c in some if len(c.molecules) == 1]  # two are compared in no task
        return "\n".join(m.text for c in alone for m in c.messages if m.role == "assistant")

    recipe = _recipe(tasks=families(answers=["HOMO energy", "retrosynthesis"]), task_share=0.5)
    assert "the HOMO energy" in said()
    without = said(answered=recipe.answered)
    assert "the HOMO energy" not in without
    assert "the dipole moment" in without
    with pytest.raises(ValueError, match="no dialogue declines 'the weather'"):
        families(answers=["the weather"])
