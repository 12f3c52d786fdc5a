"""From a MoRA training run to a conversation under its ΔW, and every mismatch by name."""

import json
from pathlib import Path

import pytest
import torch

from assistant.adapters.mora import MoraConfig
from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.graph import to_mora_graph
from assistant.chem.molecule import Molecule
from assistant.importers import mora
from tests.importers.official import mora_state, save_llama, stm_state

OFFICIAL = Path(__file__).parents[1] / "data" / "official_keys.json"
SIZES = {"d_graph": 16, "d_llm": 64, "llm_depth": 2, "every": 2, "rank": 4, "alpha": 8.0}
CONFIG = MoraConfig(**SIZES, d_model=32, n_blocks=2, n_positions=5)
RUN = {
    "model_type": "llava_mora",
    "mora_rank": 4,
    "mora_alpha": 8,
    "skip_layers": 2,
    "mora_llm_depth": 2,
    "mora_type": "qkvom",
}
ASPIRIN, ETHANOL = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"), Molecule.parse("CCO")


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llms") / "tiny-vicuna")


def save_run(directory: Path, state: dict[str, torch.Tensor], **config: object) -> list[str]:
    """The files of a run; returns the arguments that name them."""
    torch.save(state, directory / "non_lora_trainables.bin")
    torch.save(stm_state(), directory / "molecule_model.pth")
    (directory / "config.json").write_text(json.dumps(RUN | config))
    return [
        str(directory / "non_lora_trainables.bin"),
        "--stm",
        str(directory / "molecule_model.pth"),
        "--out",
        str(directory / "mora"),
    ]


def test_the_synthetic_file_has_the_published_keys_and_shapes():
    official = json.loads(OFFICIAL.read_text())["MoRA"]["generator"]
    state = mora_state(MoraConfig(), make=lambda *shape: torch.empty(*shape, device="meta"))
    shapes = {key: list(value.shape) for key, value in state.items()}
    assert shapes == official


@pytest.mark.parametrize("separate", [True, False])
def test_the_journey_from_a_training_run_to_an_answer(tmp_path, llm, separate, capsys):
    config = MoraConfig(**SIZES, d_model=32, n_blocks=2, n_positions=5, separate=separate)
    state = mora_state(config)
    assert mora.main([*save_run(tmp_path, state), "--llm", str(llm)]) == 0
    assert f"{'separate' if separate else 'joint'}, types qkvom" in capsys.readouterr().out
    assistant = Assistant.load(tmp_path / "mora", device="cpu")
    on = {adapter.name: adapter.on for adapter in assistant.status().adapters}
    assert (on["instance LoRA"], on["graph tokens"]) == (True, False)
    conversation, number = Conversation().with_molecule(ASPIRIN)
    conversation = conversation.with_message(Message("user", "What is it?", (number,)))
    options = ReplyOptions(temperature=1.0, seed=0, max_new_tokens=6)
    *_, last = assistant.reply(conversation, options=options)
    assert isinstance(last, Finished)


def test_published_weights_apply_to_the_whole_sequence(tmp_path, llm):
    assert mora.main([*save_run(tmp_path, mora_state(CONFIG)), "--llm", str(llm)]) == 0
    assistant = Assistant.load(tmp_path / "mora", quantize="none", device="cpu")
    conversation = Conversation()
    spliced = []
    for molecule in (ASPIRIN, ETHANOL):
        conversation, number = conversation.with_molecule(molecule)
        conversation = conversation.with_message(Message("user", "What is it?", (number,)))
        fitted = assistant.prompting.fit(conversation)
        spliced.append(assistant.prompting.splice(fitted, {}))
        conversation = conversation.with_message(Message("assistant", "A.", token_ids=(5,)))
    first, second = spliced
    assert set(first.segment_index.unique().tolist()) == {first.answer_slot}
    assert set(second.segment_index.unique().tolist()) == {second.answer_slot}
    # Another molecule in focus changes the ΔW of every token, so no cached one fits.
    assert not set(first.content) & set(second.content)


def test_the_values_and_the_two_columns_arrive(tmp_path, llm):
    state = {key: value * 0.1 for key, value in mora_state(CONFIG).items()}
    assert mora.main([*save_run(tmp_path, state), "--llm", str(llm)]) == 0
    assistant = Assistant.load(tmp_path / "mora", quantize="none", device="cpu")
    encoder = assistant.components.encoder
    generator = encoder.generator
    found = generator.state_dict()
    assert all(torch.equal(found[k.removeprefix(mora.PREFIX)], v) for k, v in state.items())
    [encoding] = encoder.encode([ASPIRIN])
    levels = encoder.encoder.encode([to_mora_graph(ASPIRIN)])
    expected = generator(levels)["model.layers.1.mlp"]
    part = encoding.lora["model.layers.1.mlp"]
    torch.testing.assert_close(part.lora_A, expected.lora_A[0])
    assert part.scaling == 2.0


