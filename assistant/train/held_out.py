"""How a base run's model does on what it never learned from."""

from collections.abc import Sequence

import numpy as np
import torch

from assistant.train.batches import Batch, collate_examples
from assistant.train.loss import head_loss
from assistant.train.model import GroundedModel
from assistant.train.precision import autocast
from assistant.train.task_mix import TaskExamples


@torch.no_grad()
def dialogue_figures(
    model: GroundedModel, batches: Sequence[Batch], digits: Sequence[int], *, number: float
) -> dict[str, float]:
    """Loss of dialogues in nats a token, and the share of right digits in their answers.

    Args:
        model: In any mode, which it keeps.
        batches: Of dialogues, on the model's device.
        digits: Ids of the tokens that numbers are written in.
        number: Loss weight by which the digits of an answer are known.
    """
    was_training = model.training
    model.eval()
    losses, right, n = [], 0, 0
    for batch in batches:
        with autocast(batch.ids.device):
            hidden = model.hidden(batch).float()
        losses.append(head_loss(model.llm, hidden, batch).item())
        ids = torch.tensor(digits, device=batch.ids.device)
        answers = (batch.weights[:, 1:] == number) & torch.isin(batch.ids[:, 1:], ids)
        predicted = model.llm.lm_head(hidden[:, :-1][answers]).argmax(-1)
        right += int((predicted == batch.ids[:, 1:][answers]).sum())
        n += int(answers.sum())
    model.train(was_training)
    return {"held_out_loss": float(np.mean(losses)), "held_out_digits": right / max(n, 1)}


@torch.no_grad()
def task_losses(
    model: GroundedModel, tasks: TaskExamples, device: torch.device
) -> dict[str, float]:
    """Loss of each family's held-out answers, in nats a token.

    Args:
        model: In any mode, which it keeps.
        tasks: Of the run.
        device: Of the model.
    """
    was_training = model.training
    model.eval()
    found = {}
    for name, examples in tasks.held_out().items():
        if not examples:
            continue
        batch = collate_examples(examples).to(device)
        with autocast(device):
            hidden = model.hidden(batch).float()
        found[name] = round(head_loss(model.llm, hidden, batch).item(), 4)
    model.train(was_training)
    return found
