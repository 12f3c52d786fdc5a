"""Over-smoothing: how alike the atoms of a molecule become, level by level, and what a level holds.

    MAD    mean over the atoms of the mean cosine distance to the other atoms of the molecule, zero
           distances left out (Chen et al., AAAI 2020, arXiv 1909.03211, equations 1 to 4; with all
           other atoms of the molecule as targets)
    within share of the atoms' variance that lies within molecules:
           Σ |h_i - mean of its molecule|² / Σ |h_i - mean of all|²

Cosines of states behind a ReLU are high whatever is smoothed, since no entry is negative; the share
of variance within molecules knows neither offset nor scale.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from assistant.chem.graph import to_graph
from assistant.chem.molecule import Molecule
from assistant.evaluate.probe import Named, features
from assistant.graph.encoder import GraphEncoder
from assistant.train.readouts.data import Asked
from assistant.train.readouts.measure import Record, pooled, probed

_SAME = 1e-6
"""Cosine distance below which two states are the same: rounding of float32."""


def smoothing_of(named: Named, asked: Asked, n: int) -> Record:
    """A row per level: likeness of the atoms, and a linear probe of the means over the atoms.

    Args:
        named: A frozen encoder.
        asked: The question that the probe learns.
        n: Test molecules whose atoms are compared; those of one atom say nothing.
    """
    encoder, n_levels = named.encoder, named.encoder.config.n_levels
    alike = likeness(encoder, asked.test.molecules[:n])
    read, shown = (
        features(encoder, [e.molecules[0] for e in rows.examples])
        for rows in (asked.train, asked.test)
    )
    width = encoder.config.d_model
    levels = []
    for level in range(n_levels):
        part = slice(level * width, (level + 1) * width)
        probe = pooled([probed(read[:, part], shown[:, part], asked)])
        levels.append({name: values[level] for name, values in alike.items()} | {"probe": probe})
    return {
        "encoder": named.name,
        "task": asked.task.name,
        "n": min(n, len(asked.test.molecules)),
        "levels": levels,
        "probe": pooled([probed(read, shown, asked)]),
    }


@torch.no_grad()
def likeness(encoder: GraphEncoder, molecules: Sequence[Molecule]) -> dict[str, list[float]]:
    """Means over molecules for each level: MAD, mean cosine, share of variance within molecules."""
    mads, cosines, spreads = [], [], []
    for molecule in molecules:
        states = encoder.encode([to_graph(molecule)]).atoms[0]  # (levels, n, d)
        spreads.append(_moments(states))
        if states.shape[1] > 1:
            mads.append(mean_average_distance(states))
            cosines.append(_mean_cosine(states))
    within = _within(spreads)
    return {
        "mad": torch.stack(mads).mean(0).tolist(),
        "cosine": torch.stack(cosines).mean(0).tolist(),
        "within": within.tolist(),
    }


def mean_average_distance(states: Tensor) -> Tensor:
    """MAD of one molecule for each level, (levels,), of states (levels, n, d)."""
    distances = 1 - _cosines(states)
    counted = distances > _SAME
    counted.diagonal(dim1=1, dim2=2).fill_(False)
    per_atom = (distances * counted).sum(2) / counted.sum(2).clamp(min=1)  # (levels, n)
    differing = counted.any(2)
    return per_atom.sum(1) / differing.sum(1).clamp(min=1)


def _cosines(states: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(states, dim=-1)
    return unit @ unit.transpose(1, 2)


def _mean_cosine(states: Tensor) -> Tensor:
    """Over pairs of different atoms, (levels,)."""
    n = states.shape[1]
    cosines = _cosines(states)
    return (cosines.sum((1, 2)) - cosines.diagonal(dim1=1, dim2=2).sum(1)) / (n * (n - 1))


def _moments(states: Tensor) -> tuple[int, Tensor, Tensor]:
    """Atoms, their sum (levels, d), and the squares within the molecule (levels,), in float64."""
    exact = states.double()
    mean = exact.mean(1, keepdim=True)
    return exact.shape[1], exact.sum(1), (exact - mean).square().sum((1, 2))


def _within(moments: Sequence[tuple[int, Tensor, Tensor]]) -> np.ndarray:
    sizes = torch.tensor([n for n, _, _ in moments], dtype=torch.float64)
    sums = torch.stack([total for _, total, _ in moments])  # (molecules, levels, d)
    within = torch.stack([squares for _, _, squares in moments]).sum(0)
    means = sums / sizes[:, None, None]
    grand = sums.sum(0) / sizes.sum()
    between = (sizes[:, None, None] * (means - grand).square()).sum((0, 2))
    return (within / (within + between).clamp(min=1e-300)).numpy()