def test_half_precision_stays_as_it_is(tmp_path, llm):
    state = {key: value.bfloat16() for key, value in mora_state(CONFIG).items()}
    assert mora.main([*save_run(tmp_path, state), "--llm", str(llm)]) == 0
    assistant = Assistant.load(tmp_path / "mora", device="cpu")
    generator = assistant.components.encoder.generator
    assert {p.dtype for p in generator.parameters()} == {torch.bfloat16}
    [encoding] = assistant.components.encoder.encode([ASPIRIN])
    assert torch.isfinite(encoding.lora["model.layers.1.mlp"].lora_A).all()


def test_names_of_other_savers_are_renamed_as_the_published_loader_does(tmp_path, llm):
    state = mora_state(CONFIG)
    wrapped = {f"base_model.model.{key}": value for key, value in state.items()}
    arguments = save_run(tmp_path, wrapped)
    generator = mora.read_generator(Path(arguments[0]), mora.MoraSettings(4, 8, 2, 2))
    assert torch.equal(generator.Bs, state["model.mm_projector.Bs"])


def test_a_config_without_alpha_takes_the_rank_and_arguments_win(tmp_path, llm, capsys):
    arguments = save_run(tmp_path, mora_state(CONFIG), mora_alpha=None)
    assert mora.main([*arguments, "--llm", str(llm)]) == 0
    assert "rank 4, alpha 4" in capsys.readouterr().out
    assert mora.main([*arguments, "--llm", str(llm), "--alpha", "12"]) == 0
    assert "rank 4, alpha 12" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "texts"),
    [
        ({"mora_rank": 7}, ["Bs (1, 5, 256) is no multiple of rank 7", "--rank"]),
        ({"mora_type": "qk"}, ["model.mm_projector.Bs (1, 5, 256) instead of (1, 2, 256)"]),
        ({"mora_type": "qkvom", "skip_layers": 1}, ["Bs (1, 5, 256) instead of (1, 10, 256)"]),
        ({"skip_layers": "two"}, ["skip_layers 'two'"]),
        ({"mora_type": "xyz"}, ["kinds 'xyz' must be from qkvom"]),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path, llm, config, texts, capsys):
    arguments = save_run(tmp_path, mora_state(CONFIG), **config)
    assert mora.main([*arguments, "--llm", str(llm)]) == 1
    printed = capsys.readouterr().err
    assert all(text in printed for text in texts)
    assert not (tmp_path / "mora").exists()


def test_keys_that_do_not_fit_are_named(tmp_path, llm, capsys):
    state = mora_state(CONFIG)
    del state["model.mm_projector.gen.2.norm.bias"]
    assert mora.main([*save_run(tmp_path, state), "--llm", str(llm)]) == 1
    assert "missing: model.mm_projector.gen.2.norm.bias (32,)" in capsys.readouterr().err
    state = mora_state(CONFIG) | {"model.embed_tokens.weight": torch.zeros(3, 4)}
    assert mora.main([*save_run(tmp_path, state), "--llm", str(llm)]) == 1
    assert (
        "no part of a MoRA generator: model.embed_tokens.weight (3, 4)" in capsys.readouterr().err
    )


def test_another_language_model_or_encoder_width_is_refused(tmp_path, llm, capsys):
    arguments = save_run(tmp_path, mora_state(CONFIG))
    wide = save_llama(tmp_path / "wide", d_llm=128)
    assert mora.main([*arguments, "--llm", str(wide)]) == 1
    assert "writes for width 64" in capsys.readouterr().err
    torch.save(stm_state(width=12), tmp_path / "molecule_model.pth")
    assert mora.main([*arguments, "--llm", str(llm)]) == 1
    assert "reads a graph encoder of width 16; --stm has 12" in capsys.readouterr().err


def test_a_hub_id_is_written_down(tmp_path):
    hub = "lmsys/vicuna-7b-v1.3"
    assert mora.main([*save_run(tmp_path, mora_state(CONFIG)), "--llm", hub]) == 0
    assert Bundle.read(tmp_path / "mora").hub_llm == hub
