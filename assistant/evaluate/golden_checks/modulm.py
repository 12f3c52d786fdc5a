"""ModuLM: 2D encoders, 3D encoders, interactions and the conformer graph, as published.

All sizes are read from the weights and the manifest. The documented upstream defects (GAT's weights
summed over the wrong end, the conformer graph's messages) are in `graph.pairs.published` only.
"""

from collections.abc import Iterator, Mapping

import torch
from rdkit import Chem
from torch import Tensor, nn

from assistant.checkpoint import load_strictly
from assistant.chem.graph import rdmol_to_mora_graph
from assistant.evaluate.golden_checks import Check, Comparison, GoldenFile, Mismatch
from assistant.graph.encoder import collate
from assistant.graph.pairs.interactions import InteractionConfig, build_interaction
from assistant.graph.pairs.published import (
    PublishedConformerGraph,
    PublishedEGNN,
    PublishedGNN,
    PublishedSchNet,
    published_keys,
)

_INTERACTIONS = {
    "mean": "mean",
    "BilinearAttention": "bilinear_attention",
    "SelfAttention": "self_attention",
    "CrossAttention": "cross_attention",
    "Highway": "highway",
    "GatedFusion": "gated_fusion",
    "BilinearFusion": "bilinear_fusion_full",
}


def encoder_2d(file: GoldenFile) -> Iterator[Comparison]:
    """[mean ; padded atoms] of a 2D encoder, from its weights and the stored graphs."""
    weights, config = file.weights(), file.config
    if config.get("JK", "last") != "last":
        raise Mismatch(f"JK {config['JK']} is not read; published weights use last")
    atoms, tags = (weights[f"x_embedding{i}.weight"].shape[0] for i in (1, 2))
    bonds, directions = (weights[f"gnns.0.edge_embedding{i}.weight"].shape[0] for i in (1, 2))
    kind = config["gnn_type"]
    model = PublishedGNN(
        kind,
        weights["x_embedding1.weight"].shape[1],
        _count(weights, "gnns"),
        n_heads=weights["gnns.0.att"].shape[1] if kind == "gat" else 1,
        loop_type=config["self_loop_bond_type"],
        classes=(atoms, tags, bonds, directions),
    )
    _load(model, published_keys(weights), file)
    x, edge_index, edge_attr, batch = (
        file.tensors[f"input/{name}"] for name in ("x", "edge_index", "edge_attr", "batch")
    )
    yield from _graphs(file)
    nodes, mask = model(x, edge_index, edge_attr, batch)
    yield Comparison("output/batch_node", nodes, where=mask[:, :, None])
    yield Comparison("output/batch_mask", mask.to(torch.uint8))


def _graphs(file: GoldenFile) -> Iterator[Comparison]:
    """The stored graphs, computed anew where the manifest names the molecules."""
    if not file.smiles:
        return
    graphs = collate([rdmol_to_mora_graph(Chem.MolFromSmiles(s)) for s in file.smiles])
    for name in ("x", "edge_index", "edge_attr", "batch"):
        yield Comparison(f"input/{name}", getattr(graphs, name))


def egnn(file: GoldenFile) -> Iterator[Comparison]:
    """Atom states of ModuLM's EGNN."""
    weights = file.weights()
    n_tokens, d_model = weights["embed_tokens.weight"].shape
    n_layers = _count(weights, "layers")
    model = PublishedEGNN(n_tokens, d_model, n_layers, file.config["radius"])
    yield from _shape_states(model, file)


def schnet(file: GoldenFile) -> Iterator[Comparison]:
    """Atom states of ModuLM's SchNet."""
    weights = file.weights()
    n_tokens, d_model = weights["embed_tokens.weight"].shape
    n_centres, n_layers = weights["rbf.centers"].shape[0], _count(weights, "layers")
    model = PublishedSchNet(n_tokens, d_model, n_layers, n_centres, file.config["radius"])
    yield from _shape_states(model, file)


def _shape_states(model: nn.Module, file: GoldenFile) -> Iterator[Comparison]:
    _load(model, file.weights(), file)
    tokens, coordinates = file.tensors["input/src_tokens"], file.tensors["input/coordinates"]
    nodes, padding = model(tokens, coordinates, pad=file.config["pad"])
    yield Comparison("output/nodes", nodes)
    yield Comparison("output/mask", padding.to(torch.uint8))


def interactions(file: GoldenFile) -> Iterator[Comparison]:
    """Every interaction on the stored token blocks."""
    x1, x2 = file.tensors["input/x1"], file.tensors["input/x2"]
    n_heads = file.config["heads"]
    for official, kind in _INTERACTIONS.items():
        if f"output/{official}" not in file.tensors:
            continue
        module = build_interaction(InteractionConfig(kind, n_heads), x1.shape[-1])
        _load(module, file.weights(f"{official}."), file)
        yield Comparison(f"output/{official}", module(x1, x2))


def conformer_graph(file: GoldenFile) -> Iterator[Comparison]:
    """Dynamic graphs over conformers, and the states updated along them."""
    weights, config = file.weights(), file.config
    d_model = weights["dyngraph.theta1_intra"].shape[0]
    n_heads = _count(weights, "Heg.F1")
    model = PublishedConformerGraph(d_model, n_heads, config["k_intra"], config["k_inter"])
    _load(model, weights, file)
    a, b = file.tensors["input/a"], file.tensors["input/b"]
    within_a, within_b, across = model.dyngraph(a, b)
    yield Comparison("output/A_intra_a", within_a)
    yield Comparison("output/A_intra_b", within_b)
    yield Comparison("output/A_inter", across)
    new_a, new_b = model(a, b)
    yield Comparison("output/a", new_a)
    yield Comparison("output/b", new_b)


def _count(weights: Mapping[str, Tensor], stem: str) -> int:
    """How many numbered parts there are under `stem`."""
    start = stem + "."
    return len({key.removeprefix(start).split(".")[0] for key in weights if key.startswith(start)})


def _load(module: nn.Module, weights: Mapping[str, Tensor], file: GoldenFile) -> None:
    load_strictly(module.eval(), weights, source=file.name)


CHECKS: dict[str, Check] = {
    "modulm_gin": encoder_2d,
    "modulm_gcn": encoder_2d,
    "modulm_gat": encoder_2d,
    "modulm_graphsage": encoder_2d,
    "modulm_3d_egnn": egnn,
    "modulm_3d_schnet": schnet,
    "modulm_interactions": interactions,
    "modulm_hetero_conformer_graph": conformer_graph,
}
