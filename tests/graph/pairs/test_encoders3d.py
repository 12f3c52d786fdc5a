"""Every 3D encoder: turning, shifting, atom order and company change nothing."""

import math
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from assistant.graph.pairs.encoders3d import ENCODERS_3D, Encoder3DConfig
from assistant.graph.pairs.graph_ops import edge_lengths, radius_edges
from tests.graph.pairs.fakes import a_rotation, an_order, shapes_of

KINDS = list(ENCODERS_3D)
FADING = ("schnet", "dimenetpp", "egnn", "painn")  # the others count neighbours, or have no cutoff
CUTOFF = 4.0


@cache
def make_encoder(kind: str) -> nn.Module:
    torch.manual_seed(1)
    config = Encoder3DConfig(kind, 16, 2, cutoff=CUTOFF, n_radial=12, n_heads=2)
    return ENCODERS_3D[kind](config).eval()


def elements_of(n_atoms: int) -> Tensor:
    return torch.tensor([5, 6, 7, 0, 118, 16, 5, 5, 8, 5])[:n_atoms]


def encode(encoder: nn.Module, positions: Tensor, elements: Tensor | None = None) -> Tensor:
    """States of one shape (n, 3)."""
    elements = elements_of(positions.shape[0]) if elements is None else elements
    with torch.no_grad():
        return encoder(elements, positions, torch.zeros(len(elements), dtype=torch.long))


