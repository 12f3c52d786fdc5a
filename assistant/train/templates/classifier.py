"""Learns which template made a molecule."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from assistant.errors import AssistantError
from assistant.specialist.templates import (
    ClassifierConfig,
    Fingerprints,
    Template,
    TemplateClassifier,
)
from assistant.train.progress import Progress
from assistant.train.recipe import Schedule
from assistant.train.templates.reactions import Found, TemplateReaction
from assistant.train.templates.recipe import TemplatesRecipe

_WARMUP = 0.05
_RANKS = (1, 10, 50)


@dataclass(frozen=True)
class Labelled:
    """Examples of a task.

    Attributes:
        templates: The classes, the most frequent first.
        counts: Fingerprints of what is given, (n, n_bits) uint8.
        labels: Places of the templates, (n,).
    """

    templates: tuple[Template, ...]
    counts: Tensor
    labels: Tensor


def labelled(
    task: str, reactions: Sequence[TemplateReaction], found: Found, recipe: TemplatesRecipe
) -> Labelled:
    """Examples of the templates that are frequent enough.

    Raises:
        AssistantError: None is.
    """
    made = [(reaction, found[reaction.key]) for reaction in reactions if reaction.key in found]
    frequent = Counter(template for _, template in made)
    templates = [Template(t, n) for t, n in frequent.most_common() if n >= recipe.least]
    if not templates:
        raise AssistantError(
            f"No template of task {task} is in {recipe.least} reactions of {len(reactions)}; give"
            " more reactions or lower `least`."
        )
    places = {template.smarts: place for place, template in enumerate(templates)}
    used = [(reaction, places[t]) for reaction, t in made if t in places]
    fingerprints = Fingerprints(_config(recipe, len(templates)))
    given = (reaction.question_and_answer(task)[0] for reaction, _ in used)
    counts = np.stack([fingerprints.counts(smiles) for smiles in given])
    labels = torch.tensor([place for _, place in used])
    return Labelled(tuple(templates), torch.from_numpy(counts), labels)


def _config(recipe: TemplatesRecipe, n_templates: int) -> ClassifierConfig:
    return ClassifierConfig(n_templates, recipe.n_bits, recipe.radius, recipe.width)


def learn(
    task: str, examples: Labelled, recipe: TemplatesRecipe
) -> tuple[TemplateClassifier, dict[int, float]]:
    """A classifier, and how often the right template of held-out reactions is among its first.

    Args:
        task: For the progress bar.
        examples: Of one task.
        recipe: How it is learned.

    Returns:
        Classifier, and {1: share, 10: share, 50: share}.
    """
    torch.manual_seed(recipe.seed)
    classifier = TemplateClassifier(_config(recipe, len(examples.templates)))
    order = list(range(len(examples.labels)))
    random.Random(recipe.seed).shuffle(order)
    n_held_out = min(recipe.held_out, len(order) // 10)
    held_out, learned = torch.tensor(order[:n_held_out]), torch.tensor(order[n_held_out:])
    optimizer = torch.optim.AdamW(
        classifier.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    schedule = Schedule(_WARMUP, 1 - _WARMUP)
    n_steps = recipe.epochs * -(-len(learned) // recipe.batch)
    progress = Progress(task, n_steps, unit="reactions")
    while progress.done < n_steps:
        shuffled = learned[torch.randperm(len(learned))]
        for rows in shuffled.split(recipe.batch):
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * schedule.factor(progress.done / n_steps)
            loss = nn.functional.cross_entropy(
                classifier(examples.counts[rows].float()),
                examples.labels[rows],
                label_smoothing=recipe.smoothing,
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            progress.advance(len(rows))
    return classifier.eval(), _hits(classifier, examples, held_out)


@torch.inference_mode()
def _hits(classifier: TemplateClassifier, examples: Labelled, rows: Tensor) -> dict[int, float]:
    if not len(rows):
        return {}
    classifier.eval()
    logits = classifier(examples.counts[rows].float())
    own = logits.gather(1, examples.labels[rows, None])
    ranks = (logits > own).sum(1)
    return {n: round(float((ranks < n).float().mean()), 4) for n in _RANKS}
