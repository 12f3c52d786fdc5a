"""The optimisers of a base run, and which parameter is whose."""

import torch

from assistant.train import nf4
from assistant.train.model import GroundedModel
from assistant.train.muon import BlockMuon
from assistant.train.recipe import Recipe


def optimizers(model: GroundedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the LLM's body, AdamW for the rest."""
    writers = [
        m.weight for n, m in model.llm.named_modules() if n.endswith(("o_proj", "down_proj"))
    ]
    written = {id(p) for p in writers}
    readers = [m.weight for m in nf4.body_linears(model.llm) if id(m.weight) not in written]
    taken = {id(p) for p in (*readers, *writers)}
    head = list(model.llm.get_output_embeddings().parameters())
    taken |= {id(p) for p in head}
    others = [p for p in model.llm.parameters() if id(p) not in taken]
    graph = [*model.encoder.parameters(), *model.projector.parameters()]
    adam = torch.optim.AdamW(
        [
            {"params": others, "lr": recipe.lr_other},
            {"params": head, "lr": recipe.lr_head},
            {"params": graph, "lr": recipe.lr_graph},
        ],
        betas=(0.9, 0.95),
        # Rare tokens are pushed down a little at every step; a plain epsilon would make each of
        # these pushes a full step of the learning rate.
        eps=recipe.adam_eps,
        weight_decay=0.0,
        fused=True,
    )
    muon = BlockMuon(readers, writers, lr=recipe.lr_matrix)
    for optimizer in (adam, muon):
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return [adam, muon]
