"""PaiNN: a scalar and a vector state per atom; vectors turn with the molecule.

    message   [a ; b ; c]_ij = phi(s_j) ∘ W(d_ij) f_c(d_ij)
              s_i += sum_j a_ij         v_i += sum_j b_ij v_j + c_ij r_ij / d_ij
    update    [a ; b ; c]_i = psi([s_i ; |V v_i|])
              v_i += a_i ∘ U v_i        s_i += b_i <U v_i, V v_i> + c_i

Schütt, Unke and Gastegger 2021, arXiv 2102.03150. The scalars are handed on: they are invariant.
(The published ModuLM code starts its vectors from the coordinates themselves, which breaks under a
shift, and stops with a shape error.)
"""

import torch
from torch import Tensor, nn

from assistant.graph.pairs.encoders3d import N_ELEMENTS
from assistant.graph.pairs.graph_ops import radius_edges, scatter_sum
from assistant.graph.pairs.radial import SineBasis, cosine_cutoff


class PaiNNMessage(nn.Module):
    """What atoms tell their neighbours."""

    def __init__(self, d_model: int, n_radial: int) -> None:
        super().__init__()
        self.phi = nn.Sequential(
            nn.Linear(d_model, d_model), nn.SiLU(), nn.Linear(d_model, 3 * d_model)
        )
        self.filter = nn.Linear(n_radial, 3 * d_model)

    def forward(
        self,
        s: Tensor,
        v: Tensor,
        edge_index: Tensor,
        basis: Tensor,
        fade: Tensor,
        directions: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Changes of s (n, d) and v (n, 3, d); basis (e, k), fade (e, 1), directions (e, 3)."""
        source, target = edge_index
        parts = self.phi(s)[source] * self.filter(basis) * fade
        to_scalar, along, outward = parts.chunk(3, dim=-1)
        vectors = along[:, None] * v[source] + outward[:, None] * directions[:, :, None]
        n_atoms = s.shape[0]
        return scatter_sum(to_scalar, target, n_atoms), scatter_sum(vectors, target, n_atoms)


class PaiNNUpdate(nn.Module):
    """How the two states of an atom mix."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.mix = nn.Linear(d_model, 2 * d_model, bias=False)
        self.psi = nn.Sequential(
            nn.Linear(2 * d_model, d_model), nn.SiLU(), nn.Linear(d_model, 3 * d_model)
        )

    def forward(self, s: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Changes of s (n, d) and v (n, 3, d)."""
        u_v, v_v = self.mix(v).chunk(2, dim=-1)
        length = (v_v.square().sum(dim=1) + 1e-8).sqrt()  # the root of 0 has no gradient
        turn, scale, shift = self.psi(torch.cat([s, length], dim=-1)).chunk(3, dim=-1)
        return scale * (u_v * v_v).sum(dim=1) + shift, turn[:, None] * u_v


class PaiNN(nn.Module):
    """Atom states from elements and positions."""

    def __init__(self, d_model: int, n_layers: int, cutoff: float, n_radial: int) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.embed = nn.Embedding(N_ELEMENTS, d_model)
        self.expand = SineBasis(n_radial, cutoff)
        self.messages = nn.ModuleList(PaiNNMessage(d_model, n_radial) for _ in range(n_layers))
        self.updates = nn.ModuleList(PaiNNUpdate(d_model) for _ in range(n_layers))

    def forward(self, elements: Tensor, positions: Tensor, batch: Tensor) -> Tensor:
        """Scalar atom states (n, d)."""
        edge_index = radius_edges(positions, batch, self.cutoff)
        source, target = edge_index
        away = positions[source] - positions[target]
        distances = away.norm(dim=-1)
        directions = away / distances[:, None].clamp_min(1e-6)
        fade = cosine_cutoff(distances, self.cutoff)[:, None]
        basis = self.expand(distances)
        s = self.embed(elements)
        v = s.new_zeros(s.shape[0], 3, s.shape[1])
        for message, update in zip(self.messages, self.updates, strict=True):
            ds, dv = message(s, v, edge_index, basis, fade, directions)
            s, v = s + ds, v + dv
            ds, dv = update(s, v)
            s, v = s + ds, v + dv
        return s
