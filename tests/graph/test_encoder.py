"""Tests of the graph encoder: parity with MoleculeSTM; padding and order change nothing."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from assistant.graph.encoder import (
    GraphBatch,
    GraphEncoder,
    GraphEncoderConfig,
    GraphLevels,
    collate,
)

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
OLD_ATOM_CLASSES = (119, 4, 12, 12, 10, 6, 6, 2, 2)  # ogb <= 1.3.5, as the published weights


def golden(name: str) -> dict[str, Tensor]:
    return load_file(GOLDEN / f"{name}.safetensors")


def golden_encoder(vectors: dict[str, Tensor], prefix: str, d_model: int) -> GraphEncoder:
    config = GraphEncoderConfig(d_model=d_model, atom_classes=OLD_ATOM_CLASSES)
    encoder = GraphEncoder(config).eval().requires_grad_(False)
    encoder.load_state_dict(
        {
            key.removeprefix(prefix): value
            for key, value in vectors.items()
            if key.startswith(f"{prefix}molecule_node_model")
        }
    )
    return encoder


def encode(encoder: GraphEncoder, vectors: dict[str, Tensor]) -> GraphLevels:
    return encoder(*(vectors[f"input/{key}"] for key in ("x", "edge_index", "edge_attr", "batch")))


def graphs_of(vectors: dict[str, Tensor]) -> list[GraphBatch]:
    """The golden batch taken apart into single graphs."""
    ptr, index = vectors["input/ptr"].tolist(), vectors["input/edge_index"]
    graphs = []
    for start, end in pairwise(ptr):
        inside = (index[0] >= start) & (index[0] < end)
        x = vectors["input/x"][start:end]
        graphs.append(
            GraphBatch(
                x,
                index[:, inside] - start,
                vectors["input/edge_attr"][inside],
                torch.zeros(len(x), dtype=torch.long),
            )
        )
    return graphs


@pytest.fixture(scope="module")
def vectors() -> dict[str, Tensor]:
    return golden("stm_gnn_d32_9feat")


@pytest.fixture(scope="module")
def encoder(vectors: dict[str, Tensor]) -> GraphEncoder:
    return golden_encoder(vectors, "weight/", 32)


def test_all_six_levels_agree_with_the_published_encoder(encoder, vectors):
    levels = encode(encoder, vectors)
    assert torch.equal(levels.mask, vectors["output/h_mask"].bool())
    for level in range(6):
        torch.testing.assert_close(
            levels.atoms[:, level], vectors[f"output/h{level}_dense"], atol=1e-5, rtol=1e-4
        )
    torch.testing.assert_close(levels.graph, vectors["output/h5_meanpool"], atol=1e-5, rtol=1e-4)


def test_a_batch_gives_what_its_molecules_give_one_by_one(encoder, vectors):
    graphs = graphs_of(vectors)
    together = encoder.encode(graphs)
    for index, graph in enumerate(graphs):
        alone = encoder.encode([graph])
        n_atoms = len(graph.x)
        torch.testing.assert_close(
            together.atoms[index, :, :n_atoms], alone.atoms[0], atol=1e-6, rtol=1e-5
        )
        assert not together.atoms[index, :, n_atoms:].any()


def test_atom_order_permutes_the_states_and_keeps_the_mean(encoder, vectors):
    graph = graphs_of(vectors)[0]
    order = torch.randperm(len(graph.x), generator=torch.Generator().manual_seed(0))
    place = torch.argsort(order)
    shuffled = GraphBatch(graph.x[order], place[graph.edge_index], graph.edge_attr, graph.batch)
    first, second = encoder.encode([graph]), encoder.encode([shuffled])
    torch.testing.assert_close(second.atoms[0], first.atoms[0][:, order], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(second.graph, first.graph, atol=1e-6, rtol=1e-5)


def test_a_single_atom_without_bonds_is_encoded(encoder, vectors):
    methane = graphs_of(vectors)[-1]
    assert methane.edge_index.shape == (2, 0)
    assert torch.isfinite(encoder.encode([methane]).atoms).all()


def test_gradients_reach_the_embedding_tables(vectors):
    encoder = GraphEncoder(GraphEncoderConfig(d_model=8))
    encode(encoder, vectors).atoms.square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_collate_shifts_the_bonds_of_later_graphs(vectors):
    joined = collate(graphs_of(vectors))
    for key in ("x", "edge_index", "edge_attr", "batch"):
        assert torch.equal(getattr(joined, key), vectors[f"input/{key}"])


def test_a_graph_without_atoms_is_refused(encoder):
    empty = torch.zeros(0, 9, dtype=torch.long)
    bonds = torch.zeros(2, 0, dtype=torch.long)
    with pytest.raises(ValueError, match="without atoms"):
        encoder(empty, bonds, torch.zeros(0, 3, dtype=torch.long))


def test_impossible_sizes_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match="d_model 0"):
        GraphEncoderConfig(d_model=0)
    with pytest.raises(ValueError, match=r"dropout 1\.5"):
        GraphEncoderConfig(dropout=1.5)
