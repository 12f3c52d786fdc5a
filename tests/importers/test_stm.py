"""MoleculeSTM's encoder comes in whole, or every mismatch is named."""

import json
from pathlib import Path

import pytest
import torch

from assistant.checkpoint import load_weights, read_config, read_info
from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.errors import BundleError
from assistant.graph.encoder import GraphEncoder, GraphEncoderConfig
from assistant.importers import stm
from tests.importers.official import stm_state

MANIFEST = Path(__file__).parents[1] / "data" / "official_keys.json"


def test_the_synthetic_file_has_the_published_keys_and_shapes():
    official = json.loads(MANIFEST.read_text())["LLaMo"]["graph_encoder"]
    state = stm_state(width=300, prefix="mllm.graph_model.")
    assert {key: list(value.shape) for key, value in state.items()} == official


@pytest.mark.parametrize("rows", [4, 5])
def test_an_imported_component_holds_every_value(tmp_path, rows, capsys):
    state = stm_state(chirality_rows=rows)
    torch.save(state, tmp_path / "molecule_model.pth")
    assert stm.main([str(tmp_path / "molecule_model.pth"), "--out", str(tmp_path / "e")]) == 0
    assert f"chirality table of {rows} rows" in capsys.readouterr().out
    config = read_config(tmp_path / "e", GraphEncoderConfig, component="encoder")
    assert (config.d_model, config.n_layers, config.atom_classes[1]) == (16, 5, rows)
    encoder = GraphEncoder(config)
    load_weights(tmp_path / "e", encoder)
    found = encoder.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value) for key, value in state.items())
    assert read_info(tmp_path / "e").base_model == ""


def test_a_prediction_head_is_left_out_and_half_precision_widened(tmp_path):
    state = {key: v.half() if v.is_floating_point() else v for key, v in stm_state().items()}
    head = {"graph_pred_linear.weight": torch.ones(1, 16), "graph_pred_linear.bias": torch.ones(1)}
    torch.save(state | head, tmp_path / "x.pth")
    encoder = stm.read_encoder(tmp_path / "x.pth")
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}


@pytest.mark.parametrize("columns", ["ogb", "mora"])
def test_the_columns_a_graph_must_have_are_part_of_the_component(tmp_path, columns):
    torch.save(stm_state(), tmp_path / "x.pth")
    encoder = stm.read_encoder(tmp_path / "x.pth", columns=columns)
    graph = to_graph(Molecule.parse("CCO"))
    if columns == "ogb":
        assert torch.isfinite(encoder.encode([graph]).atoms).all()
    else:
        with pytest.raises(ValueError, match="9 atom and 3 bond columns"):
            encoder.encode([graph])


def test_every_mismatch_is_named_with_what_was_expected():
    state = stm_state()
    tables = "molecule_node_model.atom_encoder.atom_embedding_list."
    del state["molecule_node_model.gnns.2.eps"]
    state[f"{tables}0.weight"] = torch.zeros(119, 17)
    state[f"{tables}1.weight"] = torch.zeros(3, 16)
    state["molecule_node_model.gnns.0.mlp.2.weight"] = torch.zeros(4)
    with pytest.raises(BundleError) as error:
        stm.encoder_from(state, source="x.pth")
    for text in (
        "x.pth does not hold a MoleculeSTM encoder of width 16 and 5 layers",
        "missing: molecule_node_model.gnns.2.eps (1,)",
        "unexpected: molecule_node_model.gnns.0.mlp.2.weight (4,)",
        f"{tables}0.weight (119, 17) instead of (119, 16)",
        f"{tables}1.weight (3, 16) instead of",
        "may have 4 or 5 rows",
    ):
        assert text in str(error.value)


def test_a_file_of_something_else_lists_what_it_lacks(tmp_path, capsys):
    torch.save({"fc.weight": torch.ones(2, 2)}, tmp_path / "x.pth")
    assert stm.main([str(tmp_path / "x.pth"), "--out", str(tmp_path / "e")]) == 1
    text = capsys.readouterr().err
    assert "missing: " in text
    assert "atom_embedding_list.0.weight (119, 300)" in text
    assert "unexpected: fc.weight (2, 2)" in text
    assert not (tmp_path / "e").exists()
