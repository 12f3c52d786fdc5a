"""Sums, means and softmax over the edges or atoms of several graphs at once, and edges by distance.

Only PyTorch: torch-scatter and torch-cluster are not needed. Edges are (2, e), from row 0 to row 1.
"""

import torch
from torch import Tensor


def scatter_sum(values: Tensor, index: Tensor, n: int) -> Tensor:
    """Sums of the rows of `values` (e, …) by `index` (e,): (n, …)."""
    return values.new_zeros((n, *values.shape[1:])).index_add(0, index, values)


def scatter_mean(values: Tensor, index: Tensor, n: int) -> Tensor:
    """Means of the rows of `values` by `index`; zero where nothing has the index."""
    counts = torch.bincount(index, minlength=n).clamp_min(1).to(values.dtype)
    return scatter_sum(values, index, n) / counts.view(-1, *(1,) * (values.dim() - 1))


def scatter_softmax(scores: Tensor, index: Tensor, n: int) -> Tensor:
    """Softmax of `scores` (e, …) among the rows of equal `index`."""
    shape = (n, *scores.shape[1:])
    spread = index.view(-1, *(1,) * (scores.dim() - 1)).expand_as(scores)
    highest = scores.new_full(shape, -torch.inf)
    highest = highest.scatter_reduce(0, spread, scores.detach(), "amax")
    weights = (scores - highest[index]).exp()
    return weights / scatter_sum(weights, index, n)[index]


def with_self_loops(edge_index: Tensor, n_atoms: int) -> Tensor:
    """The edges, followed by one from each atom to itself: (2, e + n)."""
    loops = torch.arange(n_atoms, device=edge_index.device).expand(2, -1)
    return torch.cat([edge_index, loops], dim=1)


def to_dense(rows: Tensor, batch: Tensor, n_graphs: int) -> tuple[Tensor, Tensor]:
    """Rows (m, d) of `n_graphs` graphs, padded with zeros: (b, n, d), and True where a row is.

    Args:
        rows: States of all atoms.
        batch: Graph of each row, sorted.
        n_graphs: Number of graphs; one without rows has an empty mask.
    """
    sizes = torch.bincount(batch, minlength=n_graphs)
    starts = sizes.cumsum(0) - sizes
    place = torch.arange(rows.shape[0], device=rows.device) - starts[batch]
    width = int(sizes.max()) if n_graphs else 0
    dense = rows.new_zeros(n_graphs, width, rows.shape[1]).index_put((batch, place), rows)
    return dense, torch.arange(width, device=rows.device) < sizes[:, None]


def radius_edges(positions: Tensor, batch: Tensor, cutoff: float) -> Tensor:
    """Both directions of every pair of atoms of one shape closer than `cutoff` Å: (2, e).

    All pairs are compared, so this is for a few thousand atoms; there is no limit on neighbours,
    which would make the result depend on the order of the atoms.
    """
    with torch.no_grad():
        square = (positions[:, None] - positions[None, :]).square().sum(dim=-1)
        near = (square < cutoff**2) & (batch[:, None] == batch[None, :])
        near.fill_diagonal_(False)
        return near.nonzero().t().flip(0).contiguous()


def edge_lengths(positions: Tensor, edge_index: Tensor) -> Tensor:
    """Distance between the ends of each edge, (e,)."""
    return (positions[edge_index[0]] - positions[edge_index[1]]).norm(dim=-1)
