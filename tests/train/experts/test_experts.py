"""Experts beside a frozen bundle: each learns its family alone, then the gate mixes them."""

import csv
import gzip
import json
import shutil
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.molecule import Molecule
from assistant.components import graph_parts
from assistant.errors import AssistantError, BundleError
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.experts.__main__ import main, prepare
from assistant.train.experts.data import Family, MixedSteps, read_families
from assistant.train.experts.model import GATE, ExpertsModel
from assistant.train.experts.recipe import ExpertsRecipe
from assistant.train.experts.run import ExpertsRun
from assistant.train.frozen import load_base
from assistant.train.guard import NOTE
from assistant.train.sources.records import OwnConversation
from tests.bundles import write_tiny_bundle

SMILES = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCC", "C=C", "CC#N", "OCCO", "CCCl", "CCBr"]
RECIPE = """
gate_steps = 1
batch = 2
sequence = 4000
held_out = 1
lr = 1e-2
molecules = "pool.csv.gz"
[lora]
rank = 2
[[experts]]
name = "property"
steps = 2
data = [{ format = "qm9", path = "qm9/homo.csv.gz" }]
rates = { card = 1.0, line = 0.0, smiles = 0.0, graph = 0.0 }
[[experts]]
name = "chat"
steps = 2
written = 8
rates = { card = 0.0, line = 0.0, smiles = 0.0, graph = 0.0 }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("experts")
    write_tiny_bundle(directory / "base")
    (directory / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    write_tables(directory)
    return directory


def write_tables(directory: Path, *, first: int = 2) -> None:
    """The recipe's tables; training rows of values begin at `first`."""
    homo = [(s, f"-0.2{i}", "test" if i < first else "train") for i, s in enumerate(SMILES)]
    write_table(directory / "qm9" / "homo.csv.gz", ["smiles", "homo", "split"], homo)
    write_table(directory / "pool.csv.gz", ["smiles", "name"], [(s, "") for s in SMILES])


