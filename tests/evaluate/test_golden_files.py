"""The published vectors pass, sizes are read from the file, and a wrong weight is noticed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from assistant.adapters.mora import MoraConfig, MoraGenerator, as_one_sequence
from assistant.chem.graph import rdmol_to_graph
from assistant.evaluate import golden
from assistant.evaluate.golden_checks import check_for, registered
from assistant.evaluate.golden_checks.mora import _place
from assistant.graph.encoder import GraphLevels, collate
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig, pad_motifs
from assistant.importers.stm import encoder_from
from tests.importers.official import stm_state

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
ENTRIES = {entry["file"]: entry for entry in golden.read_manifest(GOLDEN)}
OWN = ("stm_", "llamo_", "mora_")
SMILES = ["OC(=O)c1ccccc1", "C", "F/C=C/Cl"]


@pytest.mark.parametrize("name", ENTRIES)
def test_every_published_vector_passes(name):
    result = golden.check_file(GOLDEN, ENTRIES[name], registered())
    assert result.passed, result.line()


def test_the_vectors_in_the_repository_stay_small():
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) <= 4_000_000


@pytest.mark.parametrize("name", [name for name in ENTRIES if name.startswith(OWN)])
def test_another_weight_or_another_molecule_fails(tmp_path, name):
    """No check can pass on what the file says alone."""
    tensors = load_file(GOLDEN / name)
    entry = {key: value for key, value in ENTRIES[name].items() if key != "sha256"}
    weights = [k for k in tensors if k.startswith("weight/") and tensors[k].is_floating_point()]
    read = [k for k in weights if k.endswith(("mlp.0.weight", "Bs", "q_proj.weight"))]
    if weights:
        key = sorted(read)[-1]
        save_file(tensors | {key: tensors[key] + 0.05}, tmp_path / name)
    else:
        save_file(tensors, tmp_path / name)
        entry = json.loads(json.dumps(entry).replace("CCO", "CCN"))
    result = golden.check_file(tmp_path, entry, registered())
    assert not result.passed


def write(directory: Path, name: str, tensors: dict[str, Tensor], **entry: Any) -> golden.Result:
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, directory / name)
    values = {"file": name, "atol": 1e-5, "rtol": 1e-4, **entry}
    return golden.check_file(directory, values, registered())


def graphs() -> list[Any]:
    from rdkit import Chem

    return [rdmol_to_graph(Chem.MolFromSmiles(smiles)) for smiles in SMILES]


def weights(state: dict[str, Tensor], prefix: str = "") -> dict[str, Tensor]:
    return {f"weight/{prefix}{key}": value for key, value in state.items()}


def test_an_encoder_of_any_width_depth_and_chirality_table(tmp_path):
    torch.manual_seed(0)
    state = stm_state(width=20, n_layers=3, chirality_rows=5)
    levels = encoder_from(state, source="").encode(graphs())
    batch = collate(graphs())
    inputs = {f"input/{k}": getattr(batch, k) for k in ("x", "edge_index", "edge_attr", "batch")}
    outputs = {f"output/h{i}_nodes": levels.atoms[:, i][levels.mask] for i in range(4)}
    tensors = weights(state) | inputs | outputs
    name = "stm_gnn_d20_9feat.safetensors"
    assert write(tmp_path, name, tensors, molecules=SMILES).passed
    wrong = outputs["output/h2_nodes"] + 1e-3
    result = write(tmp_path, name, tensors | {"output/h2_nodes": wrong}, molecules=SMILES)
    assert "output/h2_nodes differs" in result.reason


@pytest.mark.parametrize(
    ("order", "motifs_first"),
    [("4 motif tokens, then levels 0..3 x 2", True), ("levels 0..3 x 2, then 4 motif", False)],
)
def test_a_projector_of_any_size_and_token_order(tmp_path, order, motifs_first):
    torch.manual_seed(0)
    state = stm_state(width=12, n_layers=3)
    config = ProjectorConfig(
        12, 10, n_levels=4, n_heads=3, n_queries=2, mlp_depth=2, motifs_first=motifs_first
    )
    projector = MultiLevelProjector(config).eval()
    levels = encoder_from(state, source="").encode(graphs())
    from rdkit import Chem

    from assistant.chem.motifs import rdmol_motif_rows

    rows = [rdmol_motif_rows(Chem.MolFromSmiles(smiles)) for smiles in SMILES]
    with torch.no_grad():
        tokens = projector(levels, *pad_motifs(rows))
    tensors = weights(state, "graph_model.") | weights(projector.state_dict(), "abstractor.")
    tensors |= {"input/x": collate(graphs()).x, "output/graph_tokens": tokens}
    molecules = [
        {"smiles": smiles, "motif_fallback": row is None}
        for smiles, row in zip(SMILES, rows, strict=True)
    ]
    options = {"heads": 3, "token_order": order}
    name = "llamo_projector_d12.safetensors"
    assert write(tmp_path, name, tensors, molecules=molecules, config=options).passed
    molecules[1]["motif_fallback"] = False
    result = write(tmp_path, name, tensors, molecules=molecules, config=options)
    assert "C: published rows, here none" in result.reason


def test_a_generator_of_any_size_and_types(tmp_path):
    torch.manual_seed(0)
    config = MoraConfig(
        6,
        8,
        llm_depth=7,
        every=3,
        rank=2,
        alpha=3,
        d_model=16,
        n_blocks=1,
        n_heads=16,
        ffn_factor=2,
        kinds="vm",
        n_positions=2,
    )
    generator = MoraGenerator(config).eval()
    torch.nn.init.normal_(generator.Bs)
    nodes = [torch.randn(n, 6) for n in (4, 1)]
    padded = torch.nn.utils.rnn.pad_sequence(nodes, batch_first=True)
    mask = torch.arange(4) < torch.tensor([4, 1])[:, None]
    levels = GraphLevels(padded[:, None], mask, padded.mean(1))
    with torch.no_grad():
        stacked, mixed = generator(levels), generator(as_one_sequence(levels))
    outputs = {f"output/concat_{_place(n)}_A": site.lora_A[0].T for n, site in mixed.items()}
    outputs |= {f"output/mol1_{_place(n)}_A": site.lora_A[1].T for n, site in stacked.items()}
    outputs |= {f"output/{_place(n)}_B": s.lora_B * s.scaling for n, s in stacked.items()}
    assert {"output/layer2_v_B", "output/layer5_m_B"} <= outputs.keys()
    tensors = weights(generator.state_dict()) | outputs
    tensors |= {f"input/nodes_{index}": atoms for index, atoms in enumerate(nodes)}
    options = {
        "llm_depth": 7,
        "skip_layers": 3,
        "lora_rank": 2,
        "mora_alpha": 3,
        "lora_type": "vm",
        "num_heads": 16,
    }
    name = "mora_generator_x.safetensors"
    assert write(tmp_path, name, tensors, config=options).passed
    # Without the parity mode the mixed batch could not be reproduced.
    assert not torch.allclose(
        outputs["output/concat_layer2_v_A"], outputs["output/mol1_layer2_v_A"]
    )
    result = write(tmp_path, name, tensors, config=options | {"lora_rank": 3})
    assert "no multiple of rank 3" in result.reason
    assert math.isnan(result.max_abs_error)


def test_each_kind_of_vector_has_its_own_check():
    checks = registered()
    kinds = {check_for(name, checks) for name in ENTRIES if name.startswith(OWN)}
    assert len(kinds) == 5
    assert None not in kinds
