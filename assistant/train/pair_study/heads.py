"""Heads without an interaction, beside the usual one: what is an interaction worth?

    added    z = f(x1) + f(x2)           each molecule says its own number; nothing of one depends
                                         on the other
    beside   z = f([x1 ; x2])            the head's first layer is the only place where they meet

Where the order of a pair does not matter, `beside` is the mean of both orders.
"""

import torch
from torch import Tensor, nn

from assistant.graph.pairs.head import PairHead, PairHeadConfig
from assistant.train.pair_recipe import PairRecipe
from assistant.train.pair_run import head_config
from assistant.train.pair_study.recipe import Join, Variant
from assistant.train.pair_tables import PairTable


class _Apart(PairHead):
    """A head whose tokens of one molecule know nothing of the other."""

    def _alone(self, tokens: Tensor) -> Tensor:
        """Tokens as the head reads them, flat (p, k·d): the mean of a molecule and itself."""
        ordered = torch.zeros(tokens.shape[0], dtype=torch.bool, device=tokens.device)
        return self.pair.mix(tokens, tokens, ordered).flatten(1)


class AddedHead(_Apart):
    """The sum of what the head makes of each molecule alone."""

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Standardised outputs (p, tasks) of blocks (p, k·d + tasks) of both molecules."""
        (tokens1, added1), (tokens2, added2) = self._parts(x1), self._parts(x2)
        each = self.head(self._alone(torch.cat([tokens1, tokens2])))
        return each[: len(x1)] + each[len(x1) :] + (added1 + added2)


class BesideHead(_Apart):
    """The head reads the tokens of both molecules one after the other."""

    def __init__(self, config: PairHeadConfig) -> None:
        super().__init__(config)
        width = 2 * config.model.n_tokens * config.model.d_llm
        self.head[0] = nn.BatchNorm1d(width)
        self.head[1] = nn.Linear(width, config.hidden)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Standardised outputs (p, tasks) of blocks (p, k·d + tasks) of both molecules."""
        (tokens1, added1), (tokens2, added2) = self._parts(x1), self._parts(x2)
        first, second = self._alone(tokens1), self._alone(tokens2)
        both = torch.cat([first, second], dim=1)
        if self.config.is_symmetric:
            both = torch.cat([both, torch.cat([second, first], dim=1)])
        each = self.head(both).unflatten(0, (-1, len(x1)))
        return each.mean(dim=0) + (added1 + added2)


HEADS: dict[Join, type[PairHead]] = {
    "interaction": PairHead,
    "added": AddedHead,
    "beside": BesideHead,
}


def head_of_variant(
    variant: Variant, recipe: PairRecipe, table: PairTable, n_conformers: int
) -> PairHead:
    """An untrained head, its weights drawn by the recipe's seed."""
    config = head_config(recipe, table, variant.pair_config(recipe, n_conformers))
    torch.manual_seed(recipe.seed)
    return HEADS[variant.join](config)
