"""Alignment: any number of nodes, in any order, with any padding, to the same tokens."""

import pytest
import torch
from torch import nn

from assistant.graph.pairs.alignment import ALIGNMENTS, AlignmentConfig, build_alignment


def make(kind: str) -> nn.Module:
    torch.manual_seed(4)
    return build_alignment(AlignmentConfig(kind, 5, n_layers=3, n_heads=2), 16)


@pytest.mark.parametrize("kind", ALIGNMENTS)
def test_order_of_nodes_and_padding_change_nothing(kind):
    module = make(kind)
    nodes, mask = torch.randn(2, 7, 16), torch.ones(2, 7, dtype=torch.bool)
    mask[1, 4:] = False
    with torch.no_grad():
        tokens = module(nodes, mask)
        order = torch.tensor([6, 2, 0, 1, 5, 3, 4])
        torch.testing.assert_close(module(nodes[:, order], mask[:, order]), tokens)
        other = nodes.masked_fill(~mask[:, :, None], 99.0)
        torch.testing.assert_close(module(other, mask), tokens)
        torch.testing.assert_close(module(nodes[1:, :4], mask[1:, :4]), tokens[1:])
    assert tokens.shape == (2, 5, 16)


@pytest.mark.parametrize("kind", ALIGNMENTS)
def test_every_weight_learns(kind):
    module = make(kind)
    tokens = module(torch.randn(2, 7, 16), torch.ones(2, 7, dtype=torch.bool))
    (tokens * torch.randn_like(tokens)).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in module.parameters())


def test_only_every_nth_layer_of_the_qformer_looks_at_the_nodes():
    config = AlignmentConfig("qformer", n_layers=5, cross_every=2)
    layers = build_alignment(config, 16).layers
    assert [layer.looks for layer in layers] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "linear"}, "kind 'linear' is unknown; known are mlp, qformer"),
        ({"n_tokens": 0}, "n_tokens 0"),
    ],
)
def test_impossible_settings_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        AlignmentConfig(**options)


def test_a_width_that_does_not_fit_the_heads_is_refused():
    with pytest.raises(ValueError, match="qformer: d_model 18 is not a multiple of n_heads 4"):
        build_alignment(AlignmentConfig(), 18)
