"""LLaMo: functional-group rows, attention per level, molecule -> graph tokens.

The published code shares one attention block between all levels, the paper gives each its own.
Which of the two a file holds shows in its keys (`projector_from`), and `shared_attention` is the
projector's named parity mode for the former.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from assistant.chem.motifs import rdmol_motif_rows
from assistant.evaluate.golden_checks import Check, Comparison, GoldenFile, Mismatch
from assistant.evaluate.golden_checks.stm import compare_graphs, compare_levels, graphs_of
from assistant.graph.encoder import GraphLevels
from assistant.graph.projector import MultiLevelProjector, pad_motifs
from assistant.importers.llamo_parts import projector_from
from assistant.importers.stm import encoder_from


def check_motif_rows(file: GoldenFile) -> Iterator[Comparison]:
    """Rows of every molecule as multisets; none where the published extraction fails."""
    for index, molecule in enumerate(file.molecules):
        number = molecule.get("index", index)
        rows = _motif_rows(molecule["smiles"])
        key = f"output/fg_{number}"
        _require_same_fate(molecule, rows, fails=molecule.get("n_fg") is None)
        if rows is not None:
            yield Comparison(key, _in_order_of(torch.from_numpy(rows), file.tensors[key]))


def _motif_rows(smiles: str) -> np.ndarray | None:
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise Mismatch(f"RDKit reads no molecule in {smiles}")
    return rdmol_motif_rows(mol)


def _require_same_fate(
    molecule: Mapping[str, Any], rows: np.ndarray | None, *, fails: bool
) -> None:
    if (rows is None) != fails:
        published = "no rows" if fails else "rows"
        own = "none" if rows is None else f"{len(rows)}"
        raise Mismatch(f"{molecule['smiles']}: published {published}, here {own}")


def _in_order_of(rows: Tensor, wanted: Tensor) -> Tensor:
    """The same rows, those that are wanted first and in that order: order is not significant."""
    left = rows.tolist()
    ordered = [row for row in wanted.tolist() if row in left and left.remove(row) is None]
    return torch.tensor(ordered + left, dtype=rows.dtype).reshape(rows.shape)


def check_projector(file: GoldenFile) -> Iterator[Comparison]:
    """Graph tokens from molecules, or from stored levels where the file has no encoder."""
    projector = _projector(file)
    if "input/x" in file.tensors:
        graphs = graphs_of(file)
        yield from compare_graphs(graphs)
        encoder = encoder_from(file.weights(), source=file.name, prefix="graph_model.")
        levels = encoder.encode(graphs)
        yield from compare_levels(levels)
    else:
        levels = _stored_levels(file, projector.config.n_levels)
    for level in range(projector.config.n_levels):
        yield Comparison(f"output/level{level}_attn", projector.level_tokens(levels, level))
    motifs, mask = _motifs(file)
    yield Comparison("output/graph_tokens", projector(levels, motifs, mask))


def _projector(file: GoldenFile) -> MultiLevelProjector:
    order = str(file.config.get("token_order", "motif tokens, then levels"))
    projector = projector_from(
        file.weights(),
        source=file.name,
        prefix="abstractor.",
        n_heads=file.config.get("heads", 4),
        motifs_first=order.find("motif") < order.find("level"),
    )
    projector.layer_norm.eps = file.config.get("ln_eps", projector.layer_norm.eps)
    return projector


def _stored_levels(file: GoldenFile, n_levels: int) -> GraphLevels:
    atoms = torch.stack([file.tensors[f"input/h{level}_dense"] for level in range(n_levels)], dim=1)
    mask = file.tensors["input/h_mask"].bool()
    graph = atoms[:, -1].sum(dim=1) / mask.sum(dim=1, keepdim=True)
    return GraphLevels(atoms, mask, graph)


def _motifs(file: GoldenFile) -> tuple[Tensor, Tensor]:
    rows = []
    for molecule in file.molecules:
        found = _motif_rows(molecule["smiles"])
        if "motif_fallback" in molecule:
            _require_same_fate(molecule, found, fails=molecule["motif_fallback"])
        rows.append(found)
    return pad_motifs(rows)


CHECKS: dict[str, Check] = {
    "llamo_motif_features": check_motif_rows,
    "llamo_projector": check_projector,
}
