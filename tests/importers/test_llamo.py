"""From a LLaMo checkpoint to a conversation with graph tokens on, and every mismatch by name."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assistant.assistant import Assistant
from assistant.bundle import Bundle
from assistant.chat.conversation import Conversation, Message
from assistant.chat.events import Finished
from assistant.chat.reply import ReplyOptions
from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.chem.motifs import motif_rows
from assistant.errors import BundleError
from assistant.graph.projector import pad_motifs
from assistant.importers import llamo
from tests.importers.official import lightning, llamo_state, save_llama
from tests.importers.test_torch_file import Calls

OFFICIAL = Path(__file__).parents[1] / "data" / "official_keys.json"
ASPIRIN, METHANE = Molecule.parse("CC(=O)Oc1ccccc1C(=O)O"), Molecule.parse("C")


def run(*arguments: object) -> int:
    return llamo.main([str(argument) for argument in arguments])


def save(path: Path, state: dict[str, torch.Tensor], **foreign: object) -> Path:
    torch.save(lightning(state, **foreign), path)
    return path


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llama(tmp_path_factory.mktemp("llms") / "tiny-llama")


@pytest.mark.parametrize(("stage", "section"), [(1, "stage1"), (2, "with_peft")])
def test_the_synthetic_checkpoint_has_the_published_keys_and_shapes(stage, section):
    official = json.loads(OFFICIAL.read_text())["LLaMo"]
    state = llamo_state(
        d_graph=300,
        d_llm=4096,
        n_layers=32,
        vocabulary=32001,
        d_mlp=11008,
        stage=stage,
        make=lambda *shape: torch.empty(*shape, device="meta"),
    )
    shapes = {key: list(value.shape) for key, value in state.items()}
    expected = official["graph_encoder"] | official["ln_graph"] | official["projector"]
    expected |= official[f"language_model_{section}_layer0_and_globals"]
    expected |= official["lora"] if stage == 2 else {}
    later = {key for key in shapes if ".layers." in key and ".layers.0." not in key}
    assert {k: v for k, v in shapes.items() if k not in later or "lora" in k} == expected


def test_the_journey_from_a_released_checkpoint_to_graph_tokens_on(tmp_path, llm, capsys):
    """docs/import.md, with tiny widths: import, load the bundle, ask about a molecule."""
    touched = tmp_path / "touched"
    state = llamo_state()
    checkpoint = save(tmp_path / "LLaMo.ckpt", state, loops=Calls(os.system, f"touch {touched}"))
    out = tmp_path / "llamo"
    assert run(checkpoint, "--out", out, "--llm", llm) == 0
    assert "28 tokens of width 64" in capsys.readouterr().out
    assert not touched.exists()

    assistant = Assistant.load(out, device="cpu")
    on = {adapter.name: (adapter.on, adapter.reason) for adapter in assistant.status().adapters}
    assert on["graph tokens"] == on["its LoRA"] == on["its input embeddings"] == (True, "")
    assert assistant.status().quantisation == "nf4"
    conversation, number = Conversation().with_molecule(ASPIRIN)
    conversation = conversation.with_message(Message("user", "What is it?", (number,)))
    options = ReplyOptions(temperature=1.0, seed=0, max_new_tokens=8)
    *_, last = assistant.reply(conversation, options=options)
    assert isinstance(last, Finished)
    assert last.message.token_ids


def test_what_the_language_model_gets_is_what_the_checkpoint_computes(tmp_path, llm):
    state = llamo_state()
    out = tmp_path / "llamo"
    assert run(save(tmp_path / "x.ckpt", state), "--out", out, "--llm", llm) == 0
    assistant = Assistant.load(out, quantize="none", device="cpu")
    parts = llamo.read_llamo(tmp_path / "x.ckpt")
    for molecule in (ASPIRIN, METHANE):
        levels = parts.encoder.encode([to_graph(molecule)])
        expected = parts.projector(levels, *pad_motifs([motif_rows(molecule)]))[0]
        [encoding] = assistant.components.encoder.encode([molecule])
        # Random weights of this depth reach 10⁴, so that single small values lose digits.
        assert (encoding.graph_tokens - expected).norm() <= 1e-5 * expected.norm()
    assert motif_rows(METHANE) is None
    assert torch.equal(
        expected[:4],
        parts.projector.net(parts.projector.layer_norm(parts.projector.motif_query_tokens)),
    )
    embeddings = assistant._llm.model.get_input_embeddings().weight
    stored = state["mllm.language_model.base_model.model.model.embed_tokens.weight"]
    assert torch.equal(embeddings, stored[:320])
    site = "model.layers.1.self_attn.v_proj"
    lora = assistant.components.lora[site]
    key = f"mllm.language_model.base_model.model.{site}.lora_"
    assert torch.equal(lora.lora_A, state[f"{key}A.default.weight"])
    assert torch.equal(lora.lora_B, state[f"{key}B.default.weight"])
    assert lora.scaling == 32 / 8


def test_tied_attention_becomes_one_block_and_separate_blocks_stay(tmp_path):
    for tied in (True, False):
        parts = llamo.read_llamo(save(tmp_path / "x.ckpt", llamo_state(tied=tied)))
        assert parts.projector.config.shared_attention is tied
        assert len(parts.projector.cross_attention) == (1 if tied else 6)
    one_differs = llamo_state()
    one_differs["mllm.abstractor.cross_attention.3.out_proj.bias"] = torch.ones(16)
    parts = llamo.read_llamo(save(tmp_path / "x.ckpt", one_differs))
    assert not parts.projector.config.shared_attention
    assert torch.equal(parts.projector.cross_attention[3].out_proj.bias, torch.ones(16))


def test_the_lora_directory_is_pefts(tmp_path, llm):
    from peft import LoraConfig

    out = tmp_path / "llamo"
    assert run(save(tmp_path / "x.ckpt", llamo_state()), "--out", out, "--llm", llm) == 0
    config = LoraConfig.from_pretrained(out / "lora")
    assert (config.r, config.lora_alpha) == (8, 32)
    assert config.target_modules == {"q_proj", "v_proj"}
    assert len(load_file(out / "lora" / "adapter_model.safetensors")) == 2 * 2 * 2


def test_a_directory_of_other_files_stays_and_nothing_is_written(tmp_path, llm, capsys):
    path = save(tmp_path / "LLaMo.ckpt", llamo_state())
    for place in ("lora", "projector"):
        own = tmp_path / place / place / "thesis.txt"
        own.parent.mkdir(parents=True)
        own.write_text("mine", encoding="utf-8")
        assert run(path, "--out", tmp_path / place, "--llm", llm) == 1
        assert "nothing is written" in capsys.readouterr().err
        assert [one.name for one in (tmp_path / place).iterdir()] == [place]
        assert [one.name for one in own.parent.iterdir()] == ["thesis.txt"]
    assert run(path, "--out", path, "--llm", llm) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be used" in line


def test_a_stage_1_checkpoint_has_no_lora(tmp_path, llm, capsys):
    out = tmp_path / "llamo"
    state = llamo_state(stage=1)
    assert run(save(tmp_path / "x.ckpt", state), "--out", out, "--llm", llm) == 0
    assert "stage-1" in capsys.readouterr().out
    assert "lora" not in Bundle.read(out).components


def test_a_file_cut_down_to_its_trained_parts_is_taken_and_said(tmp_path, llm, capsys):
    out = tmp_path / "llamo"
    state = {
        key: value
        for key, value in llamo_state().items()
        if "language_model" not in key or ".lora_" in key
    }
    assert run(save(tmp_path / "x.ckpt", state), "--out", out, "--llm", llm) == 0
    assert "its input embeddings, which stage 1 trains, stay its own" in capsys.readouterr().out
    status = Assistant.load(out, device="cpu").status()
    assert {a.name for a in status.adapters if a.on} == {"graph tokens", "its LoRA"}


def test_half_a_language_model_without_its_embeddings_is_refused(tmp_path):
    state = llamo_state()
    del state["mllm.language_model.base_model.model.model.embed_tokens.weight"]
    with pytest.raises(BundleError, match="has 0 input embeddings"):
        llamo.read_llamo(save(tmp_path / "x.ckpt", state))


def test_motif_order_is_a_setting(tmp_path):
    path = save(tmp_path / "x.ckpt", llamo_state())
    assert llamo.read_llamo(path).projector.config.motifs_first
    assert not llamo.read_llamo(path, motifs_first=False).projector.config.motifs_first


def test_with_another_language_model_the_parts_are_off_and_say_so(tmp_path, llm):
    out = tmp_path / "llamo"
    assert run(save(tmp_path / "x.ckpt", llamo_state()), "--out", out, "--llm", llm) == 0
    other = save_llama(tmp_path / "other" / "tiny-llama", seed=1)
    status = Assistant.load(out, llm=str(other), device="cpu").status()
    for name in ("graph tokens", "its LoRA", "its input embeddings"):
        (adapter,) = (a for a in status.adapters if a.name == name)
        assert not adapter.on
        assert "another language model" in adapter.reason


@pytest.mark.parametrize("quantize", ["8bit", "none"])
def test_the_parts_are_on_in_every_quantisation_of_their_model(tmp_path, llm, quantize):
    out = tmp_path / "llamo"
    assert run(save(tmp_path / "x.ckpt", llamo_state()), "--out", out, "--llm", llm) == 0
    status = Assistant.load(out, quantize=quantize, device="cpu").status()
    assert {a.name for a in status.adapters if a.on} >= {"graph tokens", "its LoRA"}


def test_a_hub_id_is_written_down_and_nothing_is_downloaded(tmp_path):
    out = tmp_path / "llamo"
    hub = "meta-llama/Llama-2-7b-chat-hf"
    assert run(save(tmp_path / "x.ckpt", llamo_state()), "--out", out, "--llm", hub) == 0
    bundle = Bundle.read(out)
    assert bundle.hub_llm == hub
    assert "llm" not in bundle.components
    config = json.loads((out / "projector" / "config.json").read_text())
    assert config["base_model"] == hub


def test_every_mismatch_of_every_part_is_named_with_what_was_expected(tmp_path, llm, capsys):
    state = llamo_state()
    graph, projector = "mllm.graph_model.molecule_node_model.", "mllm.abstractor."
    lora = "mllm.language_model.base_model.model.model.layers.1.self_attn."
    del state[f"{graph}gnns.3.mlp.3.bias"]
    state[f"{graph}atom_encoder.atom_embedding_list.1.weight"] = torch.zeros(6, 16)
    del state[f"{projector}cross_attention.4.in_proj_bias"]
    state[f"{projector}motif_weight.weight"] = torch.zeros(16, 74)
    del state[f"{lora}q_proj.lora_B.default.weight"]
    state[f"{lora}v_proj.lora_A.default.weight"] = torch.zeros(4, 64)
    state["mllm.something.weight"] = torch.zeros(2)
    assert run(save(tmp_path / "x.ckpt", state), "--out", tmp_path / "o", "--llm", llm) == 1
    text = capsys.readouterr().err
    for expected in (
        "missing: mllm.graph_model.molecule_node_model.gnns.3.mlp.3.bias (16,)",
        "atom_embedding_list.1.weight (6, 16) instead of (5, 16)",
        "may have 4 or 5 rows",
        "missing: mllm.abstractor.cross_attention.4.in_proj_bias (48,)",
        "mllm.abstractor.motif_weight.weight (16, 74) instead of (16, 73)",
        f"missing: {lora}q_proj.lora_B.default.weight (64, 8)",
        f"{lora}v_proj.lora_A.default.weight (4, 64) instead of (8, 64)",
        "no part of LLaMo on Llama-2: mllm.something.weight (2,)",
    ):
        assert expected in text
    assert not (tmp_path / "o").exists()


def test_parts_of_different_widths_are_refused(tmp_path):
    state = llamo_state()
    state["mllm.language_model.base_model.model.model.embed_tokens.weight"] = torch.zeros(321, 32)
    with pytest.raises(BundleError, match="projector writes 64, embeddings have 32"):
        llamo.read_llamo(save(tmp_path / "x.ckpt", state))


def test_a_wrong_language_model_and_a_wrong_name_are_refused(tmp_path, capsys):
    path = save(tmp_path / "x.ckpt", llamo_state())
    wide = save_llama(tmp_path / "wide", d_llm=128)
    assert run(path, "--out", tmp_path / "o", "--llm", wide) == 1
    assert "width 64" in capsys.readouterr().err
    assert run(path, "--out", tmp_path / "o", "--llm", "no such thing") == 1
    assert "neither a directory nor a hub id" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
