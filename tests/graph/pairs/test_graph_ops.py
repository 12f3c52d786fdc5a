"""Scattered sums and edges against loops that say the same thing."""

import torch

from assistant.graph.pairs.graph_ops import (
    edge_lengths,
    radius_edges,
    scatter_mean,
    scatter_softmax,
    scatter_sum,
    to_dense,
    with_self_loops,
)
from tests.graph.pairs.fakes import shapes_of

INDEX = torch.tensor([2, 0, 2, 2, 0])
VALUES = torch.tensor([[1.0, -4.0], [2.0, 0.0], [3.0, 9.0], [5.0, 1.0], [8.0, 2.0]])


def test_sums_and_means_are_by_index_and_zero_where_nothing_is():
    assert scatter_sum(VALUES, INDEX, 4).tolist() == [[10, 2], [0, 0], [9, 6], [0, 0]]
    assert scatter_mean(VALUES, INDEX, 4).tolist() == [[5, 1], [0, 0], [3, 2], [0, 0]]


def test_softmax_is_within_an_index_and_stands_large_scores():
    weights = scatter_softmax(VALUES * 100, INDEX, 4)
    torch.testing.assert_close(scatter_sum(weights, INDEX, 4)[[0, 2]], torch.ones(2, 2))
    torch.testing.assert_close(weights[[0, 2, 3]], (VALUES[[0, 2, 3]] * 100).softmax(dim=0))


def test_dense_rows_are_those_that_went_in():
    batch = torch.tensor([0, 0, 2, 2, 2])
    dense, mask = to_dense(VALUES, batch, 4)
    assert dense.shape == (4, 3, 2)
    assert mask.sum(dim=1).tolist() == [2, 0, 3, 0]
    assert torch.equal(dense[mask], VALUES)
    assert not dense[~mask].any()


def test_no_rows_at_all_give_an_empty_block():
    dense, mask = to_dense(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long), 3)
    assert dense.shape == (3, 0, 2)
    assert mask.shape == (3, 0)


def test_near_atoms_of_one_shape_are_joined_both_ways_and_no_others():
    positions = shapes_of(6, 2).flatten(0, 1)
    batch = torch.tensor([0] * 6 + [1] * 6)
    found = set(zip(*radius_edges(positions, batch, 3.0).tolist(), strict=True))
    wanted = {
        (i, j)
        for i in range(12)
        for j in range(12)
        if i != j and batch[i] == batch[j] and (positions[i] - positions[j]).norm() < 3.0
    }
    assert found == wanted
    assert 0 < len(wanted) < 60
    assert float(edge_lengths(positions, radius_edges(positions, batch, 3.0)).max()) < 3.0


def test_self_loops_come_last():
    edges = with_self_loops(torch.tensor([[0], [1]]), 3)
    assert edges.tolist() == [[0, 0, 1, 2], [1, 0, 1, 2]]