def write_table(path: Path, head: list[str], rows: list[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def prepared(place: Path, directory: Path) -> tuple[ExpertsRun, list[Family]]:
    recipe = ExpertsRecipe.load(place / "tiny.toml")
    bundle = Bundle.read(place / "base")
    llm = load_base(bundle, "cpu")
    torch.manual_seed(recipe.seed)
    parts = graph_parts(bundle, llm)
    model = ExpertsModel(llm, parts, recipe)
    n_tokens = parts.projector.config.n_tokens
    encoder = LessonEncoder(llm.tokenizer, n_graph_tokens=n_tokens, sequence=recipe.sequence)
    encoders = {expert.name: encoder for expert in recipe.experts}
    families = read_families(recipe, place)
    directory.mkdir(exist_ok=True)
    return ExpertsRun(recipe, families, model, encoders, directory, device=llm.device), families


def arguments(data: Path, directory: Path) -> Namespace:
    """The command's arguments, as `prepare` reads them."""
    return Namespace(
        data=data, run=directory, retrieval=None, licensed_only=False, device="cpu", workers=0
    )


def test_a_run_is_noted_with_its_data_and_only_when_it_can_begin(
    place: Path, tmp_path: Path
) -> None:
    recipe, bundle = ExpertsRecipe.load(place / "tiny.toml"), Bundle.read(place / "base")
    data = tmp_path / "data"
    data.mkdir()
    args = arguments(data, tmp_path / "run")
    with pytest.raises(AssistantError, match=r"homo\.csv\.gz"):
        prepare(args, recipe, bundle)
    assert not args.run.exists()
    write_tables(data)
    prepare(args, recipe, bundle)
    noted = (args.run / NOTE).read_text("utf-8")
    prepare(args, recipe, bundle)  # the same data again
    write_tables(data, first=3)
    with pytest.raises(AssistantError, match=r"other settings \(records, records_sha256\)"):
        prepare(args, recipe, bundle)
    assert (args.run / NOTE).read_text("utf-8") == noted


@pytest.mark.parametrize(
    ("component", "changes", "message"),
    [
        ("lora", {}, r"has a LoRA of its own \(lora\), which would be left out in training"),
        ("embeddings", {}, r"has input embeddings of its own \(embeddings\)"),
        ("projector", {"base_model": "another"}, r"projector of .* is off \(trained for another"),
        ("generator", {"trained": False}, r"generator of .* is off \(not trained yet"),
    ],
)
def test_a_base_that_would_be_served_otherwise_is_refused(
    place: Path, tmp_path: Path, component: str, changes: dict[str, object], message: str
) -> None:
    base = tmp_path / "base"
    shutil.copytree(place / "base", base)
    Bundle.read(base).with_component(component, component)
    if changes:
        config = base / component / "config.json"
        values = json.loads(config.read_text("utf-8")) | changes
        config.write_text(json.dumps(values), encoding="utf-8")
    args = arguments(place, tmp_path / "run")
    with pytest.raises(BundleError, match=message):
        prepare(args, ExpertsRecipe.load(place / "tiny.toml"), Bundle.read(base))
    assert not args.run.exists()


def test_a_base_without_a_language_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="The bundle empty has no language model of its own"):
        load_base(Bundle.write(tmp_path, "empty", {}), "cpu")


def test_families_hold_training_rows_and_written_conversations(place: Path) -> None:
    values, chat = read_families(ExpertsRecipe.load(place / "tiny.toml"), place)
    learned = {record.molecule.smiles for record in (*values.records, *values.held_out)}
    assert learned == {Molecule.parse(smiles).smiles for smiles in SMILES[2:]}
    written = [*chat.records, *chat.held_out]
    assert len(written) == 8
    assert all(isinstance(record, OwnConversation) for record in written)
    assert len(chat.held_out) <= 1


def test_the_gate_sees_every_family_in_turn(place: Path, tmp_path: Path) -> None:
    run, families = prepared(place, tmp_path)
    parts = [run._steps_of(f, f.records) for f in families]
    mixed = MixedSteps(parts)
    for index in range(6):
        wanted = parts[index % 2].example(index // 2)
        assert mixed.example(index).ids.tolist() == wanted.ids.tolist()


def test_each_phase_trains_its_own_part_and_no_other(place: Path, tmp_path: Path) -> None:
    run, _ = prepared(place, tmp_path)
    model = run.model
    batch = run._steps("property")[0][0]
    for phase, start in (("property", "experts.loras.property."), (GATE, "experts.gate.")):
        model.zero_grad(set_to_none=True)
        chosen = model.begin(phase)
        model.loss(batch, phase).backward()
        touched = [name for name, p in model.named_parameters() if p.grad is not None]
        assert touched
        assert all(name.startswith(start) for name in touched)
        assert {id(p) for p in chosen} == {
            id(p) for name, p in model.named_parameters() if name.startswith(start)
        }
    assert not any(p.requires_grad for p in model.llm.parameters())


def test_untrained_experts_change_nothing(place: Path, tmp_path: Path) -> None:
    run, _ = prepared(place, tmp_path)
    batch = run._steps(GATE)[0][0]
    with torch.no_grad():
        losses = [float(run.model.loss(batch, use)) for use in ("", "property", "chat", GATE)]
    assert losses == pytest.approx([losses[0]] * 4, abs=1e-5)


def test_an_expert_learns_its_family(place: Path, tmp_path: Path) -> None:
    run, _ = prepared(place, tmp_path)
    run.model.begin("property")
    batch = run._steps("property")[0][0]

    @torch.no_grad()
    def loss() -> float:
        return float(run.model.loss(batch, "property"))

    before = loss()
    run._train("property", 6)
    assert loss() < before - 0.01


def test_a_run_goes_on_as_if_it_had_not_stopped(place: Path, tmp_path: Path) -> None:
    whole, _ = prepared(place, tmp_path / "whole")
    whole.train()
    begun, _ = prepared(place, tmp_path / "halves")
    step = begun._step

    def stopping(*args: object) -> tuple[float, int]:
        if begun.done == ["property"]:
            begun.stop()  # in the middle of the second phase
        return step(*args)

    begun._step = stopping
    begun.train()
    assert (begun.done, begun.step) == (["property"], 1)
    resumed, _ = prepared(place, tmp_path / "halves")
    resumed.train()
    assert resumed.is_finished
    for name, value in whole.model.state_dict().items():
        assert torch.allclose(value, resumed.model.state_dict()[name], atol=1e-5), name


def test_the_command_writes_a_bundle_that_answers(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    options = [
        *("--config", str(place / "tiny.toml"), "--data", str(place)),
        *("--run", str(tmp_path / "run"), "--bundle", str(place / "base")),
    ]
    assert main(options) == 0
    directory = tmp_path / "run" / "bundle"
    assert f"--bundle {directory}" in capsys.readouterr().out
    card = (directory / "README.md").read_text(encoding="utf-8")
    read = "qm9: homo.csv.gz, split train, 8 records (none stated by the files at hand)"
    assert f"| property | 8 | 2 | {read} |" in card
    assert "$" not in card
    assert (directory / "loss.png").is_file()
    assistant = Assistant.load(directory)
    on = {adapter.name for adapter in assistant.status().adapters if adapter.on}
    assert on >= {"graph tokens", "instance LoRA", "experts"}
    conversation, number = Conversation().with_molecule(Molecule.parse("CCO"))
    asked = conversation.with_message(Message("user", "What is the HOMO energy?", (number,)))
    last = list(assistant.reply(asked, options=ReplyOptions(max_new_tokens=4)))[-1]
    assert isinstance(last, Finished)
    assert last.message.scalings.experts == ("property", "chat")
    quoting = (
        (place / "tiny.toml").read_text(encoding="utf-8").replace("steps = 2\n", "quoted = 1.0\n")
    )
    (tmp_path / "quoting.toml").write_text(quoting, encoding="utf-8")
    options[1] = str(tmp_path / "quoting.toml")
    assert main(options) == 1
    assert "name an index with --retrieval" in capsys.readouterr().err
    other = (place / "tiny.toml").read_text(encoding="utf-8").replace("lr = 1e-2", "lr = 1e-3")
    (tmp_path / "other.toml").write_text(other, encoding="utf-8")
    options[1] = str(tmp_path / "other.toml")
    assert main(options) == 1
    assert "other settings (lr)" in capsys.readouterr().err


def test_answers_that_are_all_cut_off_are_named(place: Path, tmp_path: Path) -> None:
    run, _ = prepared(place, tmp_path)
    for encoder in run.encoders.values():
        encoder.sequence = 64
    with pytest.raises(AssistantError, match="No answer of a step of property is within"):
        run.train()


def test_what_is_not_measured_is_no_figure(place: Path, tmp_path: Path) -> None:
    run, (values, chat) = prepared(place, tmp_path)
    assert run.figures(GATE) == {}  # a tenth of eight records is none
    run.families = [values, replace(chat, held_out=chat.records[:2])]
    assert run.figures(GATE).keys() == {"chat"}
    figures = run.figures("chat")
    assert figures["chat"].keys() == {"without", "chat"}
    assert all(loss > 0 for loss in figures["chat"].values())
    run.encoders["chat"].sequence = 64  # every answer is cut off
    assert run.figures("chat") == {}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "chat"', 'name = "property"', "at least two experts of different names"),
        ('name = "chat"', 'name = "Small talk"', "needs a name of a-z"),
        ("written = 8", "", "has no data and no written conversations"),
        ("rates = { card = 0.0,", "rates = { card = 0.5,", "its rates must all be 0"),
        ("gate_steps = 1", "gate_step = 1", "unknown keys gate_step"),
        ("steps = 2\ndata", "steps = 0\ndata", "steps must be positive"),
        ('format = "qm9"', 'format = "qm8"', "no data format 'qm8'"),
        (', path = "qm9/homo.csv.gz"', "", "data of expert 'property' has an entry without path"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in RECIPE
    path = tmp_path / "wrong.toml"
    path.write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(AssistantError, match=message):
        ExpertsRecipe.load(path)


def test_the_shipped_recipes_are_read() -> None:
    for path in (Path(__file__).parents[3] / "assistant/train/configs").glob("experts_*.toml"):
        recipe = ExpertsRecipe.load(path)
        names = [expert.name for expert in recipe.experts]
        assert names == ["describe", "react", "property", "pair", "chat"]
        # Weights trained on DrugBank-derived pairs must not be shipped.
        assert not any(source.format == "zhangddi" for source in recipe.files())
