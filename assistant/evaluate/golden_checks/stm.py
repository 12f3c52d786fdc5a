"""The graph encoder of MoleculeSTM: featurisation, six levels, padding, pooling.

Graphs are made anew from the SMILES and compared with the stored ones exactly; the levels are then
computed from ours.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Literal

import torch
from rdkit import Chem
from torch import Tensor

from assistant.chem.graph import MoleculeGraph, rdmol_to_graph, rdmol_to_mora_graph
from assistant.evaluate.golden_checks import Check, Comparison, GoldenFile, Mismatch
from assistant.graph.encoder import GraphEncoder, GraphLevels, collate
from assistant.importers.stm import encoder_from


def columns_of(file: GoldenFile) -> Literal["ogb", "mora"]:
    """Which columns the stored graphs have."""
    return "mora" if file.tensors["input/x"].shape[1] == 2 else "ogb"


def molecules_of(file: GoldenFile) -> list[Chem.Mol]:
    """The molecules in the atom order of their SMILES, stereo kept; those skipped left out."""
    skipped = {s if isinstance(s, str) else s["smiles"] for s in file.entry.get("skipped", [])}
    mols = {smiles: Chem.MolFromSmiles(smiles) for smiles in file.smiles if smiles not in skipped}
    if broken := [smiles for smiles, mol in mols.items() if mol is None]:
        raise Mismatch(f"RDKit reads no molecule in {', '.join(broken)}")
    return [mols[smiles] for smiles in file.smiles if smiles in mols]


def graphs_of(file: GoldenFile) -> list[MoleculeGraph]:
    """The graphs of the molecules, featurised as the stored ones."""
    featurise = rdmol_to_mora_graph if columns_of(file) == "mora" else rdmol_to_graph
    return [featurise(mol) for mol in molecules_of(file)]


def compare_graphs(graphs: list[MoleculeGraph]) -> Iterator[Comparison]:
    """Our batch of graphs, to be held against the stored one."""
    batch = collate(graphs)
    sizes = [len(graph.x) for graph in graphs]
    own = {
        "x": batch.x,
        "edge_index": batch.edge_index,
        "edge_attr": batch.edge_attr,
        "batch": batch.batch,
        "ptr": torch.tensor([0, *accumulate(sizes)]),
    }
    for name, tensor in own.items():
        yield Comparison(f"input/{name}", tensor)


def compare_levels(levels: GraphLevels) -> Iterator[Comparison]:
    """Every level as nodes in batch order, as dense rows and as means."""
    for level in range(levels.atoms.shape[1]):
        dense = levels.atoms[:, level]  # (b, n, d)
        sizes = levels.mask.sum(dim=1, keepdim=True)
        for form, tensor in (
            ("nodes", dense[levels.mask]),
            ("dense", dense),
            ("meanpool", dense.sum(dim=1) / sizes),
        ):
            yield Comparison(f"output/h{level}_{form}", tensor)


def check_encoder(file: GoldenFile) -> Iterator[Comparison]:
    """All outputs of an encoder file."""
    graphs = graphs_of(file)
    yield from compare_graphs(graphs)
    # MoRA's file holds its tables under the same keys; LLaMo's has the unused norm beside them.
    weights = {key: v for key, v in file.weights().items() if not key.startswith("ln_graph_model.")}
    encoder: GraphEncoder = encoder_from(weights, source=file.name, columns=columns_of(file))
    levels = encoder.encode(graphs)
    yield from compare_levels(levels)
    yield Comparison("output/h_mask", levels.mask)
    yield from _with_graph_first(file, levels)


def _with_graph_first(file: GoldenFile, levels: GraphLevels) -> Iterator[Comparison]:
    """LLaMo puts the graph's mean before its nodes and norms that, for an output it never uses."""
    nodes = torch.cat([levels.graph[:, None], levels.atoms[:, -1]], dim=1)  # (b, 1 + n, d)
    mask = torch.cat([levels.mask.new_ones(len(levels), 1), levels.mask], dim=1)
    yield Comparison("output/batch_node", nodes)
    yield Comparison("output/batch_mask", mask)
    norm = file.weights("ln_graph_model.")
    if norm:
        yield Comparison("output/ln_graph", _layer_norm(nodes, norm))


def _layer_norm(nodes: Tensor, norm: dict[str, Tensor]) -> Tensor:
    return torch.nn.functional.layer_norm(nodes, nodes.shape[-1:], norm["weight"], norm["bias"])


CHECKS: dict[str, Check] = {"stm_gnn": check_encoder}