@pytest.mark.parametrize("kind", KINDS)
def test_a_turned_and_shifted_shape_has_the_same_states(kind):
    encoder, shape = make_encoder(kind), shapes_of(10, 1)[0]
    moved = shape @ a_rotation().T + torch.tensor([3.0, -7.0, 11.0])
    torch.testing.assert_close(encode(encoder, moved), encode(encoder, shape), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_another_shape_has_other_states(kind):
    encoder, shape = make_encoder(kind), shapes_of(10, 1)[0]
    assert not torch.allclose(encode(encoder, shape), encode(encoder, 0.8 * shape), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_atoms_changes_only_the_order_of_the_states(kind):
    encoder, shape, order = make_encoder(kind), shapes_of(10, 1)[0], an_order(10)
    mixed = encode(encoder, shape[order], elements_of(10)[order])
    torch.testing.assert_close(mixed, encode(encoder, shape)[order], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_shapes_equals_one_by_one(kind):
    encoder, sizes = make_encoder(kind), (10, 1, 4)
    shapes = [shapes_of(n, 1, seed=n)[0] for n in sizes]
    batch = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    with torch.no_grad():
        together = encoder(torch.cat([elements_of(n) for n in sizes]), torch.cat(shapes), batch)
    alone = torch.cat([encode(encoder, shape) for shape in shapes])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_atom_without_neighbours_has_the_state_of_its_element(kind):
    encoder, alone = make_encoder(kind), torch.zeros(1, 3)
    carbon, oxygen = (encode(encoder, alone, torch.tensor([z])) for z in (5, 7))
    assert torch.isfinite(carbon).all()
    assert carbon.abs().max() > 0
    assert not torch.allclose(carbon, oxygen, atol=1e-3)


@pytest.mark.parametrize("kind", FADING)
def test_an_atom_fades_out_towards_the_cutoff(kind):
    """Just inside and just outside the cut-off must look the same, or shapes would jump."""
    encoder = make_encoder(kind)
    inside, outside = (
        encode(encoder, torch.tensor([[0.0, 0.0, 0.0], [d, 0.0, 0.0]]))
        for d in (CUTOFF - 1e-3, CUTOFF + 1e-3)
    )
    torch.testing.assert_close(inside, outside, atol=1e-3, rtol=1e-3)


def test_schnet_is_that_of_pytorch_geometric():
    from torch_geometric.nn import SchNet

    own = make_encoder("schnet")
    theirs = SchNet(16, 16, 2, 12, CUTOFF, interaction_graph=lambda pos, batch: _edges(pos, batch))
    with torch.no_grad():
        theirs.embedding.weight[1:100].copy_(own.embed.weight[:99])
        for ours, block in zip(own.layers, theirs.interactions, strict=True):
            for mine, other in ((ours.filter[0], block.mlp[0]), (ours.filter[2], block.mlp[2])):
                other.load_state_dict(mine.state_dict())
            block.conv.lin1.load_state_dict(ours.linear_in.state_dict())
            block.conv.lin2.load_state_dict(ours.linear_out[0].state_dict())
            block.lin.load_state_dict(ours.linear_out[2].state_dict())
        read: list[Tensor] = []
        theirs.lin1.register_forward_pre_hook(lambda module, given: read.append(given[0]))
        shape = shapes_of(8, 1)[0]
        elements = torch.tensor([5, 6, 7, 0, 16, 5, 5, 8])
        theirs(elements + 1, shape, torch.zeros(8, dtype=torch.long))
        torch.testing.assert_close(encode(own, shape, elements), read[0], atol=1e-5, rtol=1e-4)


def _edges(positions: Tensor, batch: Tensor) -> tuple[Tensor, Tensor]:
    edges = radius_edges(positions, batch, CUTOFF)
    return edges, edge_lengths(positions, edges)


def test_triplets_are_all_pairs_of_bonds_that_meet_and_do_not_turn_back():
    from assistant.graph.pairs.dimenet import triplets

    shape = shapes_of(7, 1)[0]
    edges = radius_edges(shape, torch.zeros(7, dtype=torch.long), CUTOFF)
    found = sorted(zip(*(part.tolist() for part in triplets(edges, 7)), strict=True))
    bonds = edges.t().tolist()
    wanted = sorted(
        (kj, ji)
        for kj, (k, j) in enumerate(bonds)
        for ji, (middle, i) in enumerate(bonds)
        if middle == j and i != k
    )
    assert found == wanted
    assert wanted


def test_spherical_bessel_functions_and_roots_are_those_of_the_books():
    from assistant.graph.pairs.dimenet import bessel_roots, spherical_bessel

    x = np.array([1e-3, 0.3, 2.0, 9.0, 27.0])
    books = {
        0: np.sin(x) / x,
        1: np.sin(x) / x**2 - np.cos(x) / x,
        2: (3 / x**2 - 1) * np.sin(x) / x - 3 * np.cos(x) / x**2,
    }
    for order, values in books.items():
        np.testing.assert_allclose(spherical_bessel(order, x[1:]), values[1:], atol=1e-12)
    np.testing.assert_allclose(spherical_bessel(6, x[:1]), 0.0, atol=1e-12)  # x^6 / 135135
    np.testing.assert_allclose(bessel_roots(0, 3), np.pi * np.arange(1, 4), atol=1e-10)
    np.testing.assert_allclose(bessel_roots(1, 2), [4.493409457909, 7.725251836938], atol=1e-9)
    np.testing.assert_allclose(bessel_roots(6, 1), [10.512835408094], atol=1e-9)


def test_the_spherical_basis_is_bessel_times_harmonic():
    from assistant.graph.pairs.dimenet import SphericalBasis, bessel_roots, spherical_bessel

    basis = SphericalBasis(CUTOFF)
    distance, angle = 1.7, 1.1
    got = basis(torch.tensor([distance]), torch.tensor([angle]), torch.tensor([0]))
    order, n = 3, 2
    root = bessel_roots(order, n)[-1]
    norm = 1 / math.sqrt(0.5 * spherical_bessel(order + 1, root) ** 2)
    legendre = (5 * math.cos(angle) ** 3 - 3 * math.cos(angle)) / 2
    radial = norm * spherical_bessel(order, root * distance / CUTOFF)
    envelope = float(basis.envelope(torch.tensor(distance / CUTOFF)))
    harmonic = math.sqrt(7 / (4 * math.pi)) * legendre
    assert float(got[0, order * 6 + n - 1]) == pytest.approx(radial * envelope * harmonic, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "spherenet"}, "kind 'spherenet' is unknown; known are schnet, dimenetpp, egnn"),
        ({"kind": "unimol", "d_model": 20, "n_heads": 8}, "unimol: d_model 20 is not a multiple"),
        ({"cutoff": 0.0}, "cutoff 0.0 Å must be positive"),
        ({"n_layers": 0}, "n_layers 0"),
    ],
)
def test_impossible_settings_are_refused_with_their_values(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Encoder3DConfig(**options)
