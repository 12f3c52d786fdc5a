"""Muon in blocks: updates are orthogonal, of one size, and follow the gradient."""

import pytest
import torch
from torch import nn

from assistant.train.muon import BLOCK, BlockMuon, orthogonalised


def _weight(*shape: int, seed: int = 1) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def test_singular_values_come_near_one() -> None:
    blocks = torch.randn(3, BLOCK, 192, generator=torch.Generator().manual_seed(4))
    singular = torch.linalg.svdvals(orthogonalised(blocks))
    assert singular.min() > 0.6
    assert singular.max() < 1.3


def test_an_update_has_the_promised_size_whatever_the_gradient() -> None:
    for scale in (1e-6, 1.0, 1e4):
        weight = _weight(2 * BLOCK, 192)
        before = weight.detach().clone()
        weight.grad = scale * torch.randn_like(weight)
        BlockMuon([weight], [], lr=0.1).step()
        size = (weight.detach() - before).pow(2).mean().sqrt()
        assert size == pytest.approx(0.1 / 192**0.5, rel=0.15)


def test_a_writer_is_its_transpose_as_a_reader() -> None:
    reader = _weight(BLOCK, 192)
    writer = nn.Parameter(reader.detach().t().clone())
    reader.grad = torch.randn(BLOCK, 192, generator=torch.Generator().manual_seed(2))
    writer.grad = reader.grad.t().clone()
    BlockMuon([reader], [], lr=0.1).step()
    BlockMuon([], [writer], lr=0.1).step()
    torch.testing.assert_close(reader.detach(), writer.detach().t())


def test_it_solves_a_least_squares_problem() -> None:
    target = _weight(BLOCK, 192, seed=5).detach() / 14
    weight = nn.Parameter(torch.zeros(BLOCK, 192))
    optimizer = BlockMuon([weight], [], lr=0.1)
    losses = []
    for step in range(60):
        for group in optimizer.param_groups:
            group["lr"] = 0.2 * (1 - step / 60)
        loss = (weight - target).pow(2).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


@pytest.mark.parametrize("shape", [(BLOCK + 1, 64), (BLOCK,)])
def test_a_weight_that_cannot_be_cut_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=str(BLOCK)):
        BlockMuon([_weight(*shape)], [], lr=0.1)
