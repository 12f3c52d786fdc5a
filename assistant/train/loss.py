"""What both training stages share: splicing graph tokens into a batch, and the weighted loss."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from assistant.train.batches import Batch


def splice_graph_tokens(embeds: Tensor, tokens: Tensor, batch: Batch) -> Tensor:
    """Puts graph tokens (m, 28, d) at their places in the embeddings (b, t, d)."""
    flat = tokens.to(embeds.dtype)[batch.slot_molecule, batch.slot_place]  # (s, d)
    return embeds.index_put((batch.slot_row, batch.slot_column), flat)


def head_loss(llm: PreTrainedModel, hidden: Tensor, batch: Batch) -> Tensor:
    """Weighted mean next-token loss; only positions that count reach the output head.

    Args:
        llm: The language model, for its output head.
        hidden: Last hidden states, (b, t, d).
        batch: Ids and loss weights.
    """
    weights = batch.weights[:, 1:]
    chosen = weights > 0
    logits = llm.get_output_embeddings()(hidden[:, :-1][chosen])
    targets = batch.ids[:, 1:][chosen]
    losses = nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    return torch.sum(losses * weights[chosen]) / weights[chosen].sum()
