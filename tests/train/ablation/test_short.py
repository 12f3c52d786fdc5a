"""Numbers of one molecule or two asked in the fewest words: learned as asked, scored as written."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.bundle import Bundle
from assistant.chat.prompts import Slot
from assistant.checkpoint import ComponentInfo, save_component
from assistant.chem.molecule import Molecule
from assistant.components import load_components
from assistant.errors import AssistantError
from assistant.evaluate.arms import Arm
from assistant.evaluate.tasks.base import Example as Row
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig, read_encoder
from assistant.llm.layout import IdsPiece, SlotPiece, layout
from assistant.train.ablation.__main__ import main
from assistant.train.ablation.data import rows_of
from assistant.train.ablation.measure import OTHER, OWN, ZERO, controls_of
from assistant.train.ablation.model import JOINT, READ, ArmModel
from assistant.train.ablation.output import write_arm
from assistant.train.ablation.reading import Readings
from assistant.train.ablation.recipe import ARMS, AblationRecipe
from assistant.train.ablation.run import ArmRun
from assistant.train.ablation.short import (
    ShortAsker,
    ShortQuestions,
    short_answer,
    short_prompt,
    specialist_of,
)
from assistant.train.ablation.sizes import n_slot_tokens
from assistant.train.adapt.encode import LessonEncoder
from assistant.train.frozen import load_base
from tests.bundles import write_tiny_bundle
from tests.train.ablation.test_ablation import write_table

NAME = "pairs:absorption"
DYES = ["c1ccccc1", "c1ccncc1", "c1ccoc1", "c1ccsc1", "C1=CCC=C1", "c1ccc2ccccc2c1"]
ROW = Row(("c1ccccc1", "CCO"), "?", 255.04, pair="absorption")


def recipe(**changes: object) -> AblationRecipe:
    values = {
        "tasks": (NAME,), "arms": ("lora", "graph+lora"), "short": True, "steps": 3, "batch": 3,
        "parameters": 37_000, "n_test": 2, "seeds": (1,), "rank": 2, "sequence": 100, "b_std": 0.2,
    }  # fmt: skip
    return AblationRecipe(**(values | changes))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("short")
    write_tiny_bundle(directory / "base")
    base = Bundle.read(directory / "base")
    torch.manual_seed(5)
    small = GraphEncoderConfig(d_model=12)
    shutil.rmtree(directory / "base" / "encoder")
    encoder = ComponentInfo("encoder")
    save_component(directory / "base" / "encoder", GraphEncoder(small), small, encoder)
    shutil.copytree(base.components["llm"], directory / "base" / "specialist" / "llm")
    base.with_component("specialist", "specialist")
    rows = [(d, "CCO", f"{250 + 10 * i}", "train") for i, d in enumerate(DYES)]
    rows += [(DYES[0], "O", "254", "test"), (DYES[1], "O", "256", "test")]
    head = ["chromophore", "solvent", "abs_max_nm", "split_by_chromophore"]
    write_table(directory / "csi" / "chromophore_db.csv.gz", head, rows)
    return directory


def trained(place: Path, name: str, directory: Path) -> Bundle:
    """The bundle of an arm whose parts say something of the molecule, without training."""
    bundle = specialist_of(Bundle.read(place / "base"))
    llm = load_base(bundle, "cpu")
    parts = load_components(Bundle.read(place / "base"), llm=None, quantize="none", device="cpu")[1]
    torch.manual_seed(1)
    model = ArmModel(llm, parts.encoder.encoder, ARMS[name], recipe())
    if model.lora is not None:
        for B in model.lora.lora_B:
            torch.nn.init.normal_(B, std=0.3)
    return write_arm(
        model, directory, name=name, llm=bundle.components["llm"],
        fingerprint=llm.fingerprint, notes="",
    )  # fmt: skip


def test_a_question_is_what_is_asked_for_and_the_molecules() -> None:
    assert short_prompt(NAME, ROW).messages[0].parts == (
        "ABS:", " ", Slot(1), "c1ccccc1", " ", Slot(2), "CCO",
    )  # fmt: skip
    assert short_prompt(NAME, ROW).focus == ((1, 2),)
    assert short_answer(NAME, ROW) == "255.04"
    homo = Row(("CCO",), "?", -0.26)
    assert short_prompt("property:homo", homo).messages[0].parts[0] == "HOMO:"
    assert short_answer("property:homo", homo) == "-0.2600"
    with pytest.raises(AssistantError, match="caption has no number to ask for"):
        short_prompt("caption", homo)


def test_what_is_learned_is_laid_out_as_it_is_asked(place: Path) -> None:
    bundle = specialist_of(Bundle.read(place / "base"))
    llm = load_base(bundle, "cpu")
    config = GraphEncoderConfig(d_model=12)
    n_tokens = n_slot_tokens(ARMS["graph+lora"], llm.model, config, recipe())
    assert n_tokens == config.n_levels
    # Arms without any leave as much room: all learn from the same questions.
    assert n_slot_tokens(ARMS["lora"], llm.model, config, recipe()) == n_tokens
    encoder = LessonEncoder(llm.tokenizer, n_graph_tokens=n_tokens, sequence=100)
    asked = ShortQuestions({NAME: [ROW]}, encoder, recipe(), seed=1, graph=True)
    example = asked.example(NAME, ROW, graph=True)
    laid_out: list[int] = []
    for piece in layout(short_prompt(NAME, ROW), llm.tokenizer).pieces:
        assert isinstance(piece, IdsPiece | SlotPiece)
        laid_out += piece.ids if isinstance(piece, IdsPiece) else [0] * n_tokens
    assert example.ids[: len(laid_out)].tolist() == laid_out
    learned = example.ids[example.weights > 0]
    assert llm.tokenizer.decode(learned[:-1]) == "255.04"
    assert len(laid_out) + len(learned) == len(example.ids)
    without = asked.example(NAME, ROW, graph=False)
    assert without.ids.tolist() == example.ids[example.slots == 0].tolist()
    # A number that is cut would be another number; no arm learns from what is too long for one.
    encoder.sequence = len(example.ids) - 1
    assert asked.example(NAME, ROW, graph=True) is None
    assert asked.example(NAME, ROW, graph=False) is None


def test_the_command_measures_what_the_specialist_writes(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny.toml"
    config.write_text(
        f'tasks = ["{NAME}"]\narms = ["text", "mora", "graph+lora", "read+lora"]\nseeds = [1]\n'
        "short = true\nsteps = 2\nbatch = 2\nrank = 2\nparameters = 37000\nn_test = 2\n"
        "sequence = 100\nread_width = 12\nread_layers = 2\nread_batch = 4\n",
        encoding="utf-8",
    )
    options = ["--config", str(config), "--run", str(tmp_path / "run"), "--data", str(place)]
    assert main([*options, "--base", str(place / "base")]) == 0
    table = capsys.readouterr().out
    for control in (OWN, OTHER, ZERO):
        assert f"| graph+lora | {control} | 2 |" in table
    assert "| mora | mora, other molecule |" in table
    own = Bundle.read(tmp_path / "run/seed-1/read+lora/bundle").components["encoder"]
    assert read_encoder(own).config.n_layers == 2  # the base's has five
    report = tmp_path / "run/seed-1/text/pairs-absorption__own.json"
    assert {o["pair"] for o in json.loads(report.read_text())["outcomes"]} == {"absorption"}


@pytest.mark.parametrize(("name", "parts"), [("graph+lora", "tokens"), ("mora", "lora")])
def test_controls_change_what_an_arm_reads(
    name: str, parts: str, place: Path, tmp_path: Path
) -> None:
    asker = ShortAsker(trained(place, name, tmp_path / "arm"), "cpu")
    rows = [replace(ROW, molecules=(dye, "CCO")) for dye in DYES[:2]]
    rows[1] = replace(rows[1], molecules=(DYES[1], "O"))
    requests = {
        control: asker.request(NAME, rows[0], asker.readers(rows, how)).spliced
        for control, how in controls_of(ARMS[name], recipe()).items()
    }
    other_row = asker.request(NAME, rows[1], asker.readers(rows, Arm(OWN))).spliced
    own, other, zero = (requests[control] for control in (OWN, OTHER, ZERO))
    assert own.content != other.content
    if parts == "tokens":
        slots = ~zero.inputs_embeds[0].any(-1)
        assert slots.sum() == 2 * asker.parts.n_graph_tokens
        shown = [[m for m, _ in each.content if isinstance(m, str)] for each in (other, other_row)]
        assert shown[0] == shown[1] != []
        assert own.inputs_embeds[0, slots].any(-1).all()
    else:
        assert other.answer_content == other_row.answer_content != own.answer_content
        assert not zero.deltas
    assert own.inputs_embeds.shape == zero.inputs_embeds.shape


def test_an_arm_without_a_graph_shows_none(place: Path, tmp_path: Path) -> None:
    asker = ShortAsker(trained(place, "lora", tmp_path / "arm"), "cpu")
    assert asker.parts.encoder is None
    assert set(controls_of(ARMS["lora"], recipe())) == {OWN}
    assert asker.readers([ROW], Arm(OWN)) == ()
    asked = asker.request(NAME, ROW, ()).spliced
    assert not [mark for mark, _ in asked.content if isinstance(mark, str)]


def test_only_numbers_like_the_learned_ones_count(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = ShortAsker(trained(place, "lora", tmp_path / "arm"), "cpu")
    texts = ["255.0", "4255.0", "255.", "about 255", " 310 ", ""]
    monkeypatch.setattr(asker, "_drawn", lambda requests: texts[: len(requests)])
    known = [replace(ROW, answer=value) for value in (200.0, 300.0)]
    outcomes = asker.outcomes(NAME, [ROW] * len(texts), known, Arm(OWN))
    assert [o["prediction"] for o in outcomes] == [255.0, None, None, None, 310.0, None]


READING = {"arms": ("read+lora",), "read_width": 12, "read_layers": 2, "parameters": 14_000}


def reading_run(place: Path, directory: Path) -> ArmRun:
    bundle = specialist_of(Bundle.read(place / "base"))
    llm = load_base(bundle, "cpu")
    wanted, arm = recipe(**READING, read_batch=4, read_share=0.5), ARMS["read+lora"]
    frozen = GraphEncoder(GraphEncoderConfig(d_model=12)).eval().requires_grad_(False)
    n_tokens = n_slot_tokens(arm, llm.model, frozen.config, wanted)
    encoder = LessonEncoder(llm.tokenizer, n_graph_tokens=n_tokens, sequence=100)
    rows = rows_of(wanted, place, "train")
    asked = ShortQuestions(rows, encoder, wanted, seed=1, graph=True)
    return ArmRun(arm, wanted, llm, frozen, asked, directory, seed=1)


def changed(before: dict[str, torch.Tensor], model: ArmModel) -> set[str]:
    """The parts of a model that are no longer what they were."""
    now = model.state_dict()
    names = {name for name, value in before.items() if not torch.equal(value, now[name])}
    return {".".join(name.split(".")[:2]) for name in names}


def test_an_arm_reads_first_and_then_writes_beside_a_frozen_encoder(
    place: Path, tmp_path: Path
) -> None:
    run = reading_run(place, tmp_path)
    read, joint = run.phases
    assert (read.name, joint.name) == (READ, JOINT)
    assert read.steps + joint.steps == 3
    assert run.model.n_trained() == pytest.approx(14_000, rel=0.06)
    assert run.model.encoder is run.model.reader.encoder
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run._train(read)
    parts = changed(before, run.model)
    assert {"reader.encoder", "reader.head"} < parts
    assert not {part for part in parts if part.startswith("lora")}
    assert {part for part in parts if part.startswith("projector")}
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    run.step = 0
    run._train(joint)
    parts = {part.partition(".")[0] for part in changed(before, run.model)}
    assert parts == {"projector", "lora"}  # not even the running means of the encoder


def test_a_run_that_stopped_between_goes_on(place: Path, tmp_path: Path) -> None:
    whole = reading_run(place, tmp_path / "whole")
    whole.train()
    part = reading_run(place, tmp_path / "part")
    part._train(part.phases[0])
    part.done.append(READ)
    part.step, part._optimizer = 0, None
    part.save()
    again = reading_run(place, tmp_path / "part")
    assert again.done == [READ]
    again.train()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_what_is_read_is_the_rows_with_their_values_standardised() -> None:
    rows = [replace(ROW, molecules=(dye, "CCO"), answer=float(i)) for i, dye in enumerate(DYES)]
    readings = Readings(rows, 4, seed=1)
    (dyes, solvents), values = readings.at(2, "cpu")
    again = readings.at(2, "cpu")[1]
    assert torch.equal(values, again)
    assert not torch.equal(values, readings.at(3, "cpu")[1])
    assert int(dyes.batch.max()) == int(solvents.batch.max()) == 3
    assert torch.equal(solvents.batch.bincount(), torch.tensor([3, 3, 3, 3]))
    every = Readings(rows, 100, seed=1).at(0, "cpu")[1]
    assert len(every) == len(rows)
    learned = {round(float(v), 4) for s in range(20) for v in readings.at(s, "cpu")[1]}
    assert len(learned) == len(rows)
    assert sum(learned) == pytest.approx(0.0, abs=1e-3)


def test_an_encoder_that_fills_the_budget_is_named(place: Path) -> None:
    llm = load_base(specialist_of(Bundle.read(place / "base")), "cpu")
    config = GraphEncoderConfig(d_model=12)
    with pytest.raises(AssistantError, match="leaves none for the LoRA"):
        n_slot_tokens(ARMS["read+lora"], llm.model, config, recipe(**READING | {"parameters": 99}))


def test_a_run_of_before_there_were_short_questions_goes_on() -> None:
    old = AblationRecipe().settings
    assert "short" not in old
    assert not [name for name in old if name.startswith("read_")]
    assert recipe(read_width=16).settings["read_width"] == 16
    assert recipe().settings["short"] is True


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arms": ("read+lora",), "tasks": (NAME, "property:homo")}, "has one task"),
        ({"arms": ("read+lora",), "short": False}, "set short = true"),
        ({"read_share": 1.0}, "read_share"),
        ({"card": True}, "neither a card"),
        ({"arms": ("graph-multiturn",)}, "graph-multiturn is not asked"),
        ({"arms": ("experts",)}, "experts is not asked"),
    ],
)
def test_what_short_questions_cannot_have_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(**values)


def test_a_base_without_a_specialist_is_refused(place: Path, tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path / "alone")
    with pytest.raises(AssistantError, match="has no specialist"):
        specialist_of(Bundle.read(tmp_path / "alone"))


def test_the_shipped_recipe_is_read() -> None:
    configs = Path(__file__).resolve().parents[3] / "assistant/train/configs"
    shipped = AblationRecipe.load(configs / "ablation_absorption_cpu.toml")
    assert shipped.short
    assert {"text", "lora"} < set(shipped.arms)
    assert any(ARMS[name].reads for name in shipped.arms)


def test_another_molecule_is_never_the_same_one(place: Path, tmp_path: Path) -> None:
    """Rows of one dye stand side by side in the table: the row before is no control."""
    asker = ShortAsker(trained(place, "graph+lora", tmp_path / "arm"), "cpu")
    dyes, solvents = [DYES[0]] * 3 + [DYES[1]] * 3, ["CCO", "CO", "O"] * 2
    rows = [replace(ROW, molecules=pair) for pair in zip(dyes, solvents, strict=True)]

    def read(row: Row, control: str) -> list[str]:
        how = controls_of(ARMS["graph+lora"], recipe())[control]
        readers = asker.readers(rows, how)
        molecules = map(Molecule.parse, row.molecules)
        encodings = [r.encode([m])[0] for r, m in zip(readers, molecules, strict=True)]
        return [encoding.tokens_hash for encoding in encodings]

    for row in rows:
        assert not set(read(row, OTHER)) & set(read(row, OWN))
    in_water = [replace(ROW, molecules=(dye, "O")) for dye in DYES[:2]]
    (_, water) = asker.readers(in_water, controls_of(ARMS["graph+lora"], recipe())[OTHER])
    assert water.encode([Molecule.parse("O")])  # no second one there: one from elsewhere
