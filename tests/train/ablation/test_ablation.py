"""Arms trained apart on one frozen base: same data, same size, controls that control."""

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.checkpoint import ComponentInfo, save_component
from assistant.errors import AssistantError
from assistant.evaluate.metrics.interval import mean
from assistant.evaluate.tasks.registry import task_of
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig, read_encoder
from assistant.llm.load import LoadedLLM
from assistant.train.ablation.__main__ import main
from assistant.train.ablation.data import Questions, answer_text, rows_of, second_turns
from assistant.train.ablation.measure import LATER, OTHER, OWN, ZERO, comparisons, controls_of
from assistant.train.ablation.model import JOINT, ArmModel, Phase, phases_of
from assistant.train.ablation.recipe import ARMS, MAIN_ARMS, AblationRecipe
from assistant.train.ablation.run import ArmRun
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.frozen import load_base
from tests.bundles import write_tiny_bundle

BUDGET = 37_000
_PARTS = ("projector", "generator")
# The tiny base has two layers.
FITTING = [name for name, arm in ARMS.items() if (arm.every or 1) < 3 and not arm.reads]
SMALL = GraphEncoderConfig(d_model=12)
SMILES = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCC", "C=C", "CC#N", "OCCO"]


def write_table(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("ablation")
    write_tiny_bundle(directory / "base")
    torch.manual_seed(5)
    save_component(directory / "encoder", GraphEncoder(SMALL), SMALL, ComponentInfo("encoder"))
    homo = [(s, f"-0.2{i}", "test" if i < 3 else "train") for i, s in enumerate(SMILES)]
    write_table(directory / "qm9" / "qm9_homo.csv.gz", ["smiles", "homo", "split"], homo)
    texts = [(s, f"The molecule is number {i}.") for i, s in enumerate(SMILES)]
    write_table(
        directory / "captions_train_pool" / "train_pool.csv.gz",
        ["smiles", "description"],
        texts[3:],
    )
    write_table(directory / "chebi20" / "test.csv.gz", ["smiles", "description"], texts[:3])
    return directory


def recipe(**changes: object) -> AblationRecipe:
    values = {
        "steps": 4, "batch": 3, "parameters": BUDGET, "n_test": 2, "seeds": (1,), "rank": 2,
        "sequence": 400, "lr": 1e-2, "b_std": 0.2,
    }  # fmt: skip
    return AblationRecipe(**(values | changes))


@pytest.fixture
def base(place: Path) -> LoadedLLM:
    return load_base(Bundle.read(place / "base"), "cpu")


def frozen(place: Path) -> GraphEncoder:
    return read_encoder(place / "encoder").eval().requires_grad_(False)


def arm_model(name: str, place: Path, base: LoadedLLM, **changes: object) -> ArmModel:
    torch.manual_seed(1)
    return ArmModel(base, frozen(place), ARMS[name], recipe(**changes)).eval()


def questions(name: str, place: Path, base: LoadedLLM) -> Questions:
    encoder = LessonEncoder(base.tokenizer, n_graph_tokens=28, sequence=400)
    rows = rows_of(recipe(), place, "train")
    arm = ARMS[name]
    return Questions(rows, encoder, recipe(), seed=1, graph=arm.graph != "none", turns=arm.turns)


@pytest.mark.parametrize("name", FITTING)
def test_every_arm_trains_about_as_many_parameters(name: str, place: Path, base: LoadedLLM) -> None:
    model = arm_model(name, place, base)
    assert model.n_trained() == pytest.approx(BUDGET, rel=0.06)
    phases = phases_of(ARMS[name], recipe())
    trained = {id(p) for phase in phases for p in model.begin(phase)}
    assert trained == {id(p) for p in model.parameters() if p.requires_grad}
    assert sum(phase.steps for phase in phases) == 4


def test_a_budget_that_cannot_be_met_is_named(place: Path, base: LoadedLLM) -> None:
    with pytest.raises(AssistantError, match="Arm graph: its projector has"):
        arm_model("graph", place, base, parameters=500)


def test_all_arms_see_the_same_questions_and_answers(place: Path, base: LoadedLLM) -> None:
    phase = Phase(JOINT, recipe().tasks, 4)
    single = [name for name, arm in ARMS.items() if arm.turns == 1]
    batches = {name: questions(name, place, base).batch(phase, 2) for name in single}
    learned = {
        name: [row[weights > 0].tolist() for row, weights in zip(b.ids, b.weights, strict=True)]
        for name, b in batches.items()
    }
    assert all(answers == learned["text"] for answers in learned.values())
    assert (batches["graph"].slot_row.numel(), batches["lora"].slot_row.numel()) == (3 * 28, 0)
    other = questions("text", place, base).batch(phase, 3)
    assert other.ids.shape != batches["text"].ids.shape or not torch.equal(
        other.ids, batches["text"].ids
    )
    tokens, _ = arm_model("text", place, base)._molecules(batches["text"])
    assert torch.allclose(tokens[0], tokens[-1], atol=1e-5)
    assert len(torch.unique(tokens[0].detach().round(decimals=5), dim=0)) == 7
    decoded = base.tokenizer.decode(batches["lora"].ids[0])
    assert "SMILES: " in decoded
    assert "no facts computed" in decoded


def test_a_long_question_is_cut_or_left_out_for_all_arms_alike(
    place: Path, base: LoadedLLM
) -> None:
    asked = questions("graph", place, base)
    row = asked.rows["caption"][0]
    whole = asked.example("caption", row, graph=True)
    n_answer = int((whole.weights > 0).sum())

    def learned(n_missing: int) -> list[list[int] | None]:
        asked.encoder.sequence = len(whole.ids) - n_missing
        found = [asked.example("caption", row, graph=graph) for graph in (True, False)]
        return [None if e is None else e.ids[e.weights > 0].tolist() for e in found]

    for n_missing in (0, 2, n_answer - 1):
        with_graph, without = learned(n_missing)
        assert with_graph == without
        assert len(with_graph) == n_answer - n_missing
    assert learned(n_answer) == [None, None]


@pytest.mark.parametrize("name", FITTING)
def test_only_arms_with_a_graph_notice_another_molecule(
    name: str, place: Path, base: LoadedLLM
) -> None:
    model = arm_model(name, place, base)
    phase = Phase(JOINT, recipe().tasks, 4)
    batch = questions(name, place, base).batch(phase, 0)
    with torch.no_grad():
        own, other = (float(model.loss(batch, phase, roll=r)) for r in (0, 1))
        zero = float(model.loss(batch, phase, graph=False))
    assert (abs(own - other) > 1e-5) == ARMS[name].sees_the_graph
    assert (abs(own - zero) > 1e-5) == (ARMS[name].sees_the_graph or name == "text")


def test_an_expert_is_trained_alone_and_then_held(place: Path, base: LoadedLLM) -> None:
    model = arm_model("graph+mora+experts", place, base)
    first, _, joint = phases_of(ARMS["graph+mora+experts"], recipe())
    assert first.tasks == ("property:homo",)
    asked = questions("graph+mora+experts", place, base)
    batch = asked.batch(first, 0)
    assert batch.slot_row.numel() == 0  # graph tokens are not trained yet
    model.loss(batch, first).backward()
    touched = {n.split(".")[2] for n, p in model.named_parameters() if p.grad is not None}
    assert touched == {"property-homo"}
    model.zero_grad()
    model.loss(asked.batch(joint, 0), joint).backward()
    touched = {
        n.removeprefix("experts.").split(".")[0]
        for n, p in model.named_parameters()
        if p.grad is not None
    }
    assert touched == {"projector", "generator", "gate"}
    assert not any(p.requires_grad for p in model.llm.parameters())


def test_a_run_goes_on_as_if_it_had_not_stopped(place: Path, tmp_path: Path) -> None:
    def run(directory: Path) -> ArmRun:
        base = load_base(Bundle.read(place / "base"), "cpu")  # an arm wraps its layers
        encoder = frozen(place)
        asked = questions("experts", place, base)
        return ArmRun(
            ARMS["experts"], recipe(), base, encoder, asked, directory / "experts", seed=1
        )

    whole = run(tmp_path / "whole")
    whole.train()
    begun = run(tmp_path / "halves")
    begun.phases = begun.phases[:1]
    begun.train()
    resumed = run(tmp_path / "halves")
    assert not resumed.is_finished
    assert resumed.done == ["expert property:homo"]
    resumed.train()
    assert resumed.is_finished
    for name, value in whole.model.state_dict().items():
        assert torch.allclose(value, resumed.model.state_dict()[name], atol=1e-5), name


def test_the_generator_may_learn_at_its_own_rate(place: Path, tmp_path: Path) -> None:
    asked = questions("graph+mora", place, load_base(Bundle.read(place / "base"), "cpu"))
    ends = []
    for rate in (None, 0.0):
        settings = recipe(lr_generator=rate, steps=2, warmup=0.0)
        base = load_base(Bundle.read(place / "base"), "cpu")
        arm = ARMS["graph+mora"]
        run = ArmRun(arm, settings, base, frozen(place), asked, tmp_path / str(rate), seed=1)
        before = {name: value.clone() for name, value in run.model.state_dict().items()}
        run.train()
        after = run.model.state_dict()
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        ends.append({part: any(name.startswith(part) for name in moved) for part in _PARTS})
    assert ends == [dict.fromkeys(_PARTS, True), {"projector": True, "generator": False}]


def test_the_command_trains_measures_and_writes_the_table(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(
        'arms = ["text", "graph+mora+experts"]\nseeds = [1]\nsteps = 2\nbatch = 2\nrank = 2\n'
        f"parameters = {BUDGET}\nn_test = 2\nsequence = 400\n",
        encoding="utf-8",
    )
    options = [
        *("--config", str(config), "--run", str(tmp_path / "run"), "--base", str(place / "base")),
        *("--encoder", str(place / "encoder"), "--data", str(place)),
    ]
    assert main([*options, "--arms", "text", "--train-only"]) == 0
    assert "done so far" in capsys.readouterr().out
    assert (tmp_path / "run/seed-1/text/done.json").is_file()
    assert not list((tmp_path / "run/seed-1/text").glob("property-*.json"))
    assert main(options) == 0
    table = (tmp_path / "run" / "table.md").read_text(encoding="utf-8")
    assert "| graph+mora+experts | other molecule | 2 |" in table
    assert "memory" not in table  # of one process, so of no arm
    done = json.loads((tmp_path / "run/seed-1/text/done.json").read_text(encoding="utf-8"))
    assert done.keys() == {"trained parameters", "seconds"}
    assert "| text | own | 2 |" in table
    assert "| graph+mora+experts | text |" in table
    directory = tmp_path / "run" / "seed-1" / "graph+mora+experts"
    status = Assistant.load(directory / "bundle").status()
    on = {adapter.name for adapter in status.adapters if adapter.on}
    assert on == {"graph tokens", "instance LoRA", "experts"}
    written = (directory / "log.jsonl").read_text(encoding="utf-8")
    assert len(written.splitlines()) == 3
    assert main(options) == 0  # nothing is trained or asked again
    assert (directory / "log.jsonl").read_text(encoding="utf-8") == written
    # What an arm learned through one encoder must not stand beside what it learned by another.
    assert main([*options, "--encoder", str(place / "base" / "encoder")]) == 1
    assert "other settings (encoder)" in capsys.readouterr().err
    # More seeds are no other settings: what is there stays, the table waits for the rest.
    more = config.read_text(encoding="utf-8").replace("seeds = [1]", "seeds = [1, 2]")
    config.write_text(more, encoding="utf-8")
    assert main([*options, "--arms", "text", "--seeds", "2", "--train-only"]) == 0
    assert "done so far" in capsys.readouterr().out
    assert (tmp_path / "run/seed-2/text/done.json").is_file()
    assert (directory / "log.jsonl").read_text(encoding="utf-8") == written
    config.write_text(config.read_text(encoding="utf-8") + "lr = 0.5\n", encoding="utf-8")
    assert main(options) == 1
    assert "other settings (lr)" in capsys.readouterr().err


def test_answers_are_written_as_they_are_read(place: Path) -> None:
    for name, rows in rows_of(recipe(), place, "train").items():
        task = task_of(name)
        assert len(rows) == 5
        for row in rows:
            assert task.parse(answer_text(task, row), row) == row.answer
    test = {row.molecules for rows in rows_of(recipe(), place, "test").values() for row in rows}
    assert test <= {(s,) for s in SMILES[:3]}
    reactions = replace(recipe(), tasks=("reagent",))
    with pytest.raises(AssistantError, match="reagent is none that arms can be trained on"):
        rows_of(reactions, _reactions(place), "train")


def test_a_pair_is_asked_about_as_it_is_measured(place: Path, base: LoadedLLM) -> None:
    name = "pairs:absorption"
    asked = questions("graph", place, base)
    asked.encoder.sequence = 1000
    (row,) = rows_of(recipe(tasks=(name,)), _pairs(place), "train")[name]
    with_graph, without = (asked.example(name, row, graph=graph) for graph in (True, False))
    assert set(with_graph.molecules) == {1, 2}
    assert (with_graph.slots > 0).sum() == 2 * 28
    learned = [base.tokenizer.decode(e.ids[e.weights > 0]) for e in (with_graph, without)]
    assert learned[0] == learned[1]
    assert task_of(name).parse(learned[0], row) == 255.0
    asked.encoder.sequence = len(with_graph.ids) - 1  # cut alike, with graph tokens or without
    n_learned = [
        int((asked.example(name, row, graph=graph).weights > 0).sum()) for graph in (True, False)
    ]
    assert n_learned[0] == n_learned[1]


def _reactions(place: Path) -> Path:
    head = ["reactants", "reagents", "product", "split", "rxn"]
    rows = [("CCO.CC(=O)O", "O", "CCOC(C)=O", "train", "CCO.CC(=O)O>O>CCOC(C)=O")]
    for source in (task_of("reagent").train, task_of("reagent").test):
        write_table(place / source.path, head, rows)
    return place


def _pairs(place: Path) -> Path:
    head = ["chromophore", "solvent", "abs_max_nm", "split_by_chromophore"]
    rows = [("c1ccccc1", "CCO", "255", "train"), ("c1ccccc1", "O", "254", "test")]
    write_table(place / "csi" / "chromophore_db.csv.gz", head, rows)
    return place


def test_arms_are_compared_with_text_lora_and_their_own_controls() -> None:
    def metrics(value: float) -> list[list]:
        return [[mean("BLEU", np.full(20, value) + np.linspace(0, 0.01, 20))]]

    arms = ("text", "lora", "graph")
    found = {
        ("caption", arm, OWN): metrics(v) for arm, v in zip(arms, (0.1, 0.2, 0.5), strict=True)
    }
    found["caption", "graph", OTHER] = metrics(0.3)
    found["caption", "graph", ZERO] = metrics(0.5)
    compared = comparisons(recipe(arms=arms, tasks=("caption",)), found)
    verdicts = {(c.a, c.b): c.difference.verdict for c in compared}
    assert verdicts == {
        ("graph", "text"): "A better",
        ("graph", "lora"): "A better",
        ("graph", "graph, other molecule"): "A better",
        ("graph", "graph, zero graph"): "no difference shown",
    }
    assert set(controls_of(ARMS["lora"], recipe())) == {OWN}
    assert not controls_of(ARMS["mora"], recipe())[OTHER].card
    assert set(controls_of(ARMS["lora"], recipe(second_turn=True))) == {OWN, LATER}


def test_a_variant_is_compared_with_the_arm_it_is_one_of() -> None:
    def metrics(value: float) -> list[list]:
        return [[mean("BLEU", np.full(20, value) + np.linspace(0, 0.01, 20))]]

    found = {
        ("caption", "graph", OWN): metrics(0.5),
        ("caption", "graph", LATER): metrics(0.1),
        ("caption", "graph-multiturn", OWN): metrics(0.5),
        ("caption", "graph-multiturn", LATER): metrics(0.4),
    }
    arms = ("graph", "graph-multiturn")
    compared = comparisons(recipe(arms=arms, tasks=("caption",)), found)
    verdicts = {(c.a, c.b): c.difference.verdict for c in compared}
    assert verdicts["graph-multiturn", "graph"] == "no difference shown"
    assert verdicts[f"graph-multiturn, {LATER}", f"graph, {LATER}"] == "A better"
    assert ("graph", "graph-multiturn") not in verdicts
    found = {
        ("caption", "graph+mora", OWN): metrics(0.5),
        ("caption", "graph+mora+experts", OWN): metrics(0.4),
    }
    arms = ("graph+mora", "graph+mora+experts")
    (experts,) = comparisons(recipe(arms=arms, tasks=("caption",)), found)
    assert (experts.a, experts.b, experts.difference.verdict) == (arms[1], arms[0], "B better")


@pytest.mark.parametrize(
    ("name", "rank", "n_layers"),
    [("mora", 2, 1), ("mora-rank32", 32, 1), ("mora-every1", 2, 2)],
)
def test_a_variant_of_mora_has_its_own_rank_and_layers(
    name: str, rank: int, n_layers: int, place: Path, base: LoadedLLM
) -> None:
    config = arm_model(name, place, base).generator.config
    assert config.rank == rank
    assert len({site.name.split(".")[2] for site in config.sites}) == n_layers


def test_a_conversation_of_several_turns_teaches_every_answer(place: Path, base: LoadedLLM) -> None:
    asked = questions("graph-multiturn", place, base)
    asked.encoder.sequence = 2000
    rows = asked.rows["property:homo"][:3]
    whole = asked.example("property:homo", *rows, graph=True)
    assert set(whole.molecules) == {1, 2, 3}
    text = base.tokenizer.decode(whole.ids)
    learned = base.tokenizer.decode(whole.ids[whole.weights > 0])
    for number, row in enumerate(rows, start=1):
        assert f"molecule {number}" in text
        assert answer_text(task_of("property:homo"), row) in learned
    assert asked.batch(Phase(JOINT, ("property:homo",), 4), 0).ids.shape[0] == 1


def test_a_second_turn_asks_of_its_own_molecule(place: Path) -> None:
    rows = rows_of(recipe(), place, "test")["property:homo"]
    for earlier, row, later in zip(
        [*rows[-1:], *rows], rows, second_turns("property:homo", rows), strict=False
    ):
        conversation = later.conversation()
        numbers = {m.molecule.smiles: m.number for m in conversation.molecules}
        assert numbers == {earlier.molecules[0]: 1, row.molecules[0]: 2}
        first, answer, last = conversation.messages
        assert "molecule 1" in first.text
        assert answer.text == answer_text(task_of("property:homo"), earlier)
        assert "molecule 2" in last.text
        assert last.attached == (2,)
        assert later.answer == row.answer


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arm": ["text"]}, "unknown keys arm"),
        ({"arms": ["texts"]}, "unknown arms texts"),
        ({"seeds": []}, "seeds is empty"),
        ({"expert_share": 1.0}, "expert_share"),
        ({"steps": 0}, "positive"),
    ],
)
def test_a_wrong_recipe_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AblationRecipe.from_dict(values)


def test_the_shipped_recipe_is_read() -> None:
    path = Path(__file__).resolve().parents[3] / "assistant/train/configs/ablation_cpu.toml"
    shipped = AblationRecipe.load(path)
    assert shipped.arms == MAIN_ARMS
    assert len(shipped.seeds) == 3
    parts = AblationRecipe.load(path.with_name("ablation_homo_parts_cpu.toml"))
    assert set(parts.arms) < set(ARMS)
    assert set(parts.arms) - set(shipped.arms)
    assert json.dumps(shipped.factor(0, 100)) == "0.02"
