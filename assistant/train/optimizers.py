"""The optimisers of a base run, and which parameter is whose."""

from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel

from assistant.train import nf4
from assistant.train.model import GroundedModel
from assistant.train.muon import BlockMuon
from assistant.train.recipe import Recipe


def set_rates(optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    """Sets every learning rate to a share of its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor


def optimizers(model: GroundedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the LLM's body, AdamW for the rest."""
    graph = [*model.encoder.parameters(), *model.projector.parameters()]
    return llm_optimizers(
        model.llm,
        lr_matrix=recipe.lr_matrix,
        lr_other=recipe.lr_other,
        lr_head=recipe.lr_head,
        adam_eps=recipe.adam_eps,
        beside=[(graph, recipe.lr_graph)],
    )


def llm_optimizers(
    llm: PreTrainedModel,
    *,
    lr_matrix: float,
    lr_other: float,
    lr_head: float,
    adam_eps: float,
    beside: Sequence[tuple[list[nn.Parameter], float]] = (),
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of a language model's body, AdamW for the rest.

    Args:
        llm: The language model.
        lr_matrix: Highest learning rate of the matrices.
        lr_other: Of what is neither a matrix of the body nor the head.
        lr_head: Of the output head.
        adam_eps: Of AdamW. Rare tokens are pushed down a little at every step; a plain epsilon
            would make each of these pushes a full step of the learning rate.
        beside: More parameters for AdamW, each with their rate.
    """
    writers = [m.weight for n, m in llm.named_modules() if n.endswith(("o_proj", "down_proj"))]
    written = {id(p) for p in writers}
    readers = [m.weight for m in nf4.body_linears(llm) if id(m.weight) not in written]
    taken = {id(p) for p in (*readers, *writers)}
    head = list(llm.get_output_embeddings().parameters())
    taken |= {id(p) for p in head}
    others = [p for p in llm.parameters() if id(p) not in taken]
    groups = [(others, lr_other), (head, lr_head), *beside]
    adam = torch.optim.AdamW(
        [{"params": parameters, "lr": lr} for parameters, lr in groups],
        betas=(0.9, 0.95),
        eps=adam_eps,
        weight_decay=0.0,
        fused=True,
    )
    muon = BlockMuon(readers, writers, lr=lr_matrix)
    for optimizer in (adam, muon):
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return [adam, muon]
