"""A run becomes a bundle again without taking from the bundle what the run knows nothing of."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer

from assistant.bundle import PAIR_HEADS, Bundle
from assistant.checkpoint import ComponentInfo, save_component
from assistant.errors import AssistantError, BundleError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.train.export import export, main
from assistant.train.model import GroundedModel, ModelSizes
from assistant.train.pair_output import add_to_bundle
from assistant.train.provenance import Provenance
from assistant.train.tokenizer import save_tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves of the smallest model that there is."""
    pytest.importorskip("matplotlib", reason="draws the loss curve: pip install -e .[train]")
    directory = tmp_path_factory.mktemp("run")
    tokenizer = train_tokenizer(["Molecule 1 is CCO."] * 20, vocab_size=300)
    sizes = ModelSizes(64, 1, 64, 2, 2, len(tokenizer), 128)
    save_tokenizer(tokenizer, directory / "tokenizer")
    state = {
        "model": GroundedModel.build(sizes, tokenizer).state_dict(),
        "progress": {"seconds": 1.0, "step": 1, "tokens": 10, "quantised": False},
        "recipe": json.dumps({"sizes": asdict(sizes)}),
    }
    torch.save(state, directory / "state.pt")
    recipe = json.dumps({"text_share": 0.0, "licensed_only": True})
    (directory / "recipe.json").write_text(recipe, encoding="utf-8")
    Provenance(licensed_only=True).write(directory)
    row = {"tokens": 10, "loss": 1.0, "held_out_loss": 1.0, "held_out_digits": 0.5}
    (directory / "log.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return directory


def _any_component(directory: Path) -> Path:
    config = GraphEncoderConfig(d_model=8, n_layers=1)
    save_component(directory, GraphEncoder(config), config, ComponentInfo("encoder"))
    return directory


def test_a_bundle_written_again_keeps_its_pair_heads_and_what_it_says_of_its_model(
    run: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    export(run, bundle)
    assert (Bundle.read(bundle).reads_names, Bundle.read(bundle).most_molecules) == (True, 0)
    assert Bundle.read(bundle).english_only
    assert PAIR_HEADS not in Bundle.read(bundle).components
    of_encoder = Provenance.of(bundle / "encoder")
    assert of_encoder.licensed_only
    assert any("MoleculeNet MUV" in line for line in of_encoder.sources)
    add_to_bundle(_any_component(tmp_path / "head"), bundle, "dyes")
    options = ["--run", str(run), "--bundle", str(bundle)]
    given = ["--no-names", "--most-molecules", "6", "--cannot", "product", "retrosynthesis"]
    assert main([*options, *given]) == 0
    for _ in range(2):
        again = Bundle.read(bundle)
        assert (again.reads_names, again.most_molecules) == (False, 6)
        assert again.cannot == ("product", "retrosynthesis")
        assert again.components[PAIR_HEADS] == bundle / PAIR_HEADS
        assert (bundle / PAIR_HEADS / "dyes" / "config.json").is_file()
        assert main(options) == 0
    assert main([*options, "--most-molecules", "0", "--cannot"]) == 0
    assert (Bundle.read(bundle).reads_names, Bundle.read(bundle).most_molecules) == (False, 0)
    assert Bundle.read(bundle).cannot == ()


def test_what_goes_into_git_for_good_is_written_small(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "bundle")
    written = (tmp_path / "bundle" / "llm" / "tokenizer.json").read_text(encoding="utf-8")
    assert len(written.splitlines()) == 1
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bundle" / "llm")
    own = AutoTokenizer.from_pretrained(run / "tokenizer")
    text = "Molecule 1 weighs 180.16 g/mol: CC(=O)Oc1ccccc1C(=O)O, µ = 2.5 D."
    assert tokenizer(text)["input_ids"] == own(text)["input_ids"]
    with Image.open(tmp_path / "bundle" / "loss.png") as picture:
        assert picture.mode == "P"


def test_a_negative_number_of_molecules_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="--most-molecules -1 is negative"):
        export(run, tmp_path / "bundle", most_molecules=-1)
    assert not (tmp_path / "bundle").exists()


def test_a_task_that_the_menu_does_not_have_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(AssistantError, match="--cannot retro: the question menu has no such task"):
        export(run, tmp_path / "bundle", cannot=("product", "retro"))
    assert not (tmp_path / "bundle").exists()


def test_a_directory_of_other_files_is_left_as_it_is(run: Path, tmp_path: Path) -> None:
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "config.json").write_text("of another program", encoding="utf-8")
    with pytest.raises(BundleError, match="nothing is written"):
        export(run, tmp_path)
    assert (tmp_path / "llm" / "config.json").read_text(encoding="utf-8") == "of another program"
    with pytest.raises(AssistantError, match="--context -1 must be positive"):
        export(run, tmp_path / "bundle", context=-1)


@pytest.mark.usefixtures("run")
def test_a_run_that_is_none_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--run", str(tmp_path / "none"), "--bundle", str(tmp_path / "bundle")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"There is no {tmp_path / 'none' / 'state.pt'}: name a run of assistant.train.base."
    ]
    assert not (tmp_path / "bundle").exists()


def test_a_head_is_added_without_changing_what_else_the_bundle_says(tmp_path: Path) -> None:
    bundle, outside = tmp_path / "bundle", tmp_path / "elsewhere"
    places = {"encoder": "encoder", "projector": str(outside)}
    Bundle.write(bundle, "mine", places, hub_llm="owner/model", reads_names=False)
    add_to_bundle(_any_component(tmp_path / "head"), bundle, "dyes")
    found = Bundle.read(bundle)
    assert (found.name, found.hub_llm, found.reads_names) == ("mine", "owner/model", False)
    assert found.components == {
        "encoder": bundle / "encoder",
        "projector": outside,
        PAIR_HEADS: bundle / PAIR_HEADS,
    }
    values = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    assert values["components"]["encoder"] == "encoder"


def test_a_head_for_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="--bundle"):
        add_to_bundle(_any_component(tmp_path / "head"), tmp_path / "nowhere", "dyes")
