"""Every 2D encoder: atom order and company change nothing, and what it says of a molecule."""

import pytest
import torch
from torch import Tensor, nn

from assistant.graph.encoder import collate
from assistant.graph.pairs.convolutions import GATConvolution
from assistant.graph.pairs.encoders2d import ENCODERS_2D, Encoder2DConfig
from assistant.graph.pairs.graph_ops import scatter_sum, with_self_loops
from tests.graph.pairs.fakes import (
    ALANINE,
    ASPIRIN,
    ETHANOL,
    METHANE,
    SMILES,
    an_order,
    batch_of,
    graph_of,
    reordered,
)

KINDS = list(ENCODERS_2D)
READS_BONDS = [kind for kind in KINDS if kind != "neuralfp"]


def make_encoder(kind: str, **options: int) -> nn.Module:
    torch.manual_seed(1)
    return ENCODERS_2D[kind](Encoder2DConfig(kind, 16, 3, n_heads=2, **options)).eval()


def states(kind: str, *smiles: str) -> Tensor:
    with torch.no_grad():
        return make_encoder(kind)(batch_of(*smiles))


def test_all_of_the_published_list_are_there():
    published = {"gin", "gcn", "gat", "graphsage", "mpnn", "neuralfp", "attentivefp", "coatgin"}
    assert published == ENCODERS_2D.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_equals_one_by_one(kind):
    together = states(kind, *SMILES)
    alone = torch.cat([states(kind, smiles) for smiles in SMILES])
    assert together.shape == (sum(graph_of(s).x.shape[0] for s in SMILES), 16)
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_atoms_changes_only_the_order_of_the_states(kind):
    graph = graph_of(ASPIRIN)
    order = an_order(graph.x.shape[0])
    with torch.no_grad():
        encoder = make_encoder(kind)
        plain = encoder(collate([graph, graph_of(METHANE)]))
        mixed = encoder(collate([reordered(graph, order), graph_of(METHANE)]))
    torch.testing.assert_close(mixed[:-1], plain[:-1][order], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(mixed[-1], plain[-1], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_mirror_images_and_neighbourhoods_are_told_apart(kind):
    left, right = states(kind, ALANINE), states(kind, ALANINE.replace("@", "@@"))
    assert not torch.allclose(left, right, atol=1e-4)
    chain = states(kind, "CCCCO")
    assert not torch.allclose(chain[0], chain[1], atol=1e-4)


@pytest.mark.parametrize("kind", READS_BONDS)
def test_the_kind_of_a_bond_counts(kind):
    graph, double = batch_of("CCO"), batch_of("CCO")
    double.edge_attr[:2, 0] = 1  # the first bond, both ways
    with torch.no_grad():
        encoder = make_encoder(kind)
        # In attentivefp a bond moves attention only, which random weights hardly do.
        assert not torch.allclose(encoder(graph), encoder(double), atol=1e-6)


@pytest.mark.parametrize("normalise", ["target", "source"])
def test_gat_weights_sum_to_one_at_the_end_that_is_asked_for(normalise):
    torch.manual_seed(0)
    layer = GATConvolution(4, 2, normalise)
    edges = with_self_loops(graph_of(ETHANOL).edge_index, 3)
    nn.init.zeros_(layer.weight_linear.weight)
    nn.init.ones_(layer.weight_linear.bias)
    h = torch.randn(3, 4)
    # Every value is 1 + 0, so a state is the sum of the weights of the edges into it, plus bias.
    into = layer(h, edges, torch.zeros(edges.shape[1], 8))[:, 0] - layer.bias[0]
    n_in = scatter_sum(torch.ones(edges.shape[1]), edges[1], 3)
    by_source = scatter_sum(1 / n_in[edges[0]], edges[1], 3)
    expected = torch.ones(3) if normalise == "target" else by_source
    torch.testing.assert_close(into, expected)
    assert not torch.allclose(by_source, torch.ones(3))


def test_attentivefp_is_that_of_pytorch_geometric():
    """The same weights in PyG's model, whose atom part is read before its molecule readout."""
    from torch_geometric.nn import AttentiveFP

    own = make_encoder("attentivefp")
    theirs = AttentiveFP(16, 16, 16, 16, num_layers=3, num_timesteps=1).eval()
    with torch.no_grad():
        theirs.lin1.weight.copy_(torch.eye(16))
        theirs.lin1.bias.zero_()
        theirs.gate_conv.lin1.weight.copy_(own.first.neighbour.weight)
        theirs.gate_conv.att_l.copy_(own.first.score_neighbour.weight)
        theirs.gate_conv.att_r.copy_(own.first.score_atom.weight)
        theirs.gate_conv.lin2.weight.copy_(own.first.value.weight)
        theirs.gate_conv.bias.copy_(own.first.bias.normal_())
        for ours, conv in zip(own.rounds, theirs.atom_convs, strict=True):
            conv.lin.weight.copy_(ours.value.weight)
            conv.att_src.copy_(ours.score_neighbour.weight[None])
            conv.att_dst.copy_(ours.score_atom.weight[None])
            conv.bias.copy_(ours.bias.normal_())
        memories = (theirs.gru, *theirs.atom_grus)
        for ours, gru in zip(own.memories, memories, strict=True):
            gru.load_state_dict(ours.state_dict())
        graph = batch_of(ASPIRIN, ETHANOL)
        read: list[Tensor] = []
        theirs.atom_grus[-1].register_forward_hook(lambda *call: read.append(call[2].relu()))
        bonds = own.embed_bonds(graph.edge_attr)
        theirs(own.embed_atoms(graph.x), graph.edge_index, bonds, graph.batch)
        torch.testing.assert_close(own(graph), read[0])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "gine"}, "kind 'gine' is unknown; known are gin, gcn"),
        ({"d_model": 0}, "d_model 0"),
        ({"kind": "coatgin", "d_model": 10, "n_heads": 4}, "d_model 10 is not a multiple of n_hea"),
        ({"dropout": 1.0}, r"dropout 1.0 is outside \[0, 1\)"),
    ],
)
def test_impossible_settings_are_refused_with_their_values(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Encoder2DConfig(**options)
