"""1D parts of a pair model: rows of numbers of a molecule (`chem.views`) become one state.

    h = Dropout(GELU(LayerNorm(W z + role)))      z = clip((x − mean) / spread, ±c)
    a = A z', z' clipped later                    what a molecule adds to the outputs by itself

Mean and spread are those of the molecules it is trained on; columns that hardly vary there are left
out (spread 0), since what was never seen has no weight to go by. The role enters before the
non-linearity: a solvent's substructures mean something else than a chromophore's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from rdkit import Chem
from torch import Tensor, nn

from assistant.chem.views import COUNTS, check_views, view_values, view_width

MIN_SEEN = 3
"""Training molecules that must differ from the commonest value of a column for it to count."""
_LIMIT = 4.0
"""Standard deviations at which a value is cut."""
_FAR = 6.0
"""The same for the additive part, which has to go on beyond what it was fitted to."""
_STANDARD = 0.3
"""Standardised columns are scaled by this, beside counts that are mostly 0."""
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class Encoder1DConfig:
    """Which views, and the width.

    Attributes:
        views: Names of `chem.views.VIEWS`, in order.
        d_model: Width of the state.
        dropout: On the state.
    """

    views: tuple[str, ...] = ("morgan",)
    d_model: int = 256
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "views", tuple(self.views))
        check_views(self.views)
        if not self.views or self.d_model < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"encoder_1d needs at least one view (got {len(self.views)}), a positive d_model"
                f" (got {self.d_model}) and a dropout in [0, 1) (got {self.dropout})"
            )


def view_tensors(mol: Chem.Mol, names: Sequence[str]) -> dict[str, Tensor]:
    """Views of a molecule by name, (f,) each."""
    return {name: torch.from_numpy(view_values(mol, [name])) for name in names}


class Standardised(nn.Module):
    """Columns of views, standardised by what the training molecules are like.

    Counts of substructures are left as they are: 0 stays the common case.

    Args:
        views: Names, in order.
        limit: Standard deviations at which a value is cut.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, views: tuple[str, ...], *, limit: float = _LIMIT) -> None:
        super().__init__()
        self.views, self._limit = views, limit
        width = view_width(views)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("factor", torch.ones(width))
        counts = [torch.full((view_width([name]),), name in COUNTS) for name in views]
        self.register_buffer("is_count", torch.cat(counts), persistent=False)

    @torch.no_grad()
    def fit(self, rows: Tensor) -> Tensor:
        """Takes mean and spread from training molecules; returns which columns are used, (f,).

        Args:
            rows: (n, f), NaN where there is no value.
        """
        known = ~rows.isnan()
        n = known.sum(dim=0).clamp_min(1)
        mean = rows.nan_to_num().sum(dim=0) / n
        spread = (((rows.nan_to_num() - mean) * known).square().sum(dim=0) / n).sqrt()
        common = rows.nan_to_num(torch.inf).mode(dim=0).values
        differs = (known & (rows != common)).sum(dim=0)
        enough = min(MIN_SEEN, max(1, len(rows) // 20))
        used = (differs >= enough) & (spread > _LEAST_SPREAD)
        factor = torch.where(self.is_count, 1.0, _STANDARD / spread.clamp_min(_LEAST_SPREAD))
        self.factor.copy_(torch.where(used, factor, 0.0))
        self.mean.copy_(torch.where(self.is_count, 0.0, mean))
        return used

    def forward(self, rows: Tensor) -> Tensor:
        """(m, f), 0 where a row has no value or the column is not used."""
        z = ((rows - self.mean) * self.factor).nan_to_num()
        end = self._limit * _STANDARD
        return torch.where(self.is_count, z, z.clamp(-end, end))


class ViewEncoder(nn.Module):
    """One state per molecule."""

    def __init__(self, config: Encoder1DConfig, n_roles: int) -> None:
        super().__init__()
        self.standard = Standardised(config.views)
        self.embed = nn.Linear(view_width(config.views), config.d_model, bias=False)
        self.roles = nn.Parameter(torch.randn(n_roles, config.d_model) * 0.2)
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Settles what is standardised by training molecules (n, f); unused columns weigh 0."""
        self.embed.weight *= self.standard.fit(rows)

    def forward(self, rows: Tensor, roles: Tensor) -> Tensor:
        """States (m, d_model) of views (m, f) in roles (m,), int64."""
        states = self.embed(self.standard(rows)) + self.roles[roles]
        return self.dropout(nn.functional.gelu(self.norm(states)))


class Additive(nn.Module):
    """What a molecule adds to each output by itself, linear in its views.

    A sum over groups goes on beyond the sizes that were trained on, where a non-linear model stays
    at what it knows (group additivity: Benson 1976). Its weights are solved for, not descended to.
    """

    weight: Tensor
    offset: Tensor

    def __init__(self, views: tuple[str, ...], n_outputs: int) -> None:
        super().__init__()
        check_views(views)
        self.views = views
        self.standard = Standardised(views, limit=_FAR)
        self.register_buffer("weight", torch.zeros(view_width(views), n_outputs))
        self.register_buffer("offset", torch.zeros(n_outputs))

    @torch.no_grad()
    def fit(self, first: Tensor, second: Tensor, targets: Tensor, strength: float) -> None:
        """Ridge regression on the sum of both molecules' columns, one output at a time.

        Args:
            first: Views of the first molecules of training pairs, (n, f).
            second: Of the second ones.
            targets: Standardised values (n, outputs), NaN where not known.
            strength: Of the penalty, on weights of columns with a spread of 1.
        """
        self.standard.fit(torch.cat([first, second]).unique(dim=0))
        z = (self.standard(first) + self.standard(second)).double()
        for column in range(targets.shape[1]):
            known = ~targets[:, column].isnan()
            x, y = z[known], targets[known, column].double()
            centred = x - x.mean(dim=0)
            penalty = strength * _STANDARD**2 * torch.eye(x.shape[1], dtype=x.dtype)
            moments = centred.T @ (y - y.mean())
            weights = torch.linalg.solve(centred.T @ centred + penalty, moments)
            self.weight[:, column] = weights.float()
            self.offset[column] = ((y.mean() - x.mean(dim=0) @ weights) / 2).float()

    def forward(self, rows: Tensor) -> Tensor:
        """(m, outputs) of views (m, f)."""
        return self.standard(rows) @ self.weight + self.offset
