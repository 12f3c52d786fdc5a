"""DimeNet++: messages between bonds, with the angle they enclose. Importing this imports PyG (2 s).

    m_ji <- f(m_ji, sum over k of m_kj ∘ e_rbf(d_ji) ∘ a_sbf(d_kj, angle kji))
    h_i   = E z_i + sum over blocks of Out(sum_j e_rbf(d_ji) ∘ m_ji)

Gasteiger et al. 2020, arXiv 2003.03123 and 2011.14115. The blocks are PyTorch Geometric's. Own are
the edges and triplets (PyG needs compiled extensions for them), the spherical basis (PyG needs
SciPy and symbolic algebra) and the term E z_i: messages alone leave an atom without neighbours,
methane's carbon for instance, at zero. (ModuLM's layer of this name takes the angle between a bond
and its own reverse, which is always 180°.)
"""

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn.models.dimenet import (
    BesselBasisLayer,
    EmbeddingBlock,
    Envelope,
    InteractionPPBlock,
    OutputPPBlock,
)

from assistant.graph.pairs.encoders3d import N_ELEMENTS
from assistant.graph.pairs.graph_ops import edge_lengths, radius_edges

_N_RADIAL, _N_SPHERICAL, _EXPONENT = 6, 7, 5  # as published
_D_INTERACTION, _D_BASIS = 64, 8
_N_NODES = 36  # quadrature nodes: exact to 1e-12 for the arguments here, up to 28


