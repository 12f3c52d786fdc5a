"""Conformers of two molecules talk to each other before they are aligned.

    within    A = relu(sig(U1 U2^T) - sig(U2 U1^T)),  U = W_U h         an edge has one direction
    between   A = sig((a ∘ theta) (b ∘ theta)^T)
    message   softmax over the kept targets of A (F1 s) W (F2 t)^T / sqrt(c),  times F3 t
    update    h <- h + relu(W_out [heads]) of the messages within, plus the same of those between

ModuLM's dynamic heterogeneous graph, with what keeps it from working corrected:

    U within      maps; published: elementwise factors, for which U1 U2^T is symmetric and A is zero
                  but for rounding
    weights       the top-k targets only; published: every other target keeps softmax(0)
    messages      the target's state; published: the asker's own states by the target's index, so
                  that both molecules need equally many conformers
    parameters    shared by both sides, so that a pair can be turned round
    itself        a conformer always sees itself within its molecule

The published form is in `published`.
"""

import torch
from torch import Tensor, nn


def check_conformer_graph(d_model: int, n_heads: int) -> None:
    """Refuses a width that does not fit the heads."""
    if d_model % n_heads:
        raise ValueError(
            f"conformer graph: d_model {d_model} is not a multiple of n_heads {n_heads}"
        )


class ConformerGraph(nn.Module):
    """New conformer states for both molecules of each pair.

    Args:
        d_model: Width of the states.
        n_heads: Attention heads.
        n_kept: Targets kept per conformer, within and between.
    """

    def __init__(self, d_model: int, n_heads: int, n_kept: int = 5) -> None:
        super().__init__()
        check_conformer_graph(d_model, n_heads)
        self.n_heads, self.n_kept = n_heads, n_kept
        c = d_model // n_heads
        self.toward, self.back = (nn.Linear(d_model, c, bias=False) for _ in range(2))
        self.theta_between = nn.Parameter(torch.randn(d_model) * d_model**-0.5)
        self.ask, self.key, self.value = (nn.Linear(d_model, d_model) for _ in range(3))
        self.within, self.between = (
            nn.Parameter(torch.eye(c) + 0.02 * torch.randn(c, c)) for _ in range(2)
        )
        self.out = nn.Linear(d_model, d_model)

    def forward(
        self, a: Tensor, mask_a: Tensor, b: Tensor, mask_b: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Updated states (p, na, d), (p, nb, d); masks are True where a conformer is."""
        return self._update(a, mask_a, b, mask_b), self._update(b, mask_b, a, mask_a)

    def _update(self, own: Tensor, own_mask: Tensor, other: Tensor, other_mask: Tensor) -> Tensor:
        forward = self.toward(own) @ self.back(own).transpose(1, 2)
        inside = torch.relu(forward.sigmoid() - forward.transpose(1, 2).sigmoid())
        inside = inside + torch.eye(own.shape[1], device=own.device)  # each sees itself
        across = (own * self.theta_between) @ (other * self.theta_between).transpose(1, 2)
        update = self._messages(own, own, own_mask, inside, self.within)
        update = update + self._messages(own, other, other_mask, across.sigmoid(), self.between)
        return own + torch.where(own_mask[:, :, None], update, 0.0)

    def _messages(
        self, asking: Tensor, targets: Tensor, mask: Tensor, adjacency: Tensor, weight: Tensor
    ) -> Tensor:
        kept = _top(adjacency.masked_fill(~mask[:, None, :], 0.0), self.n_kept)  # (p, n, m)
        has_target = kept.any(dim=-1, keepdim=True)  # none where the other has no shape
        q, k = self._heads(self.ask(asking)), self._heads(self.key(targets))
        scores = (q @ weight) @ k.transpose(2, 3) / k.shape[-1] ** 0.5 * adjacency[:, None]
        # A row with nothing kept would be NaN, also in the gradient: open it and drop the message.
        scores = scores.masked_fill(~(kept | ~has_target)[:, None], -torch.inf)
        heads = scores.softmax(dim=-1) @ self._heads(self.value(targets))
        message = torch.relu(self.out(heads.transpose(1, 2).flatten(2)))
        return torch.where(has_target, message, 0.0)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.n_heads, -1)).transpose(1, 2)  # (p, heads, n, c)


def _top(adjacency: Tensor, n_kept: int) -> Tensor:
    """True at the largest entries of each row, at most `n_kept`, zero entries never."""
    n_kept = min(n_kept, adjacency.shape[-1])
    threshold = adjacency.topk(n_kept, dim=-1).values[..., -1:]
    return (adjacency >= threshold) & (adjacency > 0)
