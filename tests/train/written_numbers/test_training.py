"""A number that a specialist writes: read, learned, stopped, gone on with, written and served."""

import csv
import gzip
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.chem.graph import smiles_to_graphs
from assistant.chem.molecule import Molecule
from assistant.errors import AssistantError, BundleError
from assistant.graph.encoder import collate
from assistant.llm.load import load_llm
from assistant.specialist.directory import LLM, SpecialistInfo
from assistant.specialist.domain import Domain
from assistant.specialist.number_files import NUMBERS, NumberInfo
from assistant.specialist.service import Specialist
from assistant.specialist.writer import Asking
from assistant.train.export import save_nf4
from assistant.train.guard import refuse_another
from assistant.train.model import ModelSizes, language_model
from assistant.train.numbers.__main__ import main
from assistant.train.numbers.data import NumbersData
from assistant.train.numbers.graphs import PackedGraphs
from assistant.train.numbers.output import put_into, write_parts
from assistant.train.numbers.recipe import NumbersRecipe
from assistant.train.numbers.run import READ, NumbersRun
from assistant.train.specialist.tokenizer import reaction_tokenizer

RECIPE = """
name = "homo"
task = "property:homo"
d_model = 16
n_layers = 2
n_heads = 2
read_epochs = 40
read_batch = 8
read_lr = 5e-3
write_epochs = 120
write_batch = 8
write_lr = 8e-3
held_out = 6
"""
ALKYLS = ["C", "CC", "CCC", "CC(C)C", "CCCC", "C1CCCC1"]
GROUPS = {"O": -0.2612, "N": -0.2304, "F": -0.3127}  # what an energy depends on here


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("numbers")
    (directory / "qm9").mkdir()
    with gzip.open(directory / "qm9/qm9_homo.csv.gz", "wt", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("gdb_index", "smiles", "homo", "split"))
        for i, alkyl in enumerate(ALKYLS):
            for group, value in GROUPS.items():
                rows.writerow((i, alkyl + group, value, "valid" if i == 4 else "train"))
        rows.writerow((99, "CCCCCCCCS", -0.2, "test"))
    (directory / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    specialist = directory / "specialist"
    specialist.mkdir()
    tokenizer = reaction_tokenizer(["CCO", "CCN"] * 50, vocab_size=400)
    torch.manual_seed(0)
    sizes = ModelSizes(64, 1, 128, 2, 2, len(tokenizer), 128)
    llm = language_model(sizes, tokenizer)
    with torch.no_grad():  # as decided as a trained one
        llm.get_output_embeddings().weight.mul_(30)
    save_nf4(llm, tokenizer, specialist / LLM)
    SpecialistInfo(("retrosynthesis",)).write(specialist)
    return directory


def arguments(place: Path, run: Path, *more: str) -> list[str]:
    given = {"config": place / "tiny.toml", "specialist": place / "specialist", "data": place}
    named = [text for name, path in given.items() for text in (f"--{name}", str(path))]
    return [*named, "--run", str(run), *more]


def made(place: Path, run: Path) -> NumbersRun:
    recipe = NumbersRecipe.load(place / "tiny.toml")
    llm = load_llm(place / "specialist" / LLM, pick_fastest=False)
    run.mkdir(exist_ok=True)
    known = {"recipe": asdict(recipe), "llm": llm.fingerprint}
    refuse_another(run, known, may_change=("save_every_minutes",))
    return NumbersRun(recipe, NumbersData.prepared(recipe, place, run), llm, run)


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    """A run that was trained to its end, its parts in the specialist."""
    run = made(place, place / "run")
    run.train()
    assert run.is_finished
    put_into(place / "specialist", write_parts(run))
    return place / "run"


def test_batches_are_what_graphs_joined_one_by_one_are() -> None:
    smiles = ["CCO", "C", "c1ccccc1O", "C1CC1", "C#N"]
    packed, graphs = PackedGraphs.of(smiles), list(smiles_to_graphs(smiles))
    rows = np.array([4, 1, 1, 2])
    found, wanted = packed.batch(rows), collate([graphs[i] for i in rows])
    for name in ("x", "edge_index", "edge_attr", "batch"):
        assert torch.equal(getattr(found, name), getattr(wanted, name)), name


def test_no_test_row_is_read_and_the_domain_is_that_of_training_rows(
    place: Path, tmp_path: Path
) -> None:
    data = NumbersData.prepared(NumbersRecipe.load(place / "tiny.toml"), place, tmp_path)
    assert len(data.learned.values) == 15
    assert len(data.held_out.values) == 3
    assert data.domain == Domain(("C", "F", "N", "O"), 6, fewest_atoms=2)
    again = NumbersData.prepared(NumbersRecipe.load(place / "tiny.toml"), None, tmp_path)
    assert again.domain == data.domain
    assert np.array_equal(again.learned.values, data.learned.values)


def test_every_row_is_read_once_before_any_is_read_again(place: Path, tmp_path: Path) -> None:
    run = made(place, tmp_path)
    seen: list[int] = []
    for run.step in range(15):
        seen += run._rows(4).tolist()
    for epoch in range(4):
        assert sorted(seen[15 * epoch : 15 * epoch + 15]) == list(range(15))


def test_it_is_learned_written_and_served_as_it_was_trained(place: Path, finished: Path) -> None:
    trained = made(place, finished)
    assert trained.is_finished
    own, other = (trained.error(trained.data.held_out, shift=s) for s in (0, 1))
    assert own < 0.01 < other  # a constant is off by .028
    served = Specialist.load(place / "specialist", device=torch.device("cpu"))
    number = served.numbers["homo"]
    trained.reader.eval()
    for smiles in ("CCCCO", "CCCCN", "CCCCF"):
        graphs = PackedGraphs.of([smiles]).batch(np.array([0]))
        with torch.no_grad():
            [wanted] = trained.writer.written(trained.reader.tokens(graphs), -0.2)
        asked = [Molecule.parse(smiles)]
        writing = number.written(asked, served.llm, served.engine, Asking())
        with pytest.raises(StopIteration) as end:
            next(writing)
        assert end.value.value == (wanted,)


def test_the_command_writes_parts_curve_and_card(
    place: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    run = tmp_path / "run"
    shutil.copytree(finished, run)  # nothing is left to train
    specialist = tmp_path / "specialist"
    shutil.copytree(place / "specialist", specialist, ignore=shutil.ignore_patterns(NUMBERS))
    given = arguments(place, run, "--put")
    given[given.index(str(place / "specialist"))] = str(specialist)
    shutil.rmtree(run / "homo")
    capsys.readouterr()
    assert main(given) == 0
    card = (specialist / NUMBERS / "homo" / "README.md").read_text(encoding="utf-8")
    assert "another molecule's graph tokens" in card
    assert "QM9 (Ramakrishnan et al. 2014), HOMO energies: none stated" in card
    assert (specialist / NUMBERS / "homo" / "loss.png").is_file()
    assert Specialist.load(specialist, device=torch.device("cpu")).numbers


def test_a_stopped_run_goes_on_where_it_was(place: Path, tmp_path: Path) -> None:
    run = made(place, tmp_path)
    run.stop()
    run.train()
    assert (run.stage, run.step) == (READ, 0)
    run._stopped = False
    run.recipe = NumbersRecipe.load(place / "tiny.toml")
    losses = []
    original = run._read_loss

    def counted(rows: np.ndarray) -> torch.Tensor:
        losses.append(rows)
        if len(losses) == 5:
            run.stop()
        return original(rows)

    run._read_loss = counted
    run.train()
    again = made(place, tmp_path)
    assert (again.stage, again.step) == (READ, 5)
    assert again._kept is not None
    before, after = run.reader.state_dict(), again.reader.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_cannot_be_trained_is_told(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none of homo"):
        NumbersRecipe(name="lumo", task="property:lumo")
    (tmp_path / "r.toml").write_text('name = "homo"\ntask = "caption"\n', encoding="utf-8")
    with pytest.raises(AssistantError, match="does not ask for a value"):
        NumbersData.prepared(NumbersRecipe.load(tmp_path / "r.toml"), place, tmp_path)


def test_a_table_without_clear_licence_is_refused_where_that_is_asked(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(place, tmp_path / "run", "--licensed-only")) == 1
    assert "qm9/qm9_homo (none stated" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_number_of_another_language_model_is_off_and_an_unknown_one_is_refused(
    place: Path, finished: Path, tmp_path: Path
) -> None:
    assert (finished / "homo").is_dir()
    specialist = tmp_path / "specialist"
    shutil.copytree(place / "specialist", specialist)
    info = NumberInfo.read(specialist / NUMBERS / "homo")
    replace(info, llm="another").write(specialist / NUMBERS / "homo")
    assert not Specialist.load(specialist, device=torch.device("cpu")).numbers
    (specialist / NUMBERS / "homo").rename(specialist / NUMBERS / "mass")
    with pytest.raises(BundleError, match="does not know"):
        Specialist.load(specialist, device=torch.device("cpu"))