def spherical_bessel(order: int, x: np.ndarray) -> np.ndarray:
    """Spherical Bessel function j_l of x, from ½ (-i)^l ∫ e^{ixt} P_l(t) dt over [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    legendre = np.polynomial.Legendre.basis(order)(nodes)
    wave = np.cos if order % 2 == 0 else np.sin
    return (-1) ** (order // 2) * 0.5 * (wave(x[..., None] * nodes) * legendre) @ weights


@cache
def bessel_roots(order: int, n: int) -> np.ndarray:
    """The first n positive roots of j_l, by bisection on sign changes."""
    grid = np.linspace(0.5, (n + order + 1) * math.pi, 4000)
    values = spherical_bessel(order, grid)
    changes = np.nonzero(np.sign(values[:-1]) != np.sign(values[1:]))[0][:n]
    low, high = grid[changes], grid[changes + 1]
    sign = np.sign(values[changes])
    for _ in range(60):
        middle = 0.5 * (low + high)
        same = np.sign(spherical_bessel(order, middle)) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return 0.5 * (low + high)


class SphericalBasis(nn.Module):
    """j_l(z_ln d / c) Y_l0(angle), l < 7, n = 1 … 6, with the smooth envelope u(d / c).

    j_l is taken by quadrature (see `spherical_bessel`): no recurrence, which would lose all digits
    at short distances.
    """

    def __init__(self, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.envelope = Envelope(_EXPONENT)
        nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
        nodes, weights = nodes[_N_NODES // 2 :], weights[_N_NODES // 2 :]  # even integrands
        roots, rows = [], []
        for order in range(_N_SPHERICAL):
            zeros = bessel_roots(order, _N_RADIAL)
            norm = 1 / np.sqrt(0.5 * spherical_bessel(order + 1, zeros) ** 2)
            legendre = np.polynomial.Legendre.basis(order)(nodes)
            roots.append(zeros)
            rows.append((-1) ** (order // 2) * norm[:, None] * (weights * legendre))
        self.register_buffer("roots", _float(np.stack(roots)), persistent=False)  # (l, n)
        self.register_buffer("nodes", _float(nodes), persistent=False)
        self.register_buffer("weights", _float(np.stack(rows)), persistent=False)  # (l, n, q)

    def forward(self, distances: Tensor, angles: Tensor, idx_kj: Tensor) -> Tensor:
        """(triplets, 42) from distances (e,), angles (triplets,) and the edge k -> j of each."""
        x = distances / self.cutoff
        phase = x[:, None, None, None] * (self.roots[:, :, None] * self.nodes)  # (e, l, n, q)
        radial = x.new_empty(phase.shape[:-1])  # (e, l, n)
        radial[:, 0::2] = torch.einsum("elnq,lnq->eln", phase[:, 0::2].cos(), self.weights[0::2])
        radial[:, 1::2] = torch.einsum("elnq,lnq->eln", phase[:, 1::2].sin(), self.weights[1::2])
        radial = radial * self.envelope(x)[:, None, None]
        return (radial[idx_kj] * _legendre(angles)[:, :, None]).flatten(1)


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).float()


def _legendre(angles: Tensor) -> Tensor:
    """Y_l0 = sqrt((2l + 1) / 4π) P_l(cos angle), l < 7: (t, l)."""
    x = angles.cos()
    values = [torch.ones_like(x), x]
    for order in range(2, _N_SPHERICAL):
        values.append(((2 * order - 1) * x * values[-1] - (order - 1) * values[-2]) / order)
    scale = [math.sqrt((2 * order + 1) / (4 * math.pi)) for order in range(_N_SPHERICAL)]
    return torch.stack(values, dim=1) * x.new_tensor(scale)


def triplets(edge_index: Tensor, n_atoms: int) -> tuple[Tensor, Tensor]:
    """All pairs of edges k -> j, j -> i with k ≠ i, as indices into the edges: idx_kj, idx_ji."""
    source, target = edge_index
    order = torch.argsort(target, stable=True)
    degrees = torch.bincount(target, minlength=n_atoms)
    starts = degrees.cumsum(0) - degrees
    counts = degrees[source]  # edges into the j of each j -> i
    idx_ji = torch.repeat_interleave(torch.arange(source.shape[0], device=source.device), counts)
    place = torch.arange(idx_ji.shape[0], device=source.device)
    place = place - (counts.cumsum(0) - counts)[idx_ji] + starts[source[idx_ji]]
    idx_kj = order[place]
    keep = source[idx_kj] != target[idx_ji]
    return idx_kj[keep], idx_ji[keep]


class DimeNetPP(nn.Module):
    """Atom states from elements and positions."""

    def __init__(self, d_model: int, n_layers: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.radial = BesselBasisLayer(_N_RADIAL, cutoff, _EXPONENT)
        self.spherical = SphericalBasis(cutoff)
        act = nn.SiLU()
        self.embed = EmbeddingBlock(_N_RADIAL, d_model, act)
        self.embed.emb = nn.Embedding(N_ELEMENTS, d_model)  # PyG's ends at element 94
        self.blocks = nn.ModuleList(
            InteractionPPBlock(
                d_model, _D_INTERACTION, _D_BASIS, _N_SPHERICAL, _N_RADIAL, 1, 2, act
            )
            for _ in range(n_layers)
        )
        self.outputs = nn.ModuleList(
            OutputPPBlock(_N_RADIAL, d_model, d_model, d_model, 3, act, "glorot_orthogonal")
            for _ in range(n_layers + 1)
        )
        self.atoms = nn.Embedding(N_ELEMENTS, d_model)

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Atom states (n, d)."""
        n_atoms = elements.shape[0]
        edge_index = radius_edges(positions, batch, self.cutoff)
        j, i = edge_index
        idx_kj, idx_ji = triplets(edge_index, n_atoms)
        distances = edge_lengths(positions, edge_index).clamp_min(1e-3)
        angles = _angles(positions, edge_index, idx_kj, idx_ji)
        rbf = self.radial(distances)
        sbf = self.spherical(distances, angles, idx_kj)
        x = self.embed(elements, rbf, i, j)
        h = self.atoms(elements) + self.outputs[0](x, rbf, i, num_nodes=n_atoms)
        for block, output in zip(self.blocks, self.outputs[1:], strict=True):
            x = block(x, rbf, sbf, idx_kj, idx_ji)
            h = h + output(x, rbf, i, num_nodes=n_atoms)
        return h


def _angles(positions: Tensor, edge_index: Tensor, idx_kj: Tensor, idx_ji: Tensor) -> Tensor:
    """Angle at j between the edges to i and to k, by atan2: exact near 0° and 180° too."""
    source, target = edge_index
    to_i = positions[target[idx_ji]] - positions[source[idx_ji]]
    to_k = positions[source[idx_kj]] - positions[target[idx_kj]]
    sine = torch.linalg.cross(to_i, to_k).norm(dim=-1)
    return torch.atan2(sine, (to_i * to_k).sum(dim=-1))
