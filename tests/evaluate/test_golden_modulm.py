"""ModuLM's blocks agree with the published code's numbers, and only those blocks do."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from assistant.evaluate import golden
from assistant.evaluate.golden_checks.modulm import CHECKS
from assistant.graph.pairs.published import PublishedGNN, published_keys

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
ENTRIES = [e for e in golden.read_manifest(GOLDEN) if e["file"].startswith("modulm")]


def test_every_check_has_a_file_here() -> None:
    assert {entry["file"].removesuffix(".safetensors") for entry in ENTRIES} == CHECKS.keys()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_the_published_numbers_are_met(entry: dict) -> None:
    result = golden.check_file(GOLDEN, entry, CHECKS)
    assert result.passed, result.reason


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_one_changed_weight_is_noticed(entry: dict, tmp_path: Path) -> None:
    tensors = load_file(GOLDEN / entry["file"])
    name = next(k for k in tensors if k.startswith("weight/") and k.endswith("weight"))
    tensors[name] += 0.01
    save_file(tensors, tmp_path / entry["file"])
    changed = {key: value for key, value in entry.items() if key != "sha256"}
    assert not golden.check_file(tmp_path, changed, CHECKS).passed


def test_the_gat_defect_is_reproduced_in_the_parity_mode_only() -> None:
    """Weights normalised at the right end give other numbers than the published ones."""
    tensors = load_file(GOLDEN / "modulm_gat.safetensors")
    config = next(e for e in ENTRIES if e["file"] == "modulm_gat.safetensors")["config"]
    weights = {k.removeprefix("weight/"): v for k, v in tensors.items() if k.startswith("weight/")}
    model = PublishedGNN("gat", config["emb_dim"], config["num_layer"], n_heads=config["heads"])
    model.load_state_dict(published_keys(weights))
    for layer in model.gnns:
        layer._normalised_end = 1
    inputs = [tensors[f"input/{name}"] for name in ("x", "edge_index", "edge_attr", "batch")]
    with torch.no_grad():
        nodes, _ = model.eval()(*inputs)
    assert not torch.allclose(nodes, tensors["output/batch_node"], atol=1e-2)
